//! The page about the command line: what `--help` prints, of every command.

use std::process::Command;

use serde_json::Value;

use crate::repository::{CARGO, output, root};

pub(super) fn page() -> Result<String, String> {
    let mut page = String::from("# Command line\n\nWhat `--help` prints.\n");
    let binary = build()?;
    let mut commands = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let help = help(&binary, &command)?;
        let title = [&["weir".to_owned()], &command[..]].concat().join(" ");
        page += &format!("\n## {title}\n\n```text\n{}\n```\n", help.trim_end());
        // Taken from the end, so the first goes last.
        for name in subcommands(&help).into_iter().rev() {
            commands.push([&command[..], &[name]].concat());
        }
    }
    Ok(page)
}

/// Builds the binary as developers run it, and says where it is.
fn build() -> Result<String, String> {
    let mut cargo = Command::new(CARGO);
    cargo.current_dir(root()).args([
        "build",
        "--quiet",
        "--package",
        "weir",
        "--message-format",
        "json",
    ]);
    let messages = String::from_utf8_lossy(&output(&mut cargo)?).into_owned();
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(message.get("executable")?.as_str()?.to_owned())
    });
    executables
        .next_back()
        .ok_or("cargo built no binary".to_owned())
}

/// The help of one command. The environment would show in it, and the terminal's width.
fn help(binary: &str, command: &[String]) -> Result<String, String> {
    let mut weir = Command::new(binary);
    weir.args(command)
        .arg("--help")
        .env_clear()
        .env("COLUMNS", "100");
    let text = String::from_utf8_lossy(&output(&mut weir)?).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n"))
}

/// The names in the list of commands, but for `help`.
fn subcommands(help: &str) -> Vec<String> {
    let mut lines = help.lines().skip_while(|line| *line != "Commands:");
    lines.next();
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::subcommands;

    #[test]
    fn commands_are_read_from_help() {
        let help = "Weir\n\nCommands:\n  keys   Makes keys, and\n         lists them\n  help   Prints\n\nOptions:\n  -h  x";
        assert_eq!(subcommands(help), ["keys"]);
        assert!(subcommands("Options:\n  -h  x").is_empty());
    }
}
