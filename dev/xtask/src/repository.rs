//! The working tree: where it is, what files it holds, what its manifests say. Only reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The cargo that built this program.
pub(crate) const CARGO: &str = env!("CARGO");

/// The folder that holds the workspace.
pub(crate) fn root() -> &'static Path {
    const HERE: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(HERE.strip_suffix("/dev/xtask").unwrap_or(HERE))
}

/// A file of the working tree.
pub(crate) struct File {
    /// Its path from the root, with `/` between.
    pub(crate) path: String,
    /// What it says; bytes that are not UTF-8 are replaced.
    pub(crate) text: String,
}

impl File {
    /// What follows the last dot of its name.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.extension() == "rs"
    }

    /// What stands before the tests within a source.
    pub(crate) fn before_tests(&self) -> &str {
        let inside = self.text.find("#[cfg(test)]\nmod tests {");
        &self.text[..inside.unwrap_or(self.text.len())]
    }

    /// Whether it is a test, by the project's places for tests.
    pub(crate) fn is_test(&self) -> bool {
        let parts = self.path.split('/');
        parts
            .into_iter()
            .any(|part| ["tests", "tests.rs", "fuzz", "examples", "fixtures"].contains(&part))
    }
}

/// Every file that is ours: no build output, no downloads, nothing hidden but `.ci` and `.cargo`.
pub(crate) fn files() -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    walk(root(), &mut files).map_err(|e| format!("{}: {e}", root().display()))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = name.starts_with('.') && ![".ci", ".cargo"].contains(&&*name);
        if hidden || ["target", "node_modules", "__pycache__"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(File {
                path: relative(&path),
                text: String::from_utf8_lossy(&fs::read(&path)?).into_owned(),
            });
        }
    }
    Ok(())
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}

/// A file from the root, whole.
pub(crate) fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))
}

/// The manifests of the workspace, as `cargo metadata` gives them, without looking at others'.
pub(crate) fn packages() -> Result<Vec<Value>, String> {
    let mut cargo = Command::new(CARGO);
    cargo.current_dir(root()).args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]);
    let metadata: Value =
        serde_json::from_slice(&output(&mut cargo)?).map_err(|e| format!("cargo metadata: {e}"))?;
    match metadata.get("packages").and_then(Value::as_array) {
        Some(packages) if !packages.is_empty() => Ok(packages.clone()),
        _ => Err("cargo metadata: no packages".to_owned()),
    }
}

/// What a program printed.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let run = command
        .output()
        .map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    match run.status.success() {
        true => Ok(run.stdout),
        false => Err(format!(
            "{}: {}",
            command.get_program().display(),
            String::from_utf8_lossy(&run.stderr)
        )),
    }
}

/// The path of a generated or checked file.
pub(crate) fn at(path: &str) -> PathBuf {
    root().join(path)
}
