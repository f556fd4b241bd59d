//! What is kept between calls, in every kind of store.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{Found, Kept, KeyRole, NewKey, Piece};

const HOUR: Duration = Duration::from_secs(3600);
const KIND: &str = "reasoning";

fn of<'a>(tenant: &'a str, id: &'a str) -> Piece<'a> {
    let kind = KIND;
    Piece { tenant, kind, id }
}

fn bytes(text: &str) -> Bytes {
    text.to_owned().into()
}

/// What one id of the tenant `t` has.
async fn find(kept: &Kept, id: &str) -> Found {
    kept.find("t", KIND, &[id]).await.pop().unwrap()
}

fn found(text: &str) -> Found {
    Found::Bytes(bytes(text))
}

async fn count(store: &Store) -> i64 {
    let counting = sqlx::query_scalar("SELECT count(*) FROM kept");
    counting.fetch_one(&store.pool).await.unwrap()
}

pub(super) async fn what_is_kept_is_found_over_restarts(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    assert!(store.kept().put(of("t", "a"), bytes("1"), HOUR));
    assert!(store.kept().put(of("t", "b"), bytes("old"), HOUR));
    assert!(store.kept().put(of("t", "b"), bytes("2"), HOUR));
    let expected = vec![found("2"), Found::Nothing, found("1"), found("2")];
    let ids = ["b", "c", "a", "b"];
    assert_eq!(store.kept().find("t", KIND, &ids).await, expected);
    assert_eq!(count(&store).await, 0, "keeping waits for no database");
    store.close().await.unwrap();

    let store = home.open().await;
    assert_eq!(store.kept().find("t", KIND, &ids).await, expected);
    assert_eq!(count(&store).await, 2);
}

pub(super) async fn another_process_finds_it_too(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let pool = connect(&home.database()).await.unwrap();
    let secret = Secret::from_text(SECRET).unwrap();
    let other = Kept::new(pool, &secret, KeptOptions::default(), home.clock.clone());
    store.kept().put(of("t", "a"), bytes("1"), HOUR);
    assert_eq!(find(&other, "a").await, Found::Nothing);
    store.kept().write().await.unwrap();
    assert_eq!(find(&other, "a").await, found("1"));
}

pub(super) async fn what_rests_is_encrypted(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store
        .kept()
        .put(of("t", "the-id"), bytes("deep thoughts"), HOUR);
    store.close().await.unwrap();
    let file = std::fs::read(home.database()).unwrap();
    let holds = |text: &str| memchr::memmem::find(&file, text.as_bytes()).is_some();
    assert!(holds("the-id") && !holds("deep thoughts"));
}

pub(super) async fn nobody_finds_what_is_anothers(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store.kept().put(of("t", "a"), bytes("1"), HOUR);
    for (tenant, kind) in [("", KIND), ("u", KIND), ("t", "other")] {
        let found = store.kept().find(tenant, kind, &["a"]).await;
        assert_eq!(found, [Found::Nothing], "{tenant} {kind}");
    }
    // A name must not be read as another.
    let found = store.kept().find("t", KIND, &["a\0", "\0a"]).await;
    assert_eq!(found, [Found::Nothing, Found::Nothing]);
    store.kept().write().await.unwrap();
    let moving = sqlx::query("UPDATE kept SET tenant = 'u'");
    moving.execute(&store.pool).await.unwrap();
    let moved = store.kept().find("u", KIND, &["a"]).await;
    assert_eq!(moved, [Found::Nothing], "it is sealed to its name");
}

pub(super) async fn what_has_expired_is_gone(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store.kept().put(of("t", "a"), bytes("1"), HOUR);
    store.kept().put(of("t", "b"), bytes("2"), 2 * HOUR);
    store.kept().write().await.unwrap();
    home.clock.set(NOW + 3_600_000_000_000);
    assert_eq!(find(store.kept(), "a").await, Found::Nothing);
    assert_eq!(find(store.kept(), "b").await, found("2"));
    drop(store);

    let store = home.open().await;
    assert_eq!(find(store.kept(), "a").await, Found::Nothing);
    assert_eq!(find(store.kept(), "b").await, found("2"));
    store.kept().sweep().await.unwrap();
    assert_eq!(count(&store).await, 1);
}

pub(super) async fn what_is_forgotten_stays_forgotten(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store.kept().put(of("t", "a"), bytes("1"), HOUR);
    store.kept().write().await.unwrap();
    assert!(store.kept().forget(of("t", "a")));
    assert_eq!(find(store.kept(), "a").await, Found::Nothing);
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(find(store.kept(), "a").await, Found::Nothing);
    assert_eq!(count(&store).await, 0);
}

