//! Joins the lines of one backend in a batch into one connection.
//!
//! `connection authorized` does not mean that the login succeeded: an unknown database, a role that
//! may not log in and most limits are found out later, and end the backend with a FATAL. A FATAL
//! in another batch than its `connection authorized` makes two entries: one of each.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::postgres::connection::{ConnectionEvent, Encryption, Kind};

/// What a person is told: one entry, attempt or departure.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection<'a> {
    /// How it went.
    pub outcome: Outcome,
    /// Byte offset in the batch's text of the line that decided the outcome.
    pub offset: usize,
    /// `false`: its `connection received` line was not seen, so the line could be forged.
    pub confirmed: bool,
    /// When, by PostgreSQL's clock; CloudWatch's time stamp where the prefix has no time.
    pub time: Option<OffsetDateTime>,
    /// Process id of the server process.
    pub backend_pid: Option<u32>,
    /// Role name.
    pub user: Option<Cow<'a, str>>,
    /// Database name; `None` for physical replication.
    pub database: Option<Cow<'a, str>>,
    /// IP address, host name or `[local]`.
    pub host: Option<&'a str>,
    /// TCP port of the client.
    pub port: Option<u16>,
    /// Chosen by the client.
    pub application_name: Option<&'a str>,
    /// A connection of a walsender.
    pub replication: bool,
    /// How the connection is encrypted.
    pub encryption: Encryption<'a>,
    /// Method of `pg_hba.conf` that let the client in.
    pub auth_method: Option<&'a str>,
    /// What the client proved to be; differs from the user for certificates, Kerberos, peer.
    pub identity: Option<Cow<'a, str>>,
    /// Length of a session that ended.
    pub session_time: Option<Duration>,
    /// PostgreSQL's message that refused the client.
    pub reason: Option<Cow<'a, str>>,
    /// The DETAIL line under the reason, its first sentence.
    pub detail: Option<Cow<'a, str>>,
    /// Connections in the log that this one stands for: libpq's `sslmode=prefer` tries twice.
    pub attempts: u32,
}

/// How a connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The session is established (or was, when the batch ended).
    Authorized,
    /// The client was turned away.
    Rejected,
    /// The session ended.
    Disconnected,
    /// Somebody may be forging log lines; no field but `offset`, `time` and `host` is set.
    Suspicious,
}

/// One entry for each connection that was made, refused or ended, in the order of the lines.
#[must_use]
pub fn join(events: Vec<ConnectionEvent<'_>>) -> Vec<Connection<'_>> {
    let mut joining = Joining::default();
    for event in events {
        joining.add(event);
    }
    joining.connections
}

#[derive(Default)]
struct Joining<'a> {
    connections: Vec<Connection<'a>>,
    backends: HashMap<Backend<'a>, Progress<'a>>,
}

/// What tells backends apart: the process, or where the prefix lacks it, the client's port.
#[derive(PartialEq, Eq, Hash)]
enum Backend<'a> {
    Process(u32),
    Client(&'a str, u16),
}

/// What the lines of a backend have said so far.
struct Progress<'a> {
    facts: Connection<'a>,
    received: Option<usize>,
    /// Its entry in the list, once it is in there.
    entry: Option<usize>,
}

impl<'a> Joining<'a> {
    fn add(&mut self, event: ConnectionEvent<'a>) {
        let Some(backend) = backend(&event) else {
            self.add_alone(event);
            return;
        };
        let kind = event.kind;
        if kind == Kind::Received {
            self.backends.insert(backend, received(event));
            return;
        }
        let progress = self.backends.entry(backend).or_insert_with(|| Progress {
            facts: connection(ConnectionEvent::of_kind(kind)),
            received: None,
            entry: None,
        });
        if kind == Kind::RejectionDetail {
            let rejected = progress.entry.and_then(|at| self.connections.get_mut(at));
            if let Some(rejected) = rejected {
                rejected.detail = event.reason.and_then(detail);
            }
            return;
        }
        progress.facts.learn(connection(event));
        let outcome = progress.facts.outcome;
        let refused_after_all = outcome == Outcome::Rejected && progress.entry.is_some();
        match kind {
            Kind::Authenticated => {}
            Kind::Ready if progress.entry.is_some() => {}
            _ if refused_after_all => {
                if let Some(entry) = progress.entry.and_then(|at| self.connections.get_mut(at)) {
                    *entry = progress.facts.clone();
                }
            }
            _ => {
                if let Some(first) = retried(&self.connections, progress) {
                    progress.entry = Some(first);
                    if let Some(first) = self.connections.get_mut(first) {
                        first.attempts += 1;
                    }
                } else {
                    progress.entry = Some(self.connections.len());
                    self.connections.push(progress.facts.clone());
                }
            }
        }
    }

