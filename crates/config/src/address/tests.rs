//! Which addresses are taken, and which are refused with advice.

use super::*;

#[test]
fn base_urls_are_plain_web_addresses() {
    for fine in [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/v1/",
        "https://x.y:65535/a/b",
    ] {
        assert_eq!(refuse_base_url(fine), None, "{fine}");
    }
    for refused in [
        "",
        "api.openai.com/v1",
        "ftp://x.y",
        "unix:/run/x",
        "/v1",
        "https://",
        "https://:80",
        "https://x.y:0",
        "https://x.y:99999",
        "https://x.y:port",
        "https://x.y:",
        "https://user:pass@x.y/v1",
        "https://user@x.y",
        "https://x.y/v1?key=1",
        "https://x.y/v1#a",
        "https://x y/v1",
        "https://{resource}.x.y",
    ] {
        assert!(refuse_base_url(refused).is_some(), "{refused}");
    }
}

#[test]
fn plain_http_is_exposed_on_public_networks_only() {
    for near in [
        "http://localhost:1",
        "http://a.localhost",
        "http://127.9.9.9",
        "http://[::1]",
        "http://10.1.2.3",
        "http://172.31.0.1",
        "http://192.168.0.9/v1",
        "http://169.254.1.1",
        "http://[fd00::1]",
        "http://vllm:8000",
        "http://vllm.models.svc:8000",
        "http://gpu.internal",
        "https://api.example.com",
    ] {
        assert!(!is_exposed(near), "{near}");
    }
    for far in [
        "http://api.example.com",
        "http://8.8.8.8",
        "http://172.32.0.1",
        "http://[2a00::1]",
    ] {
        assert!(is_exposed(far), "{far}");
    }
}
