//! The command line of `weir-bench`. Each command is one function elsewhere; nothing is decided here.

use std::io::Write;
use std::net::SocketAddr;

use clap::{Parser, Subcommand};

use crate::{Outcome, bare, load, run, serve, tiny};

/// Measures a gateway against a proxy that does nothing.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The baseline: an HTTP/1.1 proxy that streams bodies both ways and reads nothing of them.
    ///
    /// The first line on stdout is the address that it listens on.
    Bare {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Where every request goes.
        #[arg(long)]
        upstream: SocketAddr,
        /// Threads, each with its own listener, runtime and upstream connections.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// A minimal upstream: one fixed chat completion, whole or streamed, for any request.
    ///
    /// The first line on stdout is the address that it listens on.
    Upstream {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Sends load to one URL, checks every answer and prints figures as JSON.
    Load(load::Args),
    /// The whole benchmark: starts everything, measures, prints a table.
    Run(run::Args),
    /// Opens more streams at once than one HTTP/2 connection to the upstream may carry; fails unless all flow.
    H2Streams(run::StreamArgs),
}

/// Runs the command that the process was given.
///
/// # Errors
/// Whatever the command could not do, in words for the person who typed it.
pub fn main() -> Outcome<()> {
    match Cli::parse().command {
        Command::Bare {
            listen,
            upstream,
            workers,
        } => {
            let listeners = serve::bind(listen, workers)?;
            announce(&listeners)?;
            serve::forever(listeners, || bare::Bare::new(upstream))
        }
        Command::Upstream { listen } => {
            let listeners = serve::bind(listen, 1)?;
            announce(&listeners)?;
            serve::forever(listeners, || Ok(tiny::Tiny))
        }
        Command::Load(args) => {
            let reading = serve::runtime()?.block_on(load::run(args))?;
            writeln!(
                std::io::stdout(),
                "{}",
                serde_json::to_string_pretty(&reading)?
            )?;
            Ok(())
        }
        Command::Run(args) => serve::runtime()?.block_on(run::run(args)),
        Command::H2Streams(args) => serve::runtime()?.block_on(run::h2_streams(args)),
    }
}

fn announce(listeners: &[std::net::TcpListener]) -> Outcome<()> {
    let address = listeners
        .first()
        .ok_or("at least one worker is needed")?
        .local_addr()?;
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    Ok(out.flush()?)
}
