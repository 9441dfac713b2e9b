//! PostgreSQL's own CSV log, held against the events that were read from its text log.

use std::collections::HashMap;
use std::path::Path;

use aurora_connection_audit::postgres::event::{ConnectionEvent, Encryption, Kind, Standing};
use aurora_connection_audit::postgres::{LogLinePrefix, time_stamp};

/// A row of `postgresql.csv` that reports a connection event.
#[derive(Debug)]
pub(crate) struct Row {
    kind: Kind,
    pid: u32,
    time: Option<time::OffsetDateTime>,
    /// `host:port` or `[local]`; empty when the name of the client could not be looked up.
    from: String,
    user: String,
    database: String,
    message: String,
    sql_state: String,
}

/// What a comparison found.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) rows: usize,
    pub(crate) missing: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) unknown: HashMap<&'static str, usize>,
    pub(crate) suspicious: usize,
}

/// The rows of the CSV log at `path` that report connection events.
pub(crate) fn truth(path: &Path) -> HashMap<Kind, Vec<Row>> {
    let mut truth: HashMap<Kind, Vec<Row>> = HashMap::new();
    for row in rows(path) {
        truth.entry(row.kind).or_default().push(row);
    }
    truth
}

/// Holds all `events` of a log against the `truth` of its CSV; `setting` is its `log_line_prefix`.
pub(crate) fn compare(
    events: &[ConnectionEvent<'_>],
    mut truth: HashMap<Kind, Vec<Row>>,
    setting: &str,
) -> Outcome {
    let mut outcome = Outcome {
        rows: truth.values().map(Vec::len).sum(),
        ..Outcome::default()
    };
    for event in events {
        if is_compared(event) {
            let rows = truth.entry(event.kind).or_default();
            match_event(event, rows, setting, &mut outcome);
        } else if event.kind == Kind::Suspicious {
            outcome.suspicious += 1;
        }
    }
    outcome.missing = truth
        .into_values()
        .flatten()
        .map(|row| format!("MISSING {row:?}"))
        .collect();
    outcome
}

/// Is this an event that has a row in the CSV?
pub(crate) fn is_compared(event: &ConnectionEvent<'_>) -> bool {
    event.standing > Standing::Alternative
        && !matches!(
            event.kind,
            Kind::Suspicious | Kind::Probed | Kind::Ready | Kind::Explanation | Kind::Ended
        )
}

/// Takes the row that `event` reports out of `rows`.
pub(crate) fn match_event(
    event: &ConnectionEvent<'_>,
    rows: &mut Vec<Row>,
    prefix: &str,
    outcome: &mut Outcome,
) {
    let best = (0..rows.len())
        .filter(|at| {
            event
                .facts
                .backend_pid
                .is_none_or(|pid| pid == rows[*at].pid)
        })
        .min_by_key(|at| {
            (
                differences(event, &rows[*at], prefix).len(),
                delay(event, &rows[*at]),
            )
        });
    let Some(best) = best else {
        outcome.wrong.push(format!("FALSE {event:?}"));
        return;
    };
    let row = rows.remove(best);
    for difference in differences(event, &row, prefix) {
        outcome
            .wrong
            .push(format!("{difference} in {event:?} of {row:?}"));
    }
    for (field, unknown) in [
        ("user", event.facts.user.is_none() && !row.user.is_empty()),
        (
            "database",
            event.facts.database.is_none() && !row.database.is_empty(),
        ),
        ("host", event.facts.host.is_none() && !row.from.is_empty()),
        (
            "tls",
            event.facts.encryption == Encryption::Unknown && row.message.contains(" SSL enabled ("),
        ),
        ("time", event.facts.time.is_none()),
    ] {
        if unknown {
            *outcome.unknown.entry(field).or_default() += 1;
        }
    }
}

/// Milliseconds between the times of event and row.
fn delay(event: &ConnectionEvent<'_>, row: &Row) -> i128 {
    event.facts.time.map_or(0, |time| {
        (row.time.unwrap() - time).whole_milliseconds().abs()
    })
}

fn differences(event: &ConnectionEvent<'_>, row: &Row, prefix: &str) -> Vec<&'static str> {
    let facts = &event.facts;
    let agrees = |ours: Option<&str>, theirs: &str| ours.is_none_or(|ours| ours == theirs);
    let says = |words: &str| row.message.contains(words);
    let is_authorized = event.kind == Kind::Authorized;
    let is_walsender = row.message.starts_with("replication connection ");
    let sql_state = facts.sql_state.as_deref();
    let method = facts.auth_method.as_deref();
    let name = facts.application_name.as_deref();
    let is_named = |name: &str| says(&format!(" application_name={name}"));
    let checks = [
        // An unknown name is `[unknown]` for the prefix and nothing for the CSV.
        ("user", agrees(facts.user.as_deref(), &row.user)),
        ("database", agrees(facts.database.as_deref(), &row.database)),
        ("host", is_from(event, row)),
        (
            "reason",
            event.kind != Kind::Rejected || agrees(facts.reason.as_deref(), &row.message),
        ),
        (
            "sql_state",
            !prefix.contains("%e") || sql_state == Some(row.sql_state.as_str()),
        ),
        (
            "auth_method",
            method.is_none_or(|method| says(&format!("method={method} ("))),
        ),
        ("identity", is_proven(event, row)),
        (
            "application_name",
            !is_authorized || name.is_none_or(is_named),
        ),
        ("tls", is_encrypted(event, row)),
        (
            "replication",
            !is_authorized || facts.replication == is_walsender,
        ),
        // `%t` comes from a coarser clock than the CSV's time.
        ("time", delay(event, row) < 2000),
    ];
    let wrong = checks.into_iter().filter(|(_, holds)| !holds);
    wrong.map(|(what, _)| what).collect()
}

fn is_from(event: &ConnectionEvent<'_>, row: &Row) -> bool {
    let Some(host) = event.facts.host.as_deref() else {
        return true;
    };
    match event.facts.port {
        Some(port) => row.from == format!("{host}:{port}"),
        None => {
            row.from
                .rsplit_once(':')
                .map_or(&*row.from, |(host, _)| host)
                == host
        }
    }
}

fn is_proven(event: &ConnectionEvent<'_>, row: &Row) -> bool {
    event.facts.identity.as_deref().is_none_or(|identity| {
        row.message.contains(&format!("identity=\"{identity}\""))
            || row.message.contains(&format!("principal={identity})"))
    })
}

fn is_encrypted(event: &ConnectionEvent<'_>, row: &Row) -> bool {
    let (Encryption::Tls(tls) | Encryption::TlsAsLogged(tls)) = &event.facts.encryption else {
        return true;
    };
    row.message.contains(&format!(
        "protocol={}, cipher={}, bits={}",
        tls.protocol,
        tls.cipher,
        tls.bits.unwrap_or_default()
    ))
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap();
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.unwrap();
        let column = |at: usize| String::from_utf8_lossy(&record[at]).into_owned();
        // https://www.postgresql.org/docs/current/runtime-config-logging.html
        let (severity, message, command, context) = (column(11), column(13), column(7), column(18));
        if !context.is_empty() || column(4).is_empty() {
            continue;
        }
        let Some(kind) = kind(&severity, &message, &command) else {
            continue;
        };
        rows.push(Row {
            kind,
            pid: column(3).parse().unwrap(),
            time: time_stamp::parse(&column(0)),
            from: column(4),
            user: column(1),
            database: column(2),
            sql_state: column(12),
            message,
        });
    }
    rows
}

/// The kind of event a CSV row reports; `command` tells a session from a start-up.
fn kind(severity: &str, message: &str, command: &str) -> Option<Kind> {
    let starting = ["", "authentication", "startup", "initializing"].contains(&command);
    match severity {
        "FATAL" if starting => Some(Kind::Rejected),
        "LOG" if message.starts_with("connection received: ") => Some(Kind::Received),
        "LOG" if message.starts_with("connection authenticated: ") => Some(Kind::Authenticated),
        "LOG" if message.starts_with("connection authorized: ") => Some(Kind::Authorized),
        "LOG" if message.starts_with("replication connection authorized: ") => {
            Some(Kind::Authorized)
        }
        "LOG" if message.starts_with("disconnection: session time: ") => Some(Kind::Disconnected),
        _ => None,
    }
}

/// A log as CloudWatch cuts it: a line that begins as the prefix does, and the lines behind it.
pub(crate) fn log_events<'a>(text: &'a str, prefix: &LogLinePrefix) -> Vec<&'a str> {
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut ends = rest.match_indices('\n').map(|(at, _)| at + 1);
        let end = ends.find(|end| prefix.begins(&rest[*end..]));
        let (event, behind) = rest.split_at(end.unwrap_or(rest.len()));
        events.push(event);
        rest = behind;
    }
    events
}

/// What the filter pattern that the module's README gives looks for.
pub(crate) fn filter_terms() -> Vec<String> {
    let readme = std::fs::read_to_string("terraform/README.md").unwrap();
    let lines = readme.lines();
    let terms = lines.filter_map(|line| line.trim_start().strip_prefix('"')?.split_once('"'));
    let terms: Vec<String> = terms.map(|(term, _)| term.to_owned()).collect();
    assert!(
        terms.iter().any(|term| term == "connection received"),
        "{terms:?}"
    );
    terms
}
