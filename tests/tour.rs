//! The tour of the tool in both READMEs: its commands print just what stands there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The commands of a README, and what they print.
fn commands(text: &str) -> Vec<(&str, String)> {
    let mut commands = Vec::<(&str, String)>::new();
    for block in text.split("\n```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command, String::new())),
                None => commands.last_mut().unwrap().1.extend([line, "\n"]),
            }
        }
    }
    commands
}

/// A folder that has the examples, as the root of the repository has.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    std::os::unix::fs::symlink(examples, folder.join("examples")).unwrap();
    folder
}

/// What a shell prints, with the tool in its path.
fn shell(command: &str, folder: &Path) -> String {
    let tool = Path::new(env!("CARGO_BIN_EXE_aurora-connection-audit"));
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:{path}", tool.parent().unwrap().display()),
        )
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_prints_what_stands_there(name: &str, text: &str) {
    let folder = folder(name);
    let commands = commands(text);
    assert!(commands.len() >= 6, "{commands:?}");
    for (command, printed) in commands {
        assert_eq!(shell(command, &folder), printed, "{command}");
    }
    let page = std::fs::read_to_string(folder.join("who.html")).unwrap();
    assert!(page.contains("prod-orders"), "{page}");
}

#[test]
fn in_english() {
    assert_prints_what_stands_there("tour", include_str!("../README.md"));
}

#[test]
fn in_japanese() {
    assert_prints_what_stands_there("tour.ja", include_str!("../README.ja.md"));
}
