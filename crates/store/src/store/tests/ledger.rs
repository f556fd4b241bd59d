//! The ledger in every kind of store: every call once, also after a crash.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::task::{Context, Waker};

use proptest::prelude::*;

use super::*;
use crate::{Answer, Caller, Entry, KeyTotals, Question};

/// All entries, oldest first.
async fn entries(store: &Store) -> Vec<Entry> {
    let mut entries = store.ledger().recent(u32::MAX).await.unwrap();
    entries.reverse();
    entries
}

async fn ids(store: &Store) -> Vec<String> {
    entries(store)
        .await
        .into_iter()
        .map(|entry| entry.id)
        .collect()
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub(super) async fn a_call_is_recorded_whole(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    let call = open_call(&writer, "r1", 99);
    let usage = Usage {
        input_tokens: 1,
        cache_read_tokens: 2,
        cache_write_tokens: 3,
        cache_write_1h_tokens: 4,
        input_audio_tokens: 5,
        output_tokens: 6,
        reasoning_tokens: 7,
        output_audio_tokens: 8,
        web_searches: 9,
        images: 10,
        audio_ms: 11,
        characters: 12,
    };
    let ended = Settled {
        status: 502,
        outcome: "cut",
        usage,
        usage_estimated: true,
        finish: Some("length"),
        attempts: 3,
        losses: 2,
        error_kind: Some("upstream"),
        ..settled(42)
    };
    writer.settled(&call, &ended).unwrap();
    store.ledger().drain().await.unwrap();
    let expected = Entry {
        seq: 1,
        id: "r1".into(),
        opened_at_nanos: NOW - 7,
        settled_at_nanos: NOW - 3,
        caller: Caller {
            key_id: "key_1".into(),
            key_name: "ci".into(),
            project: Some("tests".into()),
        },
        question: Question {
            model: "fast".into(),
            operation: "chat".into(),
            dialect: "openai_chat".into(),
            stream: true,
        },
        answer: Answer {
            target: "openai/gpt".into(),
            upstream_model: "gpt".into(),
            status: 502,
            outcome: "cut".into(),
            finish: Some("length".into()),
            error_kind: Some("upstream".into()),
            attempts: 3,
            losses: 2,
            first_token_us: Some(11),
            total_us: 12,
        },
        usage,
        estimated: true,
        cost: Priced::Known(Money::from_nano_usd(42)),
    };
    assert_eq!(entries(&store).await, [expected]);
}

pub(super) async fn what_has_no_price_is_not_counted_as_free(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    let call = open_call(&writer, "r1", 1);
    let unpriced = Settled {
        cost: Priced::Unpriced,
        ..settled(10)
    };
    writer.settled(&call, &unpriced).unwrap();
    open_call(&writer, "r2", 1);
    settle_call(&writer, "r2", 5);
    store.ledger().drain().await.unwrap();
    assert_eq!(entries(&store).await[0].cost, Priced::Unpriced);
    let expected = KeyTotals {
        key_id: "key_1".into(),
        calls: 2,
        unpriced_calls: 1,
        input_tokens: 15,
        output_tokens: 4,
        cost: Money::from_nano_usd(5),
    };
    assert_eq!(store.ledger().totals_by_key().await.unwrap(), [expected]);
}

pub(super) async fn each_call_is_recorded_once_over_restarts(home: fn() -> Home) {
    let home = home();
    for start in 0..3 {
        let store = home.open().await;
        let writer = store.journal().writer().unwrap();
        for call in 0..3 {
            let id = format!("r{start}{call}");
            open_call(&writer, &id, 1);
            settle_call(&writer, &id, 1);
            store.ledger().drain().await.unwrap();
        }
    }
    let store = home.open().await;
    store.ledger().drain().await.unwrap();
    let expected = [
        "r00", "r01", "r02", "r10", "r11", "r12", "r20", "r21", "r22",
    ];
    assert_eq!(ids(&store).await, expected);
}

pub(super) async fn a_failed_transaction_leaves_nothing_behind(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    for id in ["r1", "r2", "r3", "r4"] {
        open_call(&writer, id, 1);
        settle_call(&writer, id, 1);
    }
    open_call(&writer, "open", 1);
    home.sabotage(true).await;
    store.ledger().drain().await.unwrap_err();
    store.ledger().drain().await.unwrap_err();
    assert_eq!(entries(&store).await, []);
    home.sabotage(false).await;
    store.ledger().drain().await.unwrap();
    settle_call(&writer, "open", 1);
    store.ledger().drain().await.unwrap();
    assert_eq!(ids(&store).await, ["r1", "r2", "r3", "r4", "open"]);
}

/// A pass may be dropped at any of its awaits: the next one starts from the database.
pub(super) async fn a_dropped_pass_leaves_nothing_behind(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    let mut expected = HashSet::new();
    for polls in 0..40 {
        let id = format!("r{polls}");
        open_call(&writer, &id, 1);
        open_call(&writer, &format!("open{polls}"), 1);
        settle_call(&writer, &id, 1);
        expected.insert(id);
        {
            let mut pass = pin!(store.ledger().drain());
            for _ in 0..polls {
                // Yields in between, so that the database gets on with what it was told.
                let mut cx = Context::from_waker(Waker::noop());
                if pass.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
                std::thread::yield_now();
                tokio::task::yield_now().await;
            }
        }
    }
    store.ledger().drain().await.unwrap();
    let ids = ids(&store).await;
    assert_eq!(ids.len(), expected.len());
    assert_eq!(HashSet::from_iter(ids), expected);
}

/// Two that read the same journal would record calls twice; the slower one notices and starts over.
pub(super) async fn a_stale_reader_is_told(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    let stale = Ledger::new(
        store.pool.clone(),
        store.journal.clone(),
        home.clock.clone(),
    );
    for id in ["r1", "r2"] {
        stale.drain().await.unwrap();
        open_call(&writer, id, 1);
        settle_call(&writer, id, 1);
        store.ledger().drain().await.unwrap();
        let error = stale.drain().await.unwrap_err();
        assert!(matches!(error, StoreError::Overtaken), "{error}");
    }
    stale.drain().await.unwrap();
    assert_eq!(ids(&store).await, ["r1", "r2"]);
}

pub(super) async fn lost_calls_are_charged_their_estimate(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    open_call(&writer, "kept", 70);
    store.ledger().drain().await.unwrap();
    open_call(&writer, "fresh", 71);
    assert_eq!(entries(&store).await, [], "both are in flight");
    drop((store, writer));

    home.clock.set(NOW + 5);
    for _ in 0..2 {
        let store = home.open().await;
        store.ledger().drain().await.unwrap();
        let lost = entries(&store).await;
        let mut charged: Vec<_> = lost.iter().map(|entry| (&*entry.id, entry.cost)).collect();
        charged.sort_by_key(|(id, _)| *id);
        let nano = |nano| Priced::Known(Money::from_nano_usd(nano));
        assert_eq!(charged, [("fresh", nano(71)), ("kept", nano(70))]);
        for entry in &lost {
            assert!(entry.estimated && entry.answer.outcome == "lost" && entry.answer.status == 0);
            assert_eq!(
                (entry.opened_at_nanos, entry.settled_at_nanos),
                (NOW - 7, NOW + 5)
            );
            assert_eq!(entry.caller.key_name, "ci");
            assert!(entry.usage.input_tokens >= 70);
        }
        assert_eq!(home.segments(), Vec::<PathBuf>::new());
    }
}

pub(super) async fn calls_in_flight_are_settled_later(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writers = [(); 2].map(|()| store.journal().writer().unwrap());
    open_call(&writers[0], "one", 1);
    open_call(&writers[1], "two", 1);
    store.ledger().drain().await.unwrap();
    settle_call(&writers[1], "two", 1);
    settle_call(&writers[0], "one", 1);
    drop(writers);
    drop(store);

    let store = home.open().await;
    store.ledger().drain().await.unwrap();
    let entries = entries(&store).await;
    let settled: Vec<_> = entries
        .iter()
        .map(|e| (&*e.id, &*e.answer.outcome))
        .collect();
    assert_eq!(settled, [("one", "ok"), ("two", "ok")]);
}

pub(super) async fn an_end_without_its_opening_is_still_recorded(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    settle_call(&store.journal().writer().unwrap(), "r1", 5);
    store.ledger().drain().await.unwrap();
    let entry = entries(&store).await.remove(0);
    assert_eq!((&*entry.id, &*entry.caller.key_id), ("r1", "key_1"));
    assert_eq!(entry.cost, Priced::Known(Money::from_nano_usd(5)));
}

pub(super) async fn read_segments_are_removed(home: fn() -> Home) {
    let home = Home {
        max_segment_bytes: 2_000,
        ..home()
    };
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    open_call(&writer, "long", 1);
    for call in 0..50 {
        open_call(&writer, &call.to_string(), 1);
        settle_call(&writer, &call.to_string(), 1);
    }
    let before = home.segments();
    assert!(before.len() > 5);
    store.ledger().drain().await.unwrap();
    assert_eq!(
        home.segments(),
        before[before.len() - 1..],
        "only the one being written stays"
    );
    settle_call(&writer, "long", 1);
    drop((store, writer));

    let store = home.open().await;
    store.ledger().drain().await.unwrap();
    assert_eq!(home.segments(), Vec::<PathBuf>::new());
    assert_eq!(entries(&store).await.len(), 51);
    assert!(
        entries(&store)
            .await
            .iter()
            .all(|entry| entry.answer.outcome == "ok")
    );
}

pub(super) async fn torn_lines_are_counted_and_skipped(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    open_call(&writer, "r1", 3);
    append(&home.segments()[0], "\0\0\0 not a line\n");
    settle_call(&writer, "r1", 4);
    open_call(&writer, "r2", 5);
    append(&home.segments()[0], "[\"settled\",\"r2\",[\"key_1");
    drop((store, writer));

    let store = home.open().await;
    store.ledger().drain().await.unwrap();
    assert_eq!(store.ledger().torn_lines(), 2);
    let entries = entries(&store).await;
    let outcomes: Vec<_> = entries
        .iter()
        .map(|e| (&*e.id, &*e.answer.outcome))
        .collect();
    assert_eq!(outcomes, [("r1", "ok"), ("r2", "lost")]);
    assert_eq!(home.segments(), Vec::<PathBuf>::new());
}

pub(super) async fn a_line_in_the_making_is_waited_for(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    open_call(&writer, "r1", 3);
    let line = "[\"settled\",\"r1\",[\"\",\"\",\"\",\"m\",\"chat\",\"openai_chat\",false],\
         [\"\",\"\",200,\"ok\",\"\",\"\"],[1,2,0,0,null,9,0,0,0,0,0,0,0,0,0,0,null]]\n";
    let (start, end) = line.split_at(30);
    append(&home.segments()[0], start);
    store.ledger().drain().await.unwrap();
    append(&home.segments()[0], end);
    store.ledger().drain().await.unwrap();
    assert_eq!(store.ledger().torn_lines(), 0);
    assert_eq!(ids(&store).await, ["r1"]);
}

pub(super) async fn following_fills_the_ledger_and_ends(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    let ledger = store.ledger().clone();
    let work = async {
        for id in ["r1", "r2"] {
            open_call(&writer, id, 1);
            settle_call(&writer, id, 1);
            while !ids(&store).await.contains(&id.to_owned()) {
                tokio::task::yield_now().await;
            }
        }
        store.close().await.unwrap();
    };
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    tokio::join!(sendable(ledger.follow()), work);
}

pub(super) async fn a_large_backlog_fits(home: fn() -> Home) {
    let home = Home {
        max_segment_bytes: 200_000,
        ..home()
    };
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    for call in 0..2_500 {
        open_call(&writer, &format!("r{call}"), 1);
        settle_call(&writer, &format!("r{call}"), 1);
    }
    store.ledger().drain().await.unwrap();
    assert_eq!(
        store.ledger().totals_by_key().await.unwrap()[0].calls,
        2_500
    );
}

#[derive(Clone, Debug)]
enum Step {
    Open {
        writer: usize,
        estimate: u32,
    },
    Settle {
        call: prop::sample::Index,
        cost: u32,
    },
    Drain,
    Crash {
        torn: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..2_usize, 1..1000_u32).prop_map(|(writer, estimate)| Step::Open { writer, estimate }),
        4 => (any::<prop::sample::Index>(), 1..1000_u32)
            .prop_map(|(call, cost)| Step::Settle { call, cost }),
        2 => Just(Step::Drain),
        1 => any::<bool>().prop_map(|torn| Step::Crash { torn }),
    ];
    prop::collection::vec(step, 1..60)
}

