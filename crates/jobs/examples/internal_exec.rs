//! The wrapper as a program of its own: what `highroad internal-exec` is, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    jobs::process::exec_sandboxed(std::env::args_os().skip(1))
}
