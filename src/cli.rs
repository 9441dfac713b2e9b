//! The command line tool: the same pipeline without AWS and without Slack.

pub mod event;
pub mod local;

mod demo;
mod failure;
mod find_prefix;
mod help;
mod input;
mod json;
mod learn;
mod logs;
mod parse;
mod preview;
mod progress;
mod replay;
mod report;
mod stamp;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use time::OffsetDateTime;

use self::failure::Failure;
use crate::config::Settings;
use crate::postgres::LogLinePrefix;

/// Posts to Slack who connects to an Aurora PostgreSQL cluster.
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
    /// Runs the function's own process among a local Lambda Runtime API, Secrets Manager, DynamoDB
    /// and Slack. Exits with 0 only if Slack got the messages.
    #[command(after_help = help::DEMO)]
    Demo {
        /// Also write what Slack got as a web page
        #[arg(long, value_name = "PAGE")]
        html: Option<PathBuf>,
        #[command(flatten)]
        flags: MessageFlags,
    },

    /// Show the Slack messages for a PostgreSQL log
    #[command(after_help = help::PREVIEW)]
    Preview {
        #[command(flatten)]
        files: LogFiles,
        /// Print the exact payloads instead, one per line
        #[arg(long)]
        json: bool,
        /// Write a web page instead
        #[arg(long, value_name = "PAGE", conflicts_with = "json")]
        html: Option<PathBuf>,
        #[command(flatten)]
        log: LogFlags,
        #[command(flatten)]
        flags: MessageFlags,
    },

    /// Print the connection events of a PostgreSQL log as JSON, one object per line
    #[command(after_help = help::PARSE)]
    Parse {
        #[command(flatten)]
        files: LogFiles,
        #[command(flatten)]
        prefix: PrefixFlag,
    },

    /// Show who connected: one row per user, database, client and application
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

    /// Teach the history what a log knows, so that the first day is quiet
    ///
    /// Writes users, networks and databases of certain logins into the DynamoDB table of the history,
    /// with your own AWS credentials. What the table has from a later day stays as it is, so the
    /// command may run at any time, and again. (The AWS CLI could only overwrite whole items.)
    #[command(after_help = help::LEARN)]
    Learn {
        #[command(flatten)]
        files: LogFiles,
        #[command(flatten)]
        flags: LearnFlags,
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

    /// Show what the function would post for events, one per line
    ///
    /// A line of input is an event that the function takes: of CloudWatch Logs, of Kinesis, or of
    /// the retry queue. One warm process takes them in order and answers each with a line of JSON
    /// before it reads the next. Nothing is posted.
    #[command(after_help = help::REPLAY)]
    Replay {
        /// File of events, one per line [default: standard input]
        file: Option<PathBuf>,
        /// Use a new process for each event
        #[arg(long)]
        cold: bool,
        /// Behave as if a subscription filter held log events back
        #[arg(long)]
        filtered: bool,
        #[command(flatten)]
        flags: MessageFlags,
    },

    /// Print completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions { shell: Shell },

    /// Print the manual page of the tool or of one command
    #[command(after_help = help::MAN)]
    Man {
        /// demo, preview, parse, report, learn, event, replay or completions; the tool itself without it
        command: Option<String>,
    },

    /// The Lambda function itself, for `demo`
    #[command(hide = true)]
    Bootstrap,
}

/// The logs that a command reads.
#[derive(Debug, Args)]
struct LogFiles {
    /// PostgreSQL logs; - or nothing is standard input
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
    /// The server's `log_line_prefix` [default: detected from the log]
    #[arg(long, value_name = "SETTING")]
    log_line_prefix: Option<String>,
}

/// What a report holds, and how it is written.
#[derive(Debug, Args)]
struct ReportFlags {
    /// Print CSV instead of a table
    #[arg(long)]
    csv: bool,
    /// Print one JSON object instead of a table
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Write a web page instead of a table
    #[arg(long, value_name = "PAGE", conflicts_with_all = ["csv", "json"])]
    html: Option<PathBuf>,
    /// Leave out everything before this time: 2026-11-23, or 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = report::time)]
    since: Option<OffsetDateTime>,
    /// Leave out this time and everything after it
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

/// Whose log it is, and what remembers it.
#[derive(Debug, Args)]
struct LearnFlags {
    /// Name or ARN of the function's `HISTORY_TABLE`
    #[arg(long, value_name = "NAME", required_unless_present = "dry_run")]
    table: Option<String>,
    /// As `/aws/rds/cluster/<id>/postgresql`
    #[arg(long, value_name = "NAME")]
    log_group: String,
    /// The AWS account of the log group, unless the group's name tells it
    #[arg(long, value_name = "ID", value_parser = learn::account)]
    account: Option<String>,
    /// The name to show for the cluster [default: the id in the log group's name]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The function's `HISTORY_DAYS` [default: 30]
    #[arg(long, value_name = "DAYS")]
    history_days: Option<String>,
    /// The function's `HISTORY_NETWORKS`, a JSON array [default: none]
    #[arg(long, value_name = "JSON")]
    history_networks: Option<String>,
    #[command(flatten)]
    prefix: PrefixFlag,
    /// Print what would be written as JSON, one item a line; needs neither table nor credentials
    #[arg(long)]
    dry_run: bool,
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
    /// AWS region for the link to the log; without it there is no link
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
    /// What to report [default: authorized,rejected]
    #[arg(long, value_name = "EVENTS")]
    notify_on: Option<String>,
    /// The name to show for the cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

impl MessageFlags {
    /// The variables that `bootstrap` would have, for a log group.
    fn environment(&self, log_group: &str) -> Vec<(&'static str, String)> {
        let clusters = clusters(log_group, self.cluster.as_deref());
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

fn clusters(log_group: &str, name: Option<&str>) -> Option<String> {
    name.map(|name| serde_json::json!({ log_group: name }).to_string())
}

impl LearnFlags {
    /// The variables that `bootstrap` has, as far as they matter for what is remembered.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let variables = [
            (
                "CLUSTERS",
                clusters(&self.log_group, self.cluster.as_deref()),
            ),
            ("HISTORY_TABLE", Some("remembers".to_owned())),
            ("HISTORY_DAYS", self.history_days.clone()),
            ("HISTORY_NETWORKS", self.history_networks.clone()),
        ];
        let given = variables.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
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

/// The whole process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = match cli.command {
        Command::Demo { html, flags } => demo::run(&flags, html.as_deref()),
        Command::Preview {
            files,
            json,
            html,
            log,
            flags,
        } => preview::run(&files, json, html.as_deref(), log, &flags),
        Command::Parse { files, prefix } => parse::run(&files, &prefix),
        Command::Report { files, flags } => report::run(&files, &flags),
        Command::Learn { files, flags } => learn::run(&files, &flags),
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
                Failure::Demo(_) | Failure::Events(_) | Failure::Table(_) => ExitCode::FAILURE,
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
            // If this fails, there is nobody left to report it to.
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
