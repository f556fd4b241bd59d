//! What many calls have in common (who asked for what; who answered how) is written once and
//! named by a number. Never holds more than a bounded number of entries in memory.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use sqlx::sqlite::SqliteConnection;

/// Entries in memory; beyond that they are looked up again in the database.
const MAX_ENTRIES: usize = 16 * 1024;

/// One of the tables `questions` and `answers`.
pub(super) struct Dictionary {
    /// Returns the id of a spec, new or old.
    sql: &'static str,
    places: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    /// By place. Shorter than `places` by those that are not in the database yet.
    ids: Vec<i64>,
    fresh: Vec<Box<str>>,
}

macro_rules! upsert {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (spec) VALUES (?) ON CONFLICT (spec) DO UPDATE SET spec = spec RETURNING id"
        )
    };
}

impl Dictionary {
    pub(super) fn questions() -> Dictionary {
        Dictionary::new(upsert!("questions"))
    }

    pub(super) fn answers() -> Dictionary {
        Dictionary::new(upsert!("answers"))
    }

    fn new(sql: &'static str) -> Dictionary {
        Dictionary {
            sql,
            places: HashMap::default(),
            ids: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// The place of `spec`, good until the next [`Dictionary::trim`]; `None` when it is not JSON,
    /// which would spoil every query.
    pub(super) fn place(&mut self, spec: &str) -> Option<usize> {
        if let Some(place) = self.places.get(spec) {
            return Some(*place);
        }
        serde_json::from_str::<IgnoredAny>(spec).ok()?;
        let place = self.places.len();
        self.fresh.push(spec.into());
        self.places.insert(spec.into(), place);
        Some(place)
    }

    /// Brings what is new into the database and returns the id of each place.
    pub(super) async fn ids(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<&[i64], sqlx::Error> {
        for spec in self.fresh.drain(..) {
            let id = sqlx::query_scalar(self.sql)
                .bind(spec)
                .fetch_one(&mut *connection)
                .await?;
            self.ids.push(id);
        }
        Ok(&self.ids)
    }

    /// Forgets everything if it has become too much.
    pub(super) fn trim(&mut self) {
        if self.places.len() > MAX_ENTRIES {
            *self = Dictionary::new(self.sql);
        }
    }
}
