//! Virtual keys and admin keys: their plain form, the index that requests ask, and the table
//! that keeps them. The plain key exists once, in the answer to its creation.

mod index;
mod plain;
mod stored;

pub use index::{KeyIndex, Unfound};
pub use stored::Keys;

use std::fmt;

use serde::Serialize;

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Calls to models.
    Virtual,
    /// The admin API.
    Admin,
}

impl KeyRole {
    /// `virtual` or `admin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyRole::Virtual => "virtual",
            KeyRole::Admin => "admin",
        }
    }
}

/// A key as others may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Short public id, as in `key_4fGh1kLmN0pQ`; the same over restarts.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// What it opens.
    pub role: KeyRole,
    /// Globs over public model names; `*` is all.
    pub models: Vec<String>,
    /// Who pays.
    pub project: Option<String>,
    /// Whether it is refused.
    pub disabled: bool,
    /// When it was made, in seconds since the Unix epoch; for a declared key, when it was loaded.
    pub created_at_s: i64,
    /// The last four characters.
    pub hint: String,
    /// Whether it stands in the config file.
    pub declared: bool,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Unique name, 1 to 100 characters, not like an id.
    pub name: String,
    /// What it shall open.
    pub role: KeyRole,
    /// Globs over public model names, at least one; `*` is all.
    pub models: Vec<String>,
    /// Who pays.
    pub project: Option<String>,
}

/// A key that was just made: the only time that its plain form is seen.
#[derive(Clone)]
pub struct Created {
    /// What a client presents, as in `sk-weir-...`.
    pub plain: String,
    /// The key.
    pub key: Key,
}

/// Without the plain key.
impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A virtual key from the config file.
#[derive(Clone)]
pub struct DeclaredKey {
    /// Unique name.
    pub name: String,
    /// What a client presents: any text of 1 to 512 bytes.
    pub value: String,
    /// Globs over public model names; `*` is all.
    pub models: Vec<String>,
    /// Who pays.
    pub project: Option<String>,
}

/// Without the value.
impl fmt::Debug for DeclaredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
