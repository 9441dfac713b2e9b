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
    /// What to do about it.
    #[token("HINT:  ")]
    Hint,
    /// Where in SQL or in a procedure: no line about a connection is followed by it.
    #[regex("(QUERY|CONTEXT):  ")]
    Context,
    /// The statement: no line about a connection is followed by it.
    #[token("STATEMENT:  ")]
    Statement,
    /// Where in PostgreSQL's source, with `log_error_verbosity = verbose`.
    #[regex("(LOCATION|BACKTRACE):  ")]
    Location,
    /// Any of these words in another language (`postgres.mo` of PostgreSQL 15: de, es, fr, it, ja,
    /// ka, ko, ru, sv, uk, zh).
    #[regex("(СООБЩЕНИЕ|ЗАПИСУВАННЯ|日志|로그|LOGG|ჟურნალი):  ")]
    #[regex("(ВАЖНО|ФАТАЛЬНО|致命错误|치명적오류|FATALE|FATALT|ფატალური):  ")]
    #[regex(
        "(ПОДРОБНОСТИ|ВІДОМОСТІ|详细信息|상세정보|詳細|DETALLE|DÉTAIL|DETTAGLI|DETALJ|დეტალები):  "
    )]
    #[regex(
        "(КОНТЕКСТ|上下文|내용|文脈|ZUSAMMENHANG|CONTEXTO|CONTEXTE |CONTESTO|KONTEXT|კონტექსტი):  "
    )]
    #[regex(
        "(ОПЕРАТОР|ІНСТРУКЦІЯ|语句|명령 구문|文|ANWEISUNG|SENTENCIA|INSTRUCTION |ISTRUZIONE|SATS|ოპერატორი):  "
    )]
    Translated,
    /// Anything else.
    #[regex("(DEBUG|INFO|NOTICE|WARNING|ERROR|PANIC):  ")]
    Other,
}

impl Severity {
    /// The place of a line among those of one report, which `send_message_to_server_log` in `elog.c`
    /// writes together and in this order. 0 is the message itself.
    #[must_use]
    pub fn place(self) -> u8 {
        match self {
            Self::Log | Self::Fatal | Self::Translated | Self::Other => 0,
            Self::Detail => 1,
            Self::Hint => 2,
            Self::Context => 3,
            Self::Location => 4,
            Self::Statement => 5,
        }
    }

    /// Does SQL stand behind the report that the line is part of? `DETAIL` does not tell.
    #[must_use]
    pub fn is_from_sql(self) -> bool {
        matches!(self, Self::Hint | Self::Context | Self::Statement)
    }
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
    /// `connection authorized: user=%s database=%s`; Babelfish (`tds_srv.c`):
    /// `connection authorized: user=%s, application=%s, Tds Version=0x%X.`
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
    /// `pam_authenticate failed: %s`, `CheckPAMAuth` in `auth.c`
    #[token("pam_authenticate failed: ")]
    PamFailed,

    /// What a client provokes that speaks no PostgreSQL, or not its TLS (`backend_startup.c`,
    /// `be-secure-openssl.c`, `pqcomm.c`).
    #[token("invalid length of startup packet")]
    #[token("incomplete startup packet")]
    #[token("could not accept SSL connection: ")]
    #[token("could not initialize SSL connection: ")]
    #[token("failed to send SSL negotiation response: ")]
    #[token("failed to send GSSAPI negotiation response: ")]
    #[token("buffered unencrypted data remains after negotiating SSL connection")]
    #[token("received direct SSL connection request without ALPN protocol negotiation extension")]
    #[token("received SSL connection request with unexpected ALPN protocol")]
    #[token("unrecognized SSL error code: ")]
    #[token("oversize GSSAPI packet sent by the client ")]
    #[token("accepting GSS security context failed")]
    Probed,

    /// `… authentication failed for user "%s"`, `auth_failed` in `auth.c`; Babelfish:
    /// `Login failed for user "%s"`
    #[regex("((?&method) )?authentication failed for user \"")]
    #[token("Login failed for user \"")]
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
    /// `terminating autovacuum process due to …` and the other ends of the server's own processes
    #[token("terminating autovacuum process ")]
    #[token("terminating background worker ")]
    #[token("terminating walreceiver process ")]
    #[token("terminating logical replication worker ")]
    ServerEnd,
    /// `terminating connection due to …` and the other ends of an established session
    #[token("terminating connection ")]
    #[token("terminating walsender process ")]
    #[token("connection to client lost")]
    #[token("invalid frontend message type ")]
    #[token("invalid standby message type ")]
    #[token("unexpected standby message type ")]
    SessionEnd,

    /// Messages about connections in the languages that leave `LOG` as it is (`postgres.mo` of
    /// PostgreSQL 15: de, es, fr, it, ja).
    #[regex("Verbindung|connexion |(des)?conexión|(dis)?connessione|接続")]
    Translated,
}

impl Opening {
    /// Does a LOG line of a connection begin so?
    #[must_use]
    pub fn is_logged(self) -> bool {
        matches!(
            self,
            Self::Received
                | Self::AuthenticatedIdentity
                | Self::AuthenticatedUser
                | Self::Authorized
                | Self::ReplicationAuthorized
                | Self::Ready
                | Self::Disconnection
                | Self::PamFailed
                | Self::Probed
        )
    }
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
