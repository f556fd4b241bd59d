//! Rules about Rust sources: size, names, what each file says first, and what a crate must not hold.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Rule;
use super::lexer::{Lexed, lex};
use crate::repository::File;

/// The rules, each for one file.
pub(super) const RULES: &[Rule] = &[size, opening, names, contents, providers];

/// Most lines of a source, and of a test.
const MOST_LINES: usize = 500;
const MOST_TEST_LINES: usize = 800;

pub(super) fn size(file: &File) -> Vec<String> {
    let most = if file.is_test() {
        MOST_TEST_LINES
    } else {
        MOST_LINES
    };
    let lines = file.text.lines().count();
    complain(file.is_rust() && lines > most, || {
        format!("{}: {lines} lines, at most {most}", file.path)
    })
}

pub(super) fn opening(file: &File) -> Vec<String> {
    complain(file.is_rust() && !file.text.starts_with("//! "), || {
        format!("{}:1: opens with `//!`, what it promises", file.path)
    })
}

/// Words that say nothing.
const BANNED: &[&str] = &[
    "manager",
    "helper",
    "util",
    "utils",
    "common",
    "misc",
    "handler",
    "processor",
    "data",
    "info",
    "base",
];

/// Types and files without a word that says nothing.
pub(super) fn names(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let stem = file.path.rsplit('/').next().unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let words: BTreeSet<String> = stem.split(['_', '-']).map(str::to_lowercase).collect();
    let banned = BANNED.iter().find(|word| words.contains(**word));
    let mut complaints: Vec<String> = banned
        .map(|word| format!("{}: `{word}` in a file's name says nothing", file.path))
        .into_iter()
        .collect();
    for (line, name) in types(&lex(&file.text).code) {
        if let Some(word) = camel_words(name).find(|word| BANNED.contains(&word.as_str())) {
            complaints.push(format!(
                "{}:{line}: `{word}` in the type `{name}` says nothing",
                file.path
            ));
        }
    }
    complaints
}

/// The types that a source defines. An indented alias belongs to a trait, which names it.
fn types(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(code.lines());
    let lines = lines.filter(|(_, text)| !text.starts_with("    type "));
    lines.flat_map(|(line, text)| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let defined: Vec<&str> = words
            .windows(2)
            .filter(|pair| ["struct", "enum", "trait", "type", "union"].contains(&pair[0]))
            .filter_map(|pair| {
                pair[1]
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
            })
            .collect();
        defined.into_iter().map(move |name| (line, name))
    })
}

/// `HttpInfo` as `http`, `info`.
fn camel_words(name: &str) -> impl Iterator<Item = String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words.into_iter()
}

/// Waiting, clocks and chance.
const IMPURE: &[&str] = &[
    "async fn",
    ".await",
    "SystemTime::now",
    "Instant::now",
    "TcpStream",
    "rand::",
];

/// What the code of a crate must never hold.
const NEVER: &[(&str, &[&str])] = &[
    ("crates/model/src/", IMPURE),
    ("crates/dialect/src/", IMPURE),
    ("crates/catalog/src/", IMPURE),
    ("crates/config/src/", IMPURE),
    ("crates/store/src/", &["hyper::", "axum::", "http::"]),
    ("crates/gateway/src/", &["std::env", "sqlx", "serde_saphyr"]),
    ("crates/console/src/", &["std::env", "sqlx"]),
    ("crates/weir/src/", &["sqlx"]),
];

pub(super) fn contents(file: &File) -> Vec<String> {
    let never = NEVER
        .iter()
        .filter(|(place, _)| file.path.starts_with(place));
    let never: Vec<&str> = never.flat_map(|(_, words)| words.iter().copied()).collect();
    if never.is_empty() || file.is_test() || !file.is_rust() {
        return Vec::new();
    }
    let Lexed { code, strings, .. } = lex(file.before_tests());
    let lines = (1..).zip(code.lines());
    let found = lines.flat_map(|(line, text)| {
        let words = never.iter().filter(|word| text.contains(**word));
        words.map(move |word| (line, (*word).to_owned()))
    });
    // The addresses of vendors are data of the catalog; examples are anybody's.
    let urls = strings.iter().filter(|(_, text)| {
        let mut hosts = text.split("https://").skip(1);
        let foreign = |host: &str| !host.is_empty() && !host.starts_with("example.com");
        file.path.starts_with("crates/dialect/") && hosts.any(foreign)
    });
    let urls = urls.map(|(line, text)| (*line, text.clone()));
    found
        .chain(urls)
        .map(|(line, word)| format!("{}:{line}: `{word}` must never be in this crate", file.path))
        .collect()
}

/// Where the names of providers may stand in Rust.
const KNOW_PROVIDERS: &[&str] = &[
    "crates/dialect/",
    "crates/gateway/src/send/credentials",
    // A dialect may be called as a provider is.
    "crates/model/src/dialect.rs",
    "crates/model/src/shape.rs",
    "dev/",
];

/// The names of shipped providers, without the one that is built in.
static PROVIDERS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let providers = weir_catalog::Catalog::builtin().providers();
    providers
        .map(|p| p.name.as_str())
        .filter(|name| *name != "sim")
        .collect()
});

/// A provider is data: no code outside asks for one by name.
pub(super) fn providers(file: &File) -> Vec<String> {
    let may = KNOW_PROVIDERS
        .iter()
        .any(|place| file.path.starts_with(place));
    if may || file.is_test() || !file.is_rust() {
        return Vec::new();
    }
    let named = |text: &str| {
        let first = text.split('/').next().unwrap_or_default();
        PROVIDERS.contains(&first)
    };
    let strings = lex(file.before_tests()).strings.into_iter();
    strings
        .filter(|(_, text)| named(text))
        .map(|(line, text)| format!("{}:{line}: `{text}`: a provider is data", file.path))
        .collect()
}

fn complain(wrong: bool, complaint: impl FnOnce() -> String) -> Vec<String> {
    wrong.then(complaint).into_iter().collect()
}
