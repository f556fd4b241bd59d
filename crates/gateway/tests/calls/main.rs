//! Whole calls, from a client's bytes through the gateway to fake upstreams and back, and what the
//! ledger has of them. One binary, so that it is linked once.

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod broken_streams;
#[cfg(test)]
mod cohere;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod counting;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod gemini;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod native;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod state;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod streaming;
#[cfg(test)]
mod summary;
#[cfg(test)]
mod support;
#[cfg(test)]
mod thinking;
#[cfg(test)]
mod translated;
#[cfg(test)]
mod unreachable;
#[cfg(test)]
mod vectors;
