//! Seals hold for one key and one secret; thoughts find their places again, and leave them for targets
//! that are not their own.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weir_model::{Block, Content, Message, Request, Role, SEALED, ToolCall};
use weir_store::{
    Cipher, Clock, KeptOptions, Key, KeyRole, Piece, Secret, Store, StoreOptions, Sync,
};

use super::carried::{Carried, Target};
use super::seal::Unusable;
use super::*;
use crate::call::Caller;

fn secret(letter: &str) -> Secret {
    Secret::from_text(&letter.repeat(32)).unwrap()
}

fn sealer(secret: &Secret, key: &str) -> Sealer {
    let key = Key {
        id: key.to_owned(),
        name: key.to_owned(),
        role: KeyRole::Virtual,
        models: Vec::new(),
        project: None,
        disabled: false,
        created_at_s: 0,
        hint: String::new(),
        declared: true,
    };
    let cipher = Cipher::new(secret, "test");
    Sealer::new(&cipher, &Caller::Key(Arc::new(key)))
}

fn origin(deployment: &str) -> Origin {
    Origin {
        deployment: deployment.into(),
        dialect: "gemini".into(),
    }
}

fn signature(proof: &str) -> Proof {
    Proof::Signature(proof.to_owned())
}

proptest! {
    /// Whatever the lengths, a seal is base64 that needs no padding, and opens to what was sealed.
    #[test]
    fn seals_fit_everywhere(proof in ".{0,40}", deployment in "[a-z]{1,9}/[a-z]{1,9}") {
        let sealer = sealer(&secret("a"), "key_1");
        for proof in [Proof::Signature(proof.clone()), Proof::Redacted(proof)] {
            let sealed = sealer.seal(&origin(&deployment), proof.clone()).unwrap();
            let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            prop_assert!(sealed.len().is_multiple_of(4) && sealed.bytes().all(fits));
            prop_assert_eq!(sealer.open(&sealed), Ok((origin(&deployment), proof)));
        }
    }
}

#[test]
fn a_seal_holds_for_one_key_and_one_secret() {
    let mine = sealer(&secret("a"), "key_1");
    let seal = |proof| mine.seal(&origin("google/m"), proof).unwrap();
    let sealed = seal(signature("one"));
    let whole = sealed.clone() + &seal(signature("two"));
    assert_eq!(
        mine.open(&whole).unwrap().1,
        signature("onetwo"),
        "in pieces"
    );
    let theirs = sealer(&secret("a"), "key_2").open(&sealed);
    assert_eq!(theirs, Err(Unusable::Lost("it was given to another key")));
    let lost = sealer(&secret("b"), "key_1").open(&sealed);
    assert!(matches!(lost, Err(Unusable::Lost(why)) if why.contains("no longer known")));
    let later = secret("b").after(vec![secret("a")]);
    assert!(sealer(&later, "key_1").open(&sealed).is_ok());
    for forged in [
        SEALED,
        "weir1sigAAAA",
        "weir1sig!",
        &sealed[..sealed.len() - 4],
    ] {
        assert!(mine.open(forged).is_err(), "{forged}");
    }
    assert_eq!(
        mine.open(&sealed[..sealed.len() - 4]),
        Err(Unusable::Forged)
    );
    let mixed = sealed + &seal(Proof::Redacted("two".into()));
    assert_eq!(mine.open(&mixed), Err(Unusable::Forged));
}

fn thought(text: &str, proof: Option<&str>) -> Block {
    let (text, signature) = (text.to_owned(), proof.map(str::to_owned));
    Content::Reasoning { text, signature }.into()
}

fn call(id: &str) -> Block {
    let (id, name, arguments) = (id.to_owned(), "f".to_owned(), "{}".to_owned());
    Content::ToolCall(ToolCall {
        id,
        name,
        arguments,
    })
    .into()
}

fn request(blocks: Vec<Block>) -> Request {
    let (role, name) = (Role::Assistant, None);
    Request {
        messages: vec![Message { role, blocks, name }],
        ..Request::default()
    }
}

const HOME: Target<'static> = Target {
    provider: "google",
    dialect: "gemini",
};

