//! How such a log is read elsewhere: a look for the words, then a regex with a group a field.

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use regex::{Captures, Regex};

use crate::support::{Counts, FORGED};

/// What tells a kind of line, and the pattern of its fields. `\w` is written out because it means
/// ASCII in Go and Unicode in Rust; benches/go has the same five.
pub(crate) const PATTERNS: [(&str, &str); 5] = [
    (
        "connection received:",
        r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):.*:\[(\d+)\]:LOG:  connection received: host=(\S+) port=(\d+)",
    ),
    (
        "connection authenticated:",
        r#"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):([0-9A-Za-z_]+)@([0-9A-Za-z_]+):\[(\d+)\]:LOG:  connection authenticated: identity="([^"]*)" method=([0-9a-z-]+)"#,
    ),
    (
        "connection authorized:",
        r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):([0-9A-Za-z_]+)@([0-9A-Za-z_]+):\[(\d+)\]:LOG:  connection authorized: user=([0-9A-Za-z_]+) database=([0-9A-Za-z_]+)(?: application_name=(.*?) SSL enabled \(protocol=([^,]+), cipher=([^,]+), bits=(\d+)\))?",
    ),
    (
        "FATAL:",
        r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):([0-9A-Za-z_]+)@([0-9A-Za-z_]+):\[(\d+)\]:FATAL:  (.*)$",
    ),
    (
        "disconnection:",
        r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):([0-9A-Za-z_]+)@([0-9A-Za-z_]+):\[(\d+)\]:LOG:  disconnection: session time: ([\d:.]+) user=([0-9A-Za-z_]+) database=([0-9A-Za-z_]+) host=(\S+) port=(\d+)",
    ),
];

/// Compiled once.
pub(crate) fn compiled() -> [Regex; 5] {
    PATTERNS.map(|(_, pattern)| Regex::new(pattern).unwrap())
}

/// The events of `lines`, by compiled patterns.
pub(crate) fn hoisted<'a>(lines: impl Iterator<Item = &'a str>, patterns: &[Regex; 5]) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        if let Some(kind) = kind(line)
            && let Some(fields) = patterns[kind].captures(line)
        {
            count(&mut counts, kind, &fields);
        }
    }
    counts
}

/// The events of `lines`, by patterns that are compiled where they are used.
pub(crate) fn compiled_per_call<'a>(lines: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        if let Some(kind) = kind(line)
            && let Some(fields) = Regex::new(PATTERNS[kind].1).unwrap().captures(line)
        {
            count(&mut counts, kind, &fields);
        }
    }
    counts
}

/// A payload by `aws_lambda_events`, its messages by compiled patterns.
pub(crate) fn logs_event(payload: &[u8], patterns: &[Regex; 5]) -> Counts {
    let event: LogsEvent = serde_json::from_slice(payload).unwrap();
    let messages = event.aws_logs.data.log_events.iter();
    hoisted(messages.map(|event| event.message.as_str()), patterns)
}

/// Which kind of line it is, by its words.
pub(crate) fn kind(line: &str) -> Option<usize> {
    PATTERNS.iter().position(|(words, _)| line.contains(words))
}

fn count(counts: &mut Counts, kind: usize, fields: &Captures<'_>) {
    let fields: Vec<_> = fields
        .iter()
        .map(|field| field.map(|field| field.as_str()))
        .collect();
    match kind {
        0 => counts.received += 1,
        1 => counts.authenticated += 1,
        2 if fields[2] == Some(FORGED) => counts.forged += 1,
        2 => counts.authorized += 1,
        3 => counts.rejected += 1,
        _ => counts.disconnected += 1,
    }
    std::hint::black_box(fields);
}
