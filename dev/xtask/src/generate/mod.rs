//! The reference pages, written from what the code itself says, so that they cannot disagree with it.

mod cli;
mod fields;
mod sim;
mod vectors;

use std::fs;

use crate::repository::at;

/// Says in each page where it comes from.
const NOTICE: &str =
    "<!-- Written by `cargo xtask generate`. Change the code, not this page. -->\n\n";

struct Page {
    path: &'static str,
    text: String,
}

fn pages() -> Result<Vec<Page>, String> {
    let providers = format!(
        "# Providers\n\nThe providers that Weir knows without being told. With its key in the environment, or in the \
         configuration, `NAME/model` works at once. Where a provider departs from the dialect that it speaks, \
         requests are bent to it: what it refuses is dropped as a named loss.\n\n{}",
        weir_catalog::reference()
    );
    let schema = serde_json::to_string_pretty(&weir_config::json_schema())
        .map_err(|e| format!("the configuration's schema: {e}"))?;
    let page = |path, text: String| Page {
        path,
        text: format!("{NOTICE}{}\n", text.trim_end()),
    };
    Ok(vec![
        page("docs/reference/cli.md", cli::page()?),
        page("docs/reference/config.md", weir_config::reference()),
        Page {
            path: "docs/reference/config.schema.json",
            text: schema + "\n",
        },
        page("docs/reference/fields.md", fields::page()?),
        page("docs/reference/providers.md", providers),
        page("docs/reference/sim.md", sim::page()),
        page("docs/reference/vectors.md", vectors::page()?),
    ])
}

/// Writes every page.
pub(crate) fn write() -> Result<(), String> {
    for page in pages()? {
        let path = at(page.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", page.path))?;
        }
        fs::write(&path, page.text).map_err(|e| format!("{}: {e}", page.path))?;
    }
    Ok(())
}

/// The pages that are not what the code says, each with what differs.
pub(crate) fn check() -> Result<Vec<String>, String> {
    let stale = pages()?.into_iter().filter_map(|page| {
        let written = fs::read_to_string(at(page.path)).unwrap_or_default();
        let difference = difference(&written, &page.text)?;
        Some(format!(
            "{} is out of date, run `cargo xtask generate`:\n{difference}",
            page.path
        ))
    });
    Ok(stale.collect())
}

/// The lines between what two texts begin and end with alike; `None` when they are the same.
fn difference(old: &str, new: &str) -> Option<String> {
    const MOST: usize = 20;
    if old == new {
        return None;
    }
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let alike = |a: &mut dyn Iterator<Item = (&&str, &&str)>| a.take_while(|(a, b)| a == b).count();
    let before = alike(&mut old.iter().zip(&new));
    let after = alike(&mut old[before..].iter().rev().zip(new[before..].iter().rev()));
    let middle = |lines: &[&str], sign| {
        let changed = &lines[before..lines.len() - after];
        let shown = changed.iter().take(MOST);
        let mut text: String = shown.map(|line| format!("{sign} {line}\n")).collect();
        if changed.len() > MOST {
            text += &format!("{sign} and {} more\n", changed.len() - MOST);
        }
        text
    };
    Some(format!(
        "@ line {}\n{}{}",
        before + 1,
        middle(&old, '-'),
        middle(&new, '+')
    ))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_shows_what_changed_and_nothing_else() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let shown = difference("a\nb\nb\nc\n", "a\nb\nx\nc\n");
        assert_eq!(shown.as_deref(), Some("@ line 3\n- b\n+ x\n"));
        let grown = difference("a\na\n", "a\na\na\n");
        assert_eq!(grown.as_deref(), Some("@ line 3\n+ a\n"));
        assert!(difference("", "a\n").is_some());
    }
}
