//! The scan agrees with a real parser on what is an object and where its fields stand.

use proptest::prelude::*;

use super::{elements, find_field, object_in, quote, string, top_level};

#[test]
fn finds_fields_and_their_values() {
    let body = br#" { "model" : "a\"b" , "n":[1,{"x":"]}"}], "stream":true,"t":-1.5e3 } "#;
    let top = top_level(body).unwrap();
    let get = |key| std::str::from_utf8(top.get(body, key).unwrap()).unwrap();
    assert_eq!(get("model"), r#""a\"b""#);
    assert_eq!(string(top.get(body, "model").unwrap()).unwrap(), "a\"b");
    assert_eq!(get("n"), r#"[1,{"x":"]}"}]"#);
    assert_eq!(get("stream"), "true");
    assert_eq!(get("t"), "-1.5e3");
    assert_eq!(body[top.end], b'}');
}

#[test]
fn finds_one_field_without_reading_on() {
    let body = br#"{"a":{"model":1}, "model" : "m", broken"#;
    let place = find_field(body, "model").unwrap();
    assert_eq!(&body[place], br#""m""#);
    assert_eq!(find_field(body, "absent"), None);
    assert_eq!(find_field(b"null", "model"), None);
}

#[test]
fn finds_what_stands_inside_a_value() {
    let body = br#"{"a": [ 1 ,{"b" : "]"},[], "c\",\"" ] ,"d":[]}"#;
    let top = top_level(body).unwrap();
    let list = top.find(body, "a").unwrap().value.clone();
    let found: Vec<_> = elements(body, list).collect();
    let texts: Vec<_> = found.iter().map(|place| &body[place.clone()]).collect();
    assert_eq!(texts, [&b"1"[..], br#"{"b" : "]"}"#, b"[]", br#""c\",\"""#]);
    let inner = object_in(body, found[1].clone()).unwrap();
    assert_eq!(inner.get(body, "b"), Some(&br#""]""#[..]));
    assert_eq!(object_in(body, found[2].clone()), None);
    let empty = top.find(body, "d").unwrap().value.clone();
    assert_eq!(elements(body, empty).count(), 0);
    assert_eq!(elements(body, found[1].clone()).count(), 0);
}

#[test]
fn says_what_is_wrong_with_a_body() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "expected a JSON object at byte 0"),
        (b"[]", "expected a JSON object at byte 0"),
        (b"{\"a\":1", "expected ',' or '}' at byte 6"),
        (b"{\"a\":1,}", "expected a field name at byte 7"),
        (b"{\"a\":nul}", "expected a value at byte 5"),
        (b"{\"a\":{]}", "expected the matching bracket"),
        (b"{\"a\":\"x", "expected a closing quote"),
        (b"{\"a\":1,\"a\":2}", "`a` twice"),
        (b"{} x", "expected the end of the body at byte 3"),
        (b"{\"a\":\"\xff\"}", "not valid UTF-8 at byte 6"),
    ];
    for (body, expected) in cases {
        let message = top_level(body).unwrap_err().message;
        assert!(
            message.contains(expected),
            "{message} should contain {expected}"
        );
    }
}

#[test]
fn refuses_what_is_nested_too_deep() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(top_level(deep(128).as_bytes()).is_ok());
    let message = top_level(deep(100_000).as_bytes()).unwrap_err().message;
    assert!(message.contains("nested deeper"), "{message}");
}

proptest! {
    #[test]
    fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = top_level(&body);
    }

    #[test]
    fn never_panics_on_almost_json(body in "[{}\\[\\]\",:\\\\a1 ]{0,24}") {
        let _ = top_level(body.as_bytes());
    }

    #[test]
    fn agrees_with_a_parser(fields in proptest::collection::btree_map("[a-z]{1,6}", ".{0,12}", 0..5)) {
        let text = serde_json::to_string(&fields).unwrap();
        let top = top_level(text.as_bytes()).unwrap();
        prop_assert_eq!(top.fields.len(), fields.len());
        for (key, value) in &fields {
            let found = string(top.get(text.as_bytes(), key).unwrap()).unwrap();
            prop_assert_eq!(&*found, value.as_str());
        }
    }
}

proptest! {
    #[test]
    fn the_first_quote_is_found(text in "[a\"\\\\!\u{7f}\u{a2}\u{dc}]{0,60}", pad in 0..40_usize) {
        let text = format!("{}{text}", "x".repeat(pad));
        let expected = text.find('"');
        prop_assert_eq!(quote(text.as_bytes()), expected);
    }
}

#[test]
fn a_string_ends_at_a_quote_that_is_not_escaped() {
    for (body, value) in [
        (r#"{"a":""}"#, r#""""#),
        (r#"{"a":"\\"}"#, r#""\\""#),
        (r#"{"a":"\""}"#, r#""\"""#),
        (r#"{"a":"\\\""}"#, r#""\\\"""#),
        (r#"{"a":"x\\\\"}"#, r#""x\\\\""#),
    ] {
        let top = top_level(body.as_bytes()).unwrap();
        assert_eq!(
            top.get(body.as_bytes(), "a"),
            Some(value.as_bytes()),
            "{body}"
        );
    }
    for open in [r#"{"a":"\"}"#, r#"{"a":"\\\"}"#, r#"{"a":""#, r#"{"a":"\"#] {
        assert!(top_level(open.as_bytes()).is_err(), "{open}");
    }
}
