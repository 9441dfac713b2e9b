//! What is new, and who got in after being refused, against the real `bootstrap`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;

use std::time::{Duration, SystemTime};

use aurora_connection_audit::cli::event;
use support::{Function, login, wrong_password};

/// A batch like no other: its log events have ids of their own.
fn batch(number: u64, lines: &str) -> String {
    let log_group = "/aws/rds/cluster/orders/postgresql";
    let now = SystemTime::now() + Duration::from_secs(number);
    let data = event::log_data(log_group, "orders-1.0", lines, now);
    event::payload(&data).unwrap()
}

fn guesses(count: u16) -> String {
    (0..count)
        .map(|number| wrong_password("alice", number))
        .collect()
}

const LET_IN: &str = "拒否の後に許可 1件";

#[test]
fn who_got_in_after_five_refusals_stands_first() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&batch(0, &(guesses(5) + &login("alice", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 1);
    let payload = function.taken()[0].payload.clone();
    let told = payload["text"].as_str().unwrap();
    assert!(
        told.starts_with(&format!("🚨 Aurora PostgreSQL: {LET_IN}")),
        "{told}"
    );
    let outcome = function.invoke(&batch(1, &(guesses(4) + &login("bob", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 1, "the same client");
}

#[test]
fn four_refusals_are_none_of_it() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&batch(0, &(guesses(4) + &login("alice", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 0);
    assert!(!function.taken()[0].payload.to_string().contains("🚨"));
}

#[test]
fn refusals_of_earlier_batches_count_once_however_often_they_come() {
    let function = Function::start(|_| {});
    for number in [0, 1, 1, 1] {
        function.invoke(&batch(10 * number, &wrong_password("alice", 1)));
    }
    let outcome = function.invoke(&batch(90, &login("alice", 6)));
    assert_eq!(outcome.body["let_in_after_refusals"], 0);
    function.invoke(&batch(100, &guesses(3)));
    let outcome = function.invoke(&batch(110, &login("bob", 7)));
    assert_eq!(outcome.body["let_in_after_refusals"], 1);
}
