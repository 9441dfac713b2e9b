//! The messages about connections: each is held against the prefix of its line.
//!
//! PostgreSQL copies names into messages as they are, with one change: a line feed becomes a line
//! feed and a tab (`append_with_tabs` in `elog.c`).

use std::time::Duration;

use memchr::{memchr, memrchr_iter};

use super::connection::{ConnectionEvent, Encryption, Kind};
use super::lexer::{self, Opening, Severity};
use super::log_line_prefix::{LogLine, PrefixFields};
use super::names::{self, Known, Names, UNKNOWN};
use super::remote::host_and_port;
use super::suffix;
use super::time_stamp::{three, two};

/// What one reading of a line amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A connection event, and the message names the user or database of the prefix.
    Event,
    /// A FATAL whose message names nobody, so that nothing confirms how the prefix was read.
    Unnamed,
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

/// What the message of `line` says; `known` is what earlier lines of the backend said. The facts
/// go into `event`, which is blank.
#[must_use]
pub(super) fn read<'a>(
    line: &LogLine<'a, '_>,
    known: Known,
    event: &mut ConnectionEvent<'a>,
) -> Said {
    let prefix = line.prefix;
    event.backend_pid = prefix.backend_pid;
    event.host = prefix.host;
    event.port = prefix.port;
    event.sql_state = prefix.sql_state;
    match line.severity {
        Severity::Log => log(line, known, event),
        Severity::Fatal => fatal(line, known, event),
        Severity::Detail => {
            event.kind = Kind::RejectionDetail;
            event.reason = Some(names::without_tabs(line.message));
            Said::Unnamed
        }
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

fn log<'a>(line: &LogLine<'a, '_>, known: Known, event: &mut ConnectionEvent<'a>) -> Said {
    let Some((opening, rest)) = lexer::opening(without_sql_state(line.message)) else {
        return Said::Nothing;
    };
    let prefix = line.prefix;
    if !is_starting(prefix) && !matches!(opening, Opening::Ready | Opening::Disconnection) {
        return Said::Contradiction;
    }
    let read = match opening {
        Opening::Received => received(rest, prefix, event),
        Opening::AuthenticatedIdentity => authenticated(rest, prefix, known, true, event),
        Opening::AuthenticatedUser => authenticated(rest, prefix, known, false, event),
        Opening::Authorized => authorized(rest, prefix, known, event),
        Opening::ReplicationAuthorized => replication_authorized(rest, prefix, known, event),
        Opening::Ready => ready(rest, prefix, event),
        Opening::Disconnection => disconnection(rest, prefix, known, event),
        _ => return Said::Nothing,
    };
    match read {
        Some(kind) => {
            event.kind = kind;
            Said::Event
        }
        None => Said::Contradiction,
    }
}

/// Can the line come from before the session is established? Until then `%a` is not known.
pub(super) fn is_starting(prefix: &PrefixFields<'_>) -> bool {
    prefix.application_name.is_none_or(|name| name == UNKNOWN)
}

/// `host=%s port=%s` or `host=%s`; nothing may stand behind it.
fn received<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
    let unnamed = |name: Option<&str>| name.is_none_or(|name| name == UNKNOWN);
    if !unnamed(prefix.user) || !unnamed(prefix.database) {
        return None;
    }
    (event.host, event.port) = host_and_port(rest, prefix)?;
    Some(Kind::Received)
}

/// `identity="%s" method=%s (%s:%d)` or `user="%s" method=%s (%s:%d)`, behind the first quote.
fn authenticated<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    is_identity: bool,
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
    let (name, behind) = rsplit_at(rest, b'"', "\" method=")?;
    let (method, hba_line) = split_once(behind, b' ')?;
    let words = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !method.bytes().all(words) || !is_hba_line(hba_line) {
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
    (event.user, event.database) = (names.user, names.database);
    event.auth_method = Some(method);
    event.identity = is_identity.then(|| names::without_tabs(name));
    Some(Kind::Authenticated)
}

/// `(%s:%d)`
fn is_hba_line(text: &str) -> bool {
    let inside = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let place = inside.and_then(|place| rsplit_at(place, b':', ":"));
    place.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// Cuts `text` at the first `byte`, an ASCII character.
fn split_once(text: &str, byte: u8) -> Option<(&str, &str)> {
    let (before, behind) = text.split_at_checked(memchr(byte, text.as_bytes())?)?;
    Some((before, behind.get(1..)?))
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
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
    let tail = |behind| suffix::read(behind, prefix.host == Some("[local]"));
    let (names, suffix) = names::user_and_database(rest, prefix, known, &tail)?;
    Some(let_in(names, suffix, event))
}

/// What both forms of `connection authorized` say; the suffix is `None` where it is not decidable.
fn let_in<'a>(
    names: Names<'a>,
    suffix: Option<suffix::Suffix<'a>>,
    event: &mut ConnectionEvent<'a>,
) -> Kind {
    let suffix = suffix.unwrap_or_default();
    (event.user, event.database) = (names.user, names.database);
    event.application_name = suffix.application_name;
    event.encryption = suffix.encryption;
    Kind::Authorized
}

