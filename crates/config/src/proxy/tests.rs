//! Which proxy a host gets, by the usual environment variables.

use super::*;

fn resolved(pairs: &[(&str, &str)]) -> Proxy {
    let env = Environment::from_pairs(pairs.iter().copied());
    Proxy::resolve(&ProxySetting::Environment, &env).unwrap()
}

fn through<'a>(proxy: &'a Proxy, tls: bool, host: &str) -> Option<&'a str> {
    proxy.through(tls, host).map(SecretString::expose)
}

#[test]
fn the_environment_names_a_proxy_for_each_scheme() {
    let proxy = resolved(&[
        ("HTTPS_PROXY", "http://u:p@proxy:3128"),
        ("http_proxy", "proxy:80"),
    ]);
    assert_eq!(
        through(&proxy, true, "api.openai.com"),
        Some("http://u:p@proxy:3128")
    );
    assert_eq!(
        through(&proxy, false, "api.openai.com"),
        Some("http://proxy:80")
    );
    assert_eq!(
        through(&resolved(&[("HTTPS_PROXY", "")]), true, "x.y"),
        None
    );
}

#[test]
fn no_proxy_names_hosts_and_all_below_them() {
    let proxy = resolved(&[
        ("HTTPS_PROXY", "http://p:1"),
        ("NO_PROXY", "openai.com, .Corp ,10.0.0.7"),
    ]);
    for direct in [
        "openai.com",
        "API.openai.com",
        "x.corp",
        "10.0.0.7",
        "localhost",
        "127.0.0.1",
        "::1",
    ] {
        assert_eq!(through(&proxy, true, direct), None, "{direct}");
    }
    for proxied in ["notopenai.com", "openai.com.evil", "10.0.0.70"] {
        assert!(through(&proxy, true, proxied).is_some(), "{proxied}");
    }
    assert_eq!(
        through(
            &resolved(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "*")]),
            true,
            "x.y"
        ),
        None
    );
}

#[test]
fn a_setting_in_the_file_silences_the_environment() {
    let env = Environment::from_pairs([("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", "*")]);
    let off = Proxy::resolve(&ProxySetting::Off, &env).unwrap();
    assert_eq!(through(&off, true, "x.y"), None);
    let url = ProxySetting::try_from("https://mine:2".to_owned()).unwrap();
    let explicit = Proxy::resolve(&url, &env).unwrap();
    assert_eq!(through(&explicit, true, "x.y"), Some("https://mine:2"));
    assert_eq!(through(&explicit, false, "x.y"), Some("https://mine:2"));
}

#[test]
fn a_bad_url_is_named_but_not_shown() {
    let env = Environment::from_pairs([("HTTPS_PROXY", "socks5://u:hunter2@p:1")]);
    let error = Proxy::resolve(&ProxySetting::Environment, &env).unwrap_err();
    assert!(
        error.contains("`HTTPS_PROXY`") && !error.contains("hunter2"),
        "{error}"
    );
}
