//! Tells a Slack channel who connects to an Aurora PostgreSQL cluster.
//!
//! ```text
//! CloudWatch Logs ──subscription──▶ Lambda                                        Slack
//!
//!   payload ──▶ cloudwatch ──▶ postgres ──▶ sessions ──▶ routing ──▶ slack ──▶ POST
//!               LogBatch       events       connections  by channel  messages
//!               (text)         of a line    of a backend
//! ```
//!
//! [`pipeline`] is the whole program on one screen. [`postgres`] knows neither AWS nor Slack and
//! does no I/O. Network calls live in [`http`] and its two callers, [`secrets_manager`] and
//! [`slack`]. Only the bodies of the two binaries, [`lambda`] and `cli`, read the environment.

pub mod pipeline;

pub mod cloudwatch;
pub mod postgres;
pub mod routing;
pub mod sessions;
pub mod slack;

#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod delivered;
pub mod error;
pub mod http;
pub mod lambda;
pub mod metrics;
pub mod secrets_manager;

#[cfg(feature = "cli")]
pub mod preview;
