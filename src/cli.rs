//! The command line tool: the same pipeline without AWS and without Slack.

pub mod event;
pub mod local;

mod demo;
mod find_prefix;
mod help;
mod input;
mod logs;
mod parse;
mod preview;
mod progress;
mod replay;
mod report;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use time::OffsetDateTime;

use crate::config::{ConfigError, Settings};
use crate::postgres::LogLinePrefix;

/// Tells a Slack channel who connects to an Aurora PostgreSQL cluster.
///
/// Start with `aurora-connection-audit demo`: it needs no account and no network.
#[derive(Debug, Parser)]
#[command(
    name = "aurora-connection-audit",
    version,
    arg_required_else_help = true,
    after_help = help::TOOL
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send real log lines through the Lambda function, and show what Slack gets
    ///
    /// Runs the function's own process among a local Lambda Runtime API, a local Secrets Manager
    /// and a local Slack. Ends with 0 only if Slack got the messages.
    #[command(after_help = help::DEMO)]
    Demo(MessageFlags),

    /// Show the Slack messages that a PostgreSQL log makes
    #[command(after_help = help::PREVIEW)]
    Preview {
        #[command(flatten)]
        files: LogFiles,
        /// The exact payloads instead of a drawing, one a line
        #[arg(long)]
        json: bool,
        /// A web page instead of a drawing
        #[arg(long, value_name = "PAGE", conflicts_with = "json")]
        html: Option<PathBuf>,
        #[command(flatten)]
        log: LogFlags,
        #[command(flatten)]
        flags: MessageFlags,
    },

    /// Print every connection event of a PostgreSQL log as a JSON object a line
    #[command(after_help = help::PARSE)]
    Parse {
        #[command(flatten)]
        files: LogFiles,
        #[command(flatten)]
        prefix: PrefixFlag,
    },

    /// Show who connected: a row for each user, database, client and application
    ///
    /// Counts logins, refusals and disconnections, with the first and the last time, how clients
    /// proved who they are, and TLS. Rows with refusals come first, the newest of them on top.
    #[command(after_help = help::REPORT)]
    Report {
        #[command(flatten)]
        files: LogFiles,
        #[command(flatten)]
        flags: ReportFlags,
    },

    /// Print a test event for the Lambda console or `cargo lambda invoke`
    #[command(after_help = help::EVENT)]
    Event {
        #[command(flatten)]
        files: LogFiles,
        /// As `/aws/rds/cluster/<id>/postgresql`
        #[arg(long, value_name = "NAME")]
        log_group: String,
        /// As `<instance>.<number>`
        #[arg(long, value_name = "NAME", default_value = "instance-1.0")]
        log_stream: String,
    },

    /// Show what the function would make of events, one a line
    ///
    /// A line of input is an event that the function takes: of CloudWatch Logs, of Kinesis, or of the
    /// retry queue. One warm process takes them in order. Each is answered by a line of JSON before
    /// the next is read. Nothing is posted.
    #[command(after_help = help::REPLAY)]
    Replay {
        /// Events, one a line; standard input without it
        file: Option<PathBuf>,
        /// A new process for each event
        #[arg(long)]
        cold: bool,
        /// As if a subscription filter held log events back
        #[arg(long)]
        filtered: bool,
        #[command(flatten)]
        flags: MessageFlags,
    },

    /// Print the completions of a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions { shell: Shell },

    /// Print the manual page, of the tool or of one command
    #[command(after_help = help::MAN)]
    Man {
        /// demo, preview, parse, report, event, replay or completions; the tool itself without it
        command: Option<String>,
    },

    /// The Lambda function itself, for `demo`
    #[command(hide = true)]
    Bootstrap,
}

/// The logs that a command reads.
#[derive(Debug, Args)]
struct LogFiles {
    /// PostgreSQL logs; standard input for - or none
    ///
    /// Plain or gzip; also what `aws logs filter-log-events`, `aws logs tail` and
    /// `aws rds download-db-log-file-portion` write.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How much is read at once
    #[arg(long, value_name = "BYTES", hide = true, default_value_t = 128 << 10)]
    chunk_bytes: usize,
}

#[derive(Debug, Args)]
struct PrefixFlag {
    /// The server's setting [default: found by itself]
    #[arg(long, value_name = "SETTING")]
    log_line_prefix: Option<String>,
}

