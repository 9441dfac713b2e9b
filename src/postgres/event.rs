//! What a log line says about a connection.

use std::borrow::Cow;
use std::time::Duration;

use time::OffsetDateTime;

/// One log line that reports a connection event.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionEvent<'a> {
    /// What happened.
    pub kind: Kind,
    /// Byte offset of the line's start in the text that was read.
    pub offset: usize,
    /// How well the text supports the line.
    pub standing: Standing,
    /// The same for all lines of a backend. `None` where the prefix tells neither process nor port.
    pub backend: Option<Backend>,
    /// What it says.
    pub facts: Facts<'a>,
}

/// A server process and its client: a keyed hash of log, process and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backend(pub(super) u64);

/// What is known of a connection. A field is `None` when no line says it, or none beyond doubt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts<'a> {
    /// From the prefix (`%t`, `%m` or `%n`), to the second or millisecond.
    pub time: Option<OffsetDateTime>,
    /// Process id of the server process (`%p`).
    pub backend_pid: Option<u32>,
    /// Role name as the client sent it, at most 63 bytes.
    pub user: Option<Cow<'a, str>>,
    /// Database name as the client sent it, at most 63 bytes; `None` for physical replication.
    pub database: Option<Cow<'a, str>>,
    /// IP address, host name (`log_hostname = on`) or `[local]`.
    pub host: Option<Cow<'a, str>>,
    /// TCP port of the client.
    pub port: Option<u16>,
    /// Chosen by the client; PostgreSQL replaces what is not printable ASCII.
    pub application_name: Option<Cow<'a, str>>,
    /// A connection of a walsender.
    pub replication: bool,
    /// How the connection is encrypted.
    pub encryption: Encryption<'a>,
    /// `method=` of `connection authenticated`: the method of `pg_hba.conf`.
    pub auth_method: Option<Cow<'a, str>>,
    /// What the client proved to be: `identity=` of `connection authenticated`, or `principal=`
    /// of GSSAPI. It differs from the user for certificates, Kerberos and peer.
    pub identity: Option<Cow<'a, str>>,
    /// Length of a session that ended, to the millisecond.
    pub session_time: Option<Duration>,
    /// PostgreSQL's message of a [`Kind::Rejected`].
    pub reason: Option<Cow<'a, str>>,
    /// SQLSTATE, when the prefix has `%e`.
    pub sql_state: Option<Cow<'a, str>>,
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
    /// Why, in [`Facts::reason`]: the DETAIL of the rejection before it, or what PAM answered
    /// before the rejection behind it.
    Explanation,
    /// A FATAL that ends an established session; its `disconnection` follows.
    Ended,
    /// `disconnection`: an established session ended.
    Disconnected,
    /// Somebody opened a socket and spoke no PostgreSQL, or not its TLS: a scan, a health check.
    Probed,
    /// A session wrote a line that looks like one about connections. The facts are those of the
    /// session that wrote it.
    Suspicious,
}

/// How well a text supports one of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// What a line says in another reading than the one that is told, or what is told of lines that it
    /// takes up. For those who must not miss anything.
    Alternative,
    /// The line can be read in another way, or be the rest of another: see [`crate::postgres`].
    Claimed,
    /// It is a line of the backend that it names. A session that is established could have written
    /// it by SQL.
    OfItsBackend,
    /// PostgreSQL wrote it, and it means what it says.
    Certain,
}

/// What a line says about encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// GSSAPI encryption, stated behind an application name.
    GssAsLogged,
}

/// ` SSL enabled (protocol=…, cipher=…[, bits=…])`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls<'a> {
    /// As OpenSSL names it: `TLSv1.3`.
    pub protocol: Cow<'a, str>,
    /// As OpenSSL names it: `TLS_AES_256_GCM_SHA384`.
    pub cipher: Cow<'a, str>,
    /// Strength of the cipher, where the line states it.
    pub bits: Option<u16>,
}

impl Facts<'_> {
    /// The same facts, without the text that they were read from.
    #[must_use]
    pub fn into_owned(self) -> Facts<'static> {
        Facts {
            time: self.time,
            backend_pid: self.backend_pid,
            user: owned(self.user),
            database: owned(self.database),
            host: owned(self.host),
            port: self.port,
            application_name: owned(self.application_name),
            replication: self.replication,
            encryption: self.encryption.into_owned(),
            auth_method: owned(self.auth_method),
            identity: owned(self.identity),
            session_time: self.session_time,
            reason: owned(self.reason),
            sql_state: owned(self.sql_state),
        }
    }
}

impl Encryption<'_> {
    fn into_owned(self) -> Encryption<'static> {
        match self {
            Self::Unknown => Encryption::Unknown,
            Self::Plain => Encryption::Plain,
            Self::Tls(tls) => Encryption::Tls(tls.into_owned()),
            Self::TlsAsLogged(tls) => Encryption::TlsAsLogged(tls.into_owned()),
            Self::Gss => Encryption::Gss,
            Self::GssAsLogged => Encryption::GssAsLogged,
        }
    }
}

impl Tls<'_> {
    fn into_owned(self) -> Tls<'static> {
        Tls {
            protocol: Cow::Owned(self.protocol.into_owned()),
            cipher: Cow::Owned(self.cipher.into_owned()),
            bits: self.bits,
        }
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
