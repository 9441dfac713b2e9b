//! Reads the logs of real PostgreSQL servers and compares every event, field by field, with the
//! server's own CSV log of the same run. `FIXTURES` may name another folder of such runs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aurora_connection_audit::postgres::event::{Kind, Standing};
use aurora_connection_audit::postgres::{Announced, Behind, LogLinePrefix, Text, read};

#[path = "support/truth.rs"]
mod truth;

use truth::{Outcome, Row, filter_terms, is_compared, log_events, match_event};

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
    assert_eq!(missing, 0, "missing events:\n{table}");
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
    // Log events a batch, and what is confirmed, unconfirmed, suspicious.
    for (size, told) in [
        (1, [802, 13_109, 0]),
        (2, [9263, 4712, 27]),
        (5, [12_687, 1329, 55]),
        (7, [13_140, 893, 59]),
        (100, [13_979, 74, 70]),
    ] {
        let mut count = Cut::default();
        for run in runs(&folder()) {
            let log = Log::of(&run);
            if log.announces && log.prefix.has_names() && log.prefix.has_process() {
                read_in_batches(&log, size, false, truth_of(&run), &mut count);
            }
        }
        println!("{size:3} log events a batch: {count:?}");
        assert!(count.wrong.is_empty(), "{:#?}", count.wrong);
        assert_eq!(count.told(), told, "{size} log events a batch");
    }
}

/// The module's filter pattern holds back log events without a term of it, and so pieces of a
/// record whose names hold line feeds.
#[test]
fn confirms_nothing_false_behind_the_filter_pattern() {
    let terms = filter_terms();
    for (size, told) in [
        (1, [697, 13_214, 0]),
        (7, [697, 13_214, 0]),
        (100, [697, 13_214, 0]),
        (usize::MAX, [697, 13_214, 0]),
    ] {
        let mut count = Cut::default();
        for run in runs(&folder()) {
            let mut log = Log::of(&run);
            if log.announces && log.prefix.has_names() && log.prefix.has_process() {
                let passes = |event: &&str| terms.iter().any(|term| event.contains(&**term));
                log.text = log_events(&log.text, &log.prefix)
                    .into_iter()
                    .filter(passes)
                    .collect();
                read_in_batches(&log, size, true, truth_of(&run), &mut count);
            }
        }
        println!("{size} filtered log events a batch: {count:?}");
        assert!(count.wrong.is_empty(), "{:#?}", count.wrong);
        assert_eq!(count.told(), told, "{size} filtered log events a batch");
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

impl Cut {
    fn told(&self) -> [usize; 3] {
        [self.confirmed, self.unconfirmed, self.suspicious]
    }
}

fn read_in_batches(
    log: &Log,
    size: usize,
    filtered: bool,
    mut truth: HashMap<Kind, Vec<Row>>,
    count: &mut Cut,
) {
    count.rows += truth.values().map(Vec::len).sum::<usize>();
    let mut announced = Announced::default();
    for batch in log_events(&log.text, &log.prefix).chunks(size) {
        let mut evidence = announced.text_of("");
        let whole = batch.concat();
        let texts = if filtered {
            batch
        } else {
            &[whole.as_str()][..]
        };
        let events = texts.iter().flat_map(|text| {
            let behind = if filtered {
                Behind::Unknown
            } else {
                Behind::Another
            };
            let text = Text {
                behind,
                ..Text::from(*text)
            };
            read(text, &log.prefix, &mut evidence).events
        });
        for event in &events.collect::<Vec<_>>() {
            count.suspicious += usize::from(event.kind == Kind::Suspicious);
            if !is_compared(event) {
                continue;
            }
            if event.standing != Standing::Certain {
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

fn truth_of(run: &Path) -> HashMap<Kind, Vec<Row>> {
    truth::truth(&run.join("postgresql.csv"))
}

fn compare(run: &Path) -> Outcome {
    let log = Log::of(run);
    let reading = read(
        log.text.as_str(),
        &log.prefix,
        &mut Announced::default().text_of(""),
    );
    truth::compare(&reading.events, truth_of(run), &log.setting)
}
