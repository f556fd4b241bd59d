//! Tools that only OpenAI has but any model can call, carried as functions: what a client asks for
//! becomes a function on the way to a model, and a call of it the client's kind of item on the way
//! back. Custom tools take their free text as one argument; tools that the client runs on its
//! machine take what their items hold; a namespace becomes the beginning of a name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use weir_model::{Json, Request};

/// Longest name of a function at any vendor, in bytes.
const LONGEST_NAME: usize = 64;

/// A tool that the client runs on its own machine, known to the model without a schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hosted {
    /// Its type in `tools`, and its name as a function.
    pub(super) tool: &'static str,
    pub(super) description: &'static str,
    /// The schema of what `field` of its calls holds.
    pub(super) schema: &'static str,
    /// The type of its calls, and of their results.
    pub(super) call: &'static str,
    pub(super) output: &'static str,
    pub(super) field: &'static str,
    /// What `field` holds at least.
    pub(super) least: &'static str,
}

/// <https://platform.openai.com/docs/guides/tools-local-shell>,
/// <https://platform.openai.com/docs/guides/tools-shell>,
/// <https://platform.openai.com/docs/guides/tools-apply-patch>
const HOSTED: [Hosted; 3] = [
    Hosted {
        tool: "local_shell",
        description: "Runs a command on the user's machine and returns what it prints.",
        schema: r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}"#,
        call: "local_shell_call",
        output: "local_shell_call_output",
        field: "action",
        least: r#"{"type":"exec","command":[],"env":{}}"#,
    },
    Hosted {
        tool: "shell",
        description: "Runs shell commands on the user's machine and returns what they print.",
        schema: r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"}},"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}"#,
        call: "shell_call",
        output: "shell_call_output",
        field: "action",
        least: r#"{"commands":[]}"#,
    },
    Hosted {
        tool: "apply_patch",
        description: "Creates, updates or deletes one file of the user's.",
        schema: r#"{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":{"type":"string"},"diff":{"type":"string","description":"A V4A diff; not for delete_file."}},"required":["type","path"]}"#,
        call: "apply_patch_call",
        output: "apply_patch_call_output",
        field: "operation",
        least: r#"{"type":"update_file","path":"","diff":""}"#,
    },
];

impl Hosted {
    /// The tool of a type in `tools`.
    pub(super) fn tool(kind: &str) -> Option<&'static Hosted> {
        HOSTED.iter().find(|hosted| hosted.tool == kind)
    }

    /// The tool whose calls or results are items of this type.
    pub(super) fn item(kind: &str) -> Option<&'static Hosted> {
        let known = |hosted: &&Hosted| hosted.call == kind || hosted.output == kind;
        HOSTED.iter().find(known)
    }

    /// What `field` holds for a call with these arguments.
    pub(super) fn filled(&self, arguments: &str) -> serde_json::Value {
        let mut whole: serde_json::Value = serde_json::from_str(self.least).unwrap_or_default();
        let given: Option<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(arguments).ok();
        for (name, value) in given.into_iter().flatten() {
            whole[name] = value;
        }
        whole
    }
}

/// What a function stands for at the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) namespace: Option<String>,
    /// The client's name of it.
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Function,
    Custom,
    Hosted(&'static Hosted),
}

/// What the functions of a request stand for, by their names; most stand for themselves.
#[derive(Debug, Default)]
pub(super) struct Carried(BTreeMap<String, Origin>);

#[derive(serde::Deserialize)]
struct Echo<'a> {
    #[serde(borrow, default)]
    tools: Vec<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Offered<'a> {
    r#type: String,
    #[serde(default)]
    name: String,
    #[serde(borrow, default)]
    tools: Vec<&'a RawValue>,
}

impl Carried {
    /// As the echo of a request has its tools.
    pub(super) fn of(request: &Request) -> Carried {
        let mut carried = Carried::default();
        let echo = request.echo.as_ref().map(Json::get);
        let echo: Option<Echo<'_>> = echo.and_then(|echo| serde_json::from_str(echo).ok());
        carried.add(None, echo.map(|echo| echo.tools).unwrap_or_default());
        carried
    }

    fn add(&mut self, namespace: Option<&str>, tools: Vec<&RawValue>) {
        for raw in tools {
            let Ok(tool) = serde_json::from_str::<Offered<'_>>(raw.get()) else {
                continue;
            };
            let (kind, name) = match tool.r#type.as_str() {
                "namespace" if namespace.is_none() => {
                    self.add(Some(&tool.name), tool.tools);
                    continue;
                }
                "function" if namespace.is_some() => (Kind::Function, tool.name),
                "custom" => (Kind::Custom, tool.name),
                kind => match Hosted::tool(kind) {
                    Some(hosted) => (Kind::Hosted(hosted), hosted.tool.to_owned()),
                    None => continue,
                },
            };
            let flat = flat(namespace, &name).into_owned();
            let namespace = namespace.map(str::to_owned);
            self.0.insert(
                flat,
                Origin {
                    namespace,
                    name,
                    kind,
                },
            );
        }
    }

    /// What a function stands for.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or_else(|| Origin {
            name: name.to_owned(),
            ..Origin::default()
        })
    }
}

