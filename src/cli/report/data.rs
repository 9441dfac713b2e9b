//! The report for other programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::newcomers::Newcomer;
use super::rows::{Row, Rows};
use super::{Report, names};
use crate::cli::stamp::Stamp;

pub(super) fn csv(rows: &Rows, mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "user,database,host,application_name,logins,refusals,disconnections,probes,suspicions,first,last,auth_method,tls,confirmed"
    )?;
    let mut stamps = Stamps::default();
    for row in rows.each() {
        for name in row.names.each() {
            write!(out, "{},", name.map(names::csv).unwrap_or_default())?;
        }
        let counts = row.counts;
        let (first, last) = stamps.of(&counts);
        writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{}",
            counts.logins,
            counts.refusals,
            counts.disconnections,
            counts.probes,
            counts.suspicions,
            first.unwrap_or_default(),
            last.unwrap_or_default(),
            names::csv(&row.auth_methods.join(" ")),
            names::csv(&row.tls.join(" ")),
            counts.unconfirmed == 0,
        )?;
    }
    Ok(())
}

/// What is not known is absent.
#[derive(Serialize)]
struct Object<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_name: Option<&'r str>,
    logins: u64,
    refusals: u64,
    disconnections: u64,
    probes: u64,
    suspicions: u64,
    unconfirmed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<&'r str>,
    auth_methods: Vec<&'r str>,
    tls: Vec<&'r str>,
    confirmed: bool,
}

/// One object: the rows one a line, and what they come to.
pub(super) fn json(report: &Report, mut out: impl Write) -> io::Result<()> {
    write!(out, "{{\"cluster\":")?;
    crate::cli::json::write(&mut out, &report.title)?;
    write!(out, ",\"rows\":[")?;
    let mut stamps = Stamps::default();
    let mut before = "\n";
    for row in report.rows.each() {
        out.write_all(before.as_bytes())?;
        crate::cli::json::write(&mut out, &object(row, &mut stamps))?;
        before = ",\n";
    }
    let new = report.rows.newcomers();
    let new: Vec<Value> = new.iter().map(|new| newcomer(&report.rows, new)).collect();
    let totals = json!({
        "connections": totals(&report.rows.totals),
        "rows": report.rows.len(),
        "ignored": report.ignored,
        "left_out": report.rows.left_out,
    });
    write!(out, "\n],\"new\":")?;
    crate::cli::json::write(&mut out, &new)?;
    writeln!(out, ",\"totals\":{totals}}}")
}

fn object<'r>(row: Row<'r>, stamps: &'r mut Stamps) -> Object<'r> {
    let (names, counts) = (row.names, row.counts);
    let (first, last) = stamps.of(&counts);
    Object {
        user: names.user,
        database: names.database,
        host: names.host,
        application_name: names.application,
        logins: counts.logins,
        refusals: counts.refusals,
        disconnections: counts.disconnections,
        probes: counts.probes,
        suspicions: counts.suspicions,
        unconfirmed: counts.unconfirmed,
        first,
        last,
        auth_methods: row.auth_methods,
        tls: row.tls,
        confirmed: counts.unconfirmed == 0,
    }
}

fn totals(counts: &Counts) -> Value {
    let mut stamps = Stamps::default();
    let (first, last) = stamps.of(counts);
    let mut totals = json!({
        "logins": counts.logins,
        "refusals": counts.refusals,
        "disconnections": counts.disconnections,
        "probes": counts.probes,
        "suspicions": counts.suspicions,
        "unconfirmed": counts.unconfirmed,
    });
    if let (Some(first), Some(last), Some(totals)) = (first, last, totals.as_object_mut()) {
        totals.insert("first".to_owned(), first.into());
        totals.insert("last".to_owned(), last.into());
    }
    totals
}

fn newcomer(rows: &Rows, new: &Newcomer) -> Value {
    let names = rows.names(new.key);
    let mut stamp = Stamp::default();
    json!({
        "what": new.what.name(),
        "user": names.user,
        "database": names.database,
        "host": names.host,
        "application_name": names.application,
        "time": new.login.time().map(|time| stamp.of(time)),
    })
}

/// The texts of the times of a row.
#[derive(Default)]
struct Stamps {
    first: Stamp,
    last: Stamp,
}

impl Stamps {
    fn of(&mut self, counts: &Counts) -> (Option<&str>, Option<&str>) {
        let first = counts.first.time().map(|time| self.first.of(time));
        let last = counts.last.time().map(|time| self.last.of(time));
        (first, last)
    }
}
