//! Reads the logs of real PostgreSQL servers and compares every event, field by field, with the
//! server's own CSV log of the same run. `FIXTURES` may name another folder of such runs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aurora_connection_audit::postgres::connection::{ConnectionEvent, Encryption, Kind};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read, time_stamp};

/// A row of `postgresql.csv` that reports a connection event.
#[derive(Debug)]
struct Row {
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

#[derive(Default)]
struct Outcome {
    rows: usize,
    missing: Vec<String>,
    wrong: Vec<String>,
    unknown: HashMap<&'static str, usize>,
    suspicious: usize,
}

#[test]
fn agrees_with_the_servers_own_csv() {
    let folder = folder();
    let mut table = String::new();
    let (mut rows, mut missing, mut wrong) = (0, 0, 0);
    for run in runs(&folder) {
        let outcome = compare(&run);
        let name = run.strip_prefix(&folder).unwrap().display().to_string();
        rows += outcome.rows;
        missing += outcome.missing.len();
        wrong += outcome.wrong.len();
        let mut unknown: Vec<_> = outcome.unknown.iter().collect();
        unknown.sort();
        writeln!(
            table,
            "{name:45} {:6} rows {:3} missing {:3} wrong {:4} suspicious, not known: {unknown:?}",
            outcome.rows,
            outcome.missing.len(),
            outcome.wrong.len(),
            outcome.suspicious,
        )
        .unwrap();
        for line in outcome
            .wrong
            .iter()
            .take(20)
            .chain(outcome.missing.iter().take(20))
        {
            writeln!(table, "    {line}").unwrap();
        }
    }
    println!("{table}{rows} rows, {missing} missing, {wrong} wrong");
    assert!(rows > 1000, "no fixtures in {}", folder.display());
    assert_eq!(wrong, 0, "false events or wrong fields:\n{table}");
    assert!(missing * 1000 <= rows * 2, "too many missing:\n{table}");
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let mut runs = Vec::new();
    for major in std::fs::read_dir(folder).unwrap().flatten() {
        for run in std::fs::read_dir(major.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if run.path().join("postgresql.csv").exists() {
                runs.push(run.path());
            }
        }
    }
    runs.sort();
    runs
}

/// CloudWatch may cut a log between any two log events, a log event being a line that begins as
/// the prefix does, with the lines behind it. What a name forges then stands alone in a batch: it
/// may be reported, but never as confirmed.
#[test]
fn confirms_nothing_false_however_the_log_is_cut() {
    for size in [1, 2, 7, 100] {
        let mut count = Cut::default();
        for run in runs(&folder()) {
            let log = Log::of(&run);
            if log.announces && log.prefix.has_names() && log.prefix.has_process() {
                read_in_batches(&log, size, truth(&run), &mut count);
            }
        }
        println!("{size:3} log events a batch: {count:?}");
        assert!(count.wrong.is_empty(), "{:#?}", count.wrong);
        // A record that a cut goes through cannot be read: it is reported as suspicious.
        assert!(count.missing == 0 || count.suspicious > 0, "{count:?}");
    }
}

#[derive(Debug, Default)]
struct Cut {
    rows: usize,
    confirmed: usize,
    unconfirmed: usize,
    suspicious: usize,
    missing: usize,
    wrong: Vec<String>,
}

fn read_in_batches(log: &Log, size: usize, mut truth: HashMap<Kind, Vec<Row>>, count: &mut Cut) {
    let ends = log.text.match_indices('\n').map(|(at, _)| at + 1);
    let ends: Vec<usize> = ends
        .filter(|end| log.prefix.head(&log.text[*end..]).is_some() || *end == log.text.len())
        .collect();
    count.rows += truth.values().map(Vec::len).sum::<usize>();
    let mut announced = Announced::default();
    let mut start = 0;
    for end in ends.chunks(size).filter_map(|chunk| chunk.last()) {
        let reading = read(&log.text[start..*end], &log.prefix, &mut announced);
        start = *end;
        for event in &reading.events {
            count.suspicious += usize::from(event.kind == Kind::Suspicious);
            if !is_compared(event) {
                continue;
            }
            if !event.announced {
                count.unconfirmed += 1;
                continue;
            }
            count.confirmed += 1;
            let mut outcome = Outcome::default();
            let rows = truth.entry(event.kind).or_default();
            match_event(event, rows, &log.setting, &mut outcome);
            count.wrong.append(&mut outcome.wrong);
        }
    }
    count.missing += truth.values().map(Vec::len).sum::<usize>();
}

fn folder() -> PathBuf {
    std::env::var("FIXTURES").map_or_else(
        |_| PathBuf::from("tests/fixtures/postgres-logs"),
        PathBuf::from,
    )
}

/// Is this an event that has a row in the CSV?
fn is_compared(event: &ConnectionEvent<'_>) -> bool {
    !matches!(
        event.kind,
        Kind::Suspicious | Kind::Ready | Kind::RejectionDetail | Kind::Ended
    )
}

struct Log {
    text: String,
    setting: String,
    prefix: LogLinePrefix,
    /// Does the server write `connection received`?
    announces: bool,
}

impl Log {
    fn of(run: &Path) -> Self {
        let settings = std::fs::read_to_string(run.join("settings.conf")).unwrap();
        let setting = settings
            .lines()
            .find_map(|line| line.strip_prefix("log_line_prefix = '"))
            .and_then(|value| value.strip_suffix('\''))
            .unwrap();
        let log = std::fs::read(run.join("postgresql.log")).unwrap();
        Self {
            text: String::from_utf8_lossy(&log).into_owned(),
            setting: setting.to_owned(),
            announces: !settings.contains("log_connections = 'authorization'"),
            prefix: LogLinePrefix::compile(setting).unwrap(),
        }
    }
}

fn truth(run: &Path) -> HashMap<Kind, Vec<Row>> {
    let mut truth: HashMap<Kind, Vec<Row>> = HashMap::new();
    for row in rows(run) {
        truth.entry(row.kind).or_default().push(row);
    }
    truth
}

fn compare(run: &Path) -> Outcome {
    let log = Log::of(run);
    let reading = read(&log.text, &log.prefix, &mut Announced::default());
    let mut truth = truth(run);
    let mut outcome = Outcome {
        rows: truth.values().map(Vec::len).sum(),
        ..Outcome::default()
    };
    for event in &reading.events {
        if is_compared(event) {
            let rows = truth.entry(event.kind).or_default();
            match_event(event, rows, &log.setting, &mut outcome);
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

/// Takes the row that `event` reports out of `rows`.
fn match_event(
    event: &ConnectionEvent<'_>,
    rows: &mut Vec<Row>,
    prefix: &str,
    outcome: &mut Outcome,
) {
    let best = (0..rows.len())
        .filter(|at| event.backend_pid.is_none_or(|pid| pid == rows[*at].pid))
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
        ("user", event.user.is_none() && !row.user.is_empty()),
        (
            "database",
            event.database.is_none() && !row.database.is_empty(),
        ),
        ("host", event.host.is_none() && !row.from.is_empty()),
        (
            "tls",
            event.encryption == Encryption::Unknown && row.message.contains(" SSL enabled ("),
        ),
        ("time", event.time.is_none()),
    ] {
        if unknown {
            *outcome.unknown.entry(field).or_default() += 1;
        }
    }
}

/// Milliseconds between the times of event and row.
fn delay(event: &ConnectionEvent<'_>, row: &Row) -> i128 {
    event.time.map_or(0, |time| {
        (row.time.unwrap() - time).whole_milliseconds().abs()
    })
}

fn differences(event: &ConnectionEvent<'_>, row: &Row, prefix: &str) -> Vec<&'static str> {
    let agrees = |ours: Option<&str>, theirs: &str| ours.is_none_or(|ours| ours == theirs);
    let from = match (event.host, event.port) {
        (Some(host), Some(port)) => Some(format!("{host}:{port}")),
        (Some(host), None) => Some(host.to_owned()),
        _ => None,
    };
    let theirs = if event.port.is_none() && row.from.contains(':') {
        row.from.rsplit_once(':').unwrap().0
    } else {
        &row.from
    };
    let mut found = Vec::new();
    let mut check = |holds: bool, what: &'static str| {
        if !holds {
            found.push(what);
        }
    };
    // An unknown name is `[unknown]` for the prefix and nothing for the CSV.
    check(agrees(event.user.as_deref(), &row.user), "user");
    check(agrees(event.database.as_deref(), &row.database), "database");
    check(agrees(from.as_deref(), theirs), "host");
    if event.kind == Kind::Rejected {
        check(agrees(event.reason.as_deref(), &row.message), "reason");
    }
    if prefix.contains("%e") {
        check(event.sql_state == Some(row.sql_state.as_str()), "sql_state");
    }
    if let Some(method) = event.auth_method {
        check(
            row.message.contains(&format!("method={method} (")),
            "auth_method",
        );
    }
    if let Some(identity) = event.identity.as_deref() {
        check(
            row.message.contains(&format!("identity=\"{identity}\"")),
            "identity",
        );
    }
    if let (Kind::Authorized, Some(name)) = (event.kind, event.application_name) {
        check(
            row.message.contains(&format!(" application_name={name}")),
            "application_name",
        );
    }
    if let Encryption::Tls(tls) = event.encryption {
        let words = format!(
            "protocol={}, cipher={}, bits={}",
            tls.protocol, tls.cipher, tls.bits
        );
        check(row.message.contains(&words), "tls");
    }
    check(
        event.replication == row.message.contains("replication") || event.kind == Kind::Rejected,
        "replication",
    );
    // `%t` comes from a coarser clock than the CSV's time.
    check(delay(event, row) < 2000, "time");
    found
}

fn rows(run: &Path) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(run.join("postgresql.csv"))
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
