//! Attacks that succeeded against the first release, each by its letter, on an emulated server.
//!
//! Each test writes the log that the attack leaves, and says exactly what is told of it. Then it asks the emulator's
//! truth in every kind of deployment: nothing false is confirmed, nothing is hidden without a trace, and nobody is
//! accused who wrote nothing. `tests/live/attacks.rs` makes a real server write the same logs, and
//! `tests/adversary.rs` searches for others like them.
//!
//! | Attack | | Test |
//! |---|---|---|
//! | A, D, F, K, L, M | names that are log lines, without a password | `strangers` |
//! | B, C, E, G, V, W | what sessions can write, and how they end | `sessions` |
//! | H, I, N | many clients, several processes | `crowds` |
//! | J, T | time and memory of hostile payloads | `tests/linear.rs`, `scripts/hostile-payloads.py`, `tests/payload.rs` |
//! | O | the webhook in the log | `tests/init.rs` |
//! | P | odd answers of Slack and Secrets Manager | `tests/delivery.rs`, `tests/init.rs` |
//! | Q | what was told of one log group hides nothing of another | `crowds` |
//! | R | rules, and addresses in several forms | `src/routing/tests.rs` |
//! | S | names of any characters, to Slack | `src/slack/message/tests/limits.rs`, `tests/slack_payloads/` |
//! | U | more logs than a process remembers | `tests/window.rs` |
//! | X | memory that grows with each connection of one port | `tests/linear.rs` |

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "adversary/deployment.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod deployment;
#[path = "adversary/facts.rs"]
mod facts;
#[path = "adversary/history.rs"]
mod history;
#[path = "adversary/log.rs"]
mod log;
#[path = "adversary/oracle.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod oracle;
#[path = "adversary/reader.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod reader;
#[path = "adversary/server.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod server;
#[path = "adversary/town.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod town;

#[path = "attacks/crowds.rs"]
mod crowds;
#[path = "attacks/limits.rs"]
mod limits;
#[path = "attacks/replay.rs"]
mod replay;
#[path = "attacks/scene.rs"]
mod scene;
#[path = "attacks/sessions.rs"]
mod sessions;
#[path = "attacks/strangers.rs"]
mod strangers;
#[path = "attacks/telling.rs"]
mod telling;
