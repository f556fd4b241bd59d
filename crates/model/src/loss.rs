//! What a translation could not carry.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// One thing that a translation could not carry. Prints as `field: reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Path in the source body, such as `messages[2].content[0].cache_control`.
    pub field: String,
    /// Why, in a few words.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// The losses of one translation, in the order in which they were met. At most 64 are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Losses(Vec<Loss>);

impl Losses {
    const MOST: usize = 64;

    /// Notes a loss, once per field.
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if self.0.len() < Self::MOST && self.0.iter().all(|l| l.field != field) {
            self.0.push(Loss {
                field,
                reason: reason.into(),
            });
        }
    }

    /// Adds what another step lost.
    pub fn extend(&mut self, other: Losses) {
        for loss in other.0 {
            self.add(loss.field, loss.reason);
        }
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }
}
