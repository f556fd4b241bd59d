//! One suite for every backend: each case takes a function that makes a fresh home for a store,
//! and [`suite!`] runs all cases on one such function.

mod kept;
mod keys;
mod ledger;
mod whole;

use std::path::PathBuf;

use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use weir_model::{Money, Priced, Usage};

use super::*;
use crate::{JournalWriter, OpenCall, Opened, Settled};

const NOW: i64 = 1_800_000_000_000_000_000;
const SECRET: &str = "a secret that is long enough for a test";

/// Where a store lives between its openings.
struct Home {
    dir: TempDir,
    clock: Clock,
    max_segment_bytes: u64,
}

fn sqlite() -> Home {
    let dir = tempfile::tempdir().unwrap();
    Home {
        dir,
        clock: Clock::fixed(NOW),
        max_segment_bytes: 16 * 1024 * 1024,
    }
}

impl Home {
    fn options(&self) -> StoreOptions {
        StoreOptions {
            database: format!("sqlite:{}", self.database().display()),
            journal_dir: self.journal_dir(),
            secret: Secret::from_text(SECRET).unwrap(),
            sync: Sync::OsBuffered,
            kept: KeptOptions::default(),
            clock: self.clock.clone(),
        }
    }

    async fn open(&self) -> Store {
        let max_segment_bytes = self.max_segment_bytes;
        let journal = JournalOptions {
            sync: Sync::OsBuffered,
            max_segment_bytes,
        };
        Store::open_with(self.options(), journal).await.unwrap()
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("weir.db")
    }

    fn journal_dir(&self) -> PathBuf {
        self.dir.path().join("weir.journal")
    }

    /// The segments that are there, sorted.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.journal_dir()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "ndjson")
        });
        paths.sort();
        paths
    }

    /// Makes each transaction of the ledger fail after its rows were inserted, or no longer.
    async fn sabotage(&self, on: bool) {
        let sql = match on {
            true => {
                "CREATE TRIGGER sabotage AFTER INSERT ON calls WHEN NEW.seq % 3 = 0 \
                 BEGIN SELECT RAISE(ABORT, 'sabotage'); END"
            }
            false => "DROP TRIGGER sabotage",
        };
        let url = self.options().database;
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// A call with an estimate of `estimate` nano-USD and input tokens.
fn opened(id: &str, estimate: u32) -> Opened<'_> {
    Opened {
        id,
        at_nanos: NOW - 7,
        key_id: "key_1",
        key_name: "ci",
        project: Some("tests"),
        model: "fast",
        operation: "chat",
        dialect: "openai_chat",
        estimate_nano_usd: Some(estimate.into()),
        estimate_input_tokens: estimate.into(),
        stream: true,
    }
}

fn open_call(writer: &JournalWriter, id: &str, estimate: u32) -> OpenCall {
    writer.opened(&opened(id, estimate)).unwrap()
}

/// Settles a call at `cost` nano-USD and input tokens.
fn settle_call(writer: &JournalWriter, id: &str, cost: u32) {
    let call = OpenCall::new(&opened(id, 0)).unwrap();
    writer.settled(&call, &settled(cost)).unwrap();
}

fn settled(cost: u32) -> Settled<'static> {
    Settled {
        at_nanos: NOW - 3,
        status: 200,
        outcome: "ok",
        target: "openai/gpt",
        upstream_model: "gpt",
        usage: Usage {
            input_tokens: cost.into(),
            output_tokens: 2,
            ..Usage::default()
        },
        usage_estimated: false,
        cost: Priced::Known(Money::from_nano_usd(cost.into())),
        finish: Some("stop"),
        attempts: 1,
        losses: 0,
        first_token_us: Some(11),
        total_us: 12,
        error_kind: None,
    }
}

macro_rules! suite {
    ($backend:ident: $($module:ident { $($case:ident)* })*) => {
        mod $backend {
            $($(
                #[tokio::test]
                async fn $case() {
                    super::$module::$case(super::$backend).await;
                }
            )*)*
        }
    };
}

suite!(sqlite:
    keys {
        a_key_opens_over_restarts
        a_refusal_is_explained
        disabling_acts_at_once_and_lasts
        names_are_unique_and_fit
        declared_keys_follow_the_config
        stored_twins_of_declared_keys_are_refused
        plain_keys_are_not_kept
    }
    kept {
        what_is_kept_is_found_over_restarts
        another_process_finds_it_too
        what_rests_is_encrypted
        nobody_finds_what_is_anothers
        what_has_expired_is_gone
        what_is_forgotten_stays_forgotten
        the_oldest_make_room
        what_is_too_large_is_refused
        a_slow_database_is_not_waited_for
        what_could_not_be_written_is_tried_again
        following_writes_and_ends
        a_secret_may_follow_another
    }
    ledger {
        a_call_is_recorded_whole
        what_has_no_price_is_not_counted_as_free
        each_call_is_recorded_once_over_restarts
        a_failed_transaction_leaves_nothing_behind
        a_dropped_pass_leaves_nothing_behind
        a_stale_reader_is_told
        lost_calls_are_charged_their_estimate
        calls_in_flight_are_settled_later
        an_end_without_its_opening_is_still_recorded
        read_segments_are_removed
        torn_lines_are_counted_and_skipped
        a_line_in_the_making_is_waited_for
        following_fills_the_ledger_and_ends
        a_large_backlog_fits
        any_interleaving_adds_up
    }
    whole {
        files_are_for_their_owner_alone
        a_second_process_is_told
        another_secret_is_told
        other_databases_are_told
        closing_brings_in_what_is_left
    }
);
