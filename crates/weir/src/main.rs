//! The `weir` binary: command line, assembly, reload, signals. Nothing else.

mod admin;
mod banner;
mod check;
mod cli;
mod keys;
mod log;
mod memory;
mod reload;
mod serve;
mod workers;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nowhere is left to report a failing stderr to.
            let _ = writeln!(std::io::stderr(), "weir: {message}");
            ExitCode::FAILURE
        }
    }
}
