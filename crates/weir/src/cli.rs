//! The command line. `--help` of each command is its manual page.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{check, keys, serve};

/// Weir, an LLM gateway: one server between your applications and every model provider.
///
/// Without a command it serves. Without a configuration file it uses every provider whose API key
/// stands in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...) and the built-in `sim`
/// provider, keeps its keys and its ledger in ./weir.db, and prints where it listens and a first
/// key.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// How to serve.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file (YAML). An edit is taken over within a second, or refused whole.
    #[arg(short, long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves calls; what `weir` alone does.
    Serve(ServeArgs),
    /// Checks a configuration file and says what is wrong with it, with line and nearest name.
    ///
    /// Exits with 0 when the file would be taken over by a server, else with 1. Secrets must be
    /// in the environment, as for the server.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Makes, lists and disables the keys of a running server, over its admin API.
    Keys(keys::KeysArgs),
}

impl Cli {
    /// Runs the command. The error is for the terminal.
    pub(crate) fn run(self) -> Result<(), String> {
        match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(args)) => serve::run(&args),
            Some(Command::Check { file }) => check::run(&file),
            Some(Command::Keys(args)) => keys::run(&args),
        }
    }
}

/// Prints to the terminal; a closed pipe ends the program quietly, as is usual.
pub(crate) fn print(text: &str) -> Result<(), String> {
    use std::io::Write;
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| format!("cannot print: {e}"))
}
