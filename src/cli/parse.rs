//! `parse`: log lines as JSON objects.

use std::io::{self, Write};

use memchr::memchr_iter;
use serde::Serialize;

use super::logs::{self, Piece, Step};
use super::progress::Progress;
use super::stamp::Stamp;
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