/// The name under which a tool of a namespace travels: the same at every turn.
pub(super) fn flat<'a>(namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else {
        return name.into();
    };
    let joint = if namespace.ends_with("__") { "" } else { "__" };
    let mut flat = format!("{namespace}{joint}{name}");
    flat.retain(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if flat.len() > LONGEST_NAME {
        // FNV-1a: names that are cut alike stay apart.
        let hash = flat.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        flat.truncate(LONGEST_NAME - 9);
        flat.push_str(&format!("_{hash:08x}"));
    }
    flat.into()
}

/// The arguments of a function that carry a custom tool's text.
pub(super) fn wrap(input: &str) -> String {
    serde_json::json!({ "input": input }).to_string()
}

/// A custom tool's text out of a function's arguments; models that forget the shape meant it all.
pub(super) fn unwrapped(arguments: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        input: String,
    }
    let wrapped = serde_json::from_str(arguments);
    wrapped.map_or_else(|_| arguments.to_owned(), |Wrapped { input }| input)
}

/// A custom tool's text while the arguments around it still grow.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The arguments so far.
    json: String,
    /// Up to where they were read, once the text has begun.
    at: usize,
    inside: bool,
    ended: bool,
    /// The text so far.
    pub(super) text: String,
}

impl Input {
    /// Takes more of the arguments; returns where in `text` what they add begins.
    pub(super) fn push(&mut self, more: &str) -> usize {
        self.json.push_str(more);
        let before = self.text.len();
        if !self.inside {
            let Some(at) = begun(&self.json) else {
                return before;
            };
            (self.inside, self.at) = (true, at);
        }
        while !self.ended && self.step() {}
        before
    }

    /// All has come; returns where in `text` what was not told yet begins.
    pub(super) fn end(&mut self) -> usize {
        if !self.inside {
            self.text = unwrapped(&self.json);
            return 0;
        }
        self.text.len()
    }

    /// Takes the next run of plain text, or escape; false when there is no whole one yet.
    fn step(&mut self) -> bool {
        let rest = &self.json[self.at..];
        let plain = rest.find(['"', '\\']).unwrap_or(rest.len());
        self.text.push_str(&rest[..plain]);
        self.at += plain;
        let rest = &rest[plain..];
        if rest.is_empty() {
            return false;
        }
        if rest.starts_with('"') {
            self.ended = true;
            return true;
        }
        let Some((length, read)) = escape(rest) else {
            return false;
        };
        self.text.push_str(&read);
        self.at += length;
        true
    }
}

/// Where the text begins in `{"input":"...`.
fn begun(json: &str) -> Option<usize> {
    let mut rest = json;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    Some(json.len() - rest.len())
}

/// The escape that a text begins with: its length, and what it stands for. Half a pair of
/// surrogates waits for the other.
fn escape(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let length = match bytes.get(1)? {
        b'u' if matches!(
            bytes.get(2..4)?,
            [b'd' | b'D', b'8' | b'9' | b'a' | b'A' | b'b' | b'B']
        ) =>
        {
            12
        }
        b'u' => 6,
        _ => 2,
    };
    let whole = text.get(..length)?;
    let read = serde_json::from_str(&format!("\"{whole}\""));
    Some(read.map_or_else(
        |_| (length.min(6), char::REPLACEMENT_CHARACTER.to_string()),
        |read| (length, read),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_grows_as_its_arguments_do_however_they_are_cut() {
        let text = "*** Begin\n+a \"b\" \\ \u{1F600}é\t";
        let json = wrap(text)
            .replace('\u{1F600}', "\\ud83d\\ude00")
            .replace(':', " : ");
        for size in 1..json.len() {
            let (mut input, mut told) = (Input::default(), String::new());
            let pieces: Vec<char> = json.chars().collect();
            for piece in pieces.chunks(size) {
                let from = input.push(&piece.iter().collect::<String>());
                told.push_str(&input.text[from..]);
            }
            let from = input.end();
            told.push_str(&input.text[from..]);
            assert_eq!((told.as_str(), input.text.as_str()), (text, text), "{size}");
        }
    }

    #[test]
    fn arguments_of_another_shape_are_the_text() {
        for (arguments, text) in [
            ("ls -l", "ls -l"),
            (r#"{"cmd":"ls"}"#, r#"{"cmd":"ls"}"#),
            (r#"{"why":"x","input":"ls"}"#, "ls"),
            ("", ""),
        ] {
            let mut input = Input::default();
            assert_eq!(input.push(arguments), 0);
            let from = input.end();
            assert_eq!(&input.text[from..], text);
            assert_eq!(unwrapped(arguments), text);
        }
        let mut broken = Input::default();
        broken.push(r#"{"input":"a\q\ud800xxxxxxb"}"#);
        assert_eq!(broken.text, "a\u{FFFD}\u{FFFD}xxxxxxb");
    }

    #[test]
    fn names_are_joined_alike_at_every_turn_and_stay_apart() {
        assert_eq!(flat(None, "f"), "f");
        assert_eq!(flat(Some("crm"), "find"), "crm__find");
        assert_eq!(flat(Some("mcp__crm__"), "find"), "mcp__crm__find");
        let long = "n".repeat(70);
        let (a, b) = (flat(Some(&long), "a").into_owned(), flat(Some(&long), "b"));
        assert_eq!((a.len(), b.len()), (64, 64));
        assert_ne!(a, b);
    }
}
