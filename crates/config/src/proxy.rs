//! Which proxy a host is reached through. Never connects.

use crate::address::{is_loopback, is_proxy_url};
use crate::{Environment, ProxySetting, SecretString};

/// The proxies in use, and the hosts that are reached without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    http: Option<SecretString>,
    https: Option<SecretString>,
    /// Hosts as in `NO_PROXY`: lower case, without a leading dot.
    bypass: Vec<String>,
}

impl Proxy {
    /// Follows the setting. The error names the variable that holds no usable URL.
    pub(crate) fn resolve(setting: &ProxySetting, env: &Environment) -> Result<Proxy, String> {
        match setting {
            ProxySetting::Off => Ok(Proxy::default()),
            ProxySetting::Url(url) => Ok(Proxy {
                http: Some(url.clone()),
                https: Some(url.clone()),
                bypass: Vec::new(),
            }),
            ProxySetting::Environment => Ok(Proxy {
                http: from_environment(["HTTP_PROXY", "http_proxy"], env)?,
                https: from_environment(["HTTPS_PROXY", "https_proxy"], env)?,
                bypass: env
                    .first(["NO_PROXY", "no_proxy"])
                    .unwrap_or_default()
                    .split(',')
                    .map(|host| host.trim().trim_start_matches('.').to_ascii_lowercase())
                    .filter(|host| !host.is_empty())
                    .collect(),
            }),
        }
    }

    /// The URL of the proxy for `host` (no port, no brackets), if there is one; it may hold a user
    /// and a password. Loopback hosts have none, and neither have those that `NO_PROXY` names:
    /// itself, any name below it, or `*`.
    pub fn through(&self, tls: bool, host: &str) -> Option<&SecretString> {
        let host = host.to_ascii_lowercase();
        let bypassed = |entry: &String| {
            let below = host.strip_suffix(entry.as_str());
            entry == "*" || below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is_loopback(&host) || self.bypass.iter().any(bypassed) {
            return None;
        }
        if tls {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        }
    }
}

fn from_environment(
    names: [&'static str; 2],
    env: &Environment,
) -> Result<Option<SecretString>, String> {
    match env.first(names) {
        None => Ok(None),
        Some(url) if is_proxy_url(url) => Ok(Some(SecretString::new(url))),
        // As curl takes it: a host without a scheme.
        Some(bare) if !bare.contains("://") && is_proxy_url(&format!("http://{bare}")) => {
            Ok(Some(SecretString::new(format!("http://{bare}"))))
        }
        Some(_) => Err(format!(
            "`{}` in the environment is not an `http://` or `https://` URL; set `network.proxy`",
            names[0]
        )),
    }
}

#[cfg(test)]
mod tests;
