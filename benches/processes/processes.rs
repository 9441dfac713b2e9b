//! What `scripts/benchmark-cli.py` runs as whole processes: a generator of logs, and a program that
//! finds connections by regular expressions and prints them as JSON, as ../go does.
//!
//! ```text
//! processes log LINES      a log, on standard output
//! processes events FILE    its events, an object a line
//! ```

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "no part of the product"
)]

#[allow(dead_code, reason = "the other bench uses all of it")]
#[path = "../speed/rivals.rs"]
mod rivals;
#[allow(dead_code, reason = "the other bench uses all of it")]
#[path = "../support/mod.rs"]
mod support;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use regex::{Captures, Regex};
use serde::Serialize;

/// The names of the kinds, in the order of the patterns.
const KINDS: [&str; 5] = [
    "received",
    "authenticated",
    "authorized",
    "rejected",
    "disconnected",
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["log", lines] => write_log(lines.parse().unwrap(), out),
        ["events", file] => write_events(file, out).unwrap(),
        _ => panic!("usage: processes log LINES | events FILE"),
    }
}

fn write_log(lines: usize, mut out: impl Write) {
    out.write_all(support::corpus(lines).text.as_bytes())
        .unwrap();
    out.flush().unwrap();
}

fn write_events(file: &str, mut out: impl Write) -> io::Result<()> {
    let patterns = rivals::compiled();
    let mut log = BufReader::with_capacity(64 << 10, File::open(file)?);
    let mut line = String::new();
    while log.read_line(&mut line)? > 0 {
        if let Some((kind, fields)) = event(line.trim_end(), &patterns) {
            serde_json::to_writer(&mut out, &object(kind, &fields))?;
            out.write_all(b"\n")?;
        }
        line.clear();
    }
    out.flush()
}

fn event<'l>(line: &'l str, patterns: &[Regex; 5]) -> Option<(usize, Captures<'l>)> {
    let kind = rivals::kind(line)?;
    Some((kind, patterns[kind].captures(line)?))
}

/// The fields that any regular expression of it gives.
#[derive(Serialize)]
struct Object<'l> {
    event: &'static str,
    time: &'l str,
    host: &'l str,
    port: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'l str>,
    backend_pid: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<&'l str>,
}

fn object<'l>(kind: usize, fields: &Captures<'l>) -> Object<'l> {
    let field = |at| fields.get(at).map(|field: regex::Match<'l>| field.as_str());
    let pid = if kind == 0 { 4 } else { 6 };
    Object {
        event: KINDS[kind],
        time: field(1).unwrap(),
        host: field(2).unwrap(),
        port: field(3).unwrap(),
        user: (kind > 0).then(|| field(4).unwrap()),
        database: (kind > 0).then(|| field(5).unwrap()),
        backend_pid: field(pid).unwrap(),
        rest: (kind > 0).then(|| field(7)).flatten(),
    }
}
