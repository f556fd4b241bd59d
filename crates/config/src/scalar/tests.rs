//! Sizes, amounts and secrets: exact, bounded, never printed.

use proptest::prelude::*;

use super::*;

#[test]
fn lifetimes_have_a_unit() {
    let read = |text: &str| Lifetime::try_from(text.to_owned()).ok();
    for (text, seconds) in [
        ("90s", 90),
        ("15m", 900),
        ("24h", 86_400),
        ("30d", 2_592_000),
    ] {
        assert_eq!(read(text), Some(Lifetime(seconds)));
    }
    assert_eq!(serde_json::to_value(Lifetime(86_400)).unwrap(), "1d");
    assert_eq!(serde_json::to_value(Lifetime(90)).unwrap(), "90s");
    for refused in [
        "",
        "h",
        "24",
        "-1h",
        "1.5h",
        "1 h",
        "99999999999999999999s",
        "36526d",
    ] {
        assert_eq!(read(refused), None, "{refused}");
    }
}

#[test]
fn amounts_are_exact_decimals() {
    let pico = |text: &str| UsdPerMtok::try_from(text.to_owned()).ok().map(|usd| usd.0);
    assert_eq!(pico("2.50"), Some(2_500_000));
    assert_eq!(pico("0.1"), Some(100_000));
    assert_eq!(pico(".05"), Some(50_000));
    assert_eq!(pico("15"), Some(15_000_000));
    assert_eq!(pico("0"), Some(0));
    assert_eq!(pico("0.0000010000"), Some(1));
    let refused = [
        "",
        ".",
        "1.",
        "-1",
        "+1",
        "1e-3",
        "0.0000001",
        "1_000",
        "1,5",
        ".inf",
        "nan",
        "0x10",
        "1000000000",
        "99999999999999999999",
    ];
    for refused in refused {
        assert_eq!(pico(refused), None, "{refused}");
    }
    let nano = |text: &str| Usd::try_from(text.to_owned()).ok().map(|usd| usd.0);
    assert_eq!(nano("0.000000001"), Some(1));
    assert_eq!(nano("999999999.999999999"), Some(999_999_999_999_999_999));
}

#[test]
fn sizes_have_suffixes() {
    let bytes = |text: &str| ByteSize::try_from(text.to_owned()).ok().map(|size| size.0);
    assert_eq!(bytes("65536"), Some(65_536));
    assert_eq!(bytes("64 KiB"), Some(65_536));
    assert_eq!(bytes("32MiB"), Some(33_554_432));
    assert_eq!(bytes("2MB"), Some(2_000_000));
    assert_eq!(bytes("7B"), Some(7));
    for refused in ["", "MiB", "-1", "1.5MiB", "1 TiB", "99999999999GiB"] {
        assert_eq!(bytes(refused), None, "{refused}");
    }
    assert_eq!(ByteSize(33_554_432).to_string(), "32MiB");
    assert_eq!(ByteSize(1_500).to_string(), "1500B");
}

#[test]
fn secrets_do_not_print() {
    let secret = SecretString::new("hunter2");
    assert_eq!(
        format!("{secret:?} {:#?}", Some(&secret))
            .matches("hunter2")
            .count(),
        0
    );
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[secret]\"");
    assert_eq!(secret.expose(), "hunter2");
}

proptest! {
    #[test]
    fn every_amount_survives(micro in 0_u64..1_000_000_000_000) {
        let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
        prop_assert_eq!(UsdPerMtok::try_from(text), Ok(UsdPerMtok(micro)));
    }

    #[test]
    fn every_size_survives(bytes: u64) {
        prop_assert_eq!(ByteSize::try_from(ByteSize(bytes).to_string()), Ok(ByteSize(bytes)));
    }
}
