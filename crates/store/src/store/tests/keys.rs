//! Keys in every kind of store.

use super::*;
use crate::{DeclaredKey, KeyRole, NewKey, Unfound};

fn new(name: &str, role: KeyRole) -> NewKey {
    NewKey {
        name: name.into(),
        role,
        models: vec!["gpt-*".into()],
        project: Some("web".into()),
    }
}

fn declared(name: &str, value: &str) -> DeclaredKey {
    let models = vec!["*".into()];
    DeclaredKey {
        name: name.into(),
        value: value.into(),
        models,
        project: None,
    }
}

pub(super) async fn a_key_opens_over_restarts(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    assert!(store.first_start());
    let index = store.index().clone();
    let admin = store
        .keys()
        .create(new("root", KeyRole::Admin))
        .await
        .unwrap();
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    assert!(admin.plain.starts_with("sk-weir-admin-"));
    assert!(made.plain.starts_with("sk-weir-") && made.plain.ends_with(&made.key.hint));
    assert_eq!(made.key.created_at_s, NOW / 1_000_000_000);
    assert_eq!(*index.find(&made.plain).unwrap(), made.key);
    assert_eq!(
        store.keys().list().await.unwrap(),
        [made.key.clone(), admin.key.clone()]
    );
    drop(store);

    let store = home.open().await;
    assert!(!store.first_start());
    assert_eq!(*store.index().find(&made.plain).unwrap(), made.key);
    assert_eq!(*store.index().find(&admin.plain).unwrap(), admin.key);
}

pub(super) async fn a_refusal_is_explained(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    let cut = &made.plain[..made.plain.len() - 2];
    for (presented, why) in [
        (cut, Unfound::Mistyped),
        ("sk-proj-123", Unfound::Unknown),
        ("", Unfound::Unknown),
        (&*"x".repeat(10_000), Unfound::Unknown),
    ] {
        assert!(store.index().find(presented).is_none());
        assert_eq!(store.index().why_not(presented), why);
    }
}

pub(super) async fn disabling_acts_at_once_and_lasts(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let index = store.index().clone();
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    assert!(store.keys().disable("app").await.unwrap().disabled);
    assert!(index.find(&made.plain).is_none());
    assert_eq!(index.why_not(&made.plain), Unfound::Disabled);
    drop(store);

    let store = home.open().await;
    assert!(store.index().find(&made.plain).is_none());
    assert!(store.keys().list().await.unwrap()[0].disabled);
    store.keys().enable(&made.key.id).await.unwrap();
    assert_eq!(*store.index().find(&made.plain).unwrap(), made.key);
    let error = store.keys().disable("nobody").await.unwrap_err();
    assert!(matches!(error, StoreError::NoSuchKey(_)), "{error}");
}

pub(super) async fn names_are_unique_and_fit(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    let error = store
        .keys()
        .create(new("app", KeyRole::Admin))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NameTaken(_)), "{error}");
    for name in ["", "a\nb", "key_123", "sk-weir-x", &"x".repeat(101)] {
        let error = store
            .keys()
            .create(new(name, KeyRole::Virtual))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::BadKey(_)), "{name}: {error}");
    }
    let nothing = NewKey {
        models: vec![],
        ..new("none", KeyRole::Virtual)
    };
    assert!(matches!(
        store.keys().create(nothing).await,
        Err(StoreError::BadKey(_))
    ));
    assert_eq!(store.keys().list().await.unwrap().len(), 1);
}

pub(super) async fn declared_keys_follow_the_config(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let index = store.index();
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    index
        .set_declared(vec![declared("ci", "old value"), declared("gone", "x")])
        .unwrap();
    let ci = index.find("old value").unwrap();
    assert!(ci.declared && ci.name == "ci" && ci.hint == "alue" && ci.role == KeyRole::Virtual);
    assert_eq!(store.keys().list().await.unwrap().len(), 3);
    let error = store.keys().disable("ci").await.unwrap_err();
    assert!(matches!(error, StoreError::Declared(_)), "{error}");

    index
        .set_declared(vec![declared("ci", "new value")])
        .unwrap();
    assert!(index.find("old value").is_none() && index.find("x").is_none());
    assert!(index.find(&made.plain).is_some());
    drop(store);

    let store = home.open().await;
    assert!(
        store.index().find("new value").is_none(),
        "declared keys are not stored"
    );
    store
        .index()
        .set_declared(vec![declared("ci", "newest value")])
        .unwrap();
    assert_eq!(store.index().find("newest value").unwrap().id, ci.id);
}

pub(super) async fn stored_twins_of_declared_keys_are_refused(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let index = store.index();
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    index.set_declared(vec![declared("ci", "a")]).unwrap();
    for wrong in [
        vec![declared("app", "b")],
        vec![declared("twin", &made.plain)],
        vec![declared("one", "b"), declared("two", "b")],
        vec![declared("one", "b"), declared("one", "c")],
        vec![declared("empty", "")],
    ] {
        index.set_declared(wrong).unwrap_err();
    }
    assert_eq!(
        index.find("a").unwrap().name,
        "ci",
        "a refused list changes nothing"
    );
    assert!(index.find("b").is_none());
    assert_eq!(index.find(&made.plain).unwrap().name, "app");
    let error = store
        .keys()
        .create(new("ci", KeyRole::Virtual))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NameTaken(_)), "{error}");
}

pub(super) async fn plain_keys_are_not_kept(home: fn() -> Home) {
    let home = home();
    let store = home.open().await;
    let made = store
        .keys()
        .create(new("app", KeyRole::Virtual))
        .await
        .unwrap();
    assert!(!format!("{made:?}").contains(&made.plain));
    store.close().await.unwrap();
    let bytes = std::fs::read(home.database()).unwrap();
    let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
    assert!(holds(&made.key.id));
    assert!(!holds(&made.plain[8..]) && !holds(SECRET));
}
