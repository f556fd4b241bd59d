//! What the benchmark is made of: a proxy that does nothing, an upstream that does nothing, a load generator, and
//! the run that compares a gateway with the proxy. Everything stays on loopback and is bounded in count and time.
//! Nothing here imports the gateway: it is measured from outside, as a process.

pub mod bare;
pub mod cli;
pub mod load;
pub mod process;
pub mod run;
pub mod serve;
pub mod tiny;

#[cfg(test)]
mod tests;

/// Any fault of the benchmark, with a text that says what to do.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The result of a step of the benchmark.
pub type Outcome<T> = Result<T, Fault>;
