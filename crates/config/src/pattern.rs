//! Names with wildcards, and the targets that they lead to. Never resolves a target: that takes
//! the providers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name, or a glob in which each `*` stands for any text, even none.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Pattern(String);

impl Pattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a wildcard.
    pub fn is_glob(&self) -> bool {
        self.0.contains('*')
    }

    /// How many bytes of a matching name are given: of two patterns that match, the one with more
    /// is meant.
    pub fn literal_len(&self) -> usize {
        self.0.bytes().filter(|&b| b != b'*').count()
    }

    /// Whether the pattern stands for `name`.
    pub fn matches(&self, name: &str) -> bool {
        glob(&self.0, name)
    }
}

/// Whether `name` matches `pattern`, in which each `*` stands for any text, even none. Never looks
/// back further than the part at hand.
pub fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Pattern, Self::Error> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || "?[]{}\\".contains(c);
        if text.is_empty() || text.contains(refused) {
            return Err(
                "expected a name or a glob: only `*` is a wildcard, and spaces are refused",
            );
        }
        Ok(Pattern(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.0
    }
}

/// Where a call goes: `provider/model`, split at the first slash. The model `*` is the name that
/// the client asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend("pattern" = "^[^/]+/.+$"))]
pub struct Target {
    /// A name under `providers`.
    pub provider: String,
    /// The vendor's name of the model, which may have slashes; or `*`.
    pub model: String,
}

impl Target {
    /// Whether the model is the name that the client asked for.
    pub fn is_as_asked(&self) -> bool {
        self.model == "*"
    }

    /// The vendor's name of the model when the client asked for `asked`.
    pub fn model_for<'a>(&'a self, asked: &'a str) -> &'a str {
        if self.is_as_asked() {
            asked
        } else {
            &self.model
        }
    }
}

impl TryFrom<String> for Target {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Target, Self::Error> {
        let refused = |c: char| c.is_whitespace() || c.is_control();
        match text.split_once('/') {
            Some((provider, model))
                if !provider.is_empty()
                    && !model.is_empty()
                    && !text.contains(refused)
                    && (model == "*" || !text.contains('*')) =>
            {
                Ok(Target {
                    provider: provider.to_owned(),
                    model: model.to_owned(),
                })
            }
            _ => Err("expected `provider/model`, or `provider/*` under a glob"),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

#[cfg(test)]
mod tests;