/// What a report holds, and how it is written.
#[derive(Debug, Args)]
struct ReportFlags {
    /// CSV instead of a table
    #[arg(long)]
    csv: bool,
    /// One JSON object instead of a table
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// A web page instead of a table
    #[arg(long, value_name = "PAGE", conflicts_with_all = ["csv", "json"])]
    html: Option<PathBuf>,
    /// Leave out what was before: 2026-11-23, or 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = report::time)]
    since: Option<OffsetDateTime>,
    /// Leave out this time and what came after it
    #[arg(long, value_name = "TIME", value_parser = report::time)]
    until: Option<OffsetDateTime>,
    #[command(flatten)]
    prefix: PrefixFlag,
    /// Rules as a JSON array; what they ignore is left out [default: ignore RDS's own users]
    #[arg(long, value_name = "JSON")]
    rules: Option<String>,
    /// The cluster's name, for the title and for rules with `clusters` [default: the file's name]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

/// Where in CloudWatch Logs the log would be: messages tell the instance and link to it.
#[derive(Debug, Args)]
struct LogFlags {
    /// As `/aws/rds/cluster/<id>/postgresql` [default: the file's name]
    #[arg(long, value_name = "NAME")]
    log_group: Option<String>,
    /// As `<instance>.<number>`
    #[arg(long, value_name = "NAME")]
    log_stream: Option<String>,
    /// AWS region of the link to the log; none without it
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// The function's environment as flags.
#[derive(Debug, Args)]
struct MessageFlags {
    #[command(flatten)]
    prefix: PrefixFlag,
    /// Language of the messages: ja or en [default: ja]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Time zone of the messages [default: Asia/Tokyo]
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// Rules as a JSON array [default: ignore RDS's own users]
    #[arg(long, value_name = "JSON")]
    rules: Option<String>,
    /// What to tell [default: authorized,rejected]
    #[arg(long, value_name = "EVENTS")]
    notify_on: Option<String>,
    /// The name to show for the cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

impl MessageFlags {
    /// The variables that `bootstrap` would have, for a log group.
    fn environment(&self, log_group: &str) -> Vec<(&'static str, String)> {
        let cluster = self.cluster.as_ref();
        let clusters = cluster.map(|cluster| serde_json::json!({ log_group: cluster }).to_string());
        let variables = [
            (LOG_LINE_PREFIX, self.prefix.log_line_prefix.clone()),
            ("MESSAGE_LANGUAGE", self.language.clone()),
            ("MESSAGE_TIME_ZONE", self.time_zone.clone()),
            ("RULES", self.rules.clone()),
            ("NOTIFY_ON", self.notify_on.clone()),
            ("CLUSTERS", clusters),
        ];
        let given = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }

    fn settings(&self, log_group: &str) -> Result<Settings, Failure> {
        settings(&self.environment(log_group))
    }
}

impl PrefixFlag {
    /// `None` where it is to be found by itself.
    fn given(&self) -> Result<Option<LogLinePrefix>, Failure> {
        let Some(setting) = self
            .log_line_prefix
            .clone()
            .filter(|given| !given.is_empty())
        else {
            return Ok(None);
        };
        Ok(Some(
            settings(&[(LOG_LINE_PREFIX, setting)])?.log_line_prefix,
        ))
    }
}

const LOG_LINE_PREFIX: &str = "LOG_LINE_PREFIX";

fn settings(environment: &[(&'static str, String)]) -> Result<Settings, Failure> {
    let lookup = |variable: &str| {
        let found = environment.iter().find(|(name, _)| *name == variable)?;
        Some(found.1.clone())
    };
    Settings::from_vars(lookup).map_err(Failure::Flags)
}

/// Why a command did not do its work.
#[derive(Debug)]
enum Failure {
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
        }
    }
}

/// The whole life of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = match cli.command {
        Command::Demo(flags) => demo::run(&flags),
        Command::Preview {
            files,
            json,
            html,
            log,
            flags,
        } => preview::run(&files, json, html.as_deref(), log, &flags),
        Command::Parse { files, prefix } => parse::run(&files, &prefix),
        Command::Report { files, flags } => report::run(&files, &flags),
        Command::Event {
            files,
            log_group,
            log_stream,
        } => event::run(&files, &log_group, &log_stream),
        Command::Replay {
            file,
            cold,
            filtered,
            flags,
        } => replay::run(file.as_deref(), cold, filtered, &flags),
        Command::Completions { shell } => help::completions(shell),
        Command::Man { command } => help::man(command.as_deref()),
        Command::Bootstrap => return crate::lambda::main(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `head` has seen enough.
        Err(Failure::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("aurora-connection-audit: {failure}");
            match failure {
                Failure::Demo(_) | Failure::Events(_) => ExitCode::FAILURE,
                _ => ExitCode::from(2),
            }
        }
    }
}

/// Help and version are results; anything else is one line on stderr.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody is left to be told when this fails.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        _ => {
            let text = error.to_string();
            let paragraph = text.split("\n\n").next().unwrap_or_default();
            let words: Vec<_> = paragraph.split_whitespace().skip(1).collect();
            eprintln!("aurora-connection-audit: {} (see --help)", words.join(" "));
            ExitCode::from(2)
        }
    }
}
