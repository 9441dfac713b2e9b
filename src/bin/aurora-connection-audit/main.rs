//! The command line tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    aurora_connection_audit::cli::main()
}
