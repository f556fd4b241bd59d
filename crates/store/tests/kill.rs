//! A process that is killed in the middle of its calls loses none that it settled. Without the
//! test harness, because the killed process is this program itself.

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use weir_model::{Money, Priced, Usage};
use weir_store::{Clock, KeptOptions, Opened, Secret, Settled, Store, StoreOptions, Sync};

type Outcome = Result<(), Box<dyn Error>>;

/// Killed after this many calls.
const CALLS: usize = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    // The harness' own arguments all start with a dash.
    match env::args()
        .nth(1)
        .filter(|argument| !argument.starts_with('-'))
    {
        Some(dir) => call_until_killed(Path::new(&dir)).await,
        None => kill_and_count().await,
    }
}

fn options(dir: &Path) -> Result<StoreOptions, Box<dyn Error>> {
    Ok(StoreOptions {
        database: format!("sqlite:{}", dir.join("weir.db").display()),
        journal_dir: dir.join("weir.journal"),
        secret: Secret::from_text("a secret that is long enough for a test")?,
        sync: Sync::OsBuffered,
        kept: KeptOptions::default(),
        clock: Clock::system(),
    })
}

/// Makes calls without end, three of four settled, and prints the id of each after it.
async fn call_until_killed(dir: &Path) -> Outcome {
    let store = Store::open(options(dir)?).await?;
    let writer = store.journal().writer()?;
    let mut out = std::io::stdout();
    for call in 0_u64.. {
        let id = call.to_string();
        let opened = writer.opened(&Opened {
            id: &id,
            at_nanos: 0,
            key_id: "key_1",
            key_name: "ci",
            project: None,
            model: "fast",
            operation: "chat",
            dialect: "openai_chat",
            estimate_nano_usd: Some(1000),
            estimate_input_tokens: 1,
            stream: false,
        })?;
        if !call.is_multiple_of(4) {
            let settled = Settled {
                at_nanos: 1,
                status: 200,
                outcome: "ok",
                target: "",
                upstream_model: "",
                usage: Usage::default(),
                usage_estimated: false,
                cost: Priced::Known(Money::from_nano_usd(1)),
                finish: None,
                attempts: 1,
                losses: 0,
                first_token_us: None,
                total_us: 1,
                error_kind: None,
            };
            writer.settled(&opened, &settled)?;
        }
        writeln!(out, "{id}")?;
        if call % 100 == 99 {
            store.ledger().drain().await?;
        }
    }
    Ok(())
}

async fn kill_and_count() -> Outcome {
    let dir = tempfile::tempdir()?;
    let mut child = Command::new(env::current_exe()?)
        .arg(dir.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("a child without stdout")?;
    let mut lines = BufReader::new(out).lines();
    let mut done: Vec<String> = lines.by_ref().take(CALLS).collect::<Result<_, _>>()?;
    child.kill()?;
    child.wait()?;
    done.extend(lines.collect::<Result<Vec<_>, _>>()?);

    for _ in 0..2 {
        let store = Store::open(options(dir.path())?).await?;
        store.ledger().drain().await?;
        let entries = store.ledger().recent(u32::MAX).await?;
        let ids: HashSet<&str> = entries.iter().map(|entry| &*entry.id).collect();
        assert_eq!(ids.len(), entries.len(), "each call is recorded once");
        assert!(done.len() >= CALLS && done.iter().all(|id| ids.contains(&**id)));
        // The last call may have been opened and not settled when the end came.
        assert!(entries.len() <= done.len() + 1, "no call is invented");
        for entry in &entries {
            let is_last = entry.id == done.len().to_string();
            let call: u64 = entry.id.parse()?;
            let expected = if call.is_multiple_of(4) {
                ("lost", 1000)
            } else {
                ("ok", 1)
            };
            let cost = match entry.cost {
                Priced::Known(cost) => cost.nano_usd(),
                Priced::Unpriced => -1,
            };
            assert!(
                is_last || (&*entry.answer.outcome, cost) == expected,
                "{entry:?}"
            );
        }
        store.close().await?;
    }
    Ok(())
}
