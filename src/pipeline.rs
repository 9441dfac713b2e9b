//! The whole program: read -> compose -> post.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::channel::{self, DEFAULT_CHANNEL};
use crate::cloudwatch::{self, DecodeError, LogBatch};
use crate::config::Settings;
use crate::delivered::Key;
use crate::entry::{Entry, Place};
use crate::error::{Error, payload_name};
use crate::memory::Memory;
use crate::postgres::{self, Begins, Behind, Evidence, LineCounts, Reading, Text};
use crate::routing::Route;
use crate::sessions::{Connection, Outcome, Sessions};
use crate::slack::message::{self, Batch, Notice, NoticeKind, Told};
use crate::slack::{Slack, SlackError};
use crate::source::{Invocation, Record};
use crate::summary::Summary;

/// What lives as long as the process, and does not change.
#[derive(Debug)]
pub struct App {
    /// How log lines become messages.
    pub settings: Settings,
    /// Where messages go.
    pub slack: Slack,
}

/// What was read of the records of an invocation.
#[derive(Debug, Default)]
pub struct Window {
    /// The connections, in the order of the records, each with its channel; none for those that are
    /// not told.
    pub entries: Vec<(Option<String>, Entry)>,
    /// Are those kept, too, that are not told?
    keeps_untold: bool,
    /// What cannot be told by connections, with the record it is about.
    pub notices: Vec<(usize, Notice)>,
    /// Of each channel and outcome: the connections that are counted only.
    pub left_out: BTreeMap<(String, Outcome), usize>,
    kept: BTreeMap<Outcome, usize>,
    /// The clients that have an entry, by keyed hashes.
    clients: HashSet<u64>,
    keys: RandomState,
    /// Counts by the names of clusters.
    pub clusters: BTreeMap<String, Summary>,
    /// The first record for which there was no room.
    pub rest: Option<usize>,
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

/// So many bytes of text are read in one invocation: the rest of its records goes back to where it
/// came from.
const MOST_TEXT: usize = 64 << 20;

/// So long does an invocation by CloudWatch Logs try to post. Each batch is an invocation: if all
/// waited for a throttled Slack, they would cost money and be told no sooner. What failed goes to
/// the retry queue, and from there in one message.
const PATIENCE: Duration = Duration::from_secs(10);

/// A longer payload has no room in a message of the queue, which has 1 MiB for all that Lambda keeps
/// of an invocation: it is tried as long as the invocation lasts.
const MOST_QUEUED: usize = 1_000_000;

/// The text of a batch is read in parts of this many bytes: their events need not be in memory
/// together.
const PART: usize = 1 << 20;

/// One invocation; its answer.
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
            Ok(failures(&records, first))
        }
        Invocation::Queue(records) => {
            let (unread, failed) = many(app, memory, &records, deadline).await;
            let unread = unread.map_or(records.len(), |first| first)..records.len();
            Ok(failures(&records, failed.into_iter().chain(unread)))
        }
        Invocation::Test => test(app, deadline).await,
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
    let deadline = match data.len() {
        ..MOST_QUEUED => deadline.min(Instant::now() + PATIENCE),
        _ => deadline,
    };
    drop(data);
    let mut window = Window::default();
    if let Some(batch) = batch {
        window.add(0, &batch, &app.settings, memory);
    } else {
        tracing::info!("control message");
    }
    let messages = compose(&mut window, &app.settings, memory);
    let mut summary = Summary::of_all(&window.clusters);
    let failed = post(app, memory, &messages, deadline, &mut summary).await;
    report(&app.settings, &window, &summary);
    match failed.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(serde_json::to_value(&summary).unwrap_or_default()),
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
    let mut window = read(Window::default(), records, &app.settings, memory);
    let messages = compose(&mut window, &app.settings, memory);
    let mut summary = Summary::of_all(&window.clusters);
    let failed = post(app, memory, &messages, deadline, &mut summary).await;
    report(&app.settings, &window, &summary);
    let untold = failed
        .into_iter()
        .flat_map(|(message, _)| message.records.iter().copied());
    (window.rest, untold.collect())
}

fn failures(records: &[Record], failed: impl IntoIterator<Item = usize>) -> Value {
    let failed = failed.into_iter().filter_map(|at| records.get(at));
    let failures: Vec<_> = failed
        .map(|record| json!({ "itemIdentifier": record.id }))
        .collect();
    json!({ "batchItemFailures": failures })
}

