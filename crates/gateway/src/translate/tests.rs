//! What travels of a query.

use super::forwarded_query;

#[test]
fn a_query_travels_without_its_key() {
    for (query, expected) in [
        (None, None),
        (Some(""), None),
        (Some("key=sk-1"), None),
        (Some("beta=true"), Some("beta=true")),
        (Some("key=sk-1&beta=true"), Some("beta=true")),
        (Some("a=1&key=sk-1&b=%26key%3D2"), Some("a=1&b=%26key%3D2")),
        (Some("a=1&key=sk-1&key=sk-2"), Some("a=1")),
        (Some("monkey=1&keys=2"), Some("monkey=1&keys=2")),
    ] {
        assert_eq!(forwarded_query(query).as_deref(), expected, "{query:?}");
    }
}
