//! The Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    aurora_connection_audit::lambda::main()
}
