//! The `weir-bench` binary: hands the command line to the library and prints what went wrong. It allocates as the
//! product does, so that the bare proxy is a fair baseline.

use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match weir_bench::cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Nothing is left to do when stderr is gone as well.
            let _ = writeln!(std::io::stderr(), "weir-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}
