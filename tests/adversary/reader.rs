//! The one place that knows the reader's interface: log events in, what is told out.

use aurora_connection_audit::postgres::{Announced, Behind, LogLinePrefix, Text, read};
use aurora_connection_audit::sessions::{self, Connection, Sessions};
use std::time::Duration;
use time::OffsetDateTime;

use super::history::{Lesson, taught};

/// What one process knows of the log from the batches it was given.
#[derive(Default)]
pub(crate) struct Memory(Announced);

/// A compiled `log_line_prefix`.
pub(crate) struct Prefix(LogLinePrefix);

impl Prefix {
    /// `None`: the reader refuses such a setting.
    pub(crate) fn compile(setting: &str) -> Option<Self> {
        LogLinePrefix::compile(setting).ok().map(Self)
    }
}

/// Are scans and health checks told of as such?
pub(crate) const TELLS_PROBES: bool = true;

/// What became of a batch.
#[derive(Debug, Default, Clone)]
pub(crate) struct Telling {
    pub(crate) told: Vec<Told>,
    /// Lines that look like connections and that the prefix cannot read.
    pub(crate) unparsed: usize,
    /// What a history would learn of it.
    pub(crate) taught: Vec<Lesson>,
}

/// An entry of the message. `None` is not known.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Byte offset in the text of the batch.
    pub(crate) offset: usize,
    pub(crate) outcome: Outcome,
    pub(crate) confirmed: bool,
    pub(crate) time: Option<OffsetDateTime>,
    pub(crate) user: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) backend_pid: Option<u32>,
    pub(crate) application_name: Option<String>,
    pub(crate) auth_method: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) encryption: Encryption,
    pub(crate) replication: bool,
    pub(crate) session_time: Option<Duration>,
    pub(crate) reason: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Authorized,
    Rejected,
    Disconnected,
    /// Somebody who is no client at all: a scan, a health check.
    Probed,
    Suspicious,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Not known, or told as what the log says and a client may have imitated.
    Unknown,
    Plain,
    Tls,
    Gss,
}

/// What a process with this `memory` tells of a batch; each log event ends in its line feed. `filtered`: a subscription filter may hold
/// log events back.
pub(crate) fn tell(
    memory: &mut Memory,
    prefix: &Prefix,
    filtered: bool,
    log_events: &[&str],
) -> Telling {
    let whole = text(log_events);
    let texts = if filtered {
        log_events
    } else {
        &[whole.as_str()]
    };
    let mut evidence = memory.0.text_of("");
    let mut telling = Telling::default();
    let mut joined = Sessions::default();
    let mut start = 0;
    for text in texts {
        let at = start;
        start += text.len();
        let text = Text {
            behind: if filtered {
                Behind::Unknown
            } else {
                Behind::Another
            },
            ..Text::from(*text)
        };
        let reading = read(text, &prefix.0, &mut evidence);
        telling.unparsed += reading.counts.unparsed;
        for mut event in reading.events {
            event.offset += at;
            joined.add(event);
        }
    }
    let connections = joined.take_all();
    telling.taught = taught(&connections);
    telling.told = connections.into_iter().map(told).collect();
    telling
}

/// As `cloudwatch` joins the log events of a batch.
fn text(log_events: &[&str]) -> String {
    let mut text = String::with_capacity(log_events.iter().map(|event| event.len() + 1).sum());
    for event in log_events {
        text.push_str(event);
        if !event.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

pub(crate) fn told(connection: Connection<'_>) -> Told {
    use aurora_connection_audit::postgres::event::Encryption as Logged;
    let confirmed = connection.confirmed();
    let facts = connection.facts;
    Told {
        offset: connection.offset,
        outcome: match connection.outcome {
            sessions::Outcome::Authorized => Outcome::Authorized,
            sessions::Outcome::Rejected => Outcome::Rejected,
            sessions::Outcome::Disconnected => Outcome::Disconnected,
            sessions::Outcome::Probed => Outcome::Probed,
            sessions::Outcome::Suspicious => Outcome::Suspicious,
        },
        confirmed,
        time: facts.time,
        user: facts.user.map(Into::into),
        database: facts.database.map(Into::into),
        host: facts.host.map(Into::into),
        port: facts.port,
        backend_pid: facts.backend_pid,
        application_name: facts.application_name.map(Into::into),
        auth_method: facts.auth_method.map(Into::into),
        identity: facts.identity.map(Into::into),
        encryption: match facts.encryption {
            Logged::Unknown | Logged::TlsAsLogged(_) | Logged::GssAsLogged => Encryption::Unknown,
            Logged::Plain => Encryption::Plain,
            Logged::Tls(_) => Encryption::Tls,
            Logged::Gss => Encryption::Gss,
        },
        replication: facts.replication,
        session_time: facts.session_time,
        reason: facts.reason.map(Into::into),
        detail: connection.detail.map(Into::into),
        attempts: connection.attempts,
    }
}

impl Told {
    /// What is known, in one line.
    pub(crate) fn line(&self) -> String {
        let all = format!("{self:?}");
        let known = all.trim_start_matches("Told { ").trim_end_matches(" }");
        known
            .replace("Some(", "(")
            .split(", ")
            .filter(|field| !field.ends_with(": None") && !field.ends_with(": Unknown"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
