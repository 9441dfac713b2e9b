//! The report for other programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::rows::{Counts, Key, Rows};
use super::{Report, names};

pub(super) fn csv(rows: &Rows, mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "user,database,host,application_name,logins,refusals,disconnections,probes,suspicions,first,last,auth_method,tls,confirmed"
    )?;
    for (key, counts) in &rows.sorted {
        for name in [&key.user, &key.database, &key.host, &key.application] {
            write!(
                out,
                "{},",
                name.as_deref().map(names::csv).unwrap_or_default()
            )?;
        }
        writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{}",
            counts.logins,
            counts.refusals,
            counts.disconnections,
            counts.probes,
            counts.suspicions,
            rfc_3339(counts.first).unwrap_or_default(),
            rfc_3339(counts.last).unwrap_or_default(),
            names::csv(&rows.auth_methods(counts).join(" ")),
            names::csv(&rows.tls(counts).join(" ")),
            counts.unconfirmed == 0,
        )?;
    }
    Ok(())
}

/// What is not known is absent.
#[derive(Serialize)]
struct Row<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_name: Option<&'r str>,
    #[serde(flatten)]
    counts: Numbers,
    auth_methods: Vec<&'r str>,
    tls: Vec<&'r str>,
    confirmed: bool,
}

#[derive(Serialize)]
struct Numbers {
    logins: u64,
    refusals: u64,
    disconnections: u64,
    probes: u64,
    suspicions: u64,
    unconfirmed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

/// One object: the rows one a line, and what they come to.
pub(super) fn json(report: &Report, mut out: impl Write) -> io::Result<()> {
    write!(out, "{{\"cluster\":")?;
    super::super::json::write(&mut out, &report.title)?;
    write!(out, ",\"rows\":[")?;
    let mut before = "\n";
    for (key, counts) in &report.rows.sorted {
        out.write_all(before.as_bytes())?;
        super::super::json::write(&mut out, &row(&report.rows, key, counts))?;
        before = ",\n";
    }
    let new: Vec<Value> = report.rows.newcomers().into_iter().map(new).collect();
    let totals = json!({
        "connections": numbers(&report.rows.totals),
        "rows": report.rows.sorted.len(),
        "ignored": report.ignored,
        "left_out": report.rows.left_out,
    });
    write!(out, "\n],\"new\":")?;
    super::super::json::write(&mut out, &new)?;
    writeln!(out, ",\"totals\":{totals}}}")
}

fn row<'r>(rows: &'r Rows, key: &'r Key, counts: &Counts) -> Row<'r> {
    Row {
        user: key.user.as_deref(),
        database: key.database.as_deref(),
        host: key.host.as_deref(),
        application_name: key.application.as_deref(),
        counts: numbers(counts),
        auth_methods: rows.auth_methods(counts),
        tls: rows.tls(counts),
        confirmed: counts.unconfirmed == 0,
    }
}

fn numbers(counts: &Counts) -> Numbers {
    Numbers {
        logins: counts.logins,
        refusals: counts.refusals,
        disconnections: counts.disconnections,
        probes: counts.probes,
        suspicions: counts.suspicions,
        unconfirmed: counts.unconfirmed,
        first: rfc_3339(counts.first),
        last: rfc_3339(counts.last),
    }
}

fn new((what, key, login): (&str, &Key, OffsetDateTime)) -> Value {
    json!({
        "what": what,
        "user": key.user,
        "database": key.database,
        "host": key.host,
        "application_name": key.application,
        "time": rfc_3339(Some(login)),
    })
}

fn rfc_3339(time: Option<OffsetDateTime>) -> Option<String> {
    time?.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()
}
