//! The table of keys. Each change is in the index before the call that made it returns.

use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use tokio::sync::Mutex;

use super::index::Hash;
use super::{Created, Key, KeyIndex, KeyRole, NewKey, plain};
use crate::{Clock, StoreError};

/// Makes, lists and disables keys.
#[derive(Clone)]
pub struct Keys {
    pool: SqlitePool,
    index: KeyIndex,
    clock: Clock,
    // One change at a time, so that the index sees them in the order of the table.
    changing: Arc<Mutex<()>>,
}

impl Keys {
    /// Loads every stored key into `index`.
    pub(crate) async fn load(
        pool: SqlitePool,
        index: KeyIndex,
        clock: Clock,
    ) -> Result<Keys, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys").fetch_all(&pool).await?;
        let keys = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        index.put(&keys);
        Ok(Keys {
            pool,
            index,
            clock,
            changing: Arc::default(),
        })
    }

    /// Makes a key and shows its plain form, once. Fails when the name is taken or unfit.
    pub async fn create(&self, new: NewKey) -> Result<Created, StoreError> {
        check(&new)?;
        let _changing = self.changing.lock().await;
        if self.index.keys().iter().any(|key| key.name == new.name) {
            return Err(StoreError::NameTaken(new.name));
        }
        let plain = plain::mint(new.role)?;
        let hash = self.index.hash(&plain);
        let key = Key {
            id: format!("key_{}", plain::random(12)?),
            name: new.name,
            role: new.role,
            models: new.models,
            project: new.project,
            disabled: false,
            created_at_s: self.clock.now_s(),
            hint: plain::hint(&plain),
            declared: false,
        };
        sqlx::query(
            "INSERT INTO keys (id, name, role, models, project, created_at_s, hint, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&key.id)
        .bind(&key.name)
        .bind(key.role.as_str())
        .bind(serde_json::Value::from(key.models.clone()).to_string())
        .bind(&key.project)
        .bind(key.created_at_s)
        .bind(&key.hint)
        .bind(hash.as_slice())
        .execute(&self.pool)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(reason) if reason.is_unique_violation() => StoreError::NameTaken(key.name.clone()),
            _ => error.into(),
        })?;
        self.index.put(&[(hash, Arc::new(key.clone()))]);
        Ok(Created { plain, key })
    }

    /// All keys, stored and declared, by name.
    pub async fn list(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys: Vec<Key> = self
            .index
            .keys()
            .iter()
            .map(|key| Key::clone(key))
            .collect();
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(keys)
    }

    /// Refuses the key from now on. Disabling twice is no error.
    pub async fn disable(&self, name_or_id: &str) -> Result<Key, StoreError> {
        self.set_disabled(name_or_id, true).await
    }

    /// Lets a disabled key in again.
    pub async fn enable(&self, name_or_id: &str) -> Result<Key, StoreError> {
        self.set_disabled(name_or_id, false).await
    }

    async fn set_disabled(&self, name_or_id: &str, disabled: bool) -> Result<Key, StoreError> {
        let _changing = self.changing.lock().await;
        let row =
            sqlx::query("UPDATE keys SET disabled = ?1 WHERE name = ?2 OR id = ?2 RETURNING *")
                .bind(disabled)
                .bind(name_or_id)
                .fetch_optional(&self.pool)
                .await?;
        let Some(row) = row else {
            let named = |key: &Arc<Key>| key.name == name_or_id || key.id == name_or_id;
            return Err(match self.index.keys().iter().any(named) {
                true => StoreError::Declared(name_or_id.into()),
                false => StoreError::NoSuchKey(name_or_id.into()),
            });
        };
        let (hash, key) = read(&row)?;
        self.index.put(&[(hash, key.clone())]);
        Ok(Key::clone(&key))
    }

    /// Whether there is no admin key yet.
    pub(crate) fn lacks_admin(&self) -> bool {
        self.index
            .keys()
            .iter()
            .all(|key| key.role != KeyRole::Admin)
    }
}

/// Refuses names that a person would take for something else.
fn check(new: &NewKey) -> Result<(), StoreError> {
    let len = new.name.chars().count();
    if !(1..=100).contains(&len) || new.name.chars().any(char::is_control) {
        return Err(StoreError::BadKey(
            "a key's name has 1 to 100 printable characters",
        ));
    }
    if new.name.starts_with("key_") || new.name.starts_with("sk-") {
        return Err(StoreError::BadKey(
            "a key's name must not look like an id or a key",
        ));
    }
    if new.models.is_empty() {
        return Err(StoreError::BadKey(
            "a key needs at least one model; `*` allows all",
        ));
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<(Hash, Arc<Key>), sqlx::Error> {
    let hash: &[u8] = row.try_get("hash")?;
    let models: &str = row.try_get("models")?;
    let key = Key {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: match row.try_get("role")? {
            "admin" => KeyRole::Admin,
            _ => KeyRole::Virtual,
        },
        models: serde_json::from_str(models).map_err(|error| sqlx::Error::Decode(error.into()))?,
        project: row.try_get("project")?,
        disabled: row.try_get("disabled")?,
        created_at_s: row.try_get("created_at_s")?,
        hint: row.try_get("hint")?,
        declared: false,
    };
    let hash = hash
        .try_into()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok((hash, Arc::new(key)))
}
