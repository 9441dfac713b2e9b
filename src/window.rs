//! What was read of the records of one invocation.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use crate::cloudwatch::{self, DecodeError, LogBatch};
use crate::config::Settings;
use crate::detection::{self, Refusals};
use crate::entry::{Entry, Place};
use crate::error::payload_name;
use crate::findings::Findings;
use crate::memory::Memory;
use crate::postgres::{self, Begins, Behind, Evidence, LineCounts, Reading, Text};
use crate::routing::Route;
use crate::sessions::{Connection, Outcome, Sessions};
use crate::slack::message::{Notice, NoticeKind};
use crate::source::Record;
use crate::summary::Summary;

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

/// So many bytes of text are read in one invocation: the rest of its records goes back to where it
/// came from.
const MOST_TEXT: usize = 64 << 20;

/// The text of a batch is read in parts of this many bytes: their events need not be in memory
/// together.
const PART: usize = 1 << 20;

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

/// A batch that is being read.
pub struct OpenBatch<'b, 'a> {
    source: Source<'b>,
    summary: Summary,
    /// What its lines have said so far.
    pub sessions: Sessions<'a>,
    /// What it has held so far.
    pub counts: LineCounts,
}

impl<'b> OpenBatch<'b, '_> {
    fn new(record: usize, batch: &'b LogBatch, settings: &'b Settings) -> Self {
        let mut open = Self::of_log(Place::of(batch, settings), settings);
        (open.source.record, open.source.batch) = (record, Some(batch));
        open.summary.log_events = batch.events.len();
        open
    }

    /// A log without log events.
    #[must_use]
    pub fn of_log(place: Place, settings: &'b Settings) -> Self {
        let summary = Summary {
            cluster: place.cluster.clone(),
            batches: 1,
            ..Summary::default()
        };
        let source = Source {
            record: 0,
            batch: None,
            place: Rc::new(place),
            settings,
        };
        Self {
            source,
            summary,
            sessions: Sessions::default(),
            counts: LineCounts::default(),
        }
    }
}

/// What the connections of one batch share.
struct Source<'b> {
    record: usize,
    batch: Option<&'b LogBatch>,
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
        let mut open = OpenBatch::new(record, batch, settings);
        let Memory {
            announced,
            refusals,
            ..
        } = memory;
        let mut evidence = announced.text_of(&open.source.place.log());
        for (start, piece) in pieces(batch, settings.log_events_filtered) {
            let mut at = 0;
            while let Some(reading) = next_part(piece, at, settings, &mut evidence) {
                open.counts.add(reading.counts);
                for mut event in reading.events {
                    event.offset += start + at;
                    open.sessions.add(event);
                }
                self.take_settled(&mut open, refusals);
                at += reading.length.max(1);
            }
        }
        self.close(open, refusals);
    }

    /// Takes the connections of a batch that its later lines will not change.
    pub fn take_settled(&mut self, open: &mut OpenBatch<'_, '_>, refusals: &mut Refusals) {
        for connection in open.sessions.take_settled() {
            self.take(connection, &open.source, refusals, &mut open.summary);
        }
    }

    /// Takes what is left of a batch that has been read to its end.
    pub fn close(&mut self, open: OpenBatch<'_, '_>, refusals: &mut Refusals) {
        let (source, mut summary) = (open.source, open.summary);
        for connection in open.sessions.take_all() {
            self.take(connection, &source, refusals, &mut summary);
        }
        summary.count_lines(open.counts);
        self.add_notices(&source, open.counts);
        let cluster = summary.cluster.clone();
        self.clusters.entry(cluster).or_default().add(&summary);
    }

    /// Counts a connection, and keeps it if it is to be told.
    fn take(
        &mut self,
        mut connection: Connection<'_>,
        source: &Source<'_>,
        refusals: &mut Refusals,
        summary: &mut Summary,
    ) {
        let settings = source.settings;
        summary.count(connection.outcome, connection.confirmed());
        let event = source
            .batch
            .and_then(|batch| Some((batch, batch.event_at(connection.offset)?)));
        let event_id = event.map_or("", |(batch, event)| batch.id(event));
        let event_offset = event.map_or(0, |(_, event)| connection.offset - event.start);
        let time = connection.facts.time;
        connection.facts.time = time.or_else(|| event?.1.time());
        let id = || detection::id(event_id, event_offset);
        let findings = Findings {
            refusals_before: refusals.before(&connection, &source.place, id),
            ..Findings::default()
        };
        summary.let_in_after_refusals += usize::from(findings.is_let_in());
        let channel = match settings.rules.route(&connection, &source.place, &findings) {
            _ if !settings.notify_on.includes(connection.outcome) => {
                summary.not_notified += 1;
                None
            }
            Route::Ignore => {
                summary.ignored += 1;
                None
            }
            Route::Channel(channel) => Some(channel),
            Route::Undecided => None,
        };
        let has_room = match channel {
            Some(channel) => self.keeps_untold || self.has_room(channel, &connection),
            None => self.keeps_untold,
        };
        if has_room {
            let entry = Entry {
                findings,
                event_id: event_id.to_owned(),
                event_offset,
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
        let first = source
            .batch
            .and_then(|batch| Some((batch, batch.events.first()?)));
        let id = first.map_or("", |(batch, event)| batch.id(event));
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
    let mut length = PART;
    loop {
        let reading = postgres::read(part(piece, at, rest, length), prefix, evidence);
        if reading.length > 0 {
            return Some(reading);
        }
        // A record that is longer.
        length *= 2;
    }
}

/// The first `length` bytes, about, of the `rest` of `piece` that begins at the byte `at`.
fn part<'a>(piece: Text<'a>, at: usize, rest: &'a str, length: usize) -> Text<'a> {
    let first = rest.get(..rest.floor_char_boundary(length)).unwrap_or(rest);
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
