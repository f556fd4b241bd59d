//! `weir-mimic`: the fake upstreams as a process.
//!
//! The first line on standard output is the base URL, with TLS followed by the authority's PEM.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use clap::{CommandFactory, FromArgMatches, Parser};
use weir_mimic::{Mimic, Options, help};

/// Strict fake OpenAI and Anthropic upstreams that misbehave as the model name says.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve TLS with an authority of its own.
    #[arg(long)]
    tls: bool,
    /// Serve HTTP/2 too: by ALPN with TLS, by prior knowledge without.
    #[arg(long)]
    h2: bool,
    /// The HTTP/2 limit on concurrent streams of a connection.
    #[arg(long)]
    max_streams: Option<u32>,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> io::Result<()> {
    let matches = Arguments::command().after_help(help()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mut runtime = if arguments.threads > 1 {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime
        .worker_threads(arguments.threads.max(1))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mimic = Mimic::start(Options {
            listen: Some(arguments.listen),
            tls: arguments.tls,
            h2: arguments.h2,
            max_streams: arguments.max_streams,
        })
        .await?;
        let mut out = io::stdout();
        writeln!(out, "{}", mimic.url())?;
        write!(out, "{}", mimic.ca_pem().unwrap_or_default())?;
        out.flush()?;
        mimic.join().await;
        Ok(())
    })
}
