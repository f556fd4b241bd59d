//! Opens connections: TCP (with happy eyeballs), through a proxy, TLS with ALPN, or in-process.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;
use weir_config::Http2;

use super::network::{InProcess, Network};
use super::origin::{Origin, Via};
use super::pool::{Host, Sender, Stream};
use super::{OutBody, chain};

/// Buffer of an in-process connection, in bytes.
const DUPLEX: usize = 64 << 10;

/// Longest answer of a proxy to CONNECT, in bytes.
const MAX_CONNECT_HEAD: usize = 8 << 10;

/// Opens a connection and starts driving it. `Err` says why not, for the operator.
pub(super) async fn connect(
    origin: &Origin,
    network: &Network,
    in_process: Option<&InProcess>,
    host: &Arc<Host>,
) -> Result<Sender, String> {
    if origin.via == Via::InProcess {
        let serve = in_process.ok_or("nothing is served in this process")?;
        let (ours, theirs) = tokio::io::duplex(DUPLEX);
        host.tasks.spawn(serve.serve(theirs));
        return handshake_h1(ours, host).await;
    }
    let tcp = tcp(origin).await?;
    // Boxed: of these phases each call takes but one, and a burst opens connections by the hundred.
    match &origin.via {
        Via::Proxy {
            tls: true,
            host: proxy,
            ..
        } => {
            let stream = Box::pin(over_tls(tcp, proxy, &network.proxy_tls)).await;
            let stream = stream.map_err(|e| format!("proxy {proxy}: {e}"))?;
            Box::pin(reach(stream, origin, network, host)).await
        }
        _ => reach(tcp, origin, network, host).await,
    }
}

/// A connection, whatever it is made of.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Opens a connection on which HTTP/1.1 may begin, and nothing does yet.
pub(super) async fn dial(origin: &Origin, network: &Network) -> Result<Box<dyn Io>, String> {
    let mut io: Box<dyn Io> = match &origin.via {
        Via::InProcess => return Err("nothing of the kind is served in this process".into()),
        Via::Direct | Via::Proxy { tls: false, .. } => Box::new(tcp(origin).await?),
        Via::Proxy { host, .. } => {
            Box::new(over_tls(tcp(origin).await?, host, &network.proxy_tls).await?)
        }
    };
    if let Via::Proxy { host, port, .. } = &origin.via {
        let tunnelled = tunnel(&mut io, origin).await;
        tunnelled.map_err(|e| format!("proxy {host}:{port}: {e}"))?;
    }
    match origin.tls {
        // Without HTTP/2, which has no such connections.
        true => Ok(Box::new(
            over_tls(io, &origin.host, &network.proxy_tls).await?,
        )),
        false => Ok(io),
    }
}

/// Speaks to the origin at the end of a stream to it, or to its proxy.
async fn reach<T>(
    mut stream: T,
    origin: &Origin,
    network: &Network,
    host: &Arc<Host>,
) -> Result<Sender, String>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if origin.tls
        && let Via::Proxy { host, port, .. } = &origin.via
    {
        Box::pin(tunnel(&mut stream, origin))
            .await
            .map_err(|e| format!("proxy {host}:{port}: {e}"))?;
    }
    match (origin.tls, network.http2) {
        (true, _) => Box::pin(secure(stream, origin, network, host)).await,
        (false, Http2::PriorKnowledge) => Box::pin(handshake_h2(stream, host)).await,
        (false, Http2::Auto | Http2::Off) => handshake_h1(stream, host).await,
    }
}

async fn secure<T>(
    stream: T,
    origin: &Origin,
    network: &Network,
    host: &Arc<Host>,
) -> Result<Sender, String>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tls = over_tls(stream, &origin.host, &network.tls).await?;
    if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
        handshake_h2(tls, host).await
    } else {
        handshake_h1(tls, host).await
    }
}

async fn over_tls<T>(
    stream: T,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<T>, String>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
        .map_err(|e| format!("TLS: {}", chain(&e)))
}

async fn tcp(origin: &Origin) -> Result<TcpStream, String> {
    let (host, port) = match &origin.via {
        Via::Proxy { host, port, .. } => (host, *port),
        Via::Direct | Via::InProcess => (&origin.host, origin.port),
    };
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    let bracketed = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let authority: Authority = format!("{bracketed}:{port}")
        .parse()
        .map_err(|e| format!("{host}: {e}"))?;
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query("/")
        .build();
    let uri = uri.map_err(|e| e.to_string())?;
    let stream = connector
        .call(uri)
        .await
        .map_err(|e| format!("{host}:{port}: {}", chain(&e)))?;
    Ok(stream.into_inner())
}

/// Asks a proxy for a tunnel (RFC 9110, section 9.3.6).
async fn tunnel<T>(stream: &mut T, origin: &Origin) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let target = format!("{}:{}", origin.host, origin.port);
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Via::Proxy {
        authorization: Some(value),
        ..
    } = &origin.via
    {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head).await?;
    stream.flush().await?;
    let mut answer = Vec::with_capacity(256);
    // Byte by byte: what follows the head belongs to the tunnel.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > MAX_CONNECT_HEAD {
            return Err(io::Error::other("its answer has no end"));
        }
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|b| *b == b' ').nth(1).unwrap_or_default();
    if status.first() == Some(&b'2') {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it refused CONNECT with {}",
        String::from_utf8_lossy(status)
    )))
}

async fn handshake_h1<T>(io: T, host: &Arc<Host>) -> Result<Sender, String>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .handshake::<_, OutBody>(TokioIo::new(io))
        .await
        .map_err(|e| chain(&e))?;
    host.drive(connection);
    Ok(Sender::H1(sender))
}

async fn handshake_h2<T>(io: T, host: &Arc<Host>) -> Result<Sender, String>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .handshake::<_, OutBody>(TokioIo::new(io))
        .await
        .map_err(|e| chain(&e))?;
    // The peer may change its mind at any time, and only the connection hears of it.
    let allowed = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let mut connection = Box::pin(connection);
    let heard = Arc::clone(&allowed);
    host.drive(std::future::poll_fn(move |cx| {
        let polled = connection.as_mut().poll(cx);
        heard.store(connection.current_max_send_streams(), Ordering::Relaxed);
        polled
    }));
    Ok(Sender::H2(Stream::first(sender, allowed, host)))
}
