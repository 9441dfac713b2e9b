//! Why a command did not do its work, for a person to read.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::event;
use crate::aws::dynamodb::TableError;
use crate::config::ConfigError;
use crate::http::SendError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// A file, and what the operating system says about it.
    File(PathBuf, io::Error),
    Stdin(io::Error),
    Stdout(io::Error),
    Flags(ConfigError),
    /// The log lines are too many for one event; the bytes that it would have.
    EventTooLong(usize),
    /// The log is longer than the function takes; the bytes that it takes.
    LogTooLong(usize),
    /// No manual page has this name.
    NoSuchCommand(String),
    /// The demo's processes; what is wrong.
    Demo(String),
    /// Events that could not be read.
    Events(usize),
    /// Nobody says whose log it is.
    NoAccount,
    /// The environment has none.
    NoCredentials,
    /// Neither the environment nor the table's name says it.
    NoRegion,
    /// The HTTP client cannot start.
    Client(SendError),
    /// The operating system gives no event loop.
    Runtime(io::Error),
    /// The table of the history.
    Table(TableError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Stdin(error) => write!(f, "standard input: {error}"),
            Self::Stdout(error) => write!(f, "standard output: {error}"),
            Self::Flags(ConfigError(faults)) => {
                let faults = faults.iter().map(|fault| {
                    let flag = match fault.variable {
                        "MESSAGE_LANGUAGE" => "--language".to_owned(),
                        "MESSAGE_TIME_ZONE" => "--time-zone".to_owned(),
                        "HISTORY_TABLE" => "--table".to_owned(),
                        variable => format!("--{}", variable.to_lowercase().replace('_', "-")),
                    };
                    format!("{flag}: {}", fault.problem)
                });
                f.write_str(&faults.collect::<Vec<_>>().join("; "))
            }
            Self::EventTooLong(length) => write!(
                f,
                "the event would have {length} bytes, and Lambda takes {}: give fewer log lines",
                event::MAX_PAYLOAD
            ),
            Self::LogTooLong(most) => write!(
                f,
                "the log is too long for one event, which holds {most} bytes: give fewer log lines"
            ),
            Self::NoSuchCommand(name) => write!(f, "no such command: {name} (see --help)"),
            Self::Demo(problem) => f.write_str(problem),
            Self::Events(count) => write!(
                f,
                "{count} events could not be read: see `error` in the output"
            ),
            Self::NoAccount => f.write_str(
                "the log group's name does not tell its account: give --account, as `aws sts get-caller-identity` tells it",
            ),
            Self::NoCredentials => f.write_str(
                "there are no AWS credentials in the environment: eval \"$(aws configure export-credentials --format env)\" puts yours there",
            ),
            Self::NoRegion => f.write_str("there is no AWS region: set AWS_REGION"),
            Self::Client(error) => write!(f, "the HTTP client cannot start: {error}"),
            Self::Runtime(error) => write!(f, "there is no event loop: {error}"),
            Self::Table(error) => write_table(error, f),
        }
    }
}

/// In the words of somebody who has a table and credentials, and no function.
fn write_table(error: &TableError, f: &mut fmt::Formatter) -> fmt::Result {
    match error {
        TableError::NotFound => {
            f.write_str("there is no such --table in this account and region")
        }
        TableError::AccessDenied => f.write_str(
            "your credentials may not use the table: they need dynamodb:BatchGetItem and dynamodb:UpdateItem on it, and its KMS key where it has one",
        ),
        TableError::Aws(error) => write!(f, "DynamoDB: {error}"),
    }?;
    f.write_str(" (what was written stays; the same command goes on from there)")
}