/// What the ledger holds in the end is what was settled and the estimates of what was lost.
pub(super) async fn any_interleaving_adds_up(home: fn() -> Home) {
    let run = move || {
        let config = ProptestConfig {
            cases: 24,
            ..ProptestConfig::default()
        };
        proptest!(config, |(steps in steps())| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let home = Home { max_segment_bytes: 600, ..home() };
            let (expected, actual) = runtime.unwrap().block_on(interleave(&home, &steps));
            prop_assert_eq!(expected, actual);
        });
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

/// Calls and nano-USD: expected, and in the ledger.
async fn interleave(home: &Home, steps: &[Step]) -> ((u64, i64), (u64, i64)) {
    let mut store = home.open().await;
    let start = |store: &Store| {
        [
            store.journal().writer().unwrap(),
            store.journal().writer().unwrap(),
        ]
    };
    let mut writers = start(&store);
    let mut in_flight: Vec<(usize, String, u32)> = Vec::new();
    let (mut calls, mut nano_usd) = (0, 0);
    for step in steps
        .iter()
        .chain([&Step::Crash { torn: false }, &Step::Drain])
    {
        match step {
            Step::Open { writer, estimate } => {
                let id = format!("r{calls}");
                open_call(&writers[*writer], &id, *estimate);
                in_flight.push((*writer, id, *estimate));
                calls += 1;
            }
            Step::Settle { call, cost } if !in_flight.is_empty() => {
                let (writer, id, _) = in_flight.remove(call.index(in_flight.len()));
                settle_call(&writers[writer], &id, *cost);
                nano_usd += i64::from(*cost);
            }
            Step::Settle { .. } => {}
            Step::Drain => store.ledger().drain().await.unwrap(),
            Step::Crash { torn } => {
                nano_usd += in_flight
                    .drain(..)
                    .map(|(.., estimate)| i64::from(estimate))
                    .sum::<i64>();
                if let Some(last) = home.segments().last().filter(|_| *torn) {
                    append(last, "[\"opened\",\"never\",[\"key_1\"");
                }
                drop((store, writers));
                store = home.open().await;
                writers = start(&store);
            }
        }
    }
    let totals = store.ledger().totals_by_key().await.unwrap();
    let actual = totals
        .first()
        .map_or((0, 0), |totals| (totals.calls, totals.cost.nano_usd()));
    ((calls, nano_usd), actual)
}
