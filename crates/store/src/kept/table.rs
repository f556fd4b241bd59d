//! The cold face: the table of what is kept, its bodies encrypted.

use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::KeptOptions;
use super::memory::{Change, parts};
use crate::{Cipher, StoreError};

pub(super) struct Row {
    pub id: String,
    pub expires_at_s: i64,
    pub body: Vec<u8>,
}

/// The rows of these ids that have not expired.
pub(super) async fn read(
    pool: &SqlitePool,
    (tenant, kind): (&str, &str),
    ids: &[&str],
    now_s: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, expires_at_s, body FROM kept WHERE tenant = ? AND kind = ? \
         AND expires_at_s > ? AND id IN (SELECT value FROM json_each(?))",
    )
    .bind(tenant)
    .bind(kind)
    .bind(now_s)
    .bind(json(ids)?)
    .fetch_all(pool)
    .await?;
    let row = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Row {
            id: row.try_get(0)?,
            expires_at_s: row.try_get(1)?,
            body: row.try_get(2)?,
        })
    };
    rows.iter().map(row).collect()
}

/// Writes changes in their order, all or none.
pub(super) async fn write(
    pool: &SqlitePool,
    changes: &[Change],
    cipher: &Cipher,
) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await?;
    for change in changes {
        let Some([tenant, kind, id]) = parts(&change.key) else {
            continue;
        };
        let query = match &change.bytes {
            Some(bytes) => {
                let body = cipher.seal(bytes, &change.key)?;
                // In the place of the old one, with a new `seq`: it is the youngest again.
                let sql = "INSERT OR REPLACE INTO kept (tenant, kind, id, expires_at_s, bytes, body) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
                let named = sqlx::query(sql).bind(tenant).bind(kind).bind(id);
                named.bind(change.expires_at_s).bind(bytes).bind(body)
            }
            None => sqlx::query("DELETE FROM kept WHERE tenant = ?1 AND kind = ?2 AND id = ?3")
                .bind(tenant)
                .bind(kind)
                .bind(id),
        };
        query.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Removes what has expired, then of each tenant, and of all, the oldest beyond the bounds.
pub(super) async fn sweep(
    pool: &SqlitePool,
    now_s: i64,
    options: &KeptOptions,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM kept WHERE expires_at_s <= ?")
        .bind(now_s)
        .execute(pool)
        .await?;
    let bound = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    sqlx::query(
        "DELETE FROM kept WHERE seq IN (SELECT seq FROM (SELECT seq, \
         SUM(bytes) OVER (PARTITION BY tenant ORDER BY seq DESC) AS of_tenant, \
         SUM(bytes) OVER (ORDER BY seq DESC) AS of_all FROM kept) \
         WHERE of_tenant > ?1 OR of_all > ?2)",
    )
    .bind(bound(options.max_tenant_bytes))
    .bind(bound(options.max_bytes))
    .execute(pool)
    .await?;
    Ok(())
}

fn json(value: impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(&value).map_err(|error| sqlx::Error::Encode(error.into()))
}
