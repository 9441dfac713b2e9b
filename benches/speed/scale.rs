//! How the time grows: from payload to the messages for Slack.

use std::hint::black_box;
use std::time::Duration;

use aurora_connection_audit::config::Settings;
use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::pipeline::compose;
use aurora_connection_audit::source::{self, Invocation, Record};
use aurora_connection_audit::window::{Window, read};
use criterion::{BenchmarkId, Criterion};

use crate::support::{corpus, payload};

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scale");
    group
        .measurement_time(Duration::from_secs(2))
        .sample_size(10);
    let mut bench = |by: &str, size: usize, payload: &str, settings: &Settings| {
        group.bench_function(BenchmarkId::new(by, size), |b| {
            b.iter(|| black_box(told(black_box(payload), settings)));
        });
    };
    for events in [1, 10, 100, 1000, 10_000] {
        let log = corpus(events);
        let lines = log.text.lines().take(events);
        bench("events", events, &payload(lines), &settings(0));
    }
    for length in [100, 1000, 10_000, 100_000] {
        let statement = statement(length);
        let lines = std::iter::repeat_n(statement.as_str(), 100);
        bench("length", length, &payload(lines), &settings(0));
    }
    for rules in [0, 10, 100] {
        let log = corpus(1000);
        bench("rules", rules, &payload(log.text.lines()), &settings(rules));
    }
    for groups in [1, 10, 100, 1000] {
        let lines = refusals(groups);
        let lines = lines.iter().map(String::as_str);
        bench("groups", groups, &payload(lines), &settings(0));
    }
}

fn told(payload: &str, settings: &Settings) -> usize {
    let Ok(Invocation::Direct(data)) = source::read(payload) else {
        panic!("no payload of CloudWatch Logs");
    };
    let record = Record {
        id: String::new(),
        data: Ok(data),
    };
    let mut memory = Memory::default();
    let mut window = read(Window::default(), &[record], settings, &mut memory);
    compose(&mut window, settings, &memory).len()
}

/// A line of so many bytes that reports no connection.
fn statement(length: usize) -> String {
    let start =
        "2026-11-23 09:00:00 UTC:10.1.1.7(40000):alice@appdb:[1001]:LOG:  statement: select ";
    format!("{start}{}", "x".repeat(length.saturating_sub(start.len())))
}

/// 1000 refused logins by so many users.
fn refusals(users: usize) -> Vec<String> {
    let line = |number: usize| {
        let (user, port, pid) = (number % users, 10_000 + number, 5000 + number);
        format!(
            "2026-11-23 09:00:00 UTC:10.1.1.7({port}):u{user}@appdb:[{pid}]:FATAL:  password \
             authentication failed for user \"u{user}\""
        )
    };
    (0..1000).map(line).collect()
}

/// So many rules that match nobody, in front of none.
fn settings(rules: usize) -> Settings {
    let rule = |number: usize| {
        serde_json::json!({
            "when": {
                "users": [format!("nobody{number}*")],
                "hosts": [format!("192.0.2.{}/32", number % 250)],
            },
            "then": "ignore",
        })
    };
    let rules = serde_json::Value::Array((0..rules).map(rule).collect()).to_string();
    Settings::from_vars(|name| (name == "RULES").then(|| rules.clone())).unwrap()
}
