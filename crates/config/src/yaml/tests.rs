//! Reading YAML: places, variables, files, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

fn env() -> Environment {
    Environment::from_pairs([("A", "alpha"), ("EMPTY", "")])
}

fn texts(yaml: &str) -> Result<BTreeMap<String, Option<String>>, String> {
    let document = parse(yaml, &env()).map_err(|fault| fault.message)?;
    read(&document).map_err(|faults| faults[0].message.clone())
}

#[test]
fn scalars_keep_their_spelling() {
    let read = texts("a: 1.10\nb: on\nc: '~'\nd: ~\ne:\nf: 0x1F\ng: |\n  x\n  y\n").unwrap();
    let read: Vec<_> = read.values().map(Option::as_deref).collect();
    assert_eq!(
        read,
        [
            Some("1.10"),
            Some("on"),
            Some("~"),
            None,
            None,
            Some("0x1F"),
            Some("x\ny\n")
        ]
    );
}

#[test]
fn variables_are_put_in() {
    let one = |value: &str| texts(&format!("v: \"{value}\"")).map(|mut m| m.remove("v").flatten());
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(one("${A}"), some("alpha"));
    assert_eq!(one("<${A}-${A}>"), some("<alpha-alpha>"));
    assert_eq!(one("${A:-x}"), some("alpha"));
    assert_eq!(one("${NO:-x}"), some("x"));
    assert_eq!(one("${EMPTY:-x}"), some("x"));
    assert_eq!(one("${NO:-}"), Ok(None));
    assert_eq!(one("$${A} $A $$"), some("${A} $A $$"));
    for (value, message) in [
        ("${NO}", "environment variable `NO` is not set"),
        ("${EMPTY}", "environment variable `EMPTY` is empty"),
        ("a ${A", "`${` without `}`"),
        (
            "${}",
            "`${}` must hold the name of a variable, or `file:` and a path",
        ),
        (
            "${a b}",
            "`${}` must hold the name of a variable, or `file:` and a path",
        ),
        (
            "${file:/nowhere/at/all}",
            "cannot read file `/nowhere/at/all`: No such file or directory (os error 2)",
        ),
        (
            "${file:/dev/null}",
            "cannot read file `/dev/null`: not a regular file",
        ),
    ] {
        assert_eq!(one(value), Err(message.to_owned()));
    }
}

#[test]
fn files_are_put_in_without_their_last_line_break() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"s3cret\n").unwrap();
    let yaml = format!("v: '${{file:{}}}'", file.path().display());
    assert_eq!(texts(&yaml).unwrap()["v"].as_deref(), Some("s3cret"));
}

#[test]
fn aliases_and_merges_are_followed() {
    type Maps = BTreeMap<String, BTreeMap<String, u32>>;
    let yaml = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [*a, {z: 9}], x: 7}\n";
    let maps: Maps = read(&parse(yaml, &env()).unwrap()).unwrap();
    let of = |name: &str| {
        maps[name]
            .iter()
            .map(|(k, v)| format!("{k}{v}"))
            .collect::<String>()
    };
    assert_eq!([of("b"), of("c"), of("d")], ["x1y2", "x1y3", "x7y2z9"]);
}

#[test]
fn bad_texts_are_refused_in_words() {
    for (yaml, message) in [
        ("a: 1\na: 2\n", "key `a` is written twice, first on line 1"),
        ("a: !secret x\n", "tags are not supported"),
        ("[1]: a\n", "a key must be a text"),
        ("a: 1\n---\nb: 2\n", "a second document: only one is read"),
        ("a: &a [*a]\n", "the alias stands inside what it names"),
        ("a: {<<: 1}\n", "`<<` takes a mapping or a list of mappings"),
        ("- a\n", "expected a mapping, found a list"),
    ] {
        assert_eq!(texts(yaml), Err(message.to_owned()), "{yaml}");
    }
    assert!(texts("a: [1\n").unwrap_err().starts_with("not YAML: "));
}

#[test]
fn a_text_that_explodes_is_refused() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        yaml += &format!("a{n}: &a{n} [{}]\n", vec![before; 8].join(", "));
    }
    assert_eq!(
        texts(&yaml),
        Err("stands for more than 200000 values".to_owned())
    );
    let long = "#".repeat(5 << 20);
    assert_eq!(texts(&long), Err("is larger than 4194304 bytes".to_owned()));
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Outer {
    inner: Vec<Inner>,
    number: u16,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Inner {
    name: String,
    weight: Option<u32>,
}

#[test]
fn one_run_reports_every_mistake_and_no_consequence() {
    let yaml = "
inner:
  - {name: a, wieght: 1}
  - {weight: 1}
  - {name: [], weight: 2}
  - {name: c, weight: -1}
  - {name: '${NO}', wait: 1}
number: 70000
";
    let document = parse(yaml, &env()).unwrap();
    let faults = read::<Outer>(&document).unwrap_err();
    let mut found: Vec<_> = faults
        .iter()
        .map(|fault| match fault.at {
            Spot::Id(id) => {
                let (path, place) = document.locate(id);
                format!("{}:{} {path}: {}", place.line, place.column, fault.message)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "3:15 inner[0]: unknown key `wieght`: did you mean `weight`?",
            "4:5 inner[1]: key `name` is missing",
            "5:6 inner[2].name: expected a text, found a list",
            "6:23 inner[3].weight: expected a whole number, at most 4294967295",
            "7:12 inner[4].name: environment variable `NO` is not set",
            "7:21 inner[4]: unknown key `wait`",
            "8:9 number: expected a whole number, at most 65535",
        ]
    );
}

#[test]
fn paths_quote_what_is_not_plain() {
    let path = Path::of(&["models", "claude-*"])
        .key("targets")
        .index(2)
        .key("target");
    assert_eq!(path.to_string(), "models.\"claude-*\".targets[2].target");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-a-c:{}\\[\\]&*<!|>'\"$# ,\n]{0,60}") {
        if let Ok(document) = parse(&text, &env()) {
            let _ = read::<Outer>(&document);
        }
    }
}
