//! What is wrong with a configuration, in words for the person who wrote it. Never holds a
//! secret.

use std::fmt;

/// One mistake, or one warning: where, and what to do.
///
/// Prints as `weir.yaml:12:7: models.fast.retry: unknown key `max_retry`: did you mean
/// `max_retries`?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name as it was given.
    pub file: String,
    /// From 1; 0 when the file could not be read at all.
    pub line: usize,
    /// In characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// The dotted path, such as `models.fast.targets[0]`; empty for the whole file.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Something that is probably not meant, but can be served.
pub type Warning = ConfigError;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Everything that keeps a configuration from being used; at least one, in the order of lines.
/// Prints one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// `: did you mean `x`?`, or nothing when no candidate is near.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    match weir_catalog::nearest(word, candidates) {
        Some(near) => format!(": did you mean `{near}`?"),
        None => String::new(),
    }
}
