//! Calls the command line tool.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate takes in a part of this"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{login, wrong_password};

/// Calls it with arguments and standard input.
pub fn call(arguments: &[&str], stdin: &str) -> Output {
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
pub fn output(arguments: &[&str], stdin: &str) -> String {
    let output = call(arguments, stdin);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

/// One line on standard error, nothing on standard output, exit code 2.
#[track_caller]
pub fn assert_refused(arguments: &[&str], stderr: &str) {
    let output = call(arguments, "");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("aurora-connection-audit: {stderr}\n")
    );
    assert!(output.stdout.is_empty());
    assert_eq!(output.status.code(), Some(2));
}

/// A file of this test run.
pub fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Logins and refusals; record for record what a server writes.
pub fn log(connections: u16) -> String {
    let connection = |number: u16| match number % 5 {
        0 => wrong_password("bób", number),
        _ => login("alice", number),
    };
    (0..connections).map(connection).collect()
}
