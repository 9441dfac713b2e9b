//! The messages about connections: each is held against the prefix of its line.
//!
//! PostgreSQL copies names into messages as they are, with one change: a line feed becomes a line
//! feed and a tab (`append_with_tabs` in `elog.c`).

mod names;
mod refusal;
mod remote;
mod suffix;

use std::borrow::Cow;
use std::time::Duration;

use memchr::{memchr, memmem, memrchr_iter};

use super::event::{Facts, Kind};
use super::line::{LogLine, PrefixFields, UNKNOWN};
use super::prefix::Name;
use super::time_stamp::{three, two};
use super::tokens::{self, Opening, Severity};
use names::Names;
pub(super) use names::without_tabs;
use refusal::fatal;
pub(super) use refusal::is_of_startup;
use remote::host_and_port;
use suffix::Suffix;

/// What one reading of a line amounts to.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "most lines that are kept are events"
)]
pub(super) enum Said<'a> {
    /// A connection event.
    Event(Report<'a>),
    /// Why the line before it was written: a DETAIL.
    Detail(&'a str),
    /// A line that SQL caused: it tells that the line before it is no connection line.
    FromSql,
    /// Where in PostgreSQL's source the line before it was written.
    Location,
    /// A line about a connection, or its refusal, in another language than English.
    Translated,
    /// Something else.
    Nothing,
    /// A message about connections that contradicts the prefix: the line was read wrongly, or a
    /// session wrote it.
    Contradiction,
}

/// A connection event, as one line reports it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report<'a> {
    pub(super) kind: Kind,
    /// Which names of the prefix does the message repeat?
    pub(super) named: Named,
    /// `reason` and `identity` are as they stand in the log, tabs included.
    pub(super) facts: Facts<'a>,
    /// `principal=` of GSSAPI, which may be part of an application name.
    pub(super) principal: Option<&'a str>,
}

/// The names that a message repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Nobody,
    User,
    Database,
    Both,
}

/// What the message of `line` says, `text` being all of it. A call writes it where it is kept; inlined,
/// it would be copied there.
#[inline(never)]
pub(super) fn read<'a>(line: &LogLine<'a>, text: &'a str) -> Said<'a> {
    match line.severity {
        Severity::Log => log(&line.prefix, without_sql_state(text)),
        Severity::Fatal => fatal(&line.prefix, without_sql_state(text)),
        Severity::Detail => Said::Detail(text),
        Severity::Hint | Severity::Context | Severity::Statement => Said::FromSql,
        Severity::Location => Said::Location,
        Severity::Translated => Said::Translated,
        Severity::Other => Said::Nothing,
    }
}

/// Could `text` be the message of a record of which only the rest is left, from a line feed in its
/// `name` on? `line` is that rest. A message that repeats the name then holds the line feed, too.
pub(super) fn may_end(line: &LogLine<'_>, text: &str, name: Name) -> bool {
    let message = without_sql_state(text);
    let is_of_connection = matches!(line.severity, Severity::Log | Severity::Fatal);
    let opening = tokens::opening(message).filter(|_| is_of_connection);
    let Some((opening, _)) = opening else {
        return true;
    };
    let repeats = match opening {
        // The client has not sent its names yet.
        Opening::Received | Opening::Probed => return false,
        Opening::Authorized | Opening::Disconnection | Opening::NotInHba => true,
        Opening::ReplicationAuthorized
        | Opening::AuthenticatedUser
        | Opening::AuthenticationFailed
        | Opening::ReplicationNotInHba => name == Name::User,
        // A start-up option can name another role or database than the client's own.
        _ => false,
    };
    let rest = match name {
        Name::User => line.prefix.user,
        Name::Database => line.prefix.database,
    };
    !repeats || rest.is_none_or(|rest| holds_behind_line_feed(message, rest))
}

/// Does `message` hold the line feed of a name, and `rest` behind it?
fn holds_behind_line_feed(message: &str, rest: &str) -> bool {
    memchr(b'\n', message.as_bytes()).is_some() && {
        let wanted = format!("\n{rest}").replace('\n', "\n\t");
        memmem::find(message.as_bytes(), wanted.as_bytes()).is_some()
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

/// What every line of a backend says of it.
fn report<'a>(kind: Kind, prefix: &PrefixFields<'a>) -> Report<'a> {
    Report {
        kind,
        named: Named::Nobody,
        facts: Facts {
            backend_pid: prefix.backend_pid,
            host: prefix.host.map(Cow::Borrowed),
            port: prefix.port,
            sql_state: prefix.sql_state.map(Cow::Borrowed),
            ..Facts::default()
        },
        principal: None,
    }
}

