//! Rules about texts: no unfinished business, no foreign machinery, links that lead somewhere, examples
//! that work.

use std::collections::{BTreeMap, BTreeSet};

use weir_config::{Config, Environment};

use super::Rule;
use super::lexer::lex;
use crate::repository::{File, at};

/// The rules, each for one file.
pub(super) const RULES: &[Rule] = &[unfinished, hosts];

/// Where the examples of configurations lie.
const EXAMPLES: &str = "docs/guide/examples/";

/// What is written by people and read by them, in any language.
fn is_text(file: &File) -> bool {
    const TEXTS: [&str; 14] = [
        "css", "html", "j2", "js", "md", "mjs", "py", "rs", "sh", "sql", "toml", "ts", "yaml",
        "yml",
    ];
    let name = file.path.rsplit('/').next().unwrap_or_default();
    TEXTS.contains(&file.extension()) || ["Makefile", "Dockerfile", "run"].contains(&name)
}

/// What is to be done belongs into an issue.
pub(super) fn unfinished(file: &File) -> Vec<String> {
    // In two pieces, so that this line does not complain of itself.
    const MARKS: [&str; 3] = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let marked = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| MARKS.contains(&word))
    };
    let lines: Vec<(usize, String)> = match file.is_rust() {
        true => lex(&file.text).comments,
        false if is_text(file) => numbered(&file.text),
        false => Vec::new(),
    };
    lines
        .into_iter()
        .filter(|(_, text)| marked(text))
        .map(|(line, _)| format!("{}:{line}: unfinished business", file.path))
        .collect()
}

fn numbered(text: &str) -> Vec<(usize, String)> {
    (1..).zip(text.lines().map(str::to_owned)).collect()
}

/// Where packages come from is each user's own business, and so is where this was written.
pub(super) fn hosts(file: &File) -> Vec<String> {
    // In two pieces, so that these lines do not complain of themselves.
    const HOSTS: [&str; 10] = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("registry.npmjs", ".org"),
        concat!("npmjs", ".com"),
        concat!("proxy.golang", ".org"),
        concat!("deb.debian", ".org"),
        concat!("docker", ".io"),
        concat!("/work/", "shared"),
        concat!("/work/", "main"),
    ];
    if !is_text(file) {
        return Vec::new();
    }
    let lines = numbered(&file.text).into_iter();
    lines
        .filter_map(|(line, text)| {
            let host = HOSTS.iter().find(|host| text.contains(**host))?;
            Some(format!("{}:{line}: names {host}", file.path))
        })
        .collect()
}

/// Links from one Markdown file to another place in the repository that is not there.
pub(super) fn links(files: &[File]) -> Vec<String> {
    let pages: BTreeMap<&str, BTreeSet<String>> = files
        .iter()
        .filter(|file| file.extension() == "md")
        .map(|file| (file.path.as_str(), anchors(&file.text)))
        .collect();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.extension() == "md") {
        for (line, link) in targets(&file.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.path.clone(),
                path => resolve(&file.path, path),
            };
            let is_there = at(&target).exists();
            let has_anchor = anchor.is_empty()
                || pages
                    .get(target.as_str())
                    .is_none_or(|anchors| anchors.contains(anchor));
            if !(is_there && has_anchor) {
                complaints.push(format!("{}:{line}: {link} leads nowhere", file.path));
            }
        }
    }
    complaints
}

/// The lines of a page that are not inside a block of code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !(in_code || fence)
    })
}

/// The links of a page that stay within the repository.
pub(super) fn targets(text: &str) -> Vec<(usize, &str)> {
    let links = prose(text).flat_map(|(number, line)| {
        let after = line.split("](").skip(1);
        after.filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
    });
    links.filter(|(_, link)| !link.contains(':')).collect()
}

/// What a page's headings are called in links: as GitHub does.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then_some(heading.trim())
    });
    let slug = |heading: &str| {
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(slug).collect()
}

/// A relative path, from the file in which it stands.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Users read what is new from the changelog.
pub(super) fn changelog(files: &[File]) -> Vec<String> {
    let page = files.iter().find(|file| file.path == "CHANGELOG.md");
    match page {
        Some(page) if page.text.contains("\n## Unreleased\n") => Vec::new(),
        Some(_) => vec!["CHANGELOG.md: has no section `Unreleased`".to_owned()],
        None => vec!["CHANGELOG.md: is missing".to_owned()],
    }
}

/// Examples that a user could not run.
pub(super) fn examples(files: &[File]) -> Result<Vec<String>, String> {
    let examples: Vec<&File> = files
        .iter()
        .filter(|file| file.path.starts_with(EXAMPLES))
        .collect();
    if examples.is_empty() {
        return Err(format!("{EXAMPLES}: there are no examples"));
    }
    Ok(examples.into_iter().flat_map(example).collect())
}

/// Every variable has a value of its own: those that the example names, and the providers' keys.
pub(super) fn example(file: &File) -> Vec<String> {
    let named = file.text.split("${").skip(1);
    let named = named.filter_map(|rest| rest.split(['}', ':']).next());
    let providers = weir_catalog::Catalog::builtin().providers();
    let keys = providers.flat_map(|provider| provider.key_env.iter().map(String::as_str));
    let with_value = |name| (name, format!("the-long-and-secret-value-of-{name}"));
    let environment = Environment::from_pairs(named.chain(keys).map(with_value));
    match Config::from_str(&file.text, &file.path, &environment) {
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
    }
}
