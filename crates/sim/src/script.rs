//! The grammar of model names: what a name asks the simulator to do.
//!
//! Parsing checks every option's name, type and bound; it never guesses.

/// A behaviour that a model name may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// The first part of the model name.
    pub name: &'static str,
    /// What it does, one line.
    pub about: &'static str,
}

/// What an option's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value: `+name`.
    Flag,
    /// A whole number from 0 to `max`: `+name=7`.
    Number {
        /// The largest value accepted.
        max: u64,
    },
    /// Letters, digits, `_`, `.` and `-`: `+name=word`.
    Word,
}

/// An option that may follow a behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knob {
    /// The name between `+` and `=`.
    pub name: &'static str,
    /// The shape of the value.
    pub kind: Kind,
    /// What it does, one line.
    pub about: &'static str,
}

/// Everything that a model name may say, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// What a name may start with.
    pub behaviours: &'static [Behaviour],
    /// What may follow.
    pub options: &'static [Knob],
}

const fn does(name: &'static str, about: &'static str) -> Behaviour {
    Behaviour { name, about }
}

const fn flag(name: &'static str, about: &'static str) -> Knob {
    Knob {
        name,
        kind: Kind::Flag,
        about,
    }
}

const fn number(name: &'static str, max: u64, about: &'static str) -> Knob {
    Knob {
        name,
        kind: Kind::Number { max },
        about,
    }
}

const fn word(name: &'static str, about: &'static str) -> Knob {
    Knob {
        name,
        kind: Kind::Word,
        about,
    }
}

/// The behaviours, in the order in which a models list shows them.
pub const BEHAVIOURS: &[Behaviour] = &[
    does(
        "echo",
        "answers with the last user text, or with the last tool result",
    ),
    does("lorem", "answers with a fixed paragraph"),
    does(
        "thinking",
        "reasons first (signed, where the wire has signatures), then echoes",
    ),
    does(
        "tools",
        "calls the tools offered, then answers with their result",
    ),
    does(
        "agent",
        "does what STEP lines ask for, with a coding agent's tools: see the guide on agents",
    ),
    does("json", "answers JSON that fits the schema asked for"),
    does(
        "unicode",
        "answers with multi-byte text, emoji, U+2028 and quotes",
    ),
    does("embed", "deterministic unit vectors, for embeddings only"),
    does(
        "rerank",
        "orders documents by the words that they share with the query, for reranking only",
    ),
    does("fail", "refuses with `status` (default 500)"),
    does(
        "stall",
        "falls silent after `at` frames (default 3) and keeps the connection open",
    ),
    does(
        "reset",
        "breaks the connection after `at` frames (default 3)",
    ),
];

const HOUR_MS: u64 = 3_600_000;
const COUNT: u64 = 1_000_000_000;

const KNOBS: &[Knob] = &[
    number("headers_ms", HOUR_MS, "delay before the response headers"),
    number("first_ms", HOUR_MS, "delay before the first content"),
    number("gap_ms", HOUR_MS, "delay between content frames"),
    number(
        "chunks",
        100_000,
        "answer with exactly this many deltas, whatever max_tokens says",
    ),
    number(
        "size",
        64 << 20,
        "answer with this many bytes of text, whatever max_tokens says",
    ),
    number(
        "calls",
        32,
        "number of parallel tool calls (default 1 for `tools`)",
    ),
    flag("empty", "tool calls with empty arguments"),
    flag(
        "interleave",
        "argument deltas of parallel calls take turns (OpenAI wire)",
    ),
    flag("think", "reason first, as `thinking` does"),
    flag("preface", "say something before calling tools"),
    flag("redact", "add a redacted reasoning block (Anthropic wire)"),
    number("status", 599, "the status of `fail`, 400 to 599"),
    word(
        "code",
        "the error code of `fail`, such as context_length_exceeded",
    ),
    number(
        "retry_after",
        86_400,
        "seconds in the Retry-After header of `fail`",
    ),
    number(
        "at",
        100_000,
        "after how many frames `stall` and `reset` strike",
    ),
    number(
        "in",
        COUNT,
        "input tokens to report, cache reads and writes included",
    ),
    number("out", COUNT, "output tokens to report"),
    number(
        "cached",
        COUNT,
        "of the input tokens, how many to report as read from cache",
    ),
    number(
        "cache_write",
        COUNT,
        "of the input tokens, how many to report as written to cache",
    ),
    number(
        "dims",
        4096,
        "dimensions of embeddings when the request names none (default 256)",
    ),
    flag("no_usage", "report no usage"),
    flag(
        "usage_each",
        "report usage so far on every chunk (OpenAI wire)",
    ),
    flag("no_finish", "give no finish reason"),
];

/// What a model name may say.
#[must_use]
pub fn catalog() -> Catalog {
    Catalog {
        behaviours: BEHAVIOURS,
        options: KNOBS,
    }
}

/// The models of the simulated provider: every behaviour is one.
#[must_use]
pub fn models() -> &'static [Behaviour] {
    BEHAVIOURS
}

/// A parsed model name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The behaviour, the part before the first `+`.
    pub base: String,
    options: Vec<(String, String)>,
}

impl Script {
    /// Reads a model name. `more` are options known beside the simulator's own.
    ///
    /// # Errors
    /// A sentence that names the faulty option.
    pub fn parse(model: &str, more: &[Knob]) -> Result<Self, String> {
        let mut parts = model.split('+');
        let base = parts.next().unwrap_or_default().to_owned();
        let mut options = Vec::new();
        for part in parts {
            let (name, value) = part
                .split_once('=')
                .map_or((part, None), |(n, v)| (n, Some(v)));
            let knob = KNOBS
                .iter()
                .chain(more)
                .find(|knob| knob.name == name)
                .ok_or_else(|| format!("unknown option '{name}' in model '{model}'"))?;
            let fits = match (knob.kind, value) {
                (Kind::Flag, None) => true,
                (Kind::Number { max }, Some(v)) => v.parse::<u64>().is_ok_and(|n| n <= max),
                (Kind::Word, Some(v)) => {
                    !v.is_empty()
                        && v.bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                }
                _ => false,
            };
            if !fits {
                return Err(format!("bad value for option '{name}' in model '{model}'"));
            }
            options.push((name.to_owned(), value.unwrap_or_default().to_owned()));
        }
        Ok(Self { base, options })
    }

    /// Whether the base is one of `behaviours`.
    #[must_use]
    pub fn plays(&self, behaviours: &[Behaviour]) -> bool {
        behaviours.iter().any(|b| b.name == self.base)
    }

    /// Whether `name` is the behaviour or one of the options.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.base == name || self.word(name).is_some()
    }

    /// The value of an option; empty for a flag. The first one counts.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The value of a numeric option.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.word(name)?.parse().ok()
    }

    /// The value of a numeric option as a count of things in memory.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<usize> {
        self.word(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests;
