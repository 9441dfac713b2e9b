//! The command line tool, as a person calls it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aurora_connection_audit::cloudwatch::decode;
use aurora_connection_audit::postgres::DEFAULT_LOG_LINE_PREFIX;
use aurora_connection_audit::source::{self, Invocation};
use flate2::Compression;
use flate2::write::GzEncoder;
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
    // It ends before it has read everything.
    let _ = process.stdin.take().unwrap().write_all(log.as_bytes());
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

/// A file of this test run.
fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Logins and refusals; record for record what a server writes.
fn log(connections: u16) -> String {
    let connection = |number: u16| match number % 5 {
        0 => wrong_password("bób", number),
        _ => login("alice", number),
    };
    (0..connections).map(connection).collect()
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
fn damaged_gzip() {
    let path = file("damaged.log.gz", b"\x1f\x8b\x08\0nonsense, and then some");
    let output = call(&["parse", path.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("damaged.log.gz: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[test]
fn wherever_a_log_is_cut_it_says_the_same() {
    let mut bytes = log(40).into_bytes();
    // No UTF-8: a name in Latin-1, and half a character at the end.
    bytes.extend(
        wrong_password("b#b", 41)
            .bytes()
            .map(|byte| if byte == b'#' { 0xf3 } else { byte }),
    );
    bytes.extend(login("carol", 42).into_bytes());
    bytes.extend(b"\xe3\x81");
    let path = file("cut.log", bytes);
    let path = path.to_str().unwrap();
    let whole = output(&["parse", path], "");
    for size in (1..40).chain([100, 1000, 4096, 5000, 8191]) {
        let arguments = [
            "parse",
            "--log-line-prefix",
            DEFAULT_LOG_LINE_PREFIX,
            path,
            "--chunk-bytes",
            &size.to_string(),
        ];
        assert_eq!(output(&arguments, ""), whole, "{size}");
    }
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

#[test]
fn a_record_that_is_too_long_is_left_out_from_there_on() {
    let mut log = login("alice", 1);
    let prefix = "2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:";
    let statement = "select 1;".repeat(4 << 20);
    log.extend([prefix, "LOG:  statement: ", &statement, "\n\tx\n"]);
    log += &login("bob", 2);
    let path = file("long-record.log", log);
    let (events, peak) = parse_and_peak(&path);
    assert!(
        events.contains("alice") && events.contains("bob"),
        "{events}"
    );
    assert!(peak < 160 << 10, "{peak} KiB");
}

/// The events of a file, and the most memory that was resident, in KiB.
fn parse_and_peak(path: &Path) -> (String, u64) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .arg("parse")
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = Vec::new();
    let mut peak = 0;
    let mut stdout = process.stdout.take().unwrap();
    let mut buffer = vec![0; 64 << 10];
    let status = format!("/proc/{}/status", process.id());
    loop {
        // The process waits at its full pipe, so it is still there.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let line = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.map_or(0, |line| {
            line.trim().trim_end_matches(" kB").parse().unwrap()
        });
        peak = peak.max(now);
        match std::io::Read::read(&mut stdout, &mut buffer).unwrap() {
            0 => break,
            length => events.extend(&buffer[..length]),
        }
    }
    assert!(process.wait().unwrap().success());
    (String::from_utf8(events).unwrap(), peak)
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let block = log(2500);
    let sizes = [10_u64, 100].map(|megabytes| {
        let times = usize::try_from(megabytes << 20).unwrap() / block.len();
        let path = file("long.log", block.repeat(times));
        let (events, peak) = parse_and_peak(&path);
        std::fs::remove_file(path).unwrap();
        (events.lines().count() / times, peak)
    });
    let [(events, short), (same, long)] = sizes;
    assert_eq!(events, same);
    assert!(
        short > 0 && long < short * 6 / 5,
        "{short} KiB, then {long} KiB"
    );
    assert!(long < 32 << 10, "{long} KiB");
}
