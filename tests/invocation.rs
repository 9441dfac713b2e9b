//! The real `bootstrap` process and what Lambda may hand to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "tests may"
)]

mod support;

use std::time::Duration;

use aurora_connection_audit::cli::event;
use aurora_connection_audit::cli::local::Deadline;
use aws_lambda_events::cloudwatch_logs::LogData;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Function, error_type, login, payload, text, wrong_password};

/// A payload of which `data` is this.
fn awslogs(data: &str) -> String {
    json!({ "awslogs": { "data": data } }).to_string()
}

/// The gzip inside a good payload.
fn gzip() -> Vec<u8> {
    let payload: Value = serde_json::from_str(&payload(&login("alice", 1))).unwrap();
    STANDARD
        .decode(payload["awslogs"]["data"].as_str().unwrap())
        .unwrap()
}

/// gzip(1) of anything.
fn gzipped(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

/// The payload fails by name, nothing reaches Slack, and the next event is handled as ever.
#[track_caller]
fn assert_payload_fails(payload: &str, name: &str, message: &str) {
    let function = Function::start(|_| {});
    let outcome = function.invoke(payload);
    assert_eq!(error_type(&outcome), name);
    assert_eq!(outcome.body["errorMessage"], message);
    assert!(function.taken().is_empty());
    assert!(
        !function
            .invoke(&support::payload(&login("alice", 1)))
            .failed
    );
    assert_eq!(function.taken().len(), 1);
}

#[test]
fn a_login_becomes_a_message() {
    let function = Function::start(|_| {});
    assert!(!function.invoke(&payload(&login("alice", 1))).failed);
    assert_eq!(function.taken().len(), 1);
    let payload = &function.taken()[0].payload;
    for fact in [
        "alice",
        "appdb",
        "10.0.1.23",
        "orders",
        "2026-11-23 18:37:53 JST",
        "psql",
    ] {
        assert!(text(payload).contains(fact), "{fact} is not in {payload}");
    }
}

#[test]
fn an_invocation_writes_one_line_with_its_counts() {
    let function = Function::start(|_| {});
    let lines = login("alice", 1) + &wrong_password("bob", 2) + &login("rdsadmin", 3);
    function.invoke(&payload(&lines));
    let log = function.log_with("posted");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    let counts = json!({
        "message": "batch", "cluster": "orders", "clusters": 1, "batches": 1, "unreadable": 0,
        "log_events": 6, "lines": 6, "continuations": 0, "noise": 0, "unparsed": 0, "translated": 0,
        "authorized": 2, "rejected": 1, "disconnected": 0, "probed": 0, "suspicious": 0,
        "unconfirmed": 0, "new": 0, "let_in_after_refusals": 0, "ignored": 0, "not_notified": 0, "already_delivered": 0, "posted": 1,
        "throttled": 0,
    });
    assert_eq!(lines[0]["fields"], counts);
    assert_eq!(lines[0]["span"]["requestId"], "invocation-1");
}

#[test]
fn metrics_are_a_line_of_embedded_metric_format() {
    let function = Function::start_with(&[("METRICS_NAMESPACE", "Audit")], |_| {});
    function.invoke(&payload(&login("alice", 1)));
    let log = function.log_with("_aws");
    let line = log.lines().find(|line| line.contains("_aws")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["cluster"], "orders");
    assert_eq!(line["authorized"], 1);
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Audit");
}

#[test]
fn a_control_message_is_accepted_and_ignored() {
    let function = Function::start(|_| {});
    let mut data = LogData::default();
    data.message_type = "CONTROL_MESSAGE".to_owned();
    let outcome = function.invoke(&event::payload(&data).unwrap());
    assert!(!outcome.failed);
    assert!(function.local.posts().is_empty());
}

#[test]
fn a_payload_of_something_else() {
    assert_payload_fails(
        r#"{"Records": [{"s3": {}}]}"#,
        "Payload.NotASubscription",
        "the function does not take this payload: it has no string `awslogs.data`, no `Records` of Kinesis or SQS, no `test` and no `access_summary`",
    );
}

#[test]
fn bad_base64() {
    assert_payload_fails(
        &awslogs("H4sI!AAA"),
        "Payload.Base64",
        "awslogs.data is not base64: byte 4",
    );
}

#[test]
fn bad_gzip() {
    let mut damaged = gzip();
    let check_sum = damaged.len() - 8;
    damaged[check_sum] ^= 1;
    let message = "awslogs.data is not gzip, or is damaged";
    assert_payload_fails(&awslogs(&STANDARD.encode(damaged)), "Payload.Gzip", message);
}

#[test]
fn gzip_that_is_cut_off() {
    let gzip = gzip();
    let half = &gzip[..gzip.len() / 2];
    let message = format!(
        "awslogs.data is cut off after {} bytes of compressed data",
        half.len()
    );
    assert_payload_fails(&awslogs(&STANDARD.encode(half)), "Payload.Gzip", &message);
}

#[test]
fn a_gzip_bomb() {
    assert_payload_fails(
        &awslogs(&gzipped(&vec![b' '; 64 << 20])),
        "Payload.TooLarge",
        "awslogs.data inflates to more than 33554432 bytes",
    );
}

#[test]
fn bad_json() {
    assert_payload_fails(
        &awslogs(&gzipped(
            br#"{"messageType": "DATA_MESSAGE", "logEvents": [}"#,
        )),
        "Payload.Json",
        "awslogs.data is not a subscription's JSON: syntax error at line 1, column 47",
    );
}

/// Whatever Lambda says of the deadline of one event, the next is handled by the same process.
#[track_caller]
fn assert_alive_after(deadline: Deadline) {
    let function = Function::start(|_| {});
    let id = function
        .local
        .invoke_until(&payload(&login("alice", 1)), deadline);
    // There may be no outcome: the event without a deadline is Lambda's to time out.
    let _ = function.local.outcome(&id, Duration::from_millis(700));
    let outcome = function.invoke(&payload(&login("bob", 2)));
    assert!(!outcome.failed, "{}\n{}", outcome.body, function.log());
}

#[test]
fn no_deadline_ends_the_process() {
    let headers = [
        "abc",
        "-1",
        "",
        "1e9",
        "0",
        "18446744073709551615",
        "99999999999999999999",
    ];
    for header in headers {
        assert_alive_after(Deadline::Header(header.to_owned()));
    }
    assert_alive_after(Deadline::Unsaid);
}
