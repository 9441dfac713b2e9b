//! A log, or the payload that carries it, read again and again; nothing is timed.
//!
//! `scripts/benchmark.py` runs this under callgrind with two numbers of rounds: the difference is
//! what the rounds cost, without the start.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "no part of the product"
)]

#[allow(dead_code, reason = "the other bench uses all of it")]
#[path = "../support/mod.rs"]
mod support;

use aurora_connection_audit::cloudwatch;
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::{Counts, PREFIX, corpus, gzip};

const LINES: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
    let prefix = LogLinePrefix::compile(PREFIX).unwrap();
    let log = corpus(LINES);
    let payload = STANDARD.encode(gzip(log.text.lines()));
    for _ in 0..rounds.unwrap_or(0) {
        let counts = match what.as_str() {
            "parse" => read_counts(&log.text, &prefix),
            "payload" => {
                let batch = cloudwatch::decode(&payload).unwrap().unwrap();
                read_counts(&batch.text, &prefix)
            }
            other => panic!("`{other}` is neither `parse` nor `payload`"),
        };
        assert_eq!(counts, log.truth);
    }
}

fn read_counts(text: &str, prefix: &LogLinePrefix) -> Counts {
    Counts::of(&read(text, prefix, &mut Announced::default().text_of("log")).events)
}
