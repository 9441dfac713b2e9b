//! The messages about connections: each is held against the prefix of its line.
//!
//! PostgreSQL copies names into messages as they are, with one change: a line feed becomes a line
//! feed and a tab (`append_with_tabs` in `elog.c`).

use std::time::Duration;

use memchr::{memchr2, memrchr_iter};

use super::connection::{ConnectionEvent, Encryption, Kind};
use super::lexer::{self, Opening, Severity};
use super::log_line_prefix::{LogLine, PrefixFields};
use super::names::{self, Known, Names, UNKNOWN};
use super::suffix;

/// What one reading of a line amounts to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said<'a> {
    /// A connection event, and the message names the user or database of the prefix.
    Event(ConnectionEvent<'a>),
    /// A FATAL whose message names nobody, so that nothing confirms how the prefix was read.
    Unnamed(ConnectionEvent<'a>),
    /// A FATAL, or something else: an application name can imitate a severity.
    Undecidable,
    /// Something else.
    Nothing,
    /// A line that SQL caused, in part or whole: it tells that the line before it is no
    /// connection line.
    FromSql,
    /// The message contradicts the prefix, so the line was read wrongly or is forged.
    Contradiction,
}

/// What the message of `line` says; `known` is what earlier lines of the backend said.
#[must_use]
pub(super) fn read<'a>(line: &LogLine<'a, '_>, known: Known) -> Said<'a> {
    match line.severity {
        Severity::Log => log(line, known),
        Severity::Fatal => fatal(line, known),
        Severity::Detail => Said::Unnamed(ConnectionEvent {
            reason: Some(names::without_tabs(line.message)),
            ..event(Kind::RejectionDetail, line.prefix)
        }),
        Severity::FromSql => Said::FromSql,
        Severity::Other => Said::Nothing,
    }
}

/// The message without the SQLSTATE that `log_error_verbosity = verbose` puts before it.
fn without_sql_state(message: &str) -> &str {
    match message.split_at_checked(7) {
        Some((state, rest))
            if state.ends_with(": ")
                && state
                    .bytes()
                    .take(5)
                    .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) =>
        {
            rest
        }
        _ => message,
    }
}

fn log<'a>(line: &LogLine<'a, '_>, known: Known) -> Said<'a> {
    let Some((opening, rest)) = lexer::opening(without_sql_state(line.message)) else {
        return Said::Nothing;
    };
    let prefix = line.prefix;
    if !is_starting(prefix) && !matches!(opening, Opening::Ready | Opening::Disconnection) {
        return Said::Contradiction;
    }
    let read = match opening {
        Opening::Received => received(rest, prefix),
        Opening::AuthenticatedIdentity => authenticated(rest, prefix, known, true),
        Opening::AuthenticatedUser => authenticated(rest, prefix, known, false),
        Opening::Authorized => authorized(rest, prefix, known),
        Opening::ReplicationAuthorized => replication_authorized(rest, prefix, known),
        Opening::Ready => ready(rest, prefix),
        Opening::Disconnection => disconnection(rest, prefix, known),
        _ => return Said::Nothing,
    };
    read.map_or(Said::Contradiction, Said::Event)
}

/// Can the line come from before the session is established? Until then `%a` is not known.
pub(super) fn is_starting(prefix: &PrefixFields<'_>) -> bool {
    prefix.application_name.is_none_or(|name| name == UNKNOWN)
}

/// An event with what the prefix says, names excepted: those need a message that confirms them.
fn event<'a>(kind: Kind, prefix: &PrefixFields<'a>) -> ConnectionEvent<'a> {
    ConnectionEvent {
        backend_pid: prefix.backend_pid,
        host: prefix.host,
        port: prefix.port,
        sql_state: prefix.sql_state,
        ..ConnectionEvent::of_kind(kind)
    }
}

/// `host=%s port=%s` or `host=%s`; nothing may stand behind it.
fn received<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<ConnectionEvent<'a>> {
    let unnamed = |name: Option<&str>| name.is_none_or(|name| name == UNKNOWN);
    if !unnamed(prefix.user) || !unnamed(prefix.database) {
        return None;
    }
    let (host, port) = host_and_port(rest, prefix)?;
    Some(ConnectionEvent {
        host,
        port,
        ..event(Kind::Received, prefix)
    })
}

/// `%s port=%s` or `%s`, the same as in the prefix.
fn host_and_port<'a>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
) -> Option<(Option<&'a str>, Option<u16>)> {
    let (host, port) = match text.split_once(' ') {
        Some((host, rest)) => (host, Some(rest.strip_prefix("port=")?)),
        None => (text, None),
    };
    if host.is_empty() || memchr2(b'\n', b'\t', host.as_bytes()).is_some() {
        return None;
    }
    let number = match port {
        None | Some("???") => None,
        Some(digits) => Some(digits.parse::<u16>().ok()?),
    };
    let host = Some(host).filter(|host| *host != "???");
    let agrees = match prefix.remote {
        None => true,
        Some(remote) if remote.ends_with(')') => prefix.host == host && prefix.port == number,
        Some(_) => prefix.host == host,
    };
    agrees.then_some((host, number))
}

