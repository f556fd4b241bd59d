//! Whole calls, from a client's bytes through the gateway to fake upstreams and back, and what the
//! ledger has of them. One binary, so that it is linked once.

#[cfg(test)]
mod explore;
#[cfg(test)]
mod support;
