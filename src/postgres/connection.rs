//! What a log line says about a connection.

use std::borrow::Cow;
use std::time::Duration;

use time::OffsetDateTime;

/// One log line that reports a connection event.
///
/// A field is `None` when the line does not say it, or does not say it beyond doubt.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionEvent<'a> {
    /// What happened.
    pub kind: Kind,
    /// Byte offset of the line's start in the text that was read.
    pub offset: usize,
    /// Was this backend announced by a `connection received` line that names the same client
    /// and process? A line without that announcement may be a forgery (see [`crate::postgres`]).
    pub announced: bool,
    /// From the prefix (`%t`, `%m` or `%n`), to the second or millisecond.
    pub time: Option<OffsetDateTime>,
    /// Process id of the server process (`%p`).
    pub backend_pid: Option<u32>,
    /// Role name as the client sent it, at most 63 bytes.
    pub user: Option<Cow<'a, str>>,
    /// Database name as the client sent it, at most 63 bytes.
    pub database: Option<Cow<'a, str>>,
    /// IP address, host name (`log_hostname = on`) or `[local]`.
    pub host: Option<&'a str>,
    /// TCP port of the client.
    pub port: Option<u16>,
    /// Chosen by the client; PostgreSQL replaces what is not printable ASCII.
    pub application_name: Option<&'a str>,
    /// A connection of a walsender.
    pub replication: bool,
    /// How the connection is encrypted, when the line states it beyond doubt.
    pub encryption: Encryption<'a>,
    /// `method=` of `connection authenticated`: the method of `pg_hba.conf`.
    pub auth_method: Option<&'a str>,
    /// `identity=` of `connection authenticated`.
    pub identity: Option<Cow<'a, str>>,
    /// Length of the session, to the millisecond.
    pub session_time: Option<Duration>,
    /// PostgreSQL's message of a [`Kind::Rejected`].
    pub reason: Option<Cow<'a, str>>,
    /// SQLSTATE, when the prefix has `%e`.
    pub sql_state: Option<&'a str>,
}

impl ConnectionEvent<'_> {
    /// An event of which nothing is known but its kind.
    #[must_use]
    pub fn of_kind(kind: Kind) -> Self {
        Self {
            kind,
            offset: 0,
            announced: false,
            time: None,
            backend_pid: None,
            user: None,
            database: None,
            host: None,
            port: None,
            application_name: None,
            replication: false,
            encryption: Encryption::Unknown,
            auth_method: None,
            identity: None,
            session_time: None,
            reason: None,
            sql_state: None,
        }
    }
}

/// The kinds of connection event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `connection received`: somebody opened a socket. Names are not known yet.
    Received,
    /// `connection authenticated`: the identity is proven; the login may still fail.
    Authenticated,
    /// `connection authorized`: the login may still fail, see [`crate::sessions`].
    Authorized,
    /// `connection ready` (PostgreSQL 18): the session is established.
    Ready,
    /// A FATAL that ends a backend before it is ready for queries.
    Rejected,
    /// The DETAIL of the rejection before it, in [`ConnectionEvent::reason`].
    RejectionDetail,
    /// A FATAL that ends an established session; its `disconnection` follows.
    Ended,
    /// `disconnection`: an established session ended.
    Disconnected,
    /// Text that looks like a connection line but cannot be one: somebody may be forging
    /// log lines. Nothing in it is a fact but the offset.
    Suspicious,
}

/// What a line says about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption<'a> {
    /// Nothing, or nothing beyond doubt: an application name can imitate ` SSL enabled (…)`.
    #[default]
    Unknown,
    /// The connection is in plain text.
    Plain,
    /// TLS.
    Tls(Tls<'a>),
    /// TLS, stated behind an application name. A client in plain text can choose a name that ends
    /// in the same words, and the line is then the same to the byte.
    TlsAsLogged(Tls<'a>),
    /// GSSAPI encryption.
    Gss,
}

/// ` SSL enabled (protocol=…, cipher=…, bits=…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls<'a> {
    /// As OpenSSL names it: `TLSv1.3`.
    pub protocol: &'a str,
    /// As OpenSSL names it: `TLS_AES_256_GCM_SHA384`.
    pub cipher: &'a str,
    /// Strength of the cipher.
    pub bits: u16,
}