/// `identity="%s" method=%s (%s:%d)` or `user="%s" method=%s (%s:%d)`, behind the first quote.
fn authenticated<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    is_identity: bool,
) -> Option<ConnectionEvent<'a>> {
    let (name, behind) = rsplit_at(rest, b'"', "\" method=")?;
    let (method, hba_line) = behind.split_once(" (")?;
    let (_, line_number) = hba_line.strip_suffix(')')?.rsplit_once(':')?;
    let words = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !method.bytes().all(words) || line_number.parse::<u32>().is_err() {
        return None;
    }
    // For these methods `set_authn_id` in `auth.c` takes the user name itself.
    let names_user = !is_identity
        || matches!(
            method,
            "scram-sha-256" | "md5" | "password" | "pam" | "bsd" | "radius"
        );
    let names = if names_user {
        names::user_only(name, prefix, known)?
    } else {
        names::of_prefix(prefix)
    };
    Some(ConnectionEvent {
        user: names.user,
        database: names.database,
        auth_method: Some(method),
        identity: is_identity.then(|| names::without_tabs(name)),
        ..event(Kind::Authenticated, prefix)
    })
}

/// Cuts `text` at the last `between`, whose first byte is `first`.
fn rsplit_at<'a>(text: &'a str, first: u8, between: &str) -> Option<(&'a str, &'a str)> {
    memrchr_iter(first, text.as_bytes()).find_map(|at| {
        let (before, behind) = text.split_at_checked(at)?;
        Some((before, behind.strip_prefix(between)?))
    })
}

/// `user=%s database=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`, behind `user=`.
fn authorized<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<ConnectionEvent<'a>> {
    let over_socket = prefix.host == Some("[local]");
    let (names, suffix) = names::user_and_database(rest, prefix, known, &|behind| {
        suffix::read(behind, over_socket)
    })?;
    let suffix = suffix.unwrap_or_default();
    Some(ConnectionEvent {
        user: names.user,
        database: names.database,
        application_name: suffix.application_name,
        encryption: suffix.encryption,
        ..event(Kind::Authorized, prefix)
    })
}

/// `user=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`, behind `user=`. The database of a
/// logical walsender stands in the prefix alone.
fn replication_authorized<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<ConnectionEvent<'a>> {
    let over_socket = prefix.host == Some("[local]");
    let (names, suffix) = names::user_then(rest, prefix, known, &|behind| {
        suffix::read(behind, over_socket)
    })?;
    let suffix = suffix.unwrap_or_default();
    Some(ConnectionEvent {
        user: names.user,
        database: names.database,
        application_name: suffix.application_name,
        encryption: suffix.encryption,
        replication: true,
        ..event(Kind::Authorized, prefix)
    })
}

/// `%.3f ms, fork=%.3f ms, authentication=%.3f ms`, behind `setup total=`.
fn ready<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<ConnectionEvent<'a>> {
    let (total, rest) = rest.split_once(" ms, fork=")?;
    let (fork, rest) = rest.split_once(" ms, authentication=")?;
    let authentication = rest.strip_suffix(" ms")?;
    for number in [total, fork, authentication] {
        let digits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if number.is_empty() || !number.bytes().all(digits) {
            return None;
        }
    }
    let names = names::of_prefix(prefix);
    Some(ConnectionEvent {
        user: names.user,
        database: names.database,
        ..event(Kind::Ready, prefix)
    })
}

/// `%d:%02d:%02d.%03d user=%s database=%s host=%s[ port=%s]`, behind `session time: `. A physical
/// walsender has an empty database here.
fn disconnection<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<ConnectionEvent<'a>> {
    let (duration, rest) = rest.split_once(' ')?;
    let (both, remote) = rsplit_at(rest.strip_prefix("user=")?, b' ', " host=")?;
    let (host, port) = host_and_port(remote, prefix)?;
    let walsender = both
        .strip_suffix(" database=")
        .filter(|_| prefix.database.is_none_or(|name| name == UNKNOWN))
        .and_then(|user| names::user_only(user, prefix, known))
        .map(|names| Names {
            database: None,
            ..names
        });
    let nothing = |behind: &str| behind.is_empty().then_some(());
    let session = names::user_and_database(both, prefix, known, &nothing).map(|(names, _)| names);
    let names = match (walsender, session) {
        (Some(walsender), Some(session)) => Names {
            user: walsender
                .user
                .filter(|user| session.user.as_ref() == Some(user)),
            database: None,
        },
        (walsender, session) => walsender.or(session)?,
    };
    Some(ConnectionEvent {
        user: names.user,
        database: names.database,
        host,
        port,
        application_name: prefix
            .application_name
            .filter(|name| !name.is_empty() && *name != UNKNOWN),
        session_time: Some(session_time(duration)?),
        ..event(Kind::Disconnected, prefix)
    })
}

