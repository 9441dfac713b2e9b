//! The whole program: read -> look up -> compose -> post -> teach.

mod remember;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::remember::{look_up, recall, shelves, teach};
use crate::access_summary;
use crate::channel::{self, DEFAULT_CHANNEL};
use crate::cloudwatch;
use crate::config::Settings;
use crate::delivered::Key;
use crate::entry::Entry;
use crate::error::Error;
use crate::history::table::{History, Turn};
use crate::http;
use crate::memory::Memory;
use crate::sessions::Outcome;
use crate::slack::message::{self, Batch, Notice, Told};
use crate::slack::{Limit, Slack, SlackError, Throttled};
use crate::source::{Invocation, Record};
use crate::summary::Summary;
use crate::window::{self, Window};

/// What lives as long as the process, and does not change.
#[derive(Debug)]
pub struct App {
    /// How log lines become messages.
    pub settings: Settings,
    /// Where messages go.
    pub slack: Slack,
    /// What has been seen before, where that is remembered.
    pub history: Option<History>,
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
    /// The records of what it tells.
    pub records: BTreeSet<usize>,
}

/// How long an invocation by CloudWatch Logs tries to post. Each batch is an invocation: if all of
/// them waited for an absent Slack, they would cost money without arriving any sooner. What fails
/// goes to the retry queue, and from there into one message.
const LONGEST_DIRECT: Duration = Duration::from_secs(10);

/// A longer payload may not fit into a message of the queue, whose 1 MiB hold everything that
/// Lambda keeps of an invocation. So it is tried until the invocation ends.
const MOST_QUEUED: usize = 1_000_000;

/// Two consumers share the queue, each with a window of a minute, in which Slack takes 60 posts.
const A_WINDOWS_WORTH: usize = 30;

const TOO_MANY: &str = "Slack has throttled a window's worth of posts, and these batches had to wait for it; unless it was away, stream mode posts them sooner";

/// Handles one invocation, and returns its answer.
///
/// # Errors
/// When a lone payload cannot be read, or its message did not reach Slack before the deadline. Of
/// many payloads those that failed are in the answer.
pub async fn handle(
    app: &App,
    memory: &mut Memory,
    invocation: Invocation,
    deadline: Instant,
) -> Result<Value, Error> {
    match invocation {
        Invocation::Direct(data) => direct(app, memory, data, deadline).await,
        Invocation::Stream(records) => {
            let (unread, failed) = many(app, memory, &records, deadline).await;
            let first = unread.into_iter().chain(failed).min();
            let first = first.and_then(|at| Some(records.get(at)?.id.clone()));
            Ok(failures(first))
        }
        Invocation::Queue { records, summaries } => {
            if records.len() >= A_WINDOWS_WORTH {
                let batches = records.len();
                tracing::warn!(batches, "{TOO_MANY}");
            }
            let (unread, failed) = many(app, memory, &records, deadline).await;
            let unread = unread.map_or(records.len(), |first| first)..records.len();
            let failed = failed.into_iter().chain(unread);
            let failed = failed.filter_map(|at| Some(records.get(at)?.id.clone()));
            let mut failed: Vec<_> = failed.collect();
            // One says what all would.
            if !summaries.is_empty() && summarise(app, deadline).await.is_err() {
                failed.extend(summaries);
            }
            Ok(failures(failed))
        }
        Invocation::Test => test(app, deadline).await,
        Invocation::AccessSummary => summarise(app, deadline).await,
    }
}

/// CloudWatch Logs has invoked the function itself, with one payload.
async fn direct(
    app: &App,
    memory: &mut Memory,
    data: String,
    deadline: Instant,
) -> Result<Value, Error> {
    let batch = cloudwatch::decode(&data)?;
    let fits_the_queue = data.len() < MOST_QUEUED;
    drop(data);
    let mut window = Window::default();
    let mut turn = Turn::default();
    recall(app, memory, batch.iter().flat_map(shelves(app)), &mut turn).await;
    if let Some(batch) = batch {
        window.add(0, &batch, &app.settings, memory);
    } else {
        tracing::info!("control message");
    }
    // What was read for long has the same time to be posted.
    let limit = if fits_the_queue {
        Limit {
            deadline: deadline.min(Instant::now() + LONGEST_DIRECT),
            throttled: Throttled::FailsSoon,
        }
    } else {
        to_the_end(deadline)
    };
    let told = tell(app, memory, window, turn, limit).await;
    match told.failed.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(serde_json::to_value(&told.summary).unwrap_or_default()),
    }
}

