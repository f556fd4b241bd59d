//! The admin listener beside a gateway of two workers that serve real calls to fake upstreams. One
//! binary, so that it is linked once.

#[cfg(test)]
mod metrics;
#[cfg(test)]
mod support;
#[cfg(test)]
mod workers;
