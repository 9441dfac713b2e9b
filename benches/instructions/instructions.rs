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

use aurora_connection_audit::cloudwatch::{self, SubscriptionPayload};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};

use support::{Counts, PREFIX, corpus, payload};

const LINES: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
    let prefix = LogLinePrefix::compile(PREFIX).unwrap();
    let log = corpus(LINES);
    let payload = payload(log.text.lines());
    for _ in 0..rounds.unwrap_or(0) {
        let counts = match what.as_str() {
            "parse" => Counts::of(&read(&log.text, &prefix, &mut Announced::default()).events),
            "payload" => {
                let payload: SubscriptionPayload = serde_json::from_str(&payload).unwrap();
                let batch = cloudwatch::decode(&payload).unwrap().unwrap();
                Counts::of(&read(&batch.text, &prefix, &mut Announced::default()).events)
            }
            other => panic!("`{other}` is neither `parse` nor `payload`"),
        };
        assert_eq!(counts, log.truth);
    }
}
