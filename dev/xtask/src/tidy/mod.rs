//! The rules of the repository that neither the compiler nor clippy knows. Each gives its complaints,
//! one a line, with the place; none of them writes anything.

mod documents;
mod imports;
mod lexer;
mod sources;

use crate::generate;
use crate::repository::{File, files};

/// Everything that is not as it should be.
pub(crate) fn complaints() -> Result<Vec<String>, String> {
    let files = files()?;
    let mut complaints = imports::complaints()?;
    complaints.extend(imports::lock()?);
    for rule in sources::RULES.iter().chain(documents::RULES) {
        complaints.extend(files.iter().flat_map(rule));
    }
    complaints.extend(documents::links(&files));
    complaints.extend(documents::changelog(&files));
    complaints.extend(documents::examples(&files)?);
    complaints.extend(generate::check()?);
    Ok(complaints)
}

/// What is wrong with one file.
type Rule = fn(&File) -> Vec<String>;

#[cfg(test)]
mod tests;