/// Reads records, as many as there is room for.
pub fn read(
    mut window: Window,
    records: &[Record],
    settings: &Settings,
    memory: &mut Memory,
) -> Window {
    let mut text = 0;
    for (at, record) in records.iter().enumerate() {
        let decoded = record.data.as_deref().map_err(|error| *error);
        match decoded.and_then(cloudwatch::decode) {
            Ok(Some(batch)) => {
                text += batch.text.len();
                if at > 0 && text > MOST_TEXT {
                    window.rest = Some(at);
                    break;
                }
                window.add(at, &batch, settings, memory);
            }
            Ok(None) => {}
            Err(error) => window.add_unreadable(at, error),
        }
    }
    window
}

/// What the connections of one batch share.
struct Source<'b> {
    record: usize,
    batch: &'b LogBatch,
    place: Rc<Place>,
    settings: &'b Settings,
}

impl Window {
    /// A window that keeps every connection, told or not.
    #[must_use]
    pub fn keeping_all() -> Self {
        Self {
            keeps_untold: true,
            ..Self::default()
        }
    }

    /// Reads the batch of one record.
    pub fn add(
        &mut self,
        record: usize,
        batch: &LogBatch,
        settings: &Settings,
        memory: &mut Memory,
    ) {
        let source = Source {
            record,
            batch,
            place: Rc::new(Place::of(batch, settings)),
            settings,
        };
        let mut summary = Summary {
            cluster: source.place.cluster.clone(),
            batches: 1,
            log_events: batch.events.len(),
            ..Summary::default()
        };
        let mut evidence = memory.announced.text_of(&source.place.log());
        let mut sessions = Sessions::default();
        let mut counts = LineCounts::default();
        for (start, piece) in pieces(batch, settings.log_events_filtered) {
            let mut at = 0;
            while let Some(reading) = next_part(piece, at, settings, &mut evidence) {
                counts.add(reading.counts);
                for mut event in reading.events {
                    event.offset += start + at;
                    sessions.add(event);
                }
                for connection in sessions.take_settled() {
                    self.take(connection, &source, &mut summary);
                }
                at += reading.length.max(1);
            }
        }
        for connection in sessions.take_all() {
            self.take(connection, &source, &mut summary);
        }
        summary.count_lines(counts);
        self.add_notices(&source, counts);
        let cluster = summary.cluster.clone();
        self.clusters.entry(cluster).or_default().add(&summary);
    }

    /// Counts a connection, and keeps it if it is to be told.
    fn take(&mut self, mut connection: Connection<'_>, source: &Source<'_>, summary: &mut Summary) {
        let settings = source.settings;
        summary.count(connection.outcome, connection.confirmed());
        let event = source.batch.event_at(connection.offset);
        let time = connection.facts.time;
        connection.facts.time = time.or_else(|| event?.time());
        let channel = match settings.rules.route(&connection, &source.place) {
            _ if !settings.notify_on.includes(connection.outcome) => {
                summary.not_notified += 1;
                None
            }
            Route::Ignore => {
                summary.ignored += 1;
                None
            }
            Route::Channel(channel) => Some(channel),
        };
        let has_room = match channel {
            Some(channel) => self.keeps_untold || self.has_room(channel, &connection),
            None => self.keeps_untold,
        };
        if has_room {
            let entry = Entry {
                event_id: event.map_or_else(String::new, |event| source.batch.id(event).to_owned()),
                event_offset: event.map_or(0, |event| connection.offset - event.start),
                connection: connection.into_owned(),
                place: Rc::clone(&source.place),
                record: source.record,
            };
            self.entries.push((channel.map(str::to_owned), entry));
        } else if let Some(channel) = channel {
            let left_out = (channel.to_owned(), connection.outcome);
            *self.left_out.entry(left_out).or_default() += 1;
        }
    }

    /// Is the connection kept, or only counted? Of each outcome so many are kept, and then as many
    /// again of clients that have none: a flood pushes nobody out.
    fn has_room(&mut self, channel: &str, connection: &Connection<'_>) -> bool {
        const MOST_OF_AN_OUTCOME: usize = 20_000;
        let facts = &connection.facts;
        let client = (channel, connection.outcome, &facts.user, &facts.host);
        let is_new = self.clients.insert(self.keys.hash_one(client));
        let kept = self.kept.entry(connection.outcome).or_default();
        let has_room = *kept < MOST_OF_AN_OUTCOME || is_new && *kept < 2 * MOST_OF_AN_OUTCOME;
        *kept += usize::from(has_room);
        has_room
    }

