//! URLs to origins, and the way through a proxy.

use weir_config::{Config, Environment};

use super::{Network, base64};
use crate::send::origin::{Origin, Via};

fn network(written: &str, environment: &[(&str, &str)]) -> Network {
    let text = format!("network: {{ {written} }}");
    let environment = Environment::from_pairs(environment.iter().copied());
    let config = Config::from_str(&text, "test", &environment)
        .unwrap()
        .config;
    Network::new(&config.network, &config.proxy).unwrap()
}

fn origin(network: &Network, url: &str) -> (std::sync::Arc<Origin>, String) {
    network
        .origin(url, false)
        .unwrap_or_else(|e| panic!("{url}: {e}"))
}

#[test]
fn base64_is_the_standard_one() {
    for (plain, encoded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(plain.as_bytes()), encoded);
    }
}

#[test]
fn urls_are_taken_apart() {
    let network = network("", &[]);
    for (url, tls, host, port, authority, path) in [
        (
            "https://api.example.com/v1",
            true,
            "api.example.com",
            443,
            "api.example.com",
            "/v1",
        ),
        (
            "https://api.example.com:8443/a/b/",
            true,
            "api.example.com",
            8443,
            "api.example.com:8443",
            "/a/b",
        ),
        ("http://localhost", false, "localhost", 80, "localhost", ""),
        (
            "http://[::1]:8000/v1",
            false,
            "::1",
            8000,
            "[::1]:8000",
            "/v1",
        ),
    ] {
        let (origin, base) = origin(&network, url);
        assert_eq!(
            (origin.tls, &*origin.host, origin.port),
            (tls, host, port),
            "{url}"
        );
        assert_eq!(
            (origin.authority.to_str().unwrap(), &*base),
            (authority, path),
            "{url}"
        );
        assert_eq!(origin.via, Via::Direct);
    }
    for wrong in ["ftp://x/", "api.example.com", "", "https://", "http:///v1"] {
        assert!(network.origin(wrong, false).is_err(), "{wrong}");
    }
}

/// Connections are shared by what leads to the same place on the same way, and by nothing else.
#[test]
fn a_key_stands_for_one_place_and_way() {
    let direct = network("", &[]);
    let proxied = network("proxy: \"http://proxy:3128\"", &[]);
    let key = |network: &Network, url| origin(network, url).0.key.clone();
    let one = key(&direct, "https://a.example/v1");
    assert_eq!(one, key(&direct, "https://a.example:443/other"));
    for other in [
        key(&direct, "http://a.example:443/v1"),
        key(&direct, "https://a.example:444/v1"),
        key(&direct, "https://b.example/v1"),
        key(&proxied, "https://a.example/v1"),
        direct
            .origin("https://a.example/v1", true)
            .unwrap()
            .0
            .key
            .clone(),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn proxies_are_used_as_they_are_written() {
    for (proxy, host, port, authorization) in [
        ("http://proxy.internal:8080", "proxy.internal", 8080, None),
        ("http://proxy.internal", "proxy.internal", 3128, None),
        ("http://[fd00::1]:8080", "fd00::1", 8080, None),
        (
            "http://user:pass@proxy:1",
            "proxy",
            1,
            Some("Basic dXNlcjpwYXNz"),
        ),
        // Escaped, as a URL demands: `us@r` and `p:ss`.
        (
            "http://us%40r:p%3Ass@proxy:1",
            "proxy",
            1,
            Some("Basic dXNAcjpwOnNz"),
        ),
    ] {
        let network = network(&format!("proxy: \"{proxy}\""), &[]);
        for url in ["https://api.example.com", "http://api.example.com"] {
            let Via::Proxy {
                tls: false,
                host: h,
                port: p,
                authorization: a,
            } = origin(&network, url).0.via.clone()
            else {
                panic!("{url} does not go through {proxy}");
            };
            let a = a.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!((&*h, p, a), (host, port, authorization), "{proxy}");
        }
        for near in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert_eq!(origin(&network, near).0.via, Via::Direct, "{near}");
        }
    }
}

#[test]
fn a_proxy_may_be_reached_over_tls() {
    for (url, expected) in [
        ("http://proxy", (false, 3128)),
        ("https://proxy", (true, 443)),
        ("https://proxy:8443", (true, 8443)),
    ] {
        let network = network(&format!("proxy: \"{url}\""), &[]);
        let (origin, _) = origin(&network, "https://api.example.com");
        let Via::Proxy { tls, port, .. } = origin.via else {
            panic!("{url} is not used");
        };
        assert_eq!((tls, port), expected, "{url}");
    }
}

#[test]
fn the_environment_names_proxies() {
    let environment = [
        ("HTTPS_PROXY", "http://secure:1"),
        ("http_proxy", "plain:2"),
        ("NO_PROXY", "near.example"),
    ];
    let network = network("", &environment);
    let via = |url| match &origin(&network, url).0.via {
        Via::Proxy { host, port, .. } => format!("{host}:{port}"),
        _ => "direct".to_owned(),
    };
    assert_eq!(via("https://far.example"), "secure:1");
    assert_eq!(via("http://far.example"), "plain:2");
    assert_eq!(via("https://a.near.example"), "direct");
}

#[test]
fn what_lives_in_this_process_needs_no_way() {
    let network = network("proxy: \"http://proxy:1\"", &[]);
    let (origin, base) = network.origin("http://sim/v1", true).unwrap();
    assert_eq!((&origin.via, &*base), (&Via::InProcess, "/v1"));
}

#[test]
fn authorities_are_read_from_a_file() {
    let read = |content: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let written = format!("network: {{ ca_file: \"{}\" }}", file.path().display());
        let environment = Environment::from_pairs([("", ""); 0]);
        let config = Config::from_str(&written, "test", &environment)
            .unwrap()
            .config;
        Network::new(&config.network, &config.proxy)
            .map(drop)
            .unwrap_err()
    };
    assert!(read("").contains("holds no certificate"));
    assert!(read("not a certificate").contains("holds no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(read(broken).contains("network.ca_file"));
}
