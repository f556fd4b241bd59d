//! A provider's whole API below `/PROVIDER/`: any method, any body, streamed both ways and touched by
//! nobody, under the provider's credential. For keys that may use all of the provider, where the
//! configuration allows it. What an answer says of usage is read as it goes by; where it says nothing,
//! its row says that no price is known.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use weir_dialect::sse::Cutter;
use weir_dialect::{Sniffed, StreamDecoder, sniff, sniff_frame};
use weir_model::{Dialect, IdMint, Operation, Priced, Rejection};

use crate::admit::Permit;
use crate::body::Body;
use crate::call::Arrival;
use crate::errand::{Errand, Sending, check_whole};
use crate::listen::{self, Fault, Live};
use crate::pipeline;
use crate::rejection::Failure;
use crate::relay::{self, Tap};
use crate::send::{self, OutBody, Piece};
use crate::translate::{context, forwarded_query};
use crate::worker::Worker;
use crate::world::{Deployment, Upstream, World};

/// First segments that are ours, whatever providers are called.
const OURS: [&str; 4] = ["v1", "v1beta", "v1alpha", "v2"];

/// Longest answer that is looked into, in bytes; a longer one goes by unread.
const MAX_READ: usize = 4 << 20;

/// What a path reaches.
pub(crate) struct Reached {
    world: Arc<World>,
    upstream: Arc<Upstream>,
    dialect: Dialect,
    /// What follows the provider's name, with its slash.
    path: String,
}

