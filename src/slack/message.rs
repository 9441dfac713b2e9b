//! Connections become one Slack message.
//!
//! Whatever their number and whatever they hold, [`payload`] is one message within Slack's limits,
//! in Block Kit and as plain text for notifications and screen readers.

use serde_json::{Value, json};

use super::text::Language;
use super::time_zone::TimeZone;
use crate::sessions::Connection;

/// What one channel is told about one batch of log events.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// In any order.
    pub connections: &'a [&'a Connection<'a>],
    /// Lines that look like connections and that the configured prefix cannot read.
    pub unparsed: usize,
    /// Where they happened.
    pub place: Place<'a>,
    /// How to tell it.
    pub style: Style,
}

/// Where connections happened.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The name to show for the cluster.
    pub cluster: &'a str,
    /// The DB instance that wrote the log, where it is known.
    pub instance: Option<&'a str>,
    /// The log group, for the link to CloudWatch Logs.
    pub log_group: &'a str,
    /// The log stream, for the link to CloudWatch Logs.
    pub log_stream: &'a str,
    /// AWS region; without it there is no link.
    pub region: Option<&'a str>,
}

/// How connections are told.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The language of every word.
    pub language: Language,
    /// The zone of every time.
    pub time_zone: TimeZone,
}

/// The body of the request to an incoming webhook.
#[must_use]
pub fn payload(batch: &Batch<'_>) -> Value {
    let words = batch.style.language.words();
    let headlines = batch
        .connections
        .iter()
        .map(|connection| words.headline.of(connection.outcome));
    json!({ "text": headlines.collect::<Vec<_>>().join("\n") })
}
