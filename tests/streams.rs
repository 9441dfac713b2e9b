//! Logs of any length: what is read as it comes, in little memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;
#[path = "support/tool.rs"]
mod tool;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aurora_connection_audit::postgres::DEFAULT_LOG_LINE_PREFIX;
use support::{PATIENCE, login, wrong_password};
use tool::{call, file, log, output};

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
fn a_closed_pipe_is_no_error() {
    let log: String = (0..5000).map(|number| login("alice", number)).collect();
    let mut process = parse_for_nobody();
    // It ends before it has read everything.
    let _ = process.stdin.take().unwrap().write_all(log.as_bytes());
    let output = process.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// It reads what a pipe holds, and nobody takes what it writes.
fn parse_for_nobody() -> Child {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .arg("parse")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    process
}

#[test]
fn a_closed_pipe_ends_it_though_more_may_come() {
    let mut process = parse_for_nobody();
    let mut stdin = process.stdin.take().unwrap();
    let _ = stdin.write_all(log(3000).as_bytes());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "it waits for more");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    drop(stdin);
}

#[test]
fn what_stands_before_a_file_that_cannot_be_read_is_told() {
    let good = file("good.log", login("alice", 1));
    let (good, missing) = (good.to_str().unwrap(), "nosuch.log");
    let output = call(&["parse", good, missing, good], "");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "aurora-connection-audit: nosuch.log: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(2));
    let events = String::from_utf8(output.stdout).unwrap();
    assert_eq!(events.lines().count(), 2, "{events}");
}

#[test]
fn a_record_that_is_too_long_is_left_out_from_there_on() {
    let mut log = login("alice", 1);
    let prefix = "2026-11-23 09:37:53 UTC:10.0.1.23(60112):app_user@appdb:[4256]:";
    // More than the memory that it is read in.
    let statement = "select 1;".repeat(8 << 20);
    log.extend([prefix, "LOG:  statement: ", &statement, "\n\tx\n"]);
    log += &login("bob", 2);
    let path = file("long-record.log", log);
    let (events, peak) = parse_and_peak(&[&path]);
    assert!(
        events.contains("alice") && events.contains("bob"),
        "{events}"
    );
    assert!(peak < 64 << 10, "{peak} KiB");
}

/// The events of files, and the most memory that was resident, in KiB.
fn parse_and_peak(paths: &[&Path]) -> (String, u64) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .arg("parse")
        .args(paths)
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
        let (events, peak) = parse_and_peak(&[&path]);
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

#[test]
fn memory_does_not_grow_with_the_number_of_logs() {
    let path = file("one-of-many.log", log(100));
    let peaks = [10, 1000].map(|files| parse_and_peak(&vec![path.as_path(); files]).1);
    let [few, many] = peaks;
    assert!(few > 0 && many < few * 5 / 4, "{few} KiB, then {many} KiB");
}
