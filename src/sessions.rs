//! Joins the lines of one backend in a batch into one connection.

use std::borrow::Cow;
use std::time::Duration;

use time::OffsetDateTime;

use crate::postgres::connection::Encryption;

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
    /// Lines in the log that this one stands for: libpq's `sslmode=prefer` tries twice.
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
