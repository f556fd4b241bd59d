//! Model names: what they ask for, and what is refused in them.

use super::*;

#[test]
fn names_are_read_with_their_options() {
    let script = Script::parse("echo+first_ms=500+gap_ms=20+empty+code=a.b-c", &[]).unwrap();
    assert!(script.plays(BEHAVIOURS));
    assert_eq!(
        (script.number("first_ms"), script.count("gap_ms")),
        (Some(500), Some(20))
    );
    assert!(script.is("empty") && script.is("echo") && !script.is("preface"));
    assert_eq!(script.word("code"), Some("a.b-c"));
    assert_eq!(script.number("status"), None);
}

#[test]
fn faulty_options_are_named() {
    for model in [
        "echo+nope",
        "echo+gap_ms",
        "echo+gap_ms=",
        "echo+gap_ms=-1",
        "echo+gap_ms=3600001",
        "echo+empty=1",
        "echo+code",
        "echo+code=a b",
        "echo+",
    ] {
        let fault = Script::parse(model, &[]).unwrap_err();
        let option = model[5..].split('=').next().unwrap();
        assert!(fault.contains(&format!("'{option}'")), "{model}: {fault}");
    }
    let more = [Knob {
        name: "nope",
        kind: Kind::Flag,
        about: "",
    }];
    assert!(Script::parse("echo+nope", &more).unwrap().is("nope"));
}

#[test]
fn the_catalog_has_no_name_twice() {
    let all = catalog();
    let names = all
        .behaviours
        .iter()
        .map(|b| b.name)
        .filter(|n| !["stall", "reset"].contains(n));
    let mut names: Vec<&str> = names.chain(all.options.iter().map(|o| o.name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
