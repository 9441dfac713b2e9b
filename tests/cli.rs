//! The command line tool, as a person calls it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;
#[path = "support/tool.rs"]
mod tool;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use aurora_connection_audit::cli::local::Local;
use aurora_connection_audit::cloudwatch::decode;
use aurora_connection_audit::postgres::DEFAULT_LOG_LINE_PREFIX;
use aurora_connection_audit::source::{self, Invocation};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use support::{Function, login, wrong_password};
use tool::{assert_refused, call, file, log, output};

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
        "New user: app_user",
        "3 clusters",
        "after 6 refusals in ten minutes",
        "access: 7 users of 3 clusters",
        "dave (last ",
    ] {
        assert!(shown.contains(fact), "{fact} is not in\n{shown}");
    }
}

#[test]
fn the_demo_writes_what_slack_got_as_a_page() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo.html");
    let shown = output(&["demo", "--html", page.to_str().unwrap()], "");
    let page = std::fs::read_to_string(page).unwrap();
    let messages = shown.matches("What Slack got").count();
    assert!(messages >= 4, "{shown}");
    assert_eq!(page.matches("<article>").count(), messages);
}

#[test]
fn a_connection_without_a_request_is_no_message() {
    let local = Local::start().unwrap();
    let address = local.url().replace("http://", "");
    for sent in ["", "POST /services/x HTTP/1.1\r\n"] {
        let mut connection = TcpStream::connect(&address).unwrap();
        connection.write_all(sent.as_bytes()).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
        // It ends when the server has done with it.
        assert_eq!(connection.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(local.posts().len(), 0);
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
        "--rules: must be a JSON array of rules; --language: must be one of ja, en; --time-zone: must be an IANA time zone name, such as Asia/Tokyo",
    );
    assert_refused(
        &["parse", "--log-line-prefix", "%t%!"],
        "--log-line-prefix: `%!` at byte 3 is not an escape of log_line_prefix",
    );
}

/// Each record is a log event, as CloudWatch Logs shows them.
fn log_events(log: &str) -> impl Iterator<Item = &str> {
    log.split_inclusive('\n')
}

#[test]
fn every_kind_of_file_gives_the_same_events() {
    let log = log(50);
    let expected = output(&["parse"], &log);
    assert!(expected.lines().count() >= 100);

    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let half = log.split_inclusive('\n').take(40).map(str::len).sum();
    gzip.write_all(&log.as_bytes()[..half]).unwrap();
    let mut members = gzip.finish().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&log.as_bytes()[half..]).unwrap();
    members.extend(gzip.finish().unwrap());

    let events: Vec<Value> = log_events(&log)
        .map(|event| json!({"logStreamName": "i.0", "timestamp": 1, "message": event.trim_end(), "eventId": "1"}))
        .collect();
    let (page_1, page_2) = events.split_at(30);
    let pages = format!(
        "{:#}\n{}\n",
        json!({"events": page_1, "searchedLogStreams": [], "nextToken": "x"}),
        json!({"searchedLogStreams": [], "events": page_2})
    );
    let tail: String = log_events(&log)
        .flat_map(|event| ["2026-11-23T09:37:53.012000+00:00 i.0 ", event])
        .collect();
    let tail_short: String = log_events(&log)
        .flat_map(|event| ["2026-11-23T09:37:53 ", event])
        .collect();
    let portion = json!({"LogFileData": log, "Marker": "12:1", "AdditionalDataPending": false});
    for (name, content) in [
        ("plain.log", log.clone().into_bytes()),
        ("members.log.gz", members),
        ("filter-log-events.json", pages.into_bytes()),
        ("tail.txt", tail.into_bytes()),
        ("tail-short.txt", tail_short.into_bytes()),
        ("portion.json", format!("{portion:#}").into_bytes()),
    ] {
        let path = file(name, &content);
        assert_eq!(
            output(&["parse", path.to_str().unwrap()], ""),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_long_portion_is_read_in_pieces() {
    let log = log(2000);
    let portion = json!({"LogFileData": log}).to_string();
    assert!(portion.len() > 4 * (64 << 10));
    assert_eq!(output(&["parse"], &portion), output(&["parse"], &log));
}

#[test]
fn log_streams_are_logs_of_their_own() {
    // Two instances, whose backends have the same process id and client port.
    let events: Vec<Value> = login("alice", 1)
        .lines()
        .zip(wrong_password("eve", 1).lines())
        .flat_map(|(one, other)| {
            [
                json!({"logStreamName": "a.0", "message": one}),
                json!({"logStreamName": "b.0", "message": other}),
            ]
        })
        .collect();
    let json = json!({ "events": events }).to_string();
    let report: Value = serde_json::from_str(&output(&["report", "--json"], &json)).unwrap();
    let users: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["user"])
        .collect();
    assert_eq!(users, ["eve", "alice"]);
}

#[test]
fn json_of_something_else() {
    for (json, problem) in [
        (
            r#"{"Records": []}"#,
            "it has neither `events` nor `LogFileData`",
        ),
        (
            r#"{"events": [{"message": 7}]}"#,
            "invalid type: integer `7`, expected a string at line 1 column 26",
        ),
        (
            r#"{"LogFileData": "2026"#,
            "it breaks off inside `LogFileData`",
        ),
    ] {
        let path = file("something-else.json", json);
        let path = path.to_str().unwrap();
        assert_refused(
            &["parse", path],
            &format!(
                "{path}: not the JSON of `aws logs filter-log-events` or `aws rds download-db-log-file-portion`: {problem}"
            ),
        );
    }
}

#[test]
fn a_plain_log_that_begins_with_json() {
    let log = log(50);
    let prefix = ["--log-line-prefix", DEFAULT_LOG_LINE_PREFIX];
    let expected = output(&[&["parse"], &prefix[..]].concat(), &log);
    for line in [
        r#"{"LogFileData":""}"#,
        r#"{"LogFileData":"x", "Marker": "1"}"#,
        r#"{"LogFileData":""#,
        r#"{"events": []}"#,
        r#"{"events": [{"message": "x"#,
        "{}",
        "{",
    ] {
        let log = format!("{line}\n{log}");
        let events = output(&[&["parse"], &prefix[..]].concat(), &log);
        let numbered = |events: &str, first: u64| -> Vec<Value> {
            let events = events.lines().map(|event| {
                let mut event: Value = serde_json::from_str(event).unwrap();
                event["line"] = (event["line"].as_u64().unwrap() - first).into();
                event
            });
            events.collect()
        };
        assert_eq!(numbered(&events, 1), numbered(&expected, 0), "{line}");
    }
}

#[test]
fn what_stands_behind_a_long_portion() {
    let log = log(100);
    // Before `LogFileData` and behind it.
    for other in ["AdditionalDataPending", "Marker"] {
        let portion = json!({"LogFileData": log, other: "12:1"}).to_string();
        // Another portion, which is a log that goes on.
        let portions = format!("{portion}\n{portion}");
        assert_eq!(
            output(&["parse"], &portions),
            output(&["parse"], &log.repeat(2)),
            "{other}"
        );
        let call = call(&["parse"], &format!("{portion}\n{log}"));
        let stderr = String::from_utf8(call.stderr).unwrap();
        assert_eq!(call.status.code(), Some(2), "{other}");
        assert!(stderr.contains("not the JSON of `aws logs"), "{stderr}");
    }
}

#[test]
fn damaged_gzip() {
    let path = file("damaged.log.gz", b"\x1f\x8b\x08\0nonsense, and then some");
    let output = call(&["parse", path.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("damaged.log.gz: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[test]
fn several_files_one_after_the_other() {
    let (one, other) = (
        file("one.log", login("alice", 1)),
        file("other.log", login("bob", 2)),
    );
    let events = output(
        &["parse", one.to_str().unwrap(), other.to_str().unwrap()],
        "",
    );
    let users: Vec<&str> = ["alice", "bob"]
        .into_iter()
        .filter(|user| events.contains(user))
        .collect();
    assert_eq!(users, ["alice", "bob"]);
    // Lines are those of the file.
    assert_eq!(events.matches(r#""line":1}"#).count(), 2);
}

#[test]
fn the_prefix_is_found_by_itself() {
    for (prefix, line) in [
        (
            "%m [%p] %q%u@%d ",
            "2026-11-23 09:37:53.123 UTC [42] alice@orders FATAL:  password authentication failed for user \"alice\"\n",
        ),
        (
            "%m [%p] ",
            "2026-11-23 09:37:53.123 UTC [42] LOG:  connection received: host=10.0.1.23 port=60102\n2026-11-23 09:37:53.123 UTC [42] LOG:  connection authorized: user=alice database=orders\n",
        ),
        (
            "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
            "2026-11-23 09:37:53 UTC [42]: [3-1] user=alice,db=orders,app=[unknown],client=10.0.1.23 FATAL:  password authentication failed for user \"alice\"\n",
        ),
    ] {
        let found = call(&["parse"], line);
        assert_eq!(
            String::from_utf8(found.stderr).unwrap(),
            format!("aurora-connection-audit: this log looks like --log-line-prefix '{prefix}'\n")
        );
        let given = output(&["parse", "--log-line-prefix", prefix], line);
        assert_eq!(String::from_utf8(found.stdout).unwrap(), given);
        assert!(given.contains(r#""user":"alice""#), "{given}");
    }
}
