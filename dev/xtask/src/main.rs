//! What developers run besides cargo itself: `cargo xtask generate`, `bless` and `tidy`.
//!
//! It writes only what is generated: `docs/reference/` and the outputs of the dialects' fixtures. It never
//! touches sources, and a check never writes.

mod generate;
mod repository;
mod tidy;

use std::io::Write;
use std::process::{Command, ExitCode};

const USAGE: &str = "cargo xtask COMMAND

  generate          writes docs/reference from the code
  generate --check  fails when docs/reference is not what the code says
  bless             rewrites the expected outputs of the dialects' fixtures
  tidy              checks the rules of the repository, as `cargo test -p xtask` does
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["generate"] => generate::write(),
        ["generate", "--check"] => none_of(generate::check()),
        ["bless"] => bless(),
        ["tidy"] => none_of(tidy::complaints()),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nowhere is left to report a failing stderr to.
            let _ = writeln!(std::io::stderr(), "{}", message.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn none_of(complaints: Result<Vec<String>, String>) -> Result<(), String> {
    let complaints = complaints?;
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(complaints.join("\n")),
    }
}

/// The fixtures' own test is what writes them, so that they are walked in one place.
fn bless() -> Result<(), String> {
    let mut cargo = Command::new(repository::CARGO);
    cargo
        .current_dir(repository::root())
        .args([
            "test",
            "--quiet",
            "-p",
            "weir-dialect",
            "--test",
            "fixtures",
        ])
        .env("BLESS", "1");
    let status = cargo.status().map_err(|e| format!("cargo: {e}"))?;
    match status.success() {
        true => Ok(()),
        false => Err("the fixtures were rewritten, but do not keep their laws".to_owned()),
    }
}
