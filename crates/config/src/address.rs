//! Addresses of providers and proxies: what a URL may hold, and which hosts are near. Never
//! resolves a name.

use std::net::IpAddr;

use http::Uri;

/// Why `url` cannot be a base URL, in words that do not show it.
pub(crate) fn refuse_base_url(url: &str) -> Option<&'static str> {
    let Some((uri, host)) = split(url) else {
        return Some("expected an `http://` or `https://` URL with a host");
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        Some("a URL must not hold credentials: use `api_key` or `headers`")
    } else if uri.query().is_some() || url.contains('#') {
        Some("a base URL has neither `?` nor `#`")
    } else if host.contains(['{', '}']) || uri.path().contains(['{', '}']) {
        Some("a base URL has no `{` or `}`")
    } else {
        None
    }
}

/// Whether keys and prompts sent to `url` would cross a public network unencrypted.
pub(crate) fn is_exposed(url: &str) -> bool {
    split(url).is_some_and(|(uri, host)| uri.scheme_str() == Some("http") && !is_private(&host))
}

/// Whether `url` names a proxy; it may hold a user and a password.
pub(crate) fn is_proxy_url(url: &str) -> bool {
    split(url).is_some_and(|(uri, _)| matches!(uri.path(), "" | "/") && uri.query().is_none())
}

/// The parts of an `http` or `https` URL, with its host in lower case and without brackets.
fn split(url: &str) -> Option<(Uri, String)> {
    let uri: Uri = url.parse().ok()?;
    let (authority, host) = (uri.authority()?.as_str(), uri.host()?);
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    let port = host_and_port.strip_prefix(host)?;
    let is_port_fit = port.is_empty() || uri.port_u16().is_some_and(|port| port > 0);
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_web && is_port_fit && !host.is_empty()).then_some((uri, host))
}

/// Whether `host` is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Whether `host` is this machine, an address of a private network, or a name that only a private
/// network resolves.
fn is_private(host: &str) -> bool {
    const SUFFIXES: [&str; 5] = [".local", ".internal", ".lan", ".svc", ".home.arpa"];
    is_loopback(host)
        || match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
            Err(_) => !host.contains('.') || SUFFIXES.iter().any(|s| host.ends_with(s)),
        }
}

#[cfg(test)]
mod tests;