impl Reached {
    /// In which dialect the client hears of what is refused.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The provider that an unknown path names, if it may be reached that way.
pub(crate) fn reached(worker: &Worker, parts: &Parts, failure: &Failure) -> Option<Reached> {
    let is_unknown = failure.rejection.code.as_deref() == Some("unknown_url");
    let (name, rest) = parts.uri.path().strip_prefix('/')?.split_once('/')?;
    if !is_unknown || OURS.contains(&name) {
        return None;
    }
    let world = worker.shared.world();
    let upstream = Arc::clone(world.directory.upstream(name)?);
    if !upstream.pass_through {
        return None;
    }
    let spoken = listen::spoken(parts.uri.path(), &parts.headers);
    let endpoint = upstream.endpoint(spoken).or(upstream.endpoints.first())?;
    Some(Reached {
        dialect: endpoint.dialect,
        path: format!("/{rest}"),
        upstream,
        world,
    })
}

/// Answers one request.
///
/// # Errors
/// What is wrong with the key or the path; when the provider cannot be reached, or refuses our
/// credential. Whatever else it refuses is its own answer.
pub(crate) async fn serve(
    worker: &Arc<Worker>,
    arrival: Arrival,
    parts: &Parts,
    incoming: &mut Option<Incoming>,
    reached: Reached,
) -> Result<Response<Body>, Failure> {
    let Reached {
        world,
        upstream,
        dialect,
        path,
    } = reached;
    let caller = pipeline::caller(worker, &world, parts)?;
    check_whole(&caller, &upstream)?;
    check_path(&path)?;
    let query = forwarded_query(parts.uri.query());
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    let endpoint = upstream.endpoint(dialect);
    let found = endpoint.and_then(|e| Some((e, e.at_host(&format!("{path}{query}"))?)));
    let (endpoint, uris) =
        found.ok_or_else(|| Rejection::invalid("The path cannot be asked for."))?;
    let (body, fault) = body(parts, incoming, world.max_upload)?;
    let who = (&arrival, &caller);
    let asked = (dialect, Operation::PassThrough);
    let errand = Errand::new(worker, &world, who, asked, (&upstream, None));
    let mut permit = errand.open(Some(Priced::Unpriced))?;
    let sending = Sending {
        method: &parts.method,
        endpoint,
        uris,
        headers: &send::forwardable(&parts.headers),
        body,
    };
    let sent = errand.send(sending, &mut permit).await;
    let answer = sent.map_err(|failure| match fault.get() {
        Some(fault) => Failure::from(fault.clone()),
        None => failure,
    })?;
    // The credential is ours: the client must not take its refusal for one of its own key.
    if matches!(answer.status, 401 | 403) {
        return Err(errand.refused(answer, &mut permit).await);
    }
    let tap = Box::new(Sniffer::new(
        upstream,
        arrival.at_nanos / 1_000_000_000,
        relay::is_event_stream(&answer),
    ));
    let mut response = relay::pipe(answer, permit, tap, errand.timeouts.idle, errand.deadline);
    let target = &errand.deployment.header;
    relay::set_own(response.headers_mut(), &arrival.id, &world, Some(target));
    Ok(response)
}

/// The body, as it comes.
fn body(
    parts: &Parts,
    incoming: &mut Option<Incoming>,
    most: u64,
) -> Result<(OutBody, Fault), Rejection> {
    let mut body = OutBody::default();
    let declared = listen::declared(&parts.headers);
    if declared.is_some_and(|length| length > most) {
        return Err(listen::too_large(most, "max_upload"));
    }
    let is_empty = incoming.as_ref().is_none_or(http_body::Body::is_end_stream);
    let Some(incoming) = incoming.take_if(|_| !is_empty) else {
        return Ok((body, Fault::default()));
    };
    let live = Live::new(incoming, most);
    let fault = live.fault().clone();
    body.push(Piece::Live(live));
    body.set_length(declared);
    Ok((body, fault))
}

/// Refuses what could lead elsewhere: an upstream may resolve dots, however they are written.
fn check_path(path: &str) -> Result<(), Rejection> {
    let decoded = crate::models::percent_decoded(path);
    // Once more, for those who decode twice.
    let twice = crate::models::percent_decoded(&String::from_utf8_lossy(&decoded));
    let leads_away = |path: &[u8]| {
        let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
        let dots = segments.any(|segment| matches!(segment, b"." | b".."));
        dots || path.starts_with(b"//") || path.iter().any(u8::is_ascii_control)
    };
    if [path.as_bytes(), &decoded, &twice]
        .into_iter()
        .any(leads_away)
    {
        let message = "The path may not have `.` or `..` as a segment, in any spelling.";
        return Err(Rejection::invalid(message).with_code("bad_path"));
    }
    Ok(())
}

/// Looks for usage in an answer of any kind.
struct Sniffer {
    upstream: Arc<Upstream>,
    now_s: i64,
    /// Of a whole answer; given up when it grows too long.
    whole: Option<BytesMut>,
    stream: Option<Stream>,
}

/// A stream that is read while it goes by.
struct Stream {
    cutter: Cutter,
    /// Once it is known whose it is.
    decoder: Option<Box<dyn StreamDecoder>>,
    model: Option<String>,
    meter: crate::account::Meter,
    ids: IdMint,
    /// What the provider's models have in common.
    deployment: Deployment,
}

impl Sniffer {
    fn new(upstream: Arc<Upstream>, now_s: i64, streams: bool) -> Sniffer {
        Sniffer {
            now_s,
            whole: (!streams).then(BytesMut::new),
            stream: streams.then(|| Stream {
                cutter: Cutter::default(),
                decoder: None,
                model: None,
                meter: Default::default(),
                ids: IdMint::new(0),
                deployment: Deployment::new(&upstream, "*"),
            }),
            upstream,
        }
    }
}

impl Stream {
    /// `None` when the stream cannot be read on.
    fn see(&mut self, bytes: &Bytes, now_s: i64) -> Option<()> {
        self.cutter.push(bytes.clone());
        while let Some(frame) = self.cutter.next_frame().ok()? {
            let Some(data) = frame.data() else { continue };
            if self.decoder.is_none() {
                let spoken = sniff_frame(data);
                self.decoder = spoken.map(|d| weir_dialect::upstream(d).stream_decoder());
            }
            let Some(decoder) = &mut self.decoder else {
                continue;
            };
            if self.model.is_none() {
                let name = decoder.model_span(data).map(|span| &data[span]);
                let name = name.and_then(weir_dialect::json::scan::string);
                self.model = name.map(|name| name.into_owned());
            }
            let (quirks, capabilities) = (&self.deployment.quirks, &self.deployment.capabilities);
            let mut events = Vec::new();
            let cx = context(now_s, &self.ids, quirks, capabilities);
            decoder.decode(&frame.event(), data, &cx, &mut events);
            self.meter.observe(&events);
        }
        Some(())
    }
}

impl Tap for Sniffer {
    fn see(&mut self, bytes: &Bytes) {
        let fits = |whole: &BytesMut| whole.len() + bytes.len() <= MAX_READ;
        if let Some(whole) = self.whole.as_mut().filter(|whole| fits(whole)) {
            whole.extend_from_slice(bytes);
        } else {
            self.whole = None;
        }
        let read = |stream: &mut Stream| stream.see(bytes, self.now_s).is_some();
        self.stream.take_if(|stream| !read(stream));
    }

    fn tell(&mut self, permit: &mut Permit, _: bool) {
        let seen = match (&self.whole, &self.stream) {
            (Some(whole), _) => sniff(whole),
            (None, Some(stream)) => Some(Sniffed {
                model: stream.model.clone(),
                usage: stream.meter.usage,
            }),
            (None, None) => None,
        };
        let Some((usage, seen)) = seen.and_then(|seen| Some((seen.usage?, seen))) else {
            return;
        };
        let model = seen.model.unwrap_or_else(|| "*".to_owned());
        let deployment = Arc::new(Deployment::new(&self.upstream, &model));
        permit.meter.usage = Some(usage);
        permit.meter.usage_complete = true;
        permit.meter.fixed = Some(deployment.cost(&usage, self.now_s));
        permit.meter.deployment = Some(deployment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_elsewhere() {
        for path in [
            "/../x",
            "/v1/..",
            "/./x",
            "/%2e%2e/x",
            "/a/%2E./x",
            "/a%2f..%2fb",
            "/%252e%252e/x",
            "//host/x",
            "/a\\..\\b",
            "/a%5c..%5cb",
            "/a%0d%0ab",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
        for path in [
            "/",
            "/v1/chat/completions",
            "/v1/models/gpt-4.1:x",
            "/a...b/..c",
            "/a%20b",
        ] {
            assert!(check_path(path).is_ok(), "{path}");
        }
    }
}