/// Many payloads, of a stream or of the retry queue: one message a channel. The first record that
/// was not read, and those that were not told.
async fn many(
    app: &App,
    memory: &mut Memory,
    records: &[Record],
    deadline: Instant,
) -> (Option<usize>, BTreeSet<usize>) {
    let mut turn = Turn::default();
    if app.history.is_some() {
        let data = records
            .iter()
            .filter_map(|record| record.data.as_deref().ok());
        let batches = data.filter_map(|data| cloudwatch::decode(data).ok().flatten());
        let shelves = batches.flat_map(|batch| shelves(app)(&batch));
        recall(app, memory, shelves, &mut turn).await;
    }
    let window = window::read(Window::default(), records, &app.settings, memory);
    let rest = window.rest;
    let told = tell(app, memory, window, turn, to_the_end(deadline)).await;
    let untold = told.failed.into_iter().flat_map(|(records, _)| records);
    (rest, untold.collect())
}

fn to_the_end(deadline: Instant) -> Limit {
    let throttled = Throttled::Waits;
    Limit {
        deadline,
        throttled,
    }
}

/// What became of a window.
struct Outcomes {
    summary: Summary,
    /// The records of each message that Slack did not take.
    failed: Vec<(BTreeSet<usize>, SlackError)>,
}

/// Look up -> compose -> post -> teach.
async fn tell(
    app: &App,
    memory: &mut Memory,
    mut window: Window,
    mut turn: Turn,
    limit: Limit,
) -> Outcomes {
    let answers = look_up(app, memory, &window, &mut turn).await;
    window.settle(&app.settings, &mut memory.past.known, &answers);
    let messages = compose(&mut window, &app.settings, memory);
    let mut summary = Summary::of_all(&window.clusters);
    let failed = post(app, memory, messages, limit, &mut summary).await;
    teach(app, memory, &window, (&answers, &failed), &mut turn).await;
    if let Some(error) = turn.error {
        let consequence = "what is new is not known; everything is told";
        tracing::warn!(error_type = error.name(), %error, consequence, "no history");
    }
    report(&app.settings, &window, &summary);
    Outcomes { summary, failed }
}

/// Tells who has used access. The warning is for a summary of the retry queue, whose answer nobody reads.
async fn summarise(app: &App, deadline: Instant) -> Result<Value, Error> {
    let (history, settings) = (app.history.as_ref(), &app.settings);
    let summary = access_summary::run(history, &app.slack, settings, deadline).await;
    summary.inspect_err(|error| {
        tracing::error!(error_type = error.name(), %error, "no access summary");
    })
}

fn failures(ids: impl IntoIterator<Item = String>) -> Value {
    let ids = ids.into_iter();
    let failures: Vec<_> = ids.map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

/// What one channel is to be told.
#[derive(Default)]
struct Content<'a> {
    told: Vec<Told<'a>>,
    left_out: BTreeMap<Outcome, usize>,
    notices: Vec<&'a Notice>,
    keys: Vec<Key>,
    records: BTreeSet<usize>,
}

/// One message for each channel, without what it has been told before.
pub fn compose(window: &mut Window, settings: &Settings, memory: &Memory) -> Vec<Message> {
    let delivered = &memory.delivered;
    let mut contents = BTreeMap::<&str, Content<'_>>::new();
    for (channel, entry) in &window.entries {
        let Some(channel) = channel else {
            continue;
        };
        let key = key(channel, entry, memory);
        if delivered.contains(key) {
            let summary = window.clusters.entry(entry.place.cluster.clone());
            summary.or_default().already_delivered += 1;
            continue;
        }
        let content = contents.entry(channel).or_default();
        content.told.push(Told {
            connection: &entry.connection,
            place: &entry.place,
            findings: &entry.findings,
        });
        content.keys.push(key);
        content.records.insert(entry.record);
    }
    for ((channel, outcome), count) in &window.left_out {
        let content = contents.entry(channel).or_default();
        content.left_out.insert(*outcome, *count);
    }
    for (record, notice) in &window.notices {
        let key = delivered.key(DEFAULT_CHANNEL, notice);
        if notice.id.is_empty() || !delivered.contains(key) {
            let content = contents.entry(DEFAULT_CHANNEL).or_default();
            content.notices.push(notice);
            content.keys.push(key);
            content.records.insert(*record);
        }
    }
    let messages = contents.into_iter().map(|(channel, content)| Message {
        channel: channel.to_owned(),
        payload: message::payload(&Batch {
            told: &content.told,
            left_out: &content.left_out,
            notices: &content.notices,
            shown: memory.seen.shown(),
            style: settings.style.clone(),
        }),
        keys: content.keys,
        records: content.records,
    });
    messages.collect()
}