impl<'a> Report<'a> {
    fn name(&mut self, named: Named, names: Names<'a>) {
        self.named = named;
        self.facts.user = names.user;
        self.facts.database = names.database.filter(|name| !name.is_empty());
    }
}

/// What is known of the session that wrote a line of its own.
pub(super) fn of_session<'a>(kind: Kind, prefix: &PrefixFields<'a>) -> Report<'a> {
    let mut report = report(kind, prefix);
    report.name(Named::Nobody, names::of_prefix(prefix));
    report
}

fn log<'a>(prefix: &PrefixFields<'a>, message: &'a str) -> Said<'a> {
    let Some((opening, rest)) = tokens::opening(message) else {
        return in_another_language(prefix);
    };
    let is_late = matches!(opening, Opening::Ready | Opening::Disconnection);
    let may_be = prefix.may_be_of_client() && (is_late || prefix.is_starting());
    let report = match opening {
        Opening::Translated if prefix.may_be_of_client() => return Said::Translated,
        Opening::Probed if !prefix.names_nobody() => return Said::Nothing,
        opening if !opening.is_logged() => return Said::Nothing,
        _ if !may_be => None,
        Opening::Received => received(rest, prefix),
        Opening::AuthenticatedIdentity => authenticated_identity(rest, prefix),
        Opening::AuthenticatedUser => authenticated_user(rest, prefix),
        Opening::Authorized => authorized(rest, prefix),
        Opening::ReplicationAuthorized => replication_authorized(rest, prefix),
        Opening::Ready => ready(rest, prefix),
        Opening::Disconnection => disconnection(rest, prefix),
        Opening::PamFailed => pam_failed(rest, prefix),
        _ => Some(report(Kind::Probed, prefix)),
    };
    match report {
        Some(report) => Said::Event(report),
        None => Said::Contradiction,
    }
}

/// `[unknown]@[unknown]` has a translation, too, and only `connection received` has it.
fn in_another_language<'a>(prefix: &PrefixFields<'a>) -> Said<'a> {
    let is_bracketed = |name: &str| name.starts_with('[') && name.ends_with(']');
    let is_translated = prefix.may_be_of_client()
        && prefix.user == prefix.database
        && prefix.user.is_some_and(is_bracketed)
        && !prefix.names_nobody();
    if is_translated {
        Said::Translated
    } else {
        Said::Nothing
    }
}

/// `host=%s port=%s` or `host=%s`; nothing may stand behind it.
fn received<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let (host, port) = host_and_port(rest, prefix)?;
    let mut report = report(Kind::Received, prefix);
    (report.facts.host, report.facts.port) = (host.map(Cow::Borrowed), port);
    report.named = Named::Both;
    prefix.names_nobody().then_some(report)
}

/// `identity="%s" method=%s (%s:%d)`, behind the first quote.
fn authenticated_identity<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let (identity, method) = quoted_and_method(rest)?;
    // For these methods `set_authn_id` in `auth.c` takes the user name itself.
    let names_user = matches!(
        method,
        "scram-sha-256" | "md5" | "password" | "pam" | "bsd" | "radius"
    );
    let (named, names) = if names_user {
        (Named::User, names::user_only(identity, prefix)?)
    } else {
        (Named::Nobody, names::of_prefix(prefix))
    };
    let mut report = report(Kind::Authenticated, prefix);
    report.name(named, names);
    report.facts.auth_method = Some(Cow::Borrowed(method));
    report.facts.identity = Some(Cow::Borrowed(identity));
    Some(report)
}

/// `user="%s" method=%s (%s:%d)`, behind the first quote.
fn authenticated_user<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let (user, method) = quoted_and_method(rest)?;
    let names = names::user_only(user, prefix)?;
    let mut report = report(Kind::Authenticated, prefix);
    report.name(Named::User, names);
    report.facts.auth_method = Some(Cow::Borrowed(method));
    Some(report)
}

/// `%s" method=%s (%s:%d)`: what is quoted, and the method.
fn quoted_and_method(text: &str) -> Option<(&str, &str)> {
    /// The path of `pg_hba.conf` is the longest part.
    const LONGEST_END: usize = 4096 + 64;
    const METHOD: &str = "\" method=";
    let start = text.len().saturating_sub(LONGEST_END);
    let end = text.as_bytes().get(start..)?;
    let at = start
        + memrchr_iter(b'"', end).find(|at| {
            let behind = end.get(*at..);
            behind.is_some_and(|behind| behind.starts_with(METHOD.as_bytes()))
        })?;
    let (quoted, behind) = text.split_at_checked(at)?;
    let (method, hba_line) = word(behind.strip_prefix(METHOD)?)?;
    let words = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (method.bytes().all(words) && is_hba_line(hba_line)).then_some((quoted, method))
}

