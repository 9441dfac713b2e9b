//! A random adversary: clients who choose what the log says, and everything that a deployment does to
//! a log, against the reader. The emulated server knows the truth.
//!
//! ```text
//! town: everyday, hostile ──▶ log ──▶ deployment ──▶ reader ──▶ oracle
//! who connects                text    cuts, batches,  what is    false? hidden?
//! (server, pieces)            truth   processes       told       accused? (facts)
//! ```
//!
//! For as long as one likes:
//! ```text
//! ADVERSARY_CASES=10000000 cargo test --release --test adversary -- --ignored --nocapture search
//! ```
//! `ADVERSARY_SEED` is the seed of the first case (the others count on from there), so a finding is seen again
//! by its seed and `ADVERSARY_CASES=1`. `ADVERSARY_PREFIX` asks for one `log_line_prefix`.
//! `ADVERSARY_EXAMPLES` says how many examples to print. `ADVERSARY_THREADS` are as many as there are processors to spare.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "adversary/case.rs"]
mod case;
#[path = "adversary/deployment.rs"]
mod deployment;
#[path = "adversary/everyday.rs"]
mod everyday;
#[path = "adversary/facts.rs"]
mod facts;
#[path = "adversary/history.rs"]
mod history;
#[path = "adversary/honest.rs"]
mod honest;
#[path = "adversary/hostile.rs"]
mod hostile;
#[path = "adversary/log.rs"]
mod log;
#[path = "adversary/oracle.rs"]
mod oracle;
#[path = "adversary/pieces.rs"]
mod pieces;
#[path = "adversary/reader.rs"]
mod reader;
#[path = "adversary/search.rs"]
mod search;
#[path = "adversary/server.rs"]
mod server;
#[path = "adversary/town.rs"]
mod town;

use honest::Names;

/// Nothing false is confirmed, nothing is hidden, nobody is accused, and the history learns nothing that is
/// not so.
#[test]
fn finds_nothing() {
    let found = search::search(1, 10_000, 1);
    found.assert_nothing();
    assert!(found.taught() > 10_000, "{}", found.taught());
}

/// Honest clients alone: nobody is accused, and hardly a login is unconfirmed.
#[test]
fn honest_clients_are_confirmed() {
    for setting in honest::PREFIXES {
        honest::assert_table(setting, Names::Plain, 1.0);
        // Names that hold the border between them give a batch's last record more readings.
        honest::assert_table(setting, Names::Any, 2.0);
    }
}

/// Whole logs in order, with nobody hostile: emulator and reader agree about them.
#[test]
fn easy_logs_are_told_as_they_were() {
    honest::assert_easy(2000);
}

#[test]
#[ignore = "runs as long as ADVERSARY_CASES says"]
fn search() {
    let number = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let found = search::search(
        number("ADVERSARY_SEED", 1),
        number("ADVERSARY_CASES", 200_000),
        number("ADVERSARY_THREADS", 1),
    );
    println!("{}", found.report());
    found.assert_nothing();
}

#[test]
#[ignore = "prints a table of many logs"]
fn honest_table() {
    for setting in honest::PREFIXES {
        println!("{}", honest::table(setting, Names::Plain));
        println!("{}", honest::table(setting, Names::Any));
    }
}
