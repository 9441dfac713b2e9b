//! Posts to Slack who connects to an Aurora PostgreSQL cluster.
//!
//! ```text
//! CloudWatch Logs ──subscription──▶ Lambda                                        Slack
//!
//!   payload ──▶ cloudwatch ──▶ postgres ──▶ sessions ──▶ routing ──▶ slack ──▶ POST
//!               LogBatch       events       connections  by channel  messages
//!               (text)         of a line    of a backend
//! ```
//!
//! [`pipeline`] is the whole program. [`postgres`] knows neither AWS nor Slack and does no I/O.
//! Network calls live in [`http`] and its two callers, [`aws`] and [`slack`]. Only the bodies of
//! the two binaries, [`lambda`] and `cli`, read the environment.
//!
//! From log lines to the messages that Slack would get, without a network:
//!
//! ```
//! use aurora_connection_audit::cloudwatch::LogBatch;
//! use aurora_connection_audit::config::Settings;
//! use aurora_connection_audit::memory::Memory;
//! use aurora_connection_audit::pipeline::compose;
//! use aurora_connection_audit::window::Window;
//!
//! let settings = Settings::from_vars(|variable| {
//!     (variable == "MESSAGE_LANGUAGE").then(|| "en".to_owned())
//! })?;
//! let batch = LogBatch {
//!     log_group: "/aws/rds/cluster/orders/postgresql".to_owned(),
//!     text: "\
//! 2024-01-01 03:00:00 UTC:10.0.1.23(60102):[unknown]@[unknown]:[4254]:LOG:  connection received: host=10.0.1.23 port=60102
//! 2024-01-01 03:00:00 UTC:10.0.1.23(60102):alice@orders:[4254]:LOG:  connection authorized: user=alice database=orders
//! "
//!     .to_owned(),
//!     ..LogBatch::default()
//! };
//! let (mut window, mut memory) = (Window::default(), Memory::default());
//! window.add(0, &batch, &settings, &mut memory);
//! let messages = compose(&mut window, &settings, &memory);
//! assert_eq!(messages[0].channel, "default");
//! let text = messages[0].payload["text"].as_str().unwrap();
//! assert!(text.contains("User: alice"));
//! # Ok::<(), aurora_connection_audit::config::ConfigError>(())
//! ```
//!
//! The feature `cli`, on by default, holds the command line tool; the Lambda function is built
//! without it. The README says how to use both, `docs/` why they work as they do.

pub mod pipeline;

pub mod cloudwatch;
pub mod postgres;
pub mod routing;
pub mod sessions;
pub mod slack;

pub mod access;
pub mod access_summary;
pub mod aws;
pub mod channel;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod delivered;
pub mod detection;
pub mod digest;
pub mod entry;
pub mod error;
pub mod findings;
pub mod history;
pub mod http;
pub mod lambda;
pub mod memory;
pub mod metrics;
pub mod source;
pub mod summary;
pub mod window;

#[cfg(feature = "cli")]
pub mod preview;
