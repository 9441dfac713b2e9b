//! What the tool says about itself: examples, shell completions, manual pages.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::preview::print;
use super::{Cli, Failure};

pub(super) const TOOL: &str = "\
Examples:
  aurora-connection-audit demo
  aurora-connection-audit preview postgresql.log
  aurora-connection-audit report --html who.html postgresql.log.*.gz
  aws logs tail /aws/rds/cluster/orders/postgresql --since 1h | aurora-connection-audit report

A log may be of any length, plain or gzip, or what AWS's command line writes (aws logs
filter-log-events, aws logs tail, aws rds download-db-log-file-portion). Its log_line_prefix is
detected.

Results go to standard output, everything else to standard error. The exit status is 0 on success,
1 if the demo, an event or the table of learn failed, and 2 for a wrong flag or a file that cannot be
read.";

pub(super) const DEMO: &str = "\
Examples:
  aurora-connection-audit demo
  aurora-connection-audit demo --language en --time-zone UTC --cluster prod-orders --html demo.html";

pub(super) const PREVIEW: &str = "\
Examples:
  aurora-connection-audit preview postgresql.log
  aurora-connection-audit preview --log-line-prefix '%m [%p] ' --language en postgresql.log
  aurora-connection-audit preview --notify-on rejected --html refused.html postgresql.log
  aurora-connection-audit preview --rules '[{\"when\":{\"tls\":true},\"then\":\"ignore\"}]' postgresql.log

A log of any length becomes one message for each channel: what does not fit is counted. With --json
each line is the body of a request to an incoming webhook.";

pub(super) const PARSE: &str = "\
Examples:
  aurora-connection-audit parse postgresql.log
  aurora-connection-audit parse --log-line-prefix '%m [%p] ' postgresql.log
  aurora-connection-audit parse postgresql.log.1 postgresql.log.2.gz
  aws logs tail /aws/rds/cluster/orders/postgresql --since 1h | aurora-connection-audit parse

Keys: event (received, authenticated, authorized, rejected, disconnected), time (RFC 3339, UTC),
backend_pid, user, database, host, port, application_name, replication, tls {protocol, cipher, bits},
auth_method, identity, session_seconds, reason, sql_state, line. What is not known is absent. Lines
are counted in each file, or in each log stream.";

pub(super) const REPORT: &str = "\
Examples:
  aurora-connection-audit report postgresql.log
  aurora-connection-audit report --since 2026-11-01 --until 2026-12-01 --csv postgresql.log.*
  aurora-connection-audit report --cluster prod-orders --html who.html postgresql.log
  aurora-connection-audit report --rules '[{\"when\":{\"hosts\":[\"10.0.0.0/8\"]},\"then\":\"ignore\"}]' postgresql.log

A date means its first moment in UTC. Connections without a time are kept. A row is confirmed if only
PostgreSQL can have written its lines. In CSV, a cell that a spreadsheet would take for a formula
begins with an apostrophe, and invisible characters are written out.";

pub(super) const LEARN: &str = "\
Examples:
  aurora-connection-audit learn --table connection-audit-history --log-group /aws/rds/cluster/orders/postgresql --account 123456789012 postgresql.log.*
  aurora-connection-audit learn --dry-run --log-group /aws/rds/cluster/orders/postgresql --account 123456789012 postgresql.log
  The last 30 days of a log group, with your own credentials:
    eval \"$(aws configure export-credentials --format env)\"
    aws logs filter-log-events --log-group-name \"$GROUP\" --start-time \"$(date -d '30 days ago' +%s)000\" |
      aurora-connection-audit learn --table \"$TABLE\" --log-group \"$GROUP\" \\
        --account \"$(aws sts get-caller-identity --query Account --output text)\"

Give the whole log, without a filter pattern: only certain logins teach, and lines on their own prove
nothing. Networks and days must be those of the function. The credentials are those in AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; they need dynamodb:BatchGetItem and dynamodb:UpdateItem. The
exit status is 1 when the table did not take everything; what was written stays.";

pub(super) const REPLAY: &str = "\
Examples:
  aurora-connection-audit replay events.jsonl
  What the function would post for the messages in the retry queue:
    aws sqs receive-message --queue-url \"$QUEUE\" | jq -c '{Records: [.Messages[] | {eventSource: \"aws:sqs\", body: .Body}]}' | aurora-connection-audit replay
  Each event in a process of its own:
  aurora-connection-audit replay --cold events.jsonl";

pub(super) const EVENT: &str = "\
Examples:
  aurora-connection-audit event postgresql.log --log-group /aws/rds/cluster/orders/postgresql

Lambda takes up to 1 MB. Paste the output into the Lambda console as a test event, or use a shell:
  aws lambda invoke --function-name aurora-connection-audit --payload file://event.json \\
    --cli-binary-format raw-in-base64-out answer.json";

pub(super) const COMPLETIONS: &str = "\
Examples:
  aurora-connection-audit completions bash > ~/.local/share/bash-completion/completions/aurora-connection-audit
  aurora-connection-audit completions fish > ~/.config/fish/completions/aurora-connection-audit.fish";

pub(super) const MAN: &str = "\
Examples:
  aurora-connection-audit man | man -l -
  aurora-connection-audit man preview > aurora-connection-audit-preview.1";

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let mut tool = Cli::command();
    let name = tool.get_name().to_owned();
    clap_complete::generate(shell, &mut tool, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The page of the tool, or of one of its commands.
pub(super) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut tool = Cli::command().disable_help_subcommand(true);
    tool.build();
    let command = match command {
        Some(name) => named(&tool, name)?,
        None => tool,
    };
    let mut page = Vec::new();
    Man::new(command)
        .source(concat!(
            "aurora-connection-audit ",
            env!("CARGO_PKG_VERSION")
        ))
        .render(&mut page)
        .map_err(Failure::Stdout)?;
    print(&String::from_utf8_lossy(&page))
}

fn named(tool: &Command, name: &str) -> Result<Command, Failure> {
    let is_shown = |command: &&Command| !command.is_hide_set();
    let command = tool.find_subcommand(name).filter(is_shown);
    command
        .cloned()
        .ok_or_else(|| Failure::NoSuchCommand(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// As a shell splits it, as far as the examples go: blanks, single quotes, a redirection.
    fn words(line: &str) -> Vec<String> {
        let call = line.split(['>', '|']).next();
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in call.unwrap().trim().chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_has_examples_that_it_takes() {
        for command in Cli::command().get_subcommands() {
            if command.is_hide_set() {
                continue;
            }
            let name = command.get_name();
            let help = command.get_after_help().unwrap().to_string();
            let call = format!("  aurora-connection-audit {name}");
            let examples: Vec<&str> = help.lines().filter(|l| l.starts_with(&call)).collect();
            assert!(!examples.is_empty(), "{name} has no example");
            for example in examples {
                let parsed = Cli::try_parse_from(words(example));
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }
}
