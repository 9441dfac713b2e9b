//! The command line tool, as a person calls it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use aurora_connection_audit::cloudwatch::decode;
use aurora_connection_audit::source::{self, Invocation};
use serde_json::{Value, json};
use support::{Function, login, wrong_password};

/// Calls it with arguments and standard input.
fn call(arguments: &[&str], stdin: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    let _ = process.stdin.take().unwrap().write_all(stdin.as_bytes());
    process.wait_with_output().unwrap()
}

/// Standard output of a call that goes well and says nothing on standard error.
#[track_caller]
fn output(arguments: &[&str], stdin: &str) -> String {
    let output = call(arguments, stdin);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

/// One line on standard error, nothing on standard output, exit code 2.
#[track_caller]
fn assert_refused(arguments: &[&str], stderr: &str) {
    let output = call(arguments, "");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("aurora-connection-audit: {stderr}\n")
    );
    assert!(output.stdout.is_empty());
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_demo_shows_what_slack_got() {
    let shown = output(
        &["demo", "--language", "en", "--cluster", "prod-orders"],
        "",
    );
    for fact in [
        "connection authorized: user=app_user",
        "What Slack got",
        "prod-orders",
        "refused",
    ] {
        assert!(shown.contains(fact), "{fact} is not in\n{shown}");
    }
}

#[test]
fn the_demo_fails_when_slack_gets_nothing() {
    let output = call(
        &["demo", "--rules", r#"[{"when": {}, "then": "ignore"}]"#],
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Slack got nothing"));
}

#[test]
fn parse_gives_an_object_for_each_event() {
    let log = "\
2026-11-23 09:37:53 UTC:10.0.1.23(60112):[unknown]@[unknown]:[4256]:LOG:  connection received: host=10.0.1.23 port=60112
2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:LOG:  connection authenticated: identity=\"app_user\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)
2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:LOG:  connection authorized: user=app_user database=appdb application_name=nightly job SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)
2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:ERROR:  column \"a\" does not exist at character 8
2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:STATEMENT:  select
\ta
2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:LOG:  disconnection: session time: 0:00:00.012 user=app_user database=appdb host=10.0.1.23 port=60112
";
    insta::assert_snapshot!(output(&["parse"], log), @r#"
    {"event":"received","time":"2026-11-23T09:37:53Z","backend_pid":4256,"host":"10.0.1.23","port":60112,"line":1}
    {"event":"authenticated","time":"2026-11-23T09:37:53Z","backend_pid":4256,"user":"app_user","database":"appdb","host":"10.0.1.23","port":60112,"auth_method":"scram-sha-256","identity":"app_user","line":2}
    {"event":"authorized","time":"2026-11-23T09:37:53Z","backend_pid":4256,"user":"app_user","database":"appdb","host":"10.0.1.23","port":60112,"application_name":"nightly job","tls":{"protocol":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","bits":256},"line":3}
    {"event":"disconnected","time":"2026-11-23T09:37:53Z","backend_pid":4256,"user":"app_user","database":"appdb","host":"10.0.1.23","port":60112,"session_seconds":0.012,"line":7}
    "#);
}

#[test]
fn preview_shows_the_messages() {
    let log = login("alice", 1) + &wrong_password("bob", 2);
    let preview = output(&["preview", "--json", "--cluster", "orders"], &log);
    let payload: Value = serde_json::from_str(&preview).unwrap();
    assert!(payload["blocks"].as_array().unwrap().len() <= 50);
    let drawing = output(
        &["preview", "--cluster", "orders", "--language", "en"],
        &log,
    );
    for fact in ["alice", "bob", "orders", "refused"] {
        assert!(drawing.contains(fact), "{fact} is not in\n{drawing}");
    }
}

#[test]
fn event_is_a_payload_that_the_function_takes() {
    let log = login("alice", 1);
    let event = output(&["event", "--log-group", "/g", "--log-stream", "i.0"], &log);
    let Ok(Invocation::Direct(data)) = source::read(&event) else {
        panic!("{event}");
    };
    let batch = decode(&data).unwrap().unwrap();
    assert_eq!(
        (batch.log_group.as_str(), batch.log_stream.as_str()),
        ("/g", "i.0")
    );
    assert_eq!(batch.text, log);
    let function = Function::start(|_| {});
    let outcome = function.invoke(&event);
    assert_eq!(outcome.body["authorized"], json!(1));
}

#[test]
fn an_event_that_lambda_would_not_take() {
    // Lines that gzip cannot shorten enough.
    let lines = (0_u64..100_000).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
    let log = lines.collect::<Vec<_>>().join("\n");
    let output = call(&["event", "--log-group", "/g"], &log);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("give fewer log lines"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let log: String = (0..5000).map(|number| login("alice", number)).collect();
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .arg("parse")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    process
        .stdin
        .take()
        .unwrap()
        .write_all(log.as_bytes())
        .unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn completions_and_manual_pages_know_every_flag() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(output(&["completions", shell], "").contains("log-line-prefix"));
    }
    assert!(output(&["man"], "").contains("aurora\\-connection\\-audit\\-preview(1)"));
    let page = output(&["man", "preview"], "");
    for part in [
        ".TH aurora-connection-audit-preview 1",
        "\\-\\-log\\-line\\-prefix",
        "Examples:",
    ] {
        assert!(page.contains(part), "no {part} in:\n{page}");
    }
}

#[test]
fn bad_calls_are_one_clear_line() {
    assert_refused(
        &["parse", "nosuch.log"],
        "nosuch.log: No such file or directory (os error 2)",
    );
    assert_refused(
        &["parse", "--nosuch"],
        "unexpected argument '--nosuch' found (see --help)",
    );
    assert_refused(
        &["man", "bootstrap"],
        "no such command: bootstrap (see --help)",
    );
    assert_refused(
        &["event"],
        "the following required arguments were not provided: --log-group <NAME> (see --help)",
    );
    assert_refused(
        &[
            "preview",
            "--language",
            "xx",
            "--time-zone",
            "Mars",
            "--rules",
            "7",
        ],
        "--rules: must be a JSON array of rules; --language: must be one of ja, en; --time-zone: must be a name of the IANA time zone database, as Asia/Tokyo",
    );
    assert_refused(
        &["parse", "--log-line-prefix", "%t%!"],
        "--log-line-prefix: `%!` at byte 3 is not an escape of log_line_prefix",
    );
}
