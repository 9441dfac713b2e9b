//! What the function makes of log events, through the window that `replay` reads, as text.

use std::fmt::Write as _;

use aurora_connection_audit::cloudwatch::{LogBatch, LogEvent};
use aurora_connection_audit::config::Settings;
use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::postgres::event::Encryption;
use aurora_connection_audit::sessions::{Connection, Outcome};
use aurora_connection_audit::summary::Summary;
use aurora_connection_audit::window::Window;

pub(crate) fn settings(log_line_prefix: &str, is_filtered: bool) -> Settings {
    Settings::from_vars(|variable| match variable {
        "LOG_LINE_PREFIX" => Some(log_line_prefix.to_owned()),
        "LOG_EVENTS_FILTERED" => Some(is_filtered.to_string()),
        "MESSAGE_LANGUAGE" => Some("en".to_owned()),
        _ => None,
    })
    .unwrap()
}

/// As CloudWatch Logs delivers log events: each with its id, all at one time.
pub(crate) fn log_batch<'e>(
    events: impl IntoIterator<Item = (String, &'e str)>,
    timestamp: i64,
) -> LogBatch {
    let mut batch = LogBatch {
        log_group: "/aws/rds/cluster/orders/postgresql".to_owned(),
        log_stream: "orders-1.0".to_owned(),
        ..LogBatch::default()
    };
    for (id, message) in events {
        let start = batch.ids.len();
        batch.ids.push_str(&id);
        batch.events.push(LogEvent {
            timestamp,
            start: batch.text.len(),
            id: start..batch.ids.len(),
        });
        batch.text.push_str(message);
        if !batch.text.ends_with('\n') {
            batch.text.push('\n');
        }
    }
    batch
}

/// Every connection of a batch, told or not.
pub(crate) fn read(batch: &LogBatch, settings: &Settings, memory: &mut Memory) -> Window {
    let mut window = Window::keeping_all();
    window.add(0, batch, settings, memory);
    window
}

#[track_caller]
pub(crate) fn assert_same(told: &str, expected: &str, log: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    assert!(
        lines(told) == lines(expected),
        "told:\n{told}\n\nexpected:\n{}\n\nlog:\n{log}",
        lines(expected).join("\n"),
    );
}

/// A line for each connection.
pub(crate) fn render_window(window: &Window) -> String {
    let entries = window.entries.iter();
    let mut lines: Vec<_> = entries
        .map(|(_, entry)| render(&entry.connection))
        .collect();
    let sum = |of: fn(&Summary) -> usize| window.clusters.values().map(of).sum();
    let counts: [(usize, _); 2] = [
        (sum(|one| one.unparsed), "not read"),
        (sum(|one| one.translated), "translated"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    lines.extend(counts.map(|(count, what)| format!("{count} {what}")));
    lines.join("\n")
}

/// `authorized u@appdb 10.0.1.23:40001 [10101]`, what else is not as usual, and `unconfirmed`.
pub(crate) fn render(connection: &Connection<'_>) -> String {
    let facts = &connection.facts;
    let outcome = match connection.outcome {
        Outcome::Authorized => "authorized",
        Outcome::Rejected => "rejected",
        Outcome::Disconnected => "disconnected",
        Outcome::Probed => "probed",
        Outcome::Suspicious => "suspicious",
    };
    let name = |name: &Option<std::borrow::Cow<'_, str>>| {
        let name = name.as_deref().unwrap_or("?");
        name.escape_debug().to_string()
    };
    let mut text = format!("{outcome} {}@{}", name(&facts.user), name(&facts.database));
    write!(text, " {}", facts.host.as_deref().unwrap_or("?")).unwrap();
    if let Some(port) = facts.port {
        write!(text, ":{port}").unwrap();
    }
    if let Some(pid) = facts.backend_pid {
        write!(text, " [{pid}]").unwrap();
    }
    for (what, value) in [
        ("app", facts.application_name.as_deref()),
        ("identity", facts.identity.as_deref()),
        ("reason", facts.reason.as_deref()),
        ("detail", connection.detail.as_deref()),
    ] {
        if let Some(value) = value {
            write!(text, " {what}={}", value.escape_debug()).unwrap();
        }
    }
    if connection.outcome == Outcome::Authorized {
        text += match facts.encryption {
            Encryption::Plain => "",
            Encryption::Unknown => " encryption=?",
            Encryption::Tls(_) => " tls",
            Encryption::TlsAsLogged(_) => " tls as logged",
            Encryption::Gss => " gss",
            Encryption::GssAsLogged => " gss as logged",
        };
    }
    if connection.attempts > 1 {
        write!(text, " attempts={}", connection.attempts).unwrap();
    }
    if !connection.confirmed() {
        text.push_str(" unconfirmed");
    }
    text
}
