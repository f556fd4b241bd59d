//! What Weir writes about itself, to stderr: readable at a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use weir_config::{Log, LogFormat};

/// Starts logging. A second call does nothing.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::new(format!("warn,weir={level}", level = log.level.name()));
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init()
    };
    // Fails only where tests start two servers in one process.
    let _ = started;
}