    fn add_notices(&mut self, source: &Source<'_>, counts: LineCounts) {
        let first = source.batch.events.first();
        let id = first.map_or("", |event| source.batch.id(event));
        let kinds = [
            (counts.unparsed, NoticeKind::Unparsed),
            (counts.translated, NoticeKind::Translated),
        ];
        for (count, kind) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            let notice = Notice {
                kind,
                count,
                place: Some(Rc::clone(&source.place)),
                id: id.to_owned(),
            };
            self.notices.push((source.record, notice));
        }
    }

    fn add_unreadable(&mut self, record: usize, error: DecodeError) {
        tracing::error!(error_type = payload_name(error), %error, "unreadable payload");
        self.clusters.entry(String::new()).or_default().unreadable += 1;
        let notice = Notice {
            kind: NoticeKind::Unreadable(payload_name(error)),
            count: 1,
            place: None,
            id: String::new(),
        };
        self.notices.push((record, notice));
    }
}

/// Reads what stands at the byte `at` of `piece`: about a megabyte.
fn next_part<'a>(
    piece: Text<'a>,
    at: usize,
    settings: &Settings,
    evidence: &mut Evidence<'_>,
) -> Option<Reading<'a>> {
    let rest = piece.text.get(at..).filter(|rest| !rest.is_empty())?;
    let prefix = &settings.log_line_prefix;
    let reading = postgres::read(part(piece, at, rest), prefix, evidence);
    if reading.length > 0 {
        return Some(reading);
    }
    // A record that is longer than a part.
    Some(postgres::read(
        Text {
            text: rest,
            ..piece
        },
        prefix,
        evidence,
    ))
}

/// The part of `piece` that begins at the byte `at`, where `rest` begins: about a megabyte.
fn part<'a>(piece: Text<'a>, at: usize, rest: &'a str) -> Text<'a> {
    let first = rest.get(..rest.floor_char_boundary(PART)).unwrap_or(rest);
    Text {
        text: first,
        begins: if at == 0 {
            piece.begins
        } else {
            Begins::AtRecord
        },
        behind: if first.len() < rest.len() {
            Behind::More
        } else {
            piece.behind
        },
    }
}

/// The text of a batch in pieces, each with its byte offset. Log events that a filter has passed
/// need not belong together. One as long as log events can be may be cut, at any byte.
fn pieces(batch: &LogBatch, filtered: bool) -> Vec<(usize, Text<'_>)> {
    /// CloudWatch Logs takes 256 KB in a log event, less what it keeps about it.
    const LONGEST_LOG_EVENT: usize = 240 << 10;
    let starts = batch.events.iter().map(|event| event.start);
    let ends = starts.clone().skip(1).chain([batch.text.len()]);
    let mut pieces = Vec::new();
    let mut piece = (0, Begins::Anywhere);
    for (start, end) in starts.zip(ends) {
        let is_long = end - start > LONGEST_LOG_EVENT;
        if filtered || is_long {
            pieces.push((piece.0, piece.1, end));
            let begins = if is_long {
                Begins::InsideMessage
            } else {
                Begins::Anywhere
            };
            piece = (end, begins);
        } else if piece.1 == Begins::InsideMessage {
            // One more log event may be the rest of a long one, not all that follow.
            pieces.push((piece.0, piece.1, end));
            piece = (end, Begins::Anywhere);
        }
    }
    pieces.push((piece.0, piece.1, batch.text.len()));
    let behind = if filtered {
        Behind::Unknown
    } else {
        Behind::Another
    };
    let texts = pieces.into_iter().filter_map(|(start, begins, end)| {
        let text = batch.text.get(start..end).filter(|text| !text.is_empty())?;
        let text = Text {
            text,
            begins,
            behind,
        };
        Some((start, text))
    });
    texts.collect()
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
/// does not keep the next from being posted. The messages that Slack did not take.
async fn post<'m>(
    app: &App,
    memory: &mut Memory,
    messages: &'m [Message],
    deadline: Instant,
    summary: &mut Summary,
) -> Vec<(&'m Message, SlackError)> {
    let mut failed = Vec::new();
    for (message, left) in messages.iter().zip((1..=messages.len()).rev()) {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(1);
        let posted = app
            .slack
            .post(&message.channel, &message.payload, now + share);
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
                failed.push((message, error));
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
    for (number, channel) in (1..).zip(app.slack.channels()) {
        let answer = match app.slack.post(&channel, &payload, deadline).await {
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
