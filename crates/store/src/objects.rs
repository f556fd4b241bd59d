//! Whose the files, batches and the like are that were made through Weir, and which batches are
//! billed. A vendor's account is shared by all tenants, so its lists have to be parted by this. SQL:
//! asked only by calls that are about such objects, and never for long.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::time::timeout;

use crate::{Clock, StoreError};

/// The longest that a call waits.
const PATIENCE: Duration = Duration::from_millis(250);

/// Most objects in one question.
const MOST: usize = 1000;

/// What is known of objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    pool: SqlitePool,
    clock: Clock,
}

/// An object at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The vendor's id.
    pub id: String,
    /// The batch whose output it is, for a file.
    pub batch: Option<String>,
}

impl Objects {
    pub(crate) fn new(pool: SqlitePool, clock: Clock) -> Objects {
        Objects { pool, clock }
    }

    /// Notes that objects belong to a tenant. What is known stays; only a batch is added to it.
    ///
    /// # Errors
    /// When the database fails, or takes longer than a call may wait.
    pub async fn keep(
        &self,
        provider: &str,
        tenant: &str,
        objects: &[Object],
    ) -> Result<(), StoreError> {
        for object in objects.iter().take(MOST) {
            let insert = sqlx::query(
                "INSERT INTO objects (provider, id, tenant, batch, made_at_s) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT DO UPDATE SET batch = coalesce(batch, excluded.batch)",
            )
            .bind(provider)
            .bind(&object.id)
            .bind(tenant)
            .bind(&object.batch)
            .bind(self.clock.now_s());
            in_time(insert.execute(&self.pool)).await?;
        }
        Ok(())
    }

    /// Which of some objects belong to a tenant.
    ///
    /// # Errors
    /// As [`Objects::keep`].
    pub async fn owned(
        &self,
        provider: &str,
        tenant: &str,
        ids: &[String],
    ) -> Result<HashSet<String>, StoreError> {
        let ids = serde_json::to_string(&ids[..ids.len().min(MOST)]).unwrap_or_default();
        let rows = sqlx::query_scalar(
            "SELECT id FROM objects \
             WHERE provider = ? AND tenant = ? AND id IN (SELECT value FROM json_each(?))",
        )
        .bind(provider)
        .bind(tenant)
        .bind(ids);
        let owned: Vec<String> = in_time(rows.fetch_all(&self.pool)).await?;
        Ok(owned.into_iter().collect())
    }

    /// The batch whose output a file is.
    ///
    /// # Errors
    /// As [`Objects::keep`].
    pub async fn batch_of(&self, provider: &str, file: &str) -> Result<Option<String>, StoreError> {
        let batch = sqlx::query_scalar("SELECT batch FROM objects WHERE provider = ? AND id = ?")
            .bind(provider)
            .bind(file);
        let found: Option<Option<String>> = in_time(batch.fetch_optional(&self.pool)).await?;
        Ok(found.flatten())
    }

    /// Forgets an object that was deleted.
    ///
    /// # Errors
    /// As [`Objects::keep`].
    pub async fn forget(&self, provider: &str, id: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM objects WHERE provider = ? AND id = ?")
            .bind(provider)
            .bind(id);
        in_time(gone.execute(&self.pool)).await?;
        Ok(())
    }

    /// Marks a batch as billed; false when it was before. Whoever gets true writes its row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bill(&self, provider: &str, batch: &str) -> Result<bool, StoreError> {
        let claimed = sqlx::query(
            "INSERT INTO billed_batches (provider, batch) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(provider)
        .bind(batch)
        .execute(&self.pool)
        .await?;
        Ok(claimed.rows_affected() == 1)
    }
}

async fn in_time<T>(query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let late = |_| sqlx::Error::PoolTimedOut;
    Ok(timeout(PATIENCE, query).await.map_err(late)??)
}
