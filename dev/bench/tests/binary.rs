//! The binary itself: it starts its parts, measures and reports; no judgement of times.

use std::process::Command;

#[test]
fn the_binary_measures_the_baselines() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let run = Command::new(env!("CARGO_BIN_EXE_weir-bench"))
        .args([
            "run",
            "--baselines",
            "--seconds",
            "1",
            "--pairs",
            "1",
            "--streams",
            "20",
        ])
        .args(["--only", "native-1k", "--only", "memory", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(run.stdout).unwrap(),
        String::from_utf8(run.stderr).unwrap(),
    );
    assert!(run.status.success(), "{err}");
    assert!(
        out.contains("native-1k") && out.contains("KiB per open stream"),
        "{out}"
    );
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(figures["costs"][0]["proxies"][0]["proxy"], "bare");
    assert_eq!(figures["costs"][0]["proxies"][0]["ratio"], 1.0);
}

#[test]
fn missing_parts_are_named() {
    for (arguments, text) in [
        (
            ["run", "--gateway=/no/weir"],
            "no gateway at /no/weir: build it",
        ),
        (
            ["h2-streams", "--gateway=/no/weir"],
            "no gateway at /no/weir: build it",
        ),
        (
            ["run", "--only=nativ-1k"],
            "no case \"nativ-1k\"; there are: native-1k, ",
        ),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_weir-bench"))
            .args(arguments)
            .output();
        let run = run.unwrap();
        let err = String::from_utf8(run.stderr).unwrap();
        assert!(!run.status.success() && err.contains(text), "{err}");
    }
}
