//! What was read of the records of one invocation.

mod parts;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use self::parts::{next_part, pieces};
use crate::channel::DEFAULT_CHANNEL;
use crate::cloudwatch::{self, DecodeError, LogBatch};
use crate::config::Settings;
use crate::detection::LogEvent;
use crate::entry::{Entry, Place};
use crate::error::payload_name;
use crate::findings::{Findings, Novelty};
use crate::history::{Answers, Known, Logins};
use crate::memory::{Memory, Past};
use crate::postgres::LineCounts;
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
    /// What is no connection but must be reported, with the record it is about.
    pub notices: Vec<(usize, Notice)>,
    /// Of each channel and outcome: the connections that are counted only.
    pub left_out: BTreeMap<(String, Outcome), usize>,
    kept: BTreeMap<Outcome, usize>,
    /// The clients that have an entry, by keyed hashes.
    clients: HashSet<u64>,
    keys: RandomState,
    /// The logins, by what can be looked up about them.
    pub logins: Logins,
    /// The entries whose channel depends on what is new about them.
    undecided: Vec<usize>,
    /// Of those that a rule may still ask about: the last entry of each like it.
    like: HashMap<u64, usize>,
    /// How many more, for which there was no room, are like this entry.
    more_like: BTreeMap<usize, usize>,
    /// Counts by the names of clusters.
    pub clusters: BTreeMap<String, Summary>,
    /// The first record for which there was no room.
    pub rest: Option<usize>,
}

/// How many bytes of text are read in one invocation. The rest of its records goes back to where it
/// came from.
const MOST_TEXT: usize = 64 << 20;

