//! `parse`: log lines as JSON objects.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::{Failure, PrefixFlag, input};
use crate::postgres::event::{ConnectionEvent, Encryption, Kind, Standing};
use crate::postgres::{self, Announced};

/// One event; what is not known is absent.
#[derive(Serialize)]
struct Object<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc_3339")]
    time: Option<OffsetDateTime>,
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

pub(super) fn run(file: Option<&Path>, prefix: &PrefixFlag) -> Result<(), Failure> {
    let settings = prefix.settings()?;
    let text = input::read(file)?;
    let reading = postgres::read(
        text.as_str(),
        &settings.log_line_prefix,
        &mut Announced::default().text_of(""),
    );
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let suspicious = write_events(out, &text, &reading.events).map_err(Failure::Stdout)?;
    tell("may be forged and are left out", suspicious);
    tell(
        "look like connection lines but do not fit --log-line-prefix",
        reading.counts.unparsed,
    );
    Ok(())
}

/// On stderr: what is missing from the results must not go unnoticed.
fn tell(what: &str, lines: usize) {
    if lines > 0 {
        eprintln!("aurora-connection-audit: {lines} lines {what}");
    }
}

/// Gives the number of suspicious lines, which are no events.
fn write_events(mut out: impl Write, text: &str, events: &[ConnectionEvent]) -> io::Result<usize> {
    let (mut line, mut counted, mut suspicious) = (1, 0, 0);
    for event in events {
        let since = text
            .as_bytes()
            .get(counted..event.offset)
            .unwrap_or_default();
        line += since.split(|byte| *byte == b'\n').count() - 1;
        counted = event.offset;
        if event.standing == Standing::Alternative {
            continue;
        }
        suspicious += usize::from(event.kind == Kind::Suspicious);
        if let Some(name) = name(event.kind) {
            serde_json::to_writer(&mut out, &object(name, event, line))?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
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

fn object<'a>(name: &'static str, event: &'a ConnectionEvent<'a>, line: usize) -> Object<'a> {
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
        time: event.facts.time.map(|time| time.to_offset(UtcOffset::UTC)),
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

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn rfc_3339<S: Serializer>(time: &Option<OffsetDateTime>, out: S) -> Result<S::Ok, S::Error> {
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.serialize(out)
}
