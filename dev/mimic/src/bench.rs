//! The fast path: models that start with `bench`.
//!
//! The request is not parsed, only searched for its model; the answer is rendered once and shared.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderValue, Response, header};
use memchr::memmem;
use serde_json::json;
use weir_sim::{End, Paced, Route, Script, Step, Wire, pace, play};

/// Different models remembered per wire.
const MAX_RENDERED: usize = 64;

/// Rendered answers by model name: OpenAI's, Anthropic's.
#[derive(Default)]
pub(crate) struct Bench {
    rendered: Mutex<[HashMap<String, Arc<[Step]>>; 2]>,
}

impl Bench {
    /// The answer, if this is a turn for a `bench` model.
    pub(crate) fn answer(&self, route: &Route, body: &[u8]) -> Option<Response<Paced>> {
        let wire = match route {
            Route::Turn(wire @ (Wire::Chat | Wire::Messages)) => *wire,
            _ => return None,
        };
        let model = bench_model(body)?;
        let streams = model.starts_with("bench-stream");
        let steps = self.steps(wire, model, streams)?;
        let mut response = Response::new(pace(steps, End::Complete, !streams));
        let kind = if streams {
            "text/event-stream; charset=utf-8"
        } else {
            "application/json"
        };
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Some(response)
    }

    fn steps(&self, wire: Wire, model: &str, streams: bool) -> Option<Arc<[Step]>> {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut rendered[usize::from(wire == Wire::Messages)];
        if let Some(steps) = known.get(model) {
            return Some(Arc::clone(steps));
        }
        let options = model.split_once('+').map_or("", |(_, options)| options);
        let usual = if streams { "chunks=100" } else { "size=600" };
        // The first value of an option counts, so what the name says beats the usual.
        let full = if options.is_empty() {
            format!("lorem+{usual}")
        } else {
            format!("lorem+{options}+{usual}")
        };
        let script = Script::parse(&full, &[]).ok()?;
        let body =
            json!({"model": model, "stream": streams, "stream_options": {"include_usage": true}});
        let steps = play(wire, &body, &script, |frames| frames).steps;
        if known.len() == MAX_RENDERED {
            known.clear();
        }
        known.insert(model.to_owned(), Arc::clone(&steps));
        Some(steps)
    }
}

/// The model, if it starts with `bench`; the first `"model":` of the body counts.
fn bench_model(body: &[u8]) -> Option<&str> {
    let after = body.get(memmem::find(body, b"\"model\"")? + b"\"model\"".len()..)?;
    let value = after
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    if !value.starts_with(b"bench") {
        return None;
    }
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(value.get(..end)?).ok()
}