/// Reads records, as many as there is room for.
pub fn read(
    mut window: Window,
    records: &[Record],
    settings: &Settings,
    memory: &mut Memory,
) -> Window {
    let mut text = 0;
    let mut seen = HashSet::new();
    for (at, record) in records.iter().enumerate() {
        let decoded = record.data.as_deref().map_err(|error| *error);
        match decoded.and_then(cloudwatch::decode) {
            // A stream may hold a record twice.
            Ok(Some(_)) if decoded.is_ok_and(|data| !seen.insert(window.keys.hash_one(data))) => {}
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
            past,
            seen,
            ..
        } = memory;
        seen.add(&open.source.place);
        let mut evidence = announced.text_of(&open.source.place.log());
        for (start, piece) in pieces(batch, settings.log_events_filtered) {
            let mut at = 0;
            while let Some(reading) = next_part(piece, at, settings, &mut evidence) {
                open.counts.add(reading.counts);
                for mut event in reading.events {
                    event.offset += start + at;
                    open.sessions.add(event);
                }
                self.take_settled(&mut open, past);
                at += reading.length.max(1);
            }
        }
        self.close(open, past);
    }

    /// Takes the connections of a batch that its later lines will not change.
    pub fn take_settled(&mut self, open: &mut OpenBatch<'_, '_>, past: &mut Past) {
        for connection in open.sessions.take_settled() {
            self.take(connection, &open.source, past, &mut open.summary);
        }
    }

    /// Takes the rest of a batch that has been read to its end.
    pub fn close(&mut self, open: OpenBatch<'_, '_>, past: &mut Past) {
        let (source, mut summary) = (open.source, open.summary);
        for connection in open.sessions.take_all() {
            self.take(connection, &source, past, &mut summary);
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
        past: &mut Past,
        summary: &mut Summary,
    ) {
        let (settings, place) = (source.settings, &source.place);
        summary.count(connection.outcome, connection.confirmed());
        let event = source
            .batch
            .and_then(|batch| Some((batch, batch.event_at(connection.offset)?)));
        let event_id = event.map_or("", |(batch, event)| batch.id(event));
        let event_offset = event.map_or(0, |(_, event)| connection.offset - event.start);
        let time = connection.facts.time;
        connection.facts.time = time.or_else(|| event?.1.time());
        let login = settings.remembered.as_ref().and_then(|remembered| {
            self.logins
                .add(&connection, place, source.record, remembered)
        });
        let log_event = event.map(|(_, event)| LogEvent {
            id: event_id,
            offset: event_offset,
            time: event.timestamp.div_euclid(1000),
        });
        let findings = Findings {
            refusals_before: past.refusals.before(&connection, place, log_event),
            novelty: login.map_or(Novelty::Unknown, |login| {
                self.logins.known_novelty(login, &mut past.known)
            }),
        };
        summary.let_in_after_refusals += usize::from(findings.is_let_in());
        let route = settings
            .notify_on
            .includes(connection.outcome)
            .then(|| settings.rules.route(&connection, place, &findings));
        if !self.keeps(route, &connection, place, summary) {
            return;
        }
        let entry = Entry {
            connection: connection.into_owned(),
            place: Rc::clone(place),
            findings,
            login,
            event_id: event_id.to_owned(),
            event_offset,
            record: source.record,
        };
        let channel = match route {
            Some(Route::Channel(channel)) => Some(channel.to_owned()),
            _ => None,
        };
        self.entries.push((channel, entry));
    }

    /// Is the connection kept, or only counted? What is not to be told has no route.
    fn keeps(
        &mut self,
        route: Option<Route<'_>>,
        connection: &Connection<'_>,
        place: &Place,
        summary: &mut Summary,
    ) -> bool {
        match route {
            None => summary.not_notified += 1,
            Some(Route::Ignore) => summary.ignored += 1,
            Some(Route::Channel(channel)) => {
                let keeps = self.keeps_untold || self.has_room(channel, connection);
                if !keeps {
                    self.leave_out(channel, connection.outcome, 1);
                }
                return keeps;
            }
            Some(Route::Undecided) => return self.keeps_undecided(connection, place),
        }
        self.keeps_untold
    }

    /// Without room it is counted with one that is the same in everything that rules can match.
    fn keeps_undecided(&mut self, connection: &Connection<'_>, place: &Place) -> bool {
        let facts = &connection.facts;
        let names = (&facts.user, &facts.database, &facts.host);
        let is_tls = std::mem::discriminant(&facts.encryption);
        let how = (&facts.application_name, is_tls, connection.standing as u8);
        let like = (&place.account, &place.log_group, names, how);
        let like = self.keys.hash_one(like);
        if self.keeps_untold || self.has_room("", connection) {
            self.like.insert(like, self.entries.len());
            self.undecided.push(self.entries.len());
            return true;
        }
        match self.like.get(&like) {
            Some(at) => *self.more_like.entry(*at).or_default() += 1,
            // Nobody knows what it would be; nothing is hidden.
            None => self.leave_out(DEFAULT_CHANNEL, connection.outcome, 1),
        }
        false
    }

    fn leave_out(&mut self, channel: &str, outcome: Outcome, count: usize) {
        let left_out = (channel.to_owned(), outcome);
        *self.left_out.entry(left_out).or_default() += count;
    }

    /// Is there room for an entry? Of each outcome so many are kept, and then as many again of clients
    /// that have none: a flood pushes nobody out.
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

    /// Finds out what is new, by what the table says, and where that is told.
    pub fn settle(&mut self, settings: &Settings, known: &mut Known, answers: &Answers) {
        for (_, entry) in &mut self.entries {
            if let Some(login) = entry.login {
                entry.findings.novelty = self.logins.novelty(login, known, answers);
            }
        }
        for at in std::mem::take(&mut self.undecided) {
            let Some((channel, entry)) = self.entries.get_mut(at) else {
                continue;
            };
            let more = self.more_like.remove(&at).unwrap_or_default();
            let route = settings
                .rules
                .route(&entry.connection, &entry.place, &entry.findings);
            if let Route::Channel(name) = route {
                *channel = Some(name.to_owned());
                let outcome = entry.connection.outcome;
                if more > 0 {
                    self.leave_out(name, outcome, more);
                }
            } else {
                let summary = self.clusters.entry(entry.place.cluster.clone());
                summary.or_default().ignored += 1 + more;
            }
        }
        for (channel, entry) in &self.entries {
            if channel.is_some() && entry.findings.what_is_new().is_some() {
                let summary = self.clusters.entry(entry.place.cluster.clone());
                summary.or_default().new += 1;
            }
        }
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
