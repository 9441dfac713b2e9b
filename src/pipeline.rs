//! The whole program.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::channel;
use crate::cloudwatch::{self, LogBatch, SubscriptionPayload};
use crate::config::Settings;
use crate::delivered::{Delivered, Key};
use crate::error::Error;
use crate::postgres::{self, Announced, Begins, Behind, LineCounts, Text};
use crate::routing::{DEFAULT_CHANNEL, Route};
use crate::sessions::{Connection, Outcome, Sessions};
use crate::slack::message::{self, Batch, Place};
use crate::slack::{Slack, SlackError};

/// What lives as long as the process; Lambda gives a process one event at a time.
#[derive(Debug)]
pub struct App {
    /// How log lines become messages.
    pub settings: Settings,
    /// Where messages go.
    pub slack: Slack,
    /// What earlier invocations saw and did.
    pub memory: RefCell<Memory>,
}

/// What earlier invocations saw and did; bounded.
#[derive(Debug, Default)]
pub struct Memory {
    announced: Announced,
    delivered: Delivered,
}

/// What became of a batch: the log line of an invocation, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub cluster: String,
    pub log_events: usize,
    pub lines: usize,
    /// Lines that belong to the record before them.
    pub continuations: usize,
    /// Lines that look like connections and that the configured prefix cannot read.
    pub unparsed: usize,
    pub authorized: usize,
    pub rejected: usize,
    pub disconnected: usize,
    pub probed: usize,
    pub suspicious: usize,
    /// By a rule.
    pub ignored: usize,
    /// Left out by `NOTIFY_ON`.
    pub not_notified: usize,
    /// Left out because this process has told them before.
    pub already_delivered: usize,
    /// Messages that Slack took.
    pub posted: usize,
}

/// One message for one channel.
#[derive(Debug)]
pub struct Message {
    /// As a rule names it, or `default`.
    pub channel: String,
    /// The body of the request to Slack.
    pub payload: Value,
    /// What it tells.
    pub keys: Vec<Key>,
}

/// One invocation: a payload becomes messages, and Slack takes them.
///
/// # Errors
/// When the payload cannot be read, or a message did not reach Slack before the deadline. Lambda
/// then delivers the event again.
pub async fn handle(
    app: &App,
    payload: &SubscriptionPayload,
    deadline: Instant,
) -> Result<Summary, Error> {
    let Some(batch) = cloudwatch::decode(payload)? else {
        tracing::info!("control message");
        return Ok(Summary::default());
    };
    let (messages, mut summary) = messages(&app.settings, &batch, &mut app.memory.borrow_mut());
    let result = post_all(app, &messages, deadline, &mut summary).await;
    report(&app.settings, &summary);
    result.map(|()| summary).map_err(Error::from)
}

/// The messages of a batch, one for each channel; pure, so that the command line tool shows just
/// what Slack would get.
pub fn messages(
    settings: &Settings,
    batch: &LogBatch,
    memory: &mut Memory,
) -> (Vec<Message>, Summary) {
    let place = place(settings, batch);
    let (mut connections, counts) = connections(settings, batch, &mut memory.announced);
    let mut summary = Summary {
        cluster: place.cluster.to_owned(),
        log_events: batch.events.len(),
        lines: counts.lines,
        continuations: counts.continuations,
        unparsed: counts.unparsed,
        ..Summary::default()
    };
    for connection in &mut connections {
        let event = batch.event_at(connection.offset);
        connection.facts.time = connection.facts.time.or_else(|| event?.time());
    }
    let mut contents = route(settings, &connections, place.cluster, &mut summary);
    if summary.unparsed > 0 {
        contents.entry(DEFAULT_CHANNEL).or_default().unparsed = summary.unparsed;
    }
    let messages = contents.into_iter().filter_map(|(channel, content)| {
        let content = content.undelivered(channel, batch, &memory.delivered, &mut summary)?;
        let payload = message::payload(&Batch {
            connections: &content.connections,
            unparsed: content.unparsed,
            place,
            style: settings.style.clone(),
        });
        Some(Message {
            channel: channel.to_owned(),
            payload,
            keys: content.keys,
        })
    });
    (messages.collect(), summary)
}

/// What one channel is to be told.
#[derive(Default)]
struct Content<'a> {
    connections: Vec<&'a Connection<'a>>,
    unparsed: usize,
    keys: Vec<Key>,
}

/// Sorts connections by channel, and counts them.
fn route<'a>(
    settings: &'a Settings,
    connections: &'a [Connection<'a>],
    cluster: &str,
    summary: &mut Summary,
) -> BTreeMap<&'a str, Content<'a>> {
    let mut contents = BTreeMap::<_, Content>::new();
    for connection in connections {
        match connection.outcome {
            Outcome::Authorized => summary.authorized += 1,
            Outcome::Rejected => summary.rejected += 1,
            Outcome::Disconnected => summary.disconnected += 1,
            Outcome::Probed => summary.probed += 1,
            Outcome::Suspicious => summary.suspicious += 1,
        }
        match settings.rules.route(connection, cluster) {
            _ if !settings.notify_on.includes(connection.outcome) => summary.not_notified += 1,
            Route::Ignore => summary.ignored += 1,
            Route::Channel(channel) => {
                contents
                    .entry(channel)
                    .or_default()
                    .connections
                    .push(connection);
            }
        }
    }
    contents
}

