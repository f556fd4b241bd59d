//! `${NAME}`, `${NAME:-default}` and `${file:/path}` inside a scalar. Never shows a value: what
//! was put in is handed over, so that messages can be cleaned of it.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use crate::Environment;

/// The largest file that a secret is read from, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// The text with its variables put in. `$${` stands for `${`. What was put in is added to
/// `secrets`. The error says which variable or file is missing.
pub(super) fn expand<'a>(
    text: &'a str,
    env: &Environment,
    secrets: &mut Vec<String>,
) -> Result<Cow<'a, str>, String> {
    let Some(first) = text.find("${") else {
        return Ok(Cow::Borrowed(text));
    };
    let mut expanded = String::with_capacity(text.len());
    let (mut before, mut rest) = text.split_at(first);
    loop {
        if let Some(escaped) = before.strip_suffix('$') {
            expanded.push_str(escaped);
            expanded.push_str("${");
            rest = &rest[2..];
        } else {
            expanded.push_str(before);
            let (name, after) = rest[2..].split_once('}').ok_or("`${` without `}`")?;
            let value = value_of(name, env)?;
            expanded.push_str(&value);
            secrets.push(value);
            rest = after;
        }
        let Some(next) = rest.find("${") else {
            expanded.push_str(rest);
            return Ok(Cow::Owned(expanded));
        };
        (before, rest) = rest.split_at(next);
    }
}

fn value_of(inside: &str, env: &Environment) -> Result<String, String> {
    if let Some(path) = inside.strip_prefix("file:") {
        return file(Path::new(path)).map_err(|why| format!("cannot read file `{path}`: {why}"));
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err("`${}` must hold the name of a variable, or `file:` and a path".to_owned());
    }
    match (env.get(name), default) {
        (Some(value), _) if !value.is_empty() => Ok(value.to_owned()),
        (_, Some(default)) => Ok(default.to_owned()),
        (Some(_), None) => Err(format!("environment variable `{name}` is empty")),
        (None, None) => Err(format!("environment variable `{name}` is not set")),
    }
}

/// The file's text without the line break at its end.
fn file(path: &Path) -> Result<String, String> {
    // A pipe or a device could block, or never end.
    if !std::fs::metadata(path)
        .map_err(|e| e.to_string())?
        .is_file()
    {
        return Err("not a regular file".to_owned());
    }
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
        .map_err(|e| e.to_string())?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("larger than {MOST_BYTES} bytes"));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text)
}