pub(super) async fn the_oldest_make_room(home: fn() -> Home) {
    let home = home();
    let mut options = home.options();
    options.kept.max_tenant_bytes = 3000;
    options.kept.max_bytes = 5000;
    let store = Store::open(options).await.unwrap();
    let kilobyte = bytes(&"x".repeat(1000 - 44));
    for (tenant, id) in [("t", "1"), ("t", "2"), ("u", "1"), ("t", "3"), ("t", "4")] {
        assert!(store.kept().put(of(tenant, id), kilobyte.clone(), HOUR));
    }
    let left = async || -> Vec<String> {
        store.kept().write().await.unwrap();
        store.kept().sweep().await.unwrap();
        let reading = sqlx::query_scalar("SELECT tenant || id FROM kept ORDER BY seq");
        reading.fetch_all(&store.pool).await.unwrap()
    };
    assert_eq!(left().await, ["t2", "u1", "t3", "t4"]);
    // Kept anew, it is the youngest.
    store.kept().put(of("t", "2"), kilobyte.clone(), HOUR);
    for tenant in ["v", "w"] {
        store.kept().put(of(tenant, "1"), kilobyte.clone(), HOUR);
    }
    assert_eq!(left().await, ["t3", "t4", "t2", "v1", "w1"]);
}

pub(super) async fn what_is_too_large_is_refused(home: fn() -> Home) {
    let home = home();
    let mut options = home.options();
    options.kept.max_entry_bytes = 1000;
    options.kept.memory_bytes = 5000;
    let store = Store::open(options).await.unwrap();
    let kept = store.kept();
    assert!(!kept.put(of("t", "a"), bytes(&"x".repeat(1001)), HOUR));
    assert!(!kept.put(of("t", &"i".repeat(513)), bytes("1"), HOUR));
    assert!(!kept.put(of("t", "a"), bytes("1"), Duration::ZERO));
    let kilobyte = bytes(&"x".repeat(1000));
    let full = (0..99).find(|n| !kept.put(of("t", &n.to_string()), kilobyte.clone(), HOUR));
    assert_eq!(full, Some(4), "what waits to be written is bounded");
    kept.write().await.unwrap();
    for n in 4..8 {
        assert!(kept.put(of("t", &n.to_string()), kilobyte.clone(), HOUR));
    }
    assert_eq!(find(kept, "0").await, Found::Bytes(kilobyte), "from SQL");
}

pub(super) async fn a_slow_database_is_not_waited_for(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store.kept().put(of("t", "b"), bytes("2"), HOUR);
    let one = store.pool.acquire().await.unwrap();
    let _other = store.pool.acquire().await.unwrap();
    let both = store.kept().find("t", KIND, &["a", "b"]).await;
    assert_eq!(both, [Found::Late, found("2")]);
    drop(one);
    assert_eq!(find(store.kept(), "a").await, Found::Nothing);
}

pub(super) async fn what_could_not_be_written_is_tried_again(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let sabotage = "CREATE TRIGGER sabotage BEFORE INSERT ON kept WHEN NEW.id = 'b' \
                    BEGIN SELECT RAISE(ABORT, 'sabotage'); END";
    sqlx::query(sabotage).execute(&store.pool).await.unwrap();
    for id in ["a", "b"] {
        store.kept().put(of("t", id), bytes(id), HOUR);
    }
    store.kept().write().await.unwrap_err();
    assert_eq!(count(&store).await, 0);
    let repair = sqlx::query("DROP TRIGGER sabotage");
    repair.execute(&store.pool).await.unwrap();
    store.kept().put(of("t", "c"), bytes("c"), HOUR);
    store.kept().write().await.unwrap();
    assert_eq!(count(&store).await, 3);
}

pub(super) async fn following_writes_and_ends(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let kept = store.kept().clone();
    let following = async {
        kept.follow().await;
    };
    let using = async {
        kept.put(of("t", "a"), bytes("1"), HOUR);
        while count(&store).await == 0 {
            tokio::task::yield_now().await;
        }
        store.pool.close().await;
        kept.put(of("t", "b"), bytes("2"), HOUR);
    };
    tokio::time::timeout(HOUR, async { tokio::join!(following, using) })
        .await
        .unwrap();
}

pub(super) async fn a_secret_may_follow_another(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store.kept().put(of("t", "a"), bytes("1"), HOUR);
    let sealed = store.cipher().seal(b"2", b"").unwrap();
    let new = NewKey {
        name: "app".into(),
        role: KeyRole::Virtual,
        models: vec!["*".into()],
        project: None,
    };
    let key = store.keys().create(new).await.unwrap();
    store.close().await.unwrap();
    let secret = Secret::from_text("another secret that is long enough").unwrap();
    let options = StoreOptions {
        secret: secret.after(vec![Secret::from_text(SECRET).unwrap()]),
        ..home.options()
    };
    let store = Store::open(options).await.unwrap();
    assert_eq!(find(store.kept(), "a").await, found("1"));
    assert_eq!(store.cipher().open(&sealed, b"").unwrap(), b"2");
    assert_eq!(*store.index().find(&key.plain).unwrap(), key.key);
}
