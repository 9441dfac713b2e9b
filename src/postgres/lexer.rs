//! The words PostgreSQL opens its log lines and messages with. Nothing a client chose is a token.

use logos::Logos;

/// What stands between the prefix and the text of a line, always with two spaces.
///
/// `send_message_to_server_log` in `elog.c`: `appendStringInfo(&buf, "%s:  ", …)`.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A connection line, or one of many other reports.
    #[token("LOG:  ")]
    Log,
    /// The server process ends.
    #[token("FATAL:  ")]
    Fatal,
    /// Why: belongs to the line before it.
    #[token("DETAIL:  ")]
    Detail,
    /// Where in SQL or in a procedure: only lines that SQL caused have it.
    #[regex("(CONTEXT|STATEMENT|QUERY):  ")]
    FromSql,
    /// Anything else.
    #[regex("(DEBUG|INFO|NOTICE|WARNING|ERROR|PANIC|HINT|LOCATION|BACKTRACE):  ")]
    Other,
}

/// How a message about a connection begins; each variant quotes PostgreSQL's format string.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(subpattern method = "\"trust\"|Ident|Peer|password|GSSAPI|SSPI|PAM|BSD|LDAP|certificate|\
    RADIUS|OAuth bearer")]
pub enum Opening {
    /// `connection received: host=%s port=%s` or `connection received: host=%s`
    #[token("connection received: host=")]
    Received,
    /// `connection authenticated: identity="%s" method=%s (%s:%d)`
    #[token("connection authenticated: identity=\"")]
    AuthenticatedIdentity,
    /// `connection authenticated: user="%s" method=%s (%s:%d)`
    #[token("connection authenticated: user=\"")]
    AuthenticatedUser,
    /// `connection authorized: user=%s database=%s`
    #[token("connection authorized: user=")]
    Authorized,
    /// `replication connection authorized: user=%s`
    #[token("replication connection authorized: user=")]
    ReplicationAuthorized,
    /// `connection ready: setup total=%.3f ms, fork=%.3f ms, authentication=%.3f ms`
    #[token("connection ready: setup total=")]
    Ready,
    /// `disconnection: session time: %d:%02d:%02d.%03d user=%s database=%s host=%s%s%s`
    #[token("disconnection: session time: ")]
    Disconnection,

    /// `… authentication failed for user "%s"`, `auth_failed` in `auth.c`
    #[regex("((?&method) )?authentication failed for user \"")]
    AuthenticationFailed,
    /// `no pg_hba.conf entry for host "%s", user "%s", database "%s", %s`
    #[regex("(no pg_hba.conf entry|pg_hba.conf rejects connection) for host \"")]
    NotInHba,
    /// `no pg_hba.conf entry for replication connection from host "%s", user "%s", %s`
    #[token("no pg_hba.conf entry for replication connection from host \"")]
    #[token("pg_hba.conf rejects replication connection for host \"")]
    ReplicationNotInHba,
    /// `role "%s" does not exist`, `role "%s" is not permitted to log in`,
    /// `too many connections for role "%s"`
    #[regex("(too many connections for )?role \"")]
    Role,
    /// `database "%s" does not exist`, `database "%s" is not currently accepting connections`,
    /// `permission denied for database "%s"`, `too many connections for database "%s"`
    #[regex("((permission denied|too many connections) for )?database \"")]
    Database,
    /// `permission denied to start WAL sender` and its older forms
    #[token("must be superuser or replication role to start walsender")]
    #[token("permission denied to start WAL sender")]
    #[token("number of requested standby connections exceeds ")]
    WalSender,
    /// `terminating connection due to …` and the other ends of an established session
    #[token("terminating connection ")]
    #[token("terminating walsender process ")]
    #[token("connection to client lost")]
    #[token("invalid frontend message type ")]
    SessionEnd,
}

/// The severity that `text` starts with, and the text behind it.
#[must_use]
pub fn severity(text: &str) -> Option<(Severity, &str)> {
    let mut lexer = Severity::lexer(text);
    let severity = lexer.next()?.ok()?;
    Some((severity, lexer.remainder()))
}

/// The opening that `message` starts with, and the text behind it.
#[must_use]
pub fn opening(message: &str) -> Option<(Opening, &str)> {
    let mut lexer = Opening::lexer(message);
    let opening = lexer.next()?.ok()?;
    Some((opening, lexer.remainder()))
}
