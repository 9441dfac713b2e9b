//! Of several readings of one record: what they share.

use std::cmp::Reverse;

use super::event::{Encryption, Facts, Kind};
use super::line::{LogLine, PrefixFields};
use super::message::{Named, Report, Said};
use super::tokens::Severity;

/// One way to read a record.
#[derive(Debug, Clone)]
pub(super) struct Judgement<'a> {
    pub(super) line: LogLine<'a>,
    pub(super) said: Said<'a>,
    /// Byte offset of the line feed that ends the record.
    pub(super) end: usize,
    /// Line feeds in its message.
    pub(super) feeds: usize,
}

impl Judgement<'_> {
    /// Can the record be so?
    pub(super) fn is_possible(&self) -> bool {
        is_possible(&self.said, self.line.severity)
    }
}

/// Can a record say so? A message about connections that contradicts its prefix is a session's text,
/// and a session writes no FATAL of its own.
pub(super) fn is_possible(said: &Said<'_>, severity: Severity) -> bool {
    !matches!(said, Said::Contradiction) || severity == Severity::Log
}

/// What several readings of the same bytes share, and whether they agree. Where they do not agree
/// on what happened, the one whose message repeats the most names goes: it may be right, and what
/// may have happened must not be hidden.
pub(super) fn of<'a>(
    readings: impl IntoIterator<Item = Judgement<'a>>,
) -> Option<(Judgement<'a>, bool)> {
    let mut agree = true;
    let verdict = readings.into_iter().reduce(|first, other| {
        if agrees(&first.said, &other.said) {
            return shared(first, other);
        }
        agree = false;
        if rank(&other.said) > rank(&first.said) || first.said == Said::Contradiction {
            other
        } else {
            first
        }
    })?;
    Some((verdict, agree))
}

/// Of readings that end in different places: of those whose messages repeat the most names the
/// shortest, with the facts that all events share.
pub(super) fn of_different_lengths(mut readings: Vec<Judgement<'_>>) -> Option<Judgement<'_>> {
    // A message that names nobody is told with the last of the records that are then read.
    readings.sort_by_key(|one| (Reverse(rank(&one.said).max(1)), one.end));
    let mut readings = readings.into_iter();
    let chosen = readings.next()?;
    Some(readings.fold(chosen, |chosen, other| match &other.said {
        Said::Event(_) if agrees(&chosen.said, &other.said) => shared(chosen, other),
        _ => chosen,
    }))
}

/// Do both say the same, but for facts?
pub(super) fn agrees(first: &Said<'_>, other: &Said<'_>) -> bool {
    match (first, other) {
        (Said::Event(first), Said::Event(other)) => is_same(first, other),
        (Said::Event(_) | Said::Contradiction, _) | (_, Said::Event(_) | Said::Contradiction) => {
            first == other
        }
        _ => true,
    }
}

/// How many names of its prefix a message repeats.
pub(super) fn rank(said: &Said<'_>) -> u8 {
    match said {
        Said::Event(report) if report.kind == Kind::Ended => 0,
        Said::Event(report) => match report.named {
            Named::Both => 3,
            Named::User | Named::Database => 2,
            Named::Nobody => 1,
        },
        _ => 0,
    }
}

fn shared<'a>(first: Judgement<'a>, other: Judgement<'a>) -> Judgement<'a> {
    let said = match (first.said, other.said) {
        (Said::Event(first), Said::Event(other)) => Said::Event(shared_report(first, other)),
        (first, other) if first == other => first,
        (Said::FromSql | Said::Detail(_), Said::FromSql | Said::Detail(_)) => Said::FromSql,
        _ => Said::Nothing,
    };
    Judgement {
        line: LogLine {
            prefix: shared_prefix(first.line.prefix, other.line.prefix),
            ..first.line
        },
        said,
        end: first.end,
        feeds: first.feeds,
    }
}

fn is_same(first: &Report<'_>, other: &Report<'_>) -> bool {
    let backend = |facts: &Facts<'_>| (facts.backend_pid, facts.port);
    first.kind == other.kind
        && backend(&first.facts) == backend(&other.facts)
        && first.facts.host == other.facts.host
}

/// What two readings of a prefix share.
pub(super) fn shared_prefix<'a>(
    first: PrefixFields<'a>,
    other: PrefixFields<'a>,
) -> PrefixFields<'a> {
    PrefixFields {
        time: same(first.time, other.time.as_ref()),
        remote: same(first.remote, other.remote.as_ref()),
        host: same(first.host, other.host.as_ref()),
        port: same(first.port, other.port.as_ref()),
        user: same(first.user, other.user.as_ref()),
        database: same(first.database, other.database.as_ref()),
        application_name: same(first.application_name, other.application_name.as_ref()),
        backend_pid: same(first.backend_pid, other.backend_pid.as_ref()),
        sql_state: same(first.sql_state, other.sql_state.as_ref()),
        is_of_server: first.is_of_server && other.is_of_server,
    }
}

fn shared_report<'a>(first: Report<'a>, other: Report<'a>) -> Report<'a> {
    let (facts, others) = (first.facts, other.facts);
    let encryption = if facts.encryption == others.encryption {
        facts.encryption
    } else {
        Encryption::Unknown
    };
    Report {
        kind: first.kind,
        named: if first.named == other.named {
            first.named
        } else {
            Named::Nobody
        },
        principal: same(first.principal, other.principal.as_ref()),
        facts: Facts {
            time: None,
            backend_pid: facts.backend_pid,
            user: same(facts.user, others.user.as_ref()),
            database: same(facts.database, others.database.as_ref()),
            host: facts.host,
            port: facts.port,
            application_name: same(facts.application_name, others.application_name.as_ref()),
            replication: facts.replication && others.replication,
            encryption,
            auth_method: same(facts.auth_method, others.auth_method.as_ref()),
            identity: same(facts.identity, others.identity.as_ref()),
            session_time: same(facts.session_time, others.session_time.as_ref()),
            reason: same(facts.reason, others.reason.as_ref()),
            sql_state: same(facts.sql_state, others.sql_state.as_ref()),
        },
    }
}

fn same<T: PartialEq>(first: Option<T>, other: Option<&T>) -> Option<T> {
    first.filter(|first| other == Some(first))
}
