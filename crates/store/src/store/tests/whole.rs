//! The store as a whole: its files, who may open them, and its end.

use std::os::unix::fs::PermissionsExt;

use super::*;

pub(super) async fn files_are_for_their_owner_alone(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let _writer = store.journal().writer().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.database()), 0o600);
    assert_eq!(mode(&home.journal_dir()), 0o700);
    assert_eq!(mode(&home.segments()[0]), 0o600);
}

pub(super) async fn a_second_process_is_told(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let elsewhere = StoreOptions {
        journal_dir: home.dir.path().join("other"),
        ..home.options()
    };
    for options in [home.options(), elsewhere] {
        let error = Store::open(options).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert!(error.to_string().contains("another running weir"));
    }
    drop(store);
    home.open().await;
}

pub(super) async fn another_secret_is_told(home: fn() -> Home) {
    let home = home();
    home.open().await.close().await.unwrap();
    let secret = Secret::from_text("another secret that is long enough").unwrap();
    let options = StoreOptions {
        secret,
        ..home.options()
    };
    let error = Store::open(options).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::SecretChanged), "{error}");
}

pub(super) async fn other_databases_are_told(home: fn() -> Home) {
    let home = home();
    for database in ["mysql://x", "weir.db", "sqlite:", "sqlite::memory:"] {
        let options = StoreOptions {
            database: database.into(),
            ..home.options()
        };
        let error = Store::open(options).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::UnknownDatabase(_)), "{error}");
    }
}

pub(super) async fn closing_brings_in_what_is_left(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let writer = store.journal().writer().unwrap();
    open_call(&writer, "r1", 1);
    settle_call(&writer, "r1", 2);
    drop(writer);
    store.close().await.unwrap();
    std::fs::remove_dir_all(home.journal_dir()).unwrap();
    assert_eq!(home.open().await.ledger().recent(9).await.unwrap().len(), 1);
}