/// A connection is known by the log event that decided it, its place in there, and its outcome.
fn key(channel: &str, entry: &Entry, memory: &Memory) -> Key {
    let place = &entry.place;
    let event = (
        &entry.event_id,
        entry.event_offset,
        entry.connection.outcome,
    );
    let what = (&place.account, &place.log_group, event);
    memory.delivered.key(channel, what)
}

/// Posts one message after the other. Each has its share of the time that is left, and a failure
/// does not keep the next from being posted. The records of the messages that Slack did not take.
async fn post(
    app: &App,
    memory: &mut Memory,
    messages: Vec<Message>,
    limit: Limit,
    summary: &mut Summary,
) -> Vec<(BTreeSet<usize>, SlackError)> {
    let mut failed = Vec::new();
    let number = messages.len();
    for (message, left) in messages.into_iter().zip((1..=number).rev()) {
        let now = Instant::now();
        let share =
            limit.deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(1);
        let share = share.max(2 * http::SHORTEST_ATTEMPT);
        let limit = Limit {
            deadline: limit.deadline.min(now + share),
            ..limit
        };
        let posted = app.slack.post(&message.channel, &message.payload, limit);
        match posted.await {
            Ok(()) => {
                summary.posted += 1;
                let keys = message.keys.iter();
                keys.for_each(|key| memory.delivered.insert(*key));
            }
            Err(error) => {
                let channel = channel::shown(&message.channel);
                tracing::error!(channel, error_type = error.name(), %error, "not posted");
                summary.throttled += usize::from(matches!(error, SlackError::RateLimited));
                failed.push((message.records, error));
            }
        }
    }
    failed
}

/// One message to each channel of the secret; what became of each.
async fn test(app: &App, deadline: Instant) -> Result<Value, Error> {
    let payload = message::test(&app.settings.style);
    let mut answers = serde_json::Map::new();
    let mut has_failed = false;
    let limit = to_the_end(deadline);
    for (number, channel) in (1..).zip(app.slack.channels()) {
        let answer = match app.slack.post(&channel, &payload, limit).await {
            Ok(()) => "ok",
            Err(error) => {
                has_failed = true;
                error.name()
            }
        };
        answers.insert(channel::label(&channel, number).into_owned(), answer.into());
    }
    let answers = json!({ "channels": answers });
    if has_failed {
        Err(Error::Test(answers.to_string()))
    } else {
        Ok(answers)
    }
}

fn report(settings: &Settings, window: &Window, summary: &Summary) {
    tracing::info!(
        cluster = summary.cluster,
        clusters = window.clusters.len(),
        batches = summary.batches,
        unreadable = summary.unreadable,
        log_events = summary.log_events,
        lines = summary.lines,
        continuations = summary.continuations,
        noise = summary.noise,
        unparsed = summary.unparsed,
        translated = summary.translated,
        authorized = summary.authorized,
        rejected = summary.rejected,
        disconnected = summary.disconnected,
        probed = summary.probed,
        suspicious = summary.suspicious,
        unconfirmed = summary.unconfirmed,
        new = summary.new,
        let_in_after_refusals = summary.let_in_after_refusals,
        ignored = summary.ignored,
        not_notified = summary.not_notified,
        already_delivered = summary.already_delivered,
        posted = summary.posted,
        throttled = summary.throttled,
        "batch"
    );
    if let Some(namespace) = &settings.metrics_namespace {
        crate::metrics::emit(namespace, &window.clusters, summary);
    }
}