/// What stands before the first blank of `text`, and behind it. Few bytes, so they are looked at one by
/// one.
fn word(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().position(|byte| byte == b' ')?;
    Some((text.get(..length)?, text.get(length + 1..)?))
}

/// `(%s:%d)`
fn is_hba_line(text: &str) -> bool {
    let inside = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let place = inside.and_then(|place| place.rsplit_once(':'));
    place.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// `user=%s database=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`, behind `user=`;
/// Babelfish: `user=%s, application=%s, Tds Version=0x%X.[ GSS (…)]`.
fn authorized<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let over_socket = prefix.host == Some("[local]");
    let tail = |behind| suffix::read(behind, over_socket);
    if let Some((names, suffix)) = names::both_then(rest, " database=", prefix, tail) {
        return Some(let_in(prefix, Named::Both, names, suffix));
    }
    let (names, suffix) = names::user_then(rest, prefix, suffix::of_babelfish)?;
    Some(let_in(prefix, Named::User, names, suffix))
}

/// `user=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`, behind `user=`. The database of a
/// logical walsender stands in the prefix alone.
fn replication_authorized<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let over_socket = prefix.host == Some("[local]");
    let tail = |behind| suffix::read(behind, over_socket);
    let (names, suffix) = names::user_then(rest, prefix, tail)?;
    let mut report = let_in(prefix, Named::User, names, suffix);
    report.facts.replication = true;
    Some(report)
}

/// What all forms of `connection authorized` say; the suffix is `None` where it is not decidable.
fn let_in<'a>(
    prefix: &PrefixFields<'a>,
    named: Named,
    names: Names<'a>,
    suffix: Option<Suffix<'a>>,
) -> Report<'a> {
    let suffix = suffix.unwrap_or_default();
    let mut report = report(Kind::Authorized, prefix);
    report.name(named, names);
    report.facts.application_name = suffix.application_name.map(Cow::Borrowed);
    report.facts.encryption = suffix.encryption;
    report.principal = suffix.principal;
    report
}

/// `%.3f ms, fork=%.3f ms, authentication=%.3f ms`, behind `setup total=`.
fn ready<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let (total, rest) = rest.split_once(" ms, fork=")?;
    let (fork, rest) = rest.split_once(" ms, authentication=")?;
    let authentication = rest.strip_suffix(" ms")?;
    let is_number = |text: &str| {
        let digits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        !text.is_empty() && text.bytes().all(digits)
    };
    [total, fork, authentication]
        .into_iter()
        .all(is_number)
        .then(|| of_session(Kind::Ready, prefix))
}

/// `%d:%02d:%02d.%03d user=%s database=%s host=%s[ port=%s]`, behind `session time: `. A physical
/// walsender has an empty database here, and none in the prefix.
fn disconnection<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let (duration, rest) = word(rest)?;
    let rest = rest.strip_prefix("user=")?;
    let remote = |behind: &'a str| host_and_port(behind.strip_prefix(" host=")?, prefix);
    let session = names::both_then(rest, " database=", prefix, remote);
    let (names, remote) = session.or_else(|| {
        let of_walsender = PrefixFields {
            database: Some(""),
            ..*prefix
        };
        let is_of_walsender = prefix.database == Some(UNKNOWN);
        is_of_walsender
            .then(|| names::both_then(rest, " database=", &of_walsender, remote))
            .flatten()
    })?;
    let mut report = report(Kind::Disconnected, prefix);
    report.name(Named::Both, names);
    if let Some((host, port)) = remote {
        (report.facts.host, report.facts.port) = (host.map(Cow::Borrowed), port);
    }
    report.facts.application_name = prefix
        .application_name
        .filter(|name| !name.is_empty() && !prefix.is_starting())
        .map(Cow::Borrowed);
    report.facts.session_time = Some(session_time(duration)?);
    Some(report)
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

/// What PAM answered: RDS's reason of a failed IAM login.
#[allow(
    clippy::unnecessary_wraps,
    reason = "as the readers of all other messages"
)]
fn pam_failed<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Report<'a>> {
    let mut report = of_session(Kind::Explanation, prefix);
    report.facts.reason = Some(Cow::Borrowed(rest));
    report.facts.auth_method = Some(Cow::Borrowed("pam"));
    Some(report)
}
