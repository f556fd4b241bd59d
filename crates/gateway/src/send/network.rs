//! How this gateway reaches the world: trust roots, proxies, HTTP versions, limits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use http::header::HeaderValue;
use http::uri::Authority;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::DuplexStream;
use weir_config::{Http2, Proxy};

use super::origin::{Origin, Via};
use crate::models::percent_decoded;

/// Serves one in-process connection, as a listener would serve one from the network.
#[derive(Clone)]
pub struct InProcess(Arc<Serve>);

type Serve = dyn Fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl InProcess {
    /// From the function that serves a connection.
    pub fn new<F, Fut>(serve: F) -> InProcess
    where
        F: Fn(DuplexStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        InProcess(Arc::new(move |io| Box::pin(serve(io))))
    }

    pub(crate) fn serve(&self, io: DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (self.0)(io)
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

/// As ALPN names it.
const HTTP_1_1: &[u8] = b"http/1.1";

/// How this gateway reaches the world.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// With ALPN as [`Network::http2`] wants it.
    pub tls: Arc<ClientConfig>,
    /// For proxies, which are spoken to in HTTP/1.1.
    pub proxy_tls: Arc<ClientConfig>,
    pub http2: Http2,
    /// Most connections to one origin, per worker; 0 is no limit.
    pub max_connections: usize,
    /// Most streams on one HTTP/2 connection; a peer's lower limit wins.
    pub max_streams: usize,
    proxy: Proxy,
}

impl Network {
    /// From the configuration.
    ///
    /// # Errors
    /// In words, when the CA file or the TLS parameters cannot be used.
    pub(crate) fn new(config: &weir_config::Network, proxy: &Proxy) -> Result<Network, String> {
        let tls = tls(config)?;
        let mut proxy_tls = tls.clone();
        proxy_tls.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Network {
            tls: Arc::new(tls),
            proxy_tls: Arc::new(proxy_tls),
            http2: config.http2,
            max_connections: config.max_connections_per_host as usize,
            max_streams: config.max_streams_per_connection.max(1) as usize,
            proxy: proxy.clone(),
        })
    }

    /// The origin and base path of a base URL.
    ///
    /// # Errors
    /// In words, when it is not an http or https URL.
    pub(crate) fn origin(
        &self,
        base_url: &str,
        in_process: bool,
    ) -> Result<(Arc<Origin>, String), String> {
        let uri: Uri = base_url
            .parse()
            .map_err(|e| format!("`{base_url}` is not a URL: {e}"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{base_url}` must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        let host = unbracketed(authority);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let via = if in_process {
            Via::InProcess
        } else {
            self.via(tls, &host)?
        };
        let origin = Origin {
            key: format!("{tls}|{host}|{port}|{via:?}"),
            tls,
            host,
            port,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|e| e.to_string())?,
            via,
        };
        Ok((
            Arc::new(origin),
            uri.path().trim_end_matches('/').to_owned(),
        ))
    }

    fn via(&self, tls: bool, host: &str) -> Result<Via, String> {
        let Some(url) = self.proxy.through(tls, host) else {
            return Ok(Via::Direct);
        };
        let text = url.expose();
        let uri: Uri = text
            .parse()
            .map_err(|e| format!("the proxy URL is not one: {e}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("a proxy URL begins with http:// or https://".into()),
        };
        let authority = uri.authority().ok_or("the proxy URL has no host")?;
        let credentials = authority
            .as_str()
            .rsplit_once('@')
            .map(|(credentials, _)| credentials);
        let authorization = credentials
            .map(|c| HeaderValue::from_str(&format!("Basic {}", base64(&percent_decoded(c)))))
            .transpose()
            .map_err(|e| e.to_string())?;
        let host = unbracketed(authority);
        let usual_port = if tls { 443 } else { 3128 };
        Ok(Via::Proxy {
            tls,
            host,
            port: authority.port_u16().unwrap_or(usual_port),
            authorization,
        })
    }
}

/// A host as the resolver knows it: an address of IPv6 without its brackets.
fn unbracketed(authority: &Authority) -> String {
    authority.host().trim_matches(['[', ']']).to_owned()
}

fn tls(config: &weir_config::Network) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = &config.ca_file {
        let place = path.display();
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| format!("network.ca_file `{place}` cannot be read: {e}"))?;
        if certificates.is_empty() {
            return Err(format!("network.ca_file `{place}` holds no certificate"));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|e| format!("network.ca_file `{place}`: {e}"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = match config.http2 {
        Http2::Off => vec![HTTP_1_1.to_vec()],
        Http2::Auto | Http2::PriorKnowledge => vec![b"h2".to_vec(), HTTP_1_1.to_vec()],
    };
    Ok(tls)
}

/// Standard base64 (RFC 4648), for the one header that needs it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests;
