//! What was received, bounded in number and in bytes.
//!
//! Every request has a [`Watch`]; one that is dropped before its end was cancelled by the peer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::Notify;

const MAX_REQUESTS: usize = 1024;
const MAX_BYTES: usize = 128 << 20;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Counts from 1 in order of arrival.
    pub id: u64,
    /// The method, in capitals.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields in order; names in lower case, values as UTF-8, lossy.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The status that was answered; 0 while there is none.
    pub status: u16,
    /// The answer was delivered to its scripted end.
    pub finished: bool,
    /// The peer went away before the end of the answer.
    pub cancelled: bool,
}

impl Received {
    /// The value of a header field, by lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The body as JSON; null when it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body),
            "status": self.status,
            "finished": self.finished,
            "cancelled": self.cancelled,
        })
    }
}

#[derive(Default)]
struct State {
    requests: VecDeque<Received>,
    bytes: usize,
    last_id: u64,
    live: usize,
    peak: usize,
}

/// The record of one mimic.
#[derive(Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Notify,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.state().requests.iter().cloned().collect()
    }

    /// Forgets all requests, and the peak.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.requests.clear();
        state.bytes = 0;
        state.peak = state.live;
    }

    pub(crate) fn peak(&self) -> usize {
        self.state().peak
    }

    /// Waits until the requests satisfy `holds`.
    pub(crate) async fn until(&self, holds: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let requests = self.requests();
            if holds(&requests) {
                return requests;
            }
            changed.await;
        }
    }

    /// Records a request and watches its answer.
    pub(crate) fn open(self: &Arc<Self>, head: &Parts, body: Bytes) -> Watch {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let mut state = self.state();
        state.last_id += 1;
        state.live += 1;
        state.peak = state.peak.max(state.live);
        state.bytes += body.len();
        let id = state.last_id;
        state.requests.push_back(Received {
            id,
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
            headers: headers.collect(),
            body,
            status: 0,
            finished: false,
            cancelled: false,
        });
        while state.requests.len() > MAX_REQUESTS
            || (state.bytes > MAX_BYTES && state.requests.len() > 1)
        {
            let gone = state.requests.pop_front();
            state.bytes -= gone.map_or(0, |request| request.body.len());
        }
        drop(state);
        self.changed.notify_waiters();
        Watch {
            log: Arc::clone(self),
            id,
            finished: false,
        }
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Received)) {
        let mut state = self.state();
        if let Some(request) = state.requests.iter_mut().find(|request| request.id == id) {
            change(request);
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

/// Follows one answer to its end.
pub(crate) struct Watch {
    log: Arc<Log>,
    id: u64,
    finished: bool,
}

impl Watch {
    pub(crate) fn status(&self, status: u16) {
        self.log.change(self.id, |request| request.status = status);
    }

    /// The answer came to its scripted end.
    pub(crate) fn finish(&mut self) {
        if !std::mem::replace(&mut self.finished, true) {
            self.log.change(self.id, |request| request.finished = true);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.log.state().live -= 1;
        if !self.finished {
            self.log.change(self.id, |request| request.cancelled = true);
        }
    }
}
