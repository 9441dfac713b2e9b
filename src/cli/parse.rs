//! `parse`: log lines as JSON objects.

use std::io::{self, Write};

use memchr::memchr_iter;
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

use super::logs::{self, Piece, Step};
use super::progress::Progress;
use super::{Failure, LogFiles, PrefixFlag, input, json};
use crate::postgres::event::{ConnectionEvent, Encryption, Kind, Standing};

/// One event; what is not known is absent.
#[derive(Serialize)]
struct Object<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_pid: Option<u32>,
    #[serde(skip_serializing_if = "is_unknown")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "is_unknown")]
    database: Option<&'a str>,
    #[serde(skip_serializing_if = "is_unknown")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "is_unknown")]
    application_name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replication: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "is_unknown")]
    auth_method: Option<&'a str>,
    #[serde(skip_serializing_if = "is_unknown")]
    identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_seconds: Option<f64>,
    #[serde(skip_serializing_if = "is_unknown")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "is_unknown")]
    sql_state: Option<&'a str>,
    line: usize,
}

#[derive(Serialize)]
struct Tls<'a> {
    protocol: &'a str,
    cipher: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<u16>,
}

pub(super) fn run(files: &LogFiles, prefix: &PrefixFlag) -> Result<(), Failure> {
    let prefix = prefix.given()?;
    let progress = Progress::new(input::total_length(&files.paths()), true);
    let mut out = io::stdout().lock();
    let mut lines = Vec::new();
    let (mut suspicious, mut unparsed) = (0, 0);
    logs::read(files, prefix.as_ref(), &progress, &mut |step| {
        if let Step::Piece(piece) = step {
            unparsed += piece.reading.counts.unparsed;
            suspicious += write_events(&mut lines, &piece).map_err(Failure::Stdout)?;
            out.write_all(&lines).map_err(Failure::Stdout)?;
            lines.clear();
        }
        Ok(())
    })?;
    out.flush().map_err(Failure::Stdout)?;
    drop(progress);
    tell("may be forged and are left out", suspicious);
    tell(
        "look like connection lines but do not fit --log-line-prefix",
        unparsed,
    );
    Ok(())
}

/// On stderr, so that nobody overlooks what is missing from the results.
pub(super) fn tell(what: &str, lines: usize) {
    if lines > 0 {
        eprintln!("aurora-connection-audit: {lines} lines {what}");
    }
}

/// Gives the number of suspicious lines, which are no events.
fn write_events(out: &mut Vec<u8>, piece: &Piece<'_>) -> io::Result<usize> {
    let (mut line, mut counted, mut suspicious) = (piece.lines + 1, 0, 0);
    let mut stamp = Stamp::default();
    let feeds = |from: usize, to: usize| {
        let between = piece.text.as_bytes().get(from..to);
        memchr_iter(b'\n', between.unwrap_or_default()).count()
    };
    for event in &piece.reading.events {
        // A line that is told late stands before the one that was told before it.
        line = line + feeds(counted, event.offset) - feeds(event.offset, counted);
        counted = event.offset;
        if event.standing == Standing::Alternative {
            continue;
        }
        suspicious += usize::from(event.kind == Kind::Suspicious);
        if let Some(name) = name(event.kind) {
            json::write(&mut *out, &object(name, event, &mut stamp, line))?;
            out.push(b'\n');
        }
    }
    Ok(suspicious)
}

/// `None` for what only helps to understand other lines.
fn name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Received => Some("received"),
        Kind::Authenticated => Some("authenticated"),
        Kind::Authorized => Some("authorized"),
        Kind::Rejected => Some("rejected"),
        Kind::Disconnected => Some("disconnected"),
        Kind::Ready | Kind::Explanation | Kind::Ended | Kind::Probed | Kind::Suspicious => None,
    }
}

fn object<'a>(
    name: &'static str,
    event: &'a ConnectionEvent<'a>,
    stamp: &'a mut Stamp,
    line: usize,
) -> Object<'a> {
    let tls = match &event.facts.encryption {
        Encryption::Tls(tls) | Encryption::TlsAsLogged(tls) => Some(Tls {
            protocol: &tls.protocol,
            cipher: &tls.cipher,
            bits: tls.bits,
        }),
        Encryption::Unknown | Encryption::Plain | Encryption::Gss | Encryption::GssAsLogged => None,
    };
    Object {
        event: name,
        time: event.facts.time.map(|time| stamp.of(time)),
        backend_pid: event.facts.backend_pid,
        user: event.facts.user.as_deref(),
        database: event.facts.database.as_deref(),
        host: event.facts.host.as_deref(),
        port: event.facts.port,
        application_name: event.facts.application_name.as_deref(),
        replication: event.facts.replication,
        tls,
        auth_method: event.facts.auth_method.as_deref(),
        identity: event.facts.identity.as_deref(),
        session_seconds: event.facts.session_time.map(|time| time.as_secs_f64()),
        reason: event.facts.reason.as_deref(),
        sql_state: event.facts.sql_state.as_deref(),
        line,
    }
}

#[expect(clippy::ref_option_ref, reason = "serde calls it so")]
fn is_unknown(text: &Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// A time as RFC 3339, in UTC. Most lines share theirs with the line before.
#[derive(Default)]
struct Stamp {
    time: Option<OffsetDateTime>,
    text: String,
}

impl Stamp {
    fn of(&mut self, time: OffsetDateTime) -> &str {
        if self.time != Some(time) {
            self.time = Some(time);
            self.text.clear();
            self.write(time.to_offset(UtcOffset::UTC));
        }
        &self.text
    }

    fn write(&mut self, time: OffsetDateTime) {
        let (date, (hour, minute, second)) = (time.date(), time.to_hms());
        for (before, number, digits) in [
            ("", date.year().unsigned_abs(), 4),
            ("-", u8::from(date.month()).into(), 2),
            ("-", date.day().into(), 2),
            ("T", hour.into(), 2),
            (":", minute.into(), 2),
            (":", second.into(), 2),
            (".", time.nanosecond(), 9),
        ] {
            self.text.push_str(before);
            for place in (0..digits).rev() {
                let digit = number / 10_u32.pow(place) % 10;
                self.text.extend(char::from_digit(digit, 10));
            }
        }
        let length = self.text.trim_end_matches('0').trim_end_matches('.').len();
        self.text.truncate(length);
        self.text.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn a_time_is_as_rfc_3339_has_it() {
        let mut stamp = Stamp::default();
        for text in [
            "2026-11-23T09:37:53Z",
            "2026-11-23T09:37:50Z",
            "2000-01-01T00:00:00Z",
            "2026-11-23T09:37:53.1Z",
            "2026-11-23T09:37:53.012Z",
            "2026-11-23T09:37:53.000001Z",
            "2026-11-23T09:37:53+09:00",
        ] {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok();
            let expected =
                time.and_then(|time| time.to_offset(UtcOffset::UTC).format(&Rfc3339).ok());
            assert_eq!(
                time.map(|time| stamp.of(time).to_owned()),
                expected,
                "{text}"
            );
        }
    }
}
