//! The environment variables of the process, read once and here alone. Never printed.

use std::collections::BTreeMap;
use std::fmt;

/// Environment variables by name.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. Variables that are not UTF-8 are left out.
    pub fn from_process() -> Environment {
        let utf8 = |text: std::ffi::OsString| text.into_string().ok();
        std::env::vars_os()
            .filter_map(|(name, value)| Some((utf8(name)?, utf8(value)?)))
            .collect()
    }

    /// Just these.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Environment {
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    /// The value of a variable, which may be empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first of `names` that is set and not empty.
    pub(crate) fn first<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&str> {
        let mut values = names.into_iter().filter_map(|name| self.get(name));
        values.find(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Environment {
        Environment(pairs.into_iter().collect())
    }
}

/// Names only.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
