//! The keeper by itself, for tests that start supervisors.

use std::process::ExitCode;

fn main() -> ExitCode {
    node::keeper::main()
}
