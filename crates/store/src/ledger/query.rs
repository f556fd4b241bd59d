//! What the ledger tells.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use weir_model::{Money, Priced, Usage};

use super::Ledger;
use crate::StoreError;

/// A call, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counts up in the order of settling.
    pub seq: i64,
    /// The request's id.
    pub id: String,
    /// In nanoseconds since the Unix epoch.
    pub opened_at_nanos: i64,
    /// In nanoseconds since the Unix epoch; for a lost call, when that was found out.
    pub settled_at_nanos: i64,
    /// Who called.
    pub caller: Caller,
    /// What was asked.
    pub question: Question,
    /// How it went.
    pub answer: Answer,
    /// Tokens.
    pub usage: Usage,
    /// Whether usage and cost are estimates.
    pub estimated: bool,
    /// What it cost.
    pub cost: Priced,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Public id of the key.
    pub key_id: String,
    /// Name of the key, then.
    pub key_name: String,
    /// Who pays.
    pub project: Option<String>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The public model name.
    pub model: String,
    /// As in `chat`.
    pub operation: String,
    /// The client's dialect.
    pub dialect: String,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// How a call went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The deployment that answered last; empty when none was tried.
    pub target: String,
    /// The model's name there.
    pub upstream_model: String,
    /// HTTP status that the client saw; 0 for a lost call.
    pub status: u16,
    /// `ok`, `failed`, `cancelled`, `cut`, or `lost` when the process died in mid-call.
    pub outcome: String,
    /// Finish reason of the first choice.
    pub finish: Option<String>,
    /// Kind of the rejection, if it ended in one.
    pub error_kind: Option<String>,
    /// Upstream requests made.
    pub attempts: u32,
    /// How many things the translation could not carry.
    pub losses: u32,
    /// Microseconds to the first token.
    pub first_token_us: Option<u64>,
    /// Microseconds in all.
    pub total_us: u64,
}

/// What a key used and cost, in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyTotals {
    /// Public id of the key.
    pub key_id: String,
    /// Calls, lost ones included.
    pub calls: u64,
    /// Calls without a known price, which `cost` leaves out.
    pub unpriced_calls: u64,
    /// All input.
    pub input_tokens: u64,
    /// All output.
    pub output_tokens: u64,
    /// Cost of the priced calls.
    pub cost: Money,
}

impl Ledger {
    /// The last `limit` calls, latest first.
    pub async fn recent(&self, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query("SELECT * FROM ledger ORDER BY seq DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// What each key used and cost, by id. Reads the whole ledger.
    pub async fn totals_by_key(&self) -> Result<Vec<KeyTotals>, StoreError> {
        let rows = sqlx::query(
            "SELECT key_id, count(*) AS calls, count(*) - count(cost_nano_usd) AS unpriced_calls, \
             sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, \
             coalesce(sum(cost_nano_usd), 0) AS cost_nano_usd \
             FROM ledger GROUP BY key_id ORDER BY key_id",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(totals).collect::<Result<_, _>>()?)
    }
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let cost: Option<i64> = row.try_get("cost_nano_usd")?;
    Ok(Entry {
        seq: row.try_get("seq")?,
        id: row.try_get("id")?,
        opened_at_nanos: row.try_get("opened_at_ns")?,
        settled_at_nanos: row.try_get("settled_at_ns")?,
        caller: Caller {
            key_id: row.try_get("key_id")?,
            key_name: row.try_get("key_name")?,
            project: row.try_get("project")?,
        },
        question: Question {
            model: row.try_get("model")?,
            operation: row.try_get("operation")?,
            dialect: row.try_get("dialect")?,
            stream: row.try_get("stream")?,
        },
        answer: Answer {
            target: row.try_get("target")?,
            upstream_model: row.try_get("upstream_model")?,
            status: row.try_get("status")?,
            outcome: row.try_get("outcome")?,
            finish: row.try_get("finish")?,
            error_kind: row.try_get("error_kind")?,
            attempts: row.try_get("attempts")?,
            losses: row.try_get("losses")?,
            first_token_us: row
                .try_get::<Option<i64>, _>("first_token_us")?
                .map(unsigned),
            total_us: count(row, "total_us")?,
        },
        usage: usage(row)?,
        estimated: row.try_get("estimated")?,
        cost: cost.map_or(Priced::Unpriced, |cost| {
            Priced::Known(Money::from_nano_usd(cost))
        }),
    })
}

fn usage(row: &SqliteRow) -> Result<Usage, sqlx::Error> {
    Ok(Usage {
        input_tokens: count(row, "input_tokens")?,
        cache_read_tokens: count(row, "cache_read_tokens")?,
        cache_write_tokens: count(row, "cache_write_tokens")?,
        cache_write_1h_tokens: count(row, "cache_write_1h_tokens")?,
        input_audio_tokens: count(row, "input_audio_tokens")?,
        output_tokens: count(row, "output_tokens")?,
        reasoning_tokens: count(row, "reasoning_tokens")?,
        output_audio_tokens: count(row, "output_audio_tokens")?,
        web_searches: count(row, "web_searches")?,
        images: count(row, "images")?,
        audio_ms: count(row, "audio_ms")?,
        characters: count(row, "characters")?,
    })
}

fn totals(row: &SqliteRow) -> Result<KeyTotals, sqlx::Error> {
    Ok(KeyTotals {
        key_id: row.try_get("key_id")?,
        calls: count(row, "calls")?,
        unpriced_calls: count(row, "unpriced_calls")?,
        input_tokens: count(row, "input_tokens")?,
        output_tokens: count(row, "output_tokens")?,
        cost: Money::from_nano_usd(row.try_get("cost_nano_usd")?),
    })
}

fn count(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get(column).map(unsigned)
}

/// Counts are stored as SQL's signed integers.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The same, the other way.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