    /// A line that names no backend: nothing can be joined with it but a DETAIL right behind it.
    fn add_alone(&mut self, event: ConnectionEvent<'a>) {
        match event.kind {
            Kind::Received | Kind::Authenticated => {}
            Kind::RejectionDetail => {
                if let Some(last) = self.connections.last_mut() {
                    last.detail = event.reason.and_then(detail);
                }
            }
            _ => self.connections.push(connection(event)),
        }
    }
}

fn backend<'a>(event: &ConnectionEvent<'a>) -> Option<Backend<'a>> {
    if event.kind == Kind::Suspicious {
        return None;
    }
    match (event.backend_pid, event.host, event.port) {
        (Some(pid), _, _) => Some(Backend::Process(pid)),
        (None, Some(host), Some(port)) => Some(Backend::Client(host, port)),
        _ => None,
    }
}

fn received(event: ConnectionEvent<'_>) -> Progress<'_> {
    let offset = event.offset;
    Progress {
        facts: connection(event),
        received: Some(offset),
        entry: None,
    }
}

/// The first of two attempts of one client, if `second` is the other: after a refusal libpq's
/// `sslmode=prefer` (its default) opens another connection at once, without TLS.
fn retried(connections: &[Connection<'_>], second: &Progress<'_>) -> Option<usize> {
    const AT_ONCE: time::Duration = time::Duration::seconds(2);
    let (at, first) = connections
        .iter()
        .enumerate()
        .rfind(|(_, other)| other.host == second.facts.host)?;
    let second_opened_later = second
        .received
        .is_some_and(|received| received > first.offset);
    let second = &second.facts;
    let same_client = first.user == second.user
        && first.database == second.database
        && first.user.is_some()
        && first.host.is_some();
    let soon = matches!((first.time, second.time), (Some(first), Some(second))
        if (second - first).abs() <= AT_ONCE);
    let without_tls = second.encryption == Encryption::Plain;
    (first.outcome == Outcome::Rejected
        && second.outcome == Outcome::Rejected
        && first.attempts == 1
        && second_opened_later
        && same_client
        && soon
        && (first.reason == second.reason || without_tls))
        .then_some(at)
}

/// Why, without the line of `pg_hba.conf` that PostgreSQL quotes at the end.
fn detail(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    const QUOTED_LINE: &str = "Connection matched ";
    if text.starts_with(QUOTED_LINE) {
        return None;
    }
    match text.rfind("\nConnection matched ") {
        Some(end) => Some(Cow::Owned(text.get(..end)?.to_owned())),
        None => Some(text),
    }
}

fn connection(event: ConnectionEvent<'_>) -> Connection<'_> {
    Connection {
        outcome: match event.kind {
            Kind::Rejected => Outcome::Rejected,
            Kind::Disconnected => Outcome::Disconnected,
            Kind::Suspicious => Outcome::Suspicious,
            _ => Outcome::Authorized,
        },
        offset: event.offset,
        confirmed: event.announced,
        time: event.time,
        backend_pid: event.backend_pid,
        user: event.user,
        database: event.database,
        host: event.host,
        port: event.port,
        application_name: event.application_name,
        replication: event.replication,
        encryption: event.encryption,
        auth_method: event.auth_method,
        identity: event.identity,
        session_time: event.session_time,
        reason: event.reason,
        detail: None,
        attempts: 1,
    }
}

impl<'a> Connection<'a> {
    /// Takes over what a later line of the same backend says, and keeps the rest.
    fn learn(&mut self, later: Connection<'a>) {
        let earlier = std::mem::replace(self, later);
        self.user = self.user.take().or(earlier.user);
        self.database = self.database.take().or(earlier.database);
        self.host = self.host.or(earlier.host);
        self.port = self.port.or(earlier.port);
        self.application_name = self.application_name.or(earlier.application_name);
        self.replication |= earlier.replication;
        if self.encryption == Encryption::Unknown {
            self.encryption = earlier.encryption;
        }
        self.auth_method = self.auth_method.or(earlier.auth_method);
        self.identity = self.identity.take().or(earlier.identity);
    }
}
