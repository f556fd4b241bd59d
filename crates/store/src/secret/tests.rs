//! A secret is made once, derives as the RFC says, and is never printed.

use super::*;

/// RFC 5869, A.3 (no salt, no info), the first 32 bytes.
#[test]
fn derives_by_rfc_5869() {
    let secret = Secret {
        bytes: Box::new([0x0b; 22]),
        previous: Vec::new(),
    };
    let hex: String = secret
        .derive("")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    );
}

#[test]
fn is_made_once_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weir.secret");
    let first = Secret::load_or_create(&path).unwrap();
    let again = Secret::load_or_create(&path).unwrap();
    assert_eq!(first.derive("a"), again.derive("a"));
    assert_ne!(first.derive("a"), first.derive("b"));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no draft stays behind"
    );
}

#[test]
fn starts_together_agree() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weir.secret");
    let derived: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Secret::load_or_create(&path).unwrap().derive("")))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(derived.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_short_one_is_refused_and_none_is_printed() {
    assert!(matches!(
        Secret::from_text(" short \n"),
        Err(StoreError::ShortSecret(5))
    ));
    let secret = Secret::from_text("0123456789abcdef0123456789abcdef").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(..)");
}
