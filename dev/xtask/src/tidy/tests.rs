//! The repository keeps the rules, and each rule can tell when it is broken.

use serde_json::json;

use super::lexer::lex;
use super::{documents, imports, sources};
use crate::generate;
use crate::repository::{File, files};

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn clean(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn each(rule: super::Rule) {
    clean(files().unwrap().iter().flat_map(rule).collect());
}

#[test]
fn crates_import_only_what_is_below_them() {
    clean(imports::complaints().unwrap());
}

#[test]
fn the_lock_file_is_short() {
    clean(imports::lock().unwrap());
}

#[test]
fn files_are_short() {
    each(sources::size);
}

#[test]
fn sources_say_first_what_they_promise() {
    each(sources::opening);
}

#[test]
fn names_say_something() {
    each(sources::names);
}

#[test]
fn crates_hold_only_what_belongs_there() {
    each(sources::contents);
}

#[test]
fn providers_are_data() {
    each(sources::providers);
}

#[test]
fn nothing_is_unfinished() {
    each(documents::unfinished);
}

#[test]
fn texts_speak_of_the_project_alone() {
    each(documents::hosts);
}

#[test]
fn links_lead_somewhere() {
    clean(documents::links(&files().unwrap()));
}

#[test]
fn the_changelog_has_what_is_new() {
    clean(documents::changelog(&files().unwrap()));
}

#[test]
fn examples_work() {
    clean(documents::examples(&files().unwrap()).unwrap());
}

#[test]
fn generated_pages_are_up_to_date() {
    clean(generate::check().unwrap());
}

#[test]
fn a_broken_import_is_seen() {
    let manifest = |name: &str, dependency| json!({ "name": name, "dependencies": [dependency] });
    let ours = |name: &str| json!({ "name": name, "kind": null, "path": "/x" });
    let others = |name: &str, kind| json!({ "name": name, "kind": kind, "path": null });
    let faulty = [
        manifest("weir-model", ours("weir-dialect")),
        manifest("weir-mimic", ours("weir-dialect")),
        manifest("weir-dialect", others("tokio", json!(null))),
        manifest("weir-gateway", others("sqlx", json!("build"))),
        manifest("weir-store", others("openssl", json!("dev"))),
        manifest("weir-new", others("serde", json!(null))),
        manifest(
            "weir-store",
            json!({ "name": "a", "kind": null, "source": "git+https://x" }),
        ),
    ];
    for manifest in &faulty {
        assert_eq!(imports::package(manifest).len(), 1, "{manifest}");
    }
    let fine = [
        manifest("weir-dialect", ours("weir-model")),
        manifest("weir-dialect", others("tokio", json!("dev"))),
        manifest(
            "weir-gateway",
            json!({ "name": "weir-mimic", "kind": "dev", "path": "/x" }),
        ),
    ];
    for manifest in &fine {
        assert_eq!(imports::package(manifest), Vec::<String>::new());
    }
}

#[test]
fn a_broken_source_is_seen() {
    let long = "//! a\n".repeat(501);
    assert_eq!(sources::size(&file("a.rs", &long)).len(), 1);
    assert_eq!(sources::size(&file("a/tests.rs", &long)).len(), 0);
    assert_eq!(sources::size(&file("a/tests.rs", &long.repeat(2))).len(), 1);
    assert_eq!(sources::opening(&file("a.rs", "use x;\n")).len(), 1);
    let types = "//! a\npub(crate) struct HttpInfo { x: u8 }\nenum Database {}\ntype Base = u8;\n";
    assert_eq!(
        sources::names(&file("key_manager.rs", types)),
        [
            "key_manager.rs: `manager` in a file's name says nothing",
            "key_manager.rs:2: `info` in the type `HttpInfo` says nothing",
            "key_manager.rs:4: `base` in the type `Base` says nothing",
        ]
    );
    let dialect = "//! x.await\nfn a() { b().await; }\nconst U: &str = \"https://a.test\";\n";
    assert_eq!(
        sources::contents(&file("crates/dialect/src/a.rs", dialect)),
        [
            "crates/dialect/src/a.rs:2: `.await` must never be in this crate",
            "crates/dialect/src/a.rs:3: `https://a.test` must never be in this crate",
        ]
    );
    assert_eq!(
        sources::contents(&file("crates/weir/src/a.rs", dialect)).len(),
        0
    );
    let named = "//! groq\nfn a(p: &str) { p == \"groq\" || p == r#\"groq/x\"# }\n";
    assert_eq!(
        sources::providers(&file("crates/gateway/src/a.rs", named)).len(),
        2
    );
    assert_eq!(
        sources::providers(&file("crates/dialect/src/a.rs", named)).len(),
        0
    );
}

#[test]
fn a_broken_text_is_seen() {
    let mark = concat!("// TO", "DO: later\nlet todo = 1;\n");
    assert_eq!(documents::unfinished(&file("a.rs", mark)).len(), 1);
    assert_eq!(documents::unfinished(&file("a.yaml", mark)).len(), 1);
    let host = concat!("see https://crates", ".io\n");
    assert_eq!(documents::hosts(&file("a.md", host)).len(), 1);
    let page = "# A b: `c`\n\n[x](gone.md) [y](#a-b-c) [z](#gone) [w](https://a.test)\n\n```\n[v](gone)\n```\n";
    assert_eq!(documents::targets(page).len(), 3);
    assert_eq!(documents::links(&[file("docs/a.md", page)]).len(), 3);
    assert_eq!(
        documents::anchors(page).into_iter().collect::<Vec<_>>(),
        ["a-b-c"]
    );
    assert_eq!(documents::changelog(&[]).len(), 1);
    assert_eq!(
        documents::changelog(&[file("CHANGELOG.md", "# Changelog\n")]).len(),
        1
    );
    assert_eq!(documents::example(&file("a.yaml", "servr: {}\n")).len(), 1);
}

#[test]
fn literals_and_comments_are_told_apart() {
    let source = "let a = \"x // y\\\"\"; // \"z\"\n/* a /* b */ */ let c = '\"'; let d: &'a str = r##\"q\"#\"##;\nlet e = '\\'';\n";
    let lexed = lex(source);
    let strings: Vec<_> = lexed
        .strings
        .iter()
        .map(|(line, text)| (*line, text.as_str()))
        .collect();
    assert_eq!(strings, [(1, "x // y\\\""), (2, "q\"#")]);
    let comments: Vec<_> = lexed
        .comments
        .iter()
        .map(|(line, text)| (*line, text.as_str()))
        .collect();
    assert_eq!(comments, [(1, "// \"z\""), (2, "/* a /* b */ */")]);
    assert_eq!(lexed.code.lines().count(), 3);
    assert!(lexed.code.contains("let e = ' ';"), "{}", lexed.code);
}