/// `%d:%02d:%02d.%03d`: hours of any number of digits.
fn session_time(text: &str) -> Option<Duration> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, rest) = rest.split_once(':')?;
    let (seconds, milliseconds) = rest.split_once('.')?;
    if minutes.len() != 2 || seconds.len() != 2 || milliseconds.len() != 3 {
        return None;
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let whole = number(hours)?
        .checked_mul(3600)?
        .checked_add(number(minutes)? * 60 + number(seconds)?)?;
    Some(Duration::from_secs(whole) + Duration::from_millis(number(milliseconds)?))
}

fn fatal<'a>(line: &LogLine<'a, '_>, known: Known) -> Said<'a> {
    let message = without_sql_state(line.message);
    let prefix = line.prefix;
    // The server's own processes have no client and an empty name.
    if prefix.remote == Some("") || prefix.user == Some("") {
        return Said::Nothing;
    }
    let rejected = |names: Names<'a>| ConnectionEvent {
        user: names.user,
        database: names.database,
        reason: Some(names::without_tabs(message)),
        ..event(Kind::Rejected, prefix)
    };
    let unnamed = || {
        let event = rejected(names::of_prefix(prefix));
        // Only these messages quote text of the client in which a line feed can stand.
        let quotes = [
            "invalid value for parameter ",
            "unrecognized configuration parameter ",
            "--",
        ];
        let has_names = prefix.user.is_some() || prefix.database.is_some();
        if has_names
            && message.contains('\n')
            && !quotes.iter().any(|opening| message.starts_with(opening))
        {
            return Said::Contradiction;
        }
        Said::Unnamed(event)
    };
    let Some((opening, rest)) = lexer::opening(message) else {
        return unnamed();
    };
    let named = match opening {
        Opening::AuthenticationFailed => authentication_failed(rest, prefix, known).map(rejected),
        Opening::NotInHba => {
            not_in_hba(rest, prefix, known).map(|(names, encryption)| ConnectionEvent {
                encryption,
                ..rejected(names)
            })
        }
        Opening::ReplicationNotInHba => {
            replication_not_in_hba(rest, prefix, known).map(|(names, encryption)| ConnectionEvent {
                encryption,
                replication: true,
                ..rejected(names)
            })
        }
        // A start-up option can name another role or database than the client's own.
        Opening::Role => {
            match quoted(rest).and_then(|name| names::user_only(name, prefix, known)) {
                Some(names) if is_starting(prefix) => Some(rejected(names)),
                _ => return unnamed(),
            }
        }
        Opening::Database => {
            match quoted(rest).and_then(|name| names::database_only(name, prefix, known)) {
                Some(names) if is_starting(prefix) => Some(rejected(names)),
                _ => return unnamed(),
            }
        }
        Opening::WalSender => Some(ConnectionEvent {
            replication: true,
            ..rejected(names::of_prefix(prefix))
        }),
        Opening::SessionEnd => {
            return match unnamed() {
                Said::Unnamed(event) => Said::Unnamed(ConnectionEvent {
                    kind: Kind::Ended,
                    ..event
                }),
                other => other,
            };
        }
        _ => return unnamed(),
    };
    named
        .filter(|_| is_starting(prefix))
        .map_or(Said::Contradiction, Said::Event)
}

/// `%s"` or `%s": host rejected`, behind the first quote.
fn authentication_failed<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<Names<'a>> {
    let name = [
        "\"",
        "\": host rejected",
        "\": invalid authentication method",
    ]
    .iter()
    .find_map(|ending| rest.strip_suffix(ending))?;
    names::user_only(name, prefix, known)
}

/// `%s", user "%s", database "%s", %s`, behind the first quote.
fn not_in_hba<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<(Names<'a>, Encryption<'a>)> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (rest, encryption) = encryption_at_end(rest)?;
    let names = names::quoted_pair(rest.strip_suffix('"')?, prefix, known)?;
    Some((names, encryption))
}

/// `%s", user "%s", %s`, behind the first quote.
fn replication_not_in_hba<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<(Names<'a>, Encryption<'a>)> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (rest, encryption) = encryption_at_end(rest)?;
    let names = names::user_only(rest.strip_suffix('"')?, prefix, known)?;
    Some((names, encryption))
}

/// `, no encryption` and its kin; servers built without TLS and GSSAPI write none.
fn encryption_at_end(text: &str) -> Option<(&str, Encryption<'static>)> {
    if text.ends_with('"') {
        return Some((text, Encryption::Plain));
    }
    let (text, words) = text.rsplit_once(", ")?;
    let encryption = match words {
        "no encryption" | "SSL off" => Encryption::Plain,
        "SSL encryption" | "SSL on" => Encryption::Unknown,
        "GSS encryption" => Encryption::Gss,
        _ => return None,
    };
    Some((text, encryption))
}

/// `%s"` and one of the endings of the messages about roles and databases.
fn quoted(rest: &str) -> Option<&str> {
    [
        "\" does not exist",
        "\" is not permitted to log in",
        "\" is not currently accepting connections",
        "\"",
    ]
    .iter()
    .find_map(|ending| rest.strip_suffix(ending))
}