/// `user=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`, behind `user=`. The database of a
/// logical walsender stands in the prefix alone.
fn replication_authorized<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
    let tail = |behind| suffix::read(behind, prefix.host == Some("[local]"));
    let (names, suffix) = names::user_then(rest, prefix, known, &tail)?;
    event.replication = true;
    Some(let_in(names, suffix, event))
}

/// `%.3f ms, fork=%.3f ms, authentication=%.3f ms`, behind `setup total=`.
fn ready<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
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
    (event.user, event.database) = (names.user, names.database);
    Some(Kind::Ready)
}

/// `%d:%02d:%02d.%03d user=%s database=%s host=%s[ port=%s]`, behind `session time: `. A physical
/// walsender has an empty database here.
fn disconnection<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    event: &mut ConnectionEvent<'a>,
) -> Option<Kind> {
    let (duration, rest) = split_once(rest, b' ')?;
    let (both, remote) = rsplit_at(rest.strip_prefix("user=")?, b' ', " host=")?;
    (event.host, event.port) = host_and_port(remote, prefix)?;
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
    (event.user, event.database) = (names.user, names.database);
    event.application_name = prefix
        .application_name
        .filter(|name| !name.is_empty() && *name != UNKNOWN);
    event.session_time = Some(session_time(duration)?);
    Some(Kind::Disconnected)
}

/// `%d:%02d:%02d.%03d`: hours of any number of digits.
fn session_time(text: &str) -> Option<Duration> {
    let (hours, rest) = text.split_at_checked(text.len().checked_sub(":00:00.000".len())?)?;
    let [b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3] = *rest.as_bytes() else {
        return None;
    };
    let seconds = 60 * u64::from(two(m1, m2)?) + u64::from(two(s1, s2)?);
    let whole = hours.parse::<u64>().ok()?.checked_mul(3600)?;
    let milliseconds = Duration::from_millis(three(f1, f2, f3)?.into());
    Some(Duration::from_secs(whole.checked_add(seconds)?) + milliseconds)
}

fn fatal<'a>(line: &LogLine<'a, '_>, known: Known, event: &mut ConnectionEvent<'a>) -> Said {
    let message = without_sql_state(line.message);
    let prefix = line.prefix;
    // The server's own processes have no client and an empty name.
    if prefix.remote == Some("") || prefix.user == Some("") {
        return Said::Nothing;
    }
    event.kind = Kind::Rejected;
    event.reason = Some(names::without_tabs(message));
    let Some((opening, rest)) = lexer::opening(message) else {
        return unnamed(message, prefix, event);
    };
    let named = match opening {
        Opening::AuthenticationFailed => authentication_failed(rest, prefix, known),
        Opening::NotInHba => not_in_hba(rest, prefix, known, event),
        Opening::ReplicationNotInHba => {
            event.replication = true;
            replication_not_in_hba(rest, prefix, known, event)
        }
        // A start-up option can name another role or database than the client's own.
        Opening::Role => {
            match quoted(rest).and_then(|name| names::user_only(name, prefix, known)) {
                Some(names) if is_starting(prefix) => Some(names),
                _ => return unnamed(message, prefix, event),
            }
        }
        Opening::Database => {
            match quoted(rest).and_then(|name| names::database_only(name, prefix, known)) {
                Some(names) if is_starting(prefix) => Some(names),
                _ => return unnamed(message, prefix, event),
            }
        }
        Opening::WalSender => {
            event.replication = true;
            Some(names::of_prefix(prefix))
        }
        Opening::SessionEnd => {
            event.kind = Kind::Ended;
            return unnamed(message, prefix, event);
        }
        _ => return unnamed(message, prefix, event),
    };
    let Some(confirmed) = named.filter(|_| is_starting(prefix)) else {
        return Said::Contradiction;
    };
    (event.user, event.database) = (confirmed.user, confirmed.database);
    Said::Event
}

/// A message that names nobody: the names of the prefix may be right.
fn unnamed<'a>(
    message: &'a str,
    prefix: &PrefixFields<'a>,
    event: &mut ConnectionEvent<'a>,
) -> Said {
    // Only these messages quote text of the client in which a line feed can stand.
    let quotes = [
        "invalid value for parameter ",
        "unrecognized configuration parameter ",
        "--",
    ];
    let has_names = prefix.user.is_some() || prefix.database.is_some();
    if has_names
        && memchr(b'\n', message.as_bytes()).is_some()
        && !quotes.iter().any(|opening| message.starts_with(opening))
    {
        return Said::Contradiction;
    }
    let names = names::of_prefix(prefix);
    (event.user, event.database) = (names.user, names.database);
    Said::Unnamed
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
    event: &mut ConnectionEvent<'a>,
) -> Option<Names<'a>> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (rest, encryption) = encryption_at_end(rest)?;
    event.encryption = encryption;
    names::quoted_pair(rest.strip_suffix('"')?, prefix, known)
}

/// `%s", user "%s", %s`, behind the first quote.
fn replication_not_in_hba<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    event: &mut ConnectionEvent<'a>,
) -> Option<Names<'a>> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (rest, encryption) = encryption_at_end(rest)?;
    event.encryption = encryption;
    names::user_only(rest.strip_suffix('"')?, prefix, known)
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