impl Content<'_> {
    /// Without what the channel has been told already; `None` when nothing is left.
    fn undelivered(
        mut self,
        channel: &str,
        batch: &LogBatch,
        delivered: &Delivered,
        summary: &mut Summary,
    ) -> Option<Self> {
        let mut keys = Vec::new();
        self.connections.retain(|connection| {
            let key = key(channel, batch, connection, delivered);
            let is_new = key.is_none_or(|key| !delivered.contains(key));
            summary.already_delivered += usize::from(!is_new);
            keys.extend(key.filter(|_| is_new));
            is_new
        });
        if self.unparsed > 0
            && let Some(event) = batch.events.first()
        {
            let key = delivered.key(channel, ("unparsed", batch.id(event)));
            if delivered.contains(key) {
                self.unparsed = 0;
            } else {
                keys.push(key);
            }
        }
        self.keys = keys;
        (!self.connections.is_empty() || self.unparsed > 0).then_some(self)
    }
}

/// A connection is known by the log event that decided it, its place in there, and its outcome.
fn key(
    channel: &str,
    batch: &LogBatch,
    connection: &Connection,
    delivered: &Delivered,
) -> Option<Key> {
    let event = batch.event_at(connection.offset)?;
    let place = connection.offset - event.start;
    Some(delivered.key(channel, (batch.id(event), place, connection.outcome)))
}

/// Posts one message after the other. Each has its share of the time that is left, and a failure
/// does not keep the next from being posted.
async fn post_all(
    app: &App,
    messages: &[Message],
    deadline: Instant,
    summary: &mut Summary,
) -> Result<(), SlackError> {
    let mut result = Ok(());
    for (message, left) in messages.iter().zip((1..=messages.len()).rev()) {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(1);
        match app
            .slack
            .post(&message.channel, &message.payload, now + share)
            .await
        {
            Ok(()) => {
                summary.posted += 1;
                let delivered = &mut app.memory.borrow_mut().delivered;
                message.keys.iter().for_each(|key| delivered.insert(*key));
            }
            Err(error) => {
                let channel = channel::shown(&message.channel);
                tracing::error!(channel, error_type = error.name(), %error, "not posted");
                result = result.and(Err(error));
            }
        }
    }
    result
}

fn report(settings: &Settings, summary: &Summary) {
    tracing::info!(
        cluster = summary.cluster,
        log_events = summary.log_events,
        lines = summary.lines,
        continuations = summary.continuations,
        unparsed = summary.unparsed,
        authorized = summary.authorized,
        rejected = summary.rejected,
        disconnected = summary.disconnected,
        probed = summary.probed,
        suspicious = summary.suspicious,
        ignored = summary.ignored,
        not_notified = summary.not_notified,
        already_delivered = summary.already_delivered,
        posted = summary.posted,
        "batch"
    );
    if let Some(namespace) = &settings.metrics_namespace {
        crate::metrics::emit(namespace, summary);
    }
}

/// Where a batch comes from.
fn place<'a>(settings: &'a Settings, batch: &'a LogBatch) -> Place<'a> {
    let shown = settings.clusters.get(&batch.log_group).map(String::as_str);
    Place {
        cluster: shown.unwrap_or_else(|| batch.cluster_id()),
        instance: batch.instance(),
        log_group: &batch.log_group,
        log_stream: &batch.log_stream,
        region: settings.region.as_deref(),
    }
}

/// The connections of a batch, and what its text held.
fn connections<'a>(
    settings: &Settings,
    batch: &'a LogBatch,
    announced: &mut Announced,
) -> (Vec<Connection<'a>>, LineCounts) {
    let log = format!("{}\0{}", batch.log_group, batch.log_stream);
    let mut evidence = announced.text_of(&log);
    let mut sessions = Sessions::default();
    let mut counts = LineCounts::default();
    for (start, text) in pieces(batch, settings.log_events_filtered) {
        let reading = postgres::read(text, &settings.log_line_prefix, &mut evidence);
        counts.add(reading.counts);
        for mut event in reading.events {
            event.offset += start;
            sessions.add(event);
        }
    }
    (sessions.connections, counts)
}

/// The text of a batch in pieces, each with its byte offset: log events that a filter has passed
/// need not belong together.
fn pieces(batch: &LogBatch, filtered: bool) -> Vec<(usize, Text<'_>)> {
    if !filtered {
        return vec![(0, Text::from(batch.text.as_str()))];
    }
    let starts = batch.events.iter().map(|event| event.start);
    let ends = starts.clone().skip(1).chain([batch.text.len()]);
    starts
        .zip(ends)
        .filter_map(|(start, end)| Some((start, alone(batch.text.get(start..end)?))))
        .collect()
}

fn alone(text: &str) -> Text<'_> {
    Text {
        text,
        begins: Begins::Anywhere,
        behind: Behind::Unknown,
    }
}
