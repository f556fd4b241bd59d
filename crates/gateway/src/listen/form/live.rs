//! A request body that is sent on as it comes: within its bounds, and with a clock between its pieces.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep, sleep};
use weir_model::Rejection;

use super::super::read::{BODY_IDLE, stopped, too_large, unreadable};
use super::Fault;
use super::scan::{Scanner, broken};

/// What is still coming of a request body. Clones share it: it can be sent once.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    state: Arc<Mutex<State>>,
    fault: Fault,
}

#[derive(Debug)]
struct State {
    incoming: Incoming,
    /// Most bytes that may still come.
    left: u64,
    all: u64,
    /// Of a form, which has to have an end.
    scanner: Option<Scanner>,
    clock: Pin<Box<Sleep>>,
    over: bool,
}

impl Live {
    /// A body of any kind, of at most so many bytes.
    pub(crate) fn new(incoming: Incoming, most: u64) -> Live {
        Live::start(incoming, most, None)
    }

    /// The rest of a form.
    pub(super) fn form(incoming: Incoming, most: u64, scanner: Scanner) -> Live {
        Live::start(incoming, most, Some(scanner))
    }

    fn start(incoming: Incoming, most: u64, scanner: Option<Scanner>) -> Live {
        let state = State {
            incoming,
            left: most,
            all: most,
            scanner,
            clock: Box::pin(sleep(BODY_IDLE)),
            over: false,
        };
        Live {
            state: Arc::new(Mutex::new(state)),
            fault: Fault::default(),
        }
    }

    /// What the client did wrong, once it has.
    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the client stops, goes away, or sends too much; [`Live::fault`] says which.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = ready!(state.poll(cx));
        Poll::Ready(polled.map(|piece| {
            piece.map_err(|rejection| {
                state.over = true;
                let _ = self.fault.set(rejection);
                io::Error::from(io::ErrorKind::ConnectionAborted)
            })
        }))
    }
}

impl State {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Rejection>>> {
        while !self.over {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                ready!(self.clock.as_mut().poll(cx));
                return Poll::Ready(Some(Err(stopped())));
            };
            self.clock.as_mut().reset(Instant::now() + BODY_IDLE);
            match frame {
                None => {
                    self.over = true;
                    if self
                        .scanner
                        .as_ref()
                        .is_some_and(|scanner| !scanner.is_over())
                    {
                        return Poll::Ready(Some(Err(broken("its end is missing"))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(unreadable(&error)))),
                Some(Ok(frame)) => {
                    let piece = frame.into_data().unwrap_or_default();
                    if !piece.is_empty() {
                        return Poll::Ready(Some(self.take(piece)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, Rejection> {
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or_else(|| too_large(self.all, "max_upload"))?;
        if let Some(scanner) = &mut self.scanner {
            scanner.push(&piece)?;
        }
        Ok(piece)
    }
}
