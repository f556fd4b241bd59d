//! What is taken as a body, and how much of it.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::{BodyBudget, MAX_HELD, check_type, too_large};

fn status(headers: &[(&'static str, &'static str)]) -> u16 {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    check_type(&headers).map_or_else(|rejection| rejection.status, |()| 200)
}

#[test]
fn only_plain_json_is_taken() {
    for (headers, expected) in [
        (&[][..], 200),
        (&[("content-type", "application/json")], 200),
        (&[("content-type", "Application/JSON ; charset=utf-8")], 200),
        (&[("content-encoding", "identity")], 200),
        (&[("content-type", "")], 415),
        (&[("content-type", "text/json")], 415),
        (&[("content-type", "application/jsonl")], 415),
        (
            &[
                ("content-type", "application/json"),
                ("content-encoding", "br"),
            ],
            415,
        ),
    ] {
        assert_eq!(status(headers), expected, "{headers:?}");
    }
}

#[test]
fn a_body_over_its_cap_is_told_the_cap() {
    let rejection = too_large(4096, "max_body");
    assert_eq!(rejection.status, 413);
    assert!(rejection.message.contains("4096 bytes"));
}

/// All bodies together have a bound, and give back what they held.
#[test]
fn bodies_share_a_budget() {
    let budget = BodyBudget::default();
    let (mut one, mut other) = (budget.hold(), budget.hold());
    assert!(one.grow(MAX_HELD).is_ok());
    let refused = other.grow(1).unwrap_err();
    assert_eq!(refused.status, 503);
    drop(one);
    assert!(other.grow(MAX_HELD - 1).is_ok());
    drop(other);
    assert!(budget.hold().grow(MAX_HELD).is_ok());
}