#[test]
fn sealed_thoughts_stand_where_they_stood() {
    let sealer = sealer(&secret("a"), "key_1");
    let seal = |proof: &str| sealer.seal(&origin("google/m"), signature(proof)).unwrap();
    let mut asked = request(vec![
        thought("a", Some(&seal("1"))),
        Block::text("x"),
        thought("", Some(&seal("2"))),
        thought("own", Some("plain")),
        call("call_1"),
    ]);
    let mut carried = Carried::take(&mut asked, &sealer, b"{}").unwrap();
    assert_eq!(carried.home().as_deref(), Some("google/m"));
    let home = [
        thought("a", Some("1")),
        Block::text("x"),
        thought("", Some("2")),
        thought("own", Some("plain")),
        call("call_1"),
    ];
    let abroad = [
        thought("a", None),
        Block::text("x"),
        thought("own", Some("plain")),
        call("call_1"),
    ];
    for _ in 0..2 {
        assert!(carried.fit(&mut asked, HOME).is_empty());
        assert_eq!(asked.messages[0].blocks, home);
        for other in [
            Target {
                provider: "other",
                ..HOME
            },
            Target {
                dialect: "openai_chat",
                ..HOME
            },
        ] {
            assert_eq!(carried.fit(&mut asked, other).iter().count(), 2);
            assert_eq!(asked.messages[0].blocks, abroad);
        }
    }
}

async fn store(folder: &std::path::Path) -> Store {
    let options = StoreOptions {
        database: format!("sqlite:{}", folder.join("weir.db").display()),
        journal_dir: folder.join("journal"),
        secret: secret("a"),
        sync: Sync::OsBuffered,
        kept: KeptOptions::default(),
        clock: Clock::fixed(0),
    };
    Store::open(options).await.unwrap()
}

/// Keeps what was thought before a call: whether text stood before it, what, and its proof.
fn keep(store: &Store, id: &str, thoughts: &[(bool, &str, &str)]) {
    let thoughts = thoughts.iter().map(|(after_text, text, proof)| Thought {
        after_text: *after_text,
        text: (*text).to_owned(),
        proof: Some(signature(proof)),
    });
    let entry = Entry {
        origin: origin("google/m"),
        thoughts: thoughts.collect(),
    };
    let (tenant, kind) = ("key_1", KIND);
    let (piece, bytes) = (Piece { tenant, kind, id }, serde_json::to_vec(&entry));
    let ttl = Duration::from_secs(9);
    assert!(store.kept().put(piece, bytes.unwrap().into(), ttl));
}

#[tokio::test]
async fn kept_thoughts_stand_before_their_calls() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let sealer = sealer(&secret("a"), "key_1");
    keep(&store, "call_1", &[(false, "a", "1"), (true, "b", "2")]);
    keep(&store, "call_2", &[(false, "c", "3")]);
    let mut asked = request(vec![
        thought("not proved", None),
        Block::text("x"),
        call("call_1-weir1"),
        call("call_0"),
        call("call_2-weir1"),
        call("call_3-weir1"),
    ]);
    let mut carried = Carried::take(&mut asked, &sealer, b"{}").unwrap();
    assert!(carried.wants_more());
    carried.find(&mut asked, store.kept(), "key_1").await;
    let losses = carried.fit(&mut asked, HOME);
    let lost: Vec<_> = losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(lost, ["messages[0].tool_calls[call_3].reasoning"]);
    let expected = [
        thought("a", Some("1")),
        Block::text("x"),
        thought("b", Some("2")),
        call("call_1"),
        call("call_0"),
        thought("c", Some("3")),
        call("call_2"),
        call("call_3"),
    ];
    assert_eq!(asked.messages[0].blocks, expected);
    let other = Target {
        provider: "other",
        ..HOME
    };
    assert_eq!(carried.fit(&mut asked, other).iter().count(), 4);
    let calls = ["call_1", "call_0", "call_2", "call_3"].map(call);
    assert_eq!(asked.messages[0].blocks[1..], calls);

    // The client's own are left alone, and nothing is looked up.
    let mut asked = request(vec![thought("mine", Some("own")), call("call_1-weir1")]);
    let carried = Carried::take(&mut asked, &sealer, b"{}").unwrap();
    assert!(!carried.wants_more() && carried.home().is_none());
}
