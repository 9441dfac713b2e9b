//! A log text becomes connection events.
//!
//! The text is cut at line feeds alone. A *segment* starts at a line that begins as the prefix
//! does, and holds every line up to the next such line. A record is one segment, or several: a
//! name with a line feed in it can imitate the start of a record. It is read when the whole of it
//! fits PostgreSQL's format, when its names stand in the message as in the prefix, and when its
//! client and process were announced together by `connection received`.

use std::cmp::Ordering;
use std::collections::VecDeque;

use memchr::memchr;
use time::OffsetDateTime;

use super::backends::{Announced, Claim, Client, End, Undo};
use super::connection::{ConnectionEvent, Kind};
use super::log_line_prefix::{Head, LogLine, LogLinePrefix, PrefixFields};
use super::message::{self, Said};
use super::names::Known;
use super::time_stamp;

/// The connection events of a text, in its order, and what else it held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading<'a> {
    /// In the order of the lines.
    pub events: Vec<ConnectionEvent<'a>>,
    /// What the text held.
    pub counts: LineCounts,
}

/// What a text held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineCounts {
    /// Lines, cut at line feeds.
    pub lines: usize,
    /// Records that the prefix can read.
    pub records: usize,
    /// Lines that belong to the record before them.
    pub continuations: usize,
    /// Lines that look like connection lines, in a form that the prefix cannot read.
    pub unparsed: usize,
}

/// About as long as the part of a prefix before its names can be.
const LONGEST_HEAD: usize = 100;

/// Reads `text`, whose records stand behind `prefix`; `announced` carries what earlier texts of
/// the same log said.
#[must_use]
pub fn read<'a>(text: &'a str, prefix: &LogLinePrefix, announced: &mut Announced) -> Reading<'a> {
    announced.begin_batch();
    let garbage_until = match announced.end {
        End::Garbage => LONGEST_HEAD + prefix.longest_names(1),
        _ => 0,
    };
    let mut reader = Reader {
        prefix,
        announced,
        segments: Segments::new(text, prefix),
        reading: Reading::default(),
        garbage_until,
        last_event: None,
        last_time: ("", None),
    };
    while let Some(segment) = reader.segments.pop() {
        reader.segment(&segment);
    }
    let mut reading = reader.reading;
    reading.counts.lines = reader.segments.lines;
    reading.counts.continuations += reader.segments.continuations;
    reading
}

struct Reader<'a, 'r> {
    prefix: &'r LogLinePrefix,
    announced: &'r mut Announced,
    segments: Segments<'a, 'r>,
    reading: Reading<'a>,
    /// A segment that starts before this offset may be part of one that could not be read.
    garbage_until: usize,
    /// The prefix of the event that the record before this one was, and how to take it back.
    last_event: Option<(PrefixFields<'a>, Undo)>,
    /// The last time stamp that was read: most lines share theirs with the line before.
    last_time: (&'a str, Option<OffsetDateTime>),
}

/// A record as it was read.
struct Record<'a> {
    said: Said,
    /// Blank when the record reports none.
    event: ConnectionEvent<'a>,
    prefix: PrefixFields<'a>,
    client: Option<Client>,
    claim: Claim,
    /// Segments behind the first one that belong to it.
    joined: usize,
}

impl<'a> Reader<'a, '_> {
    fn segment(&mut self, segment: &Segment<'a>) {
        let Some(head) = &segment.head else {
            self.stray_lines(segment);
            return;
        };
        let mut best = None;
        let misread = self.record(segment, head, &mut best);
        let Some(record) = &mut best else {
            self.garbage(segment, head, misread);
            return;
        };
        let text = self.segments.drop_next(segment, record.joined);
        self.reading.counts.records += 1;
        let events = self.reading.events.len();
        if self.is_event(segment.start, text, record) {
            let event = best.map(|record| record.event);
            self.reading.events.extend(event);
        }
        self.announced.end = if self.reading.events.len() > events {
            End::Event
        } else {
            End::Record
        };
    }

    /// Lines that no record stands before: the rest of a record in the last batch, part of a
    /// forgery, or lines of a log with another prefix.
    fn stray_lines(&mut self, segment: &Segment<'a>) {
        let mut start = segment.start;
        for line in self.segments.text(segment.start, segment.end).split('\n') {
            let continues = line.starts_with('\t');
            self.reading.counts.continuations += usize::from(continues);
            if looks_like_connection(line) {
                match (self.announced.end, continues) {
                    (End::Nothing, false) => self.reading.counts.unparsed += 1,
                    (End::Event | End::Garbage, _) | (End::Record, false) => {
                        self.suspect(start, &PrefixFields::default());
                    }
                    (End::Nothing | End::Record, true) => {}
                }
            }
            start += line.len() + 1;
        }
    }

    /// The record that starts with `segment`: one segment, or as many as begin where names of its
    /// prefix can still stand. Returns whether wrong readings were found.
    fn record(
        &mut self,
        segment: &Segment<'a>,
        head: &Head<'a>,
        best: &mut Option<Record<'a>>,
    ) -> bool {
        let mut misread = false;
        let mut end = segment.end;
        for joined in 0.. {
            let text = self.segments.text(segment.start, end);
            let names_end = self.prefix.readings(text, head, &mut |line| {
                misread |= !self.reading(&line, joined, best);
                true
            });
            if names_end < text.len() || is_final(best.as_ref()) {
                break;
            }
            let Some(next) = self.segments.peek(joined) else {
                break;
            };
            end = next.end;
        }
        // The line of a session, whose application name can imitate the end of the prefix.
        if let Some(best) = best
            && misread
            && best.refusal().is_some()
            && !message::is_starting(&best.prefix)
        {
            best.said = Said::Undecidable;
        }
        misread
    }

    /// Where the last name in the prefix of `segment` ends at the latest.
    fn names_end(&self, segment: &Segment<'a>, head: &Head<'a>) -> usize {
        let text = self.segments.text(segment.start, segment.end);
        // A byte that is not UTF-8 has become U+FFFD, three bytes long.
        let widest = if text.is_ascii() { 1 } else { 3 };
        segment.start + head.length() + self.prefix.longest_names(widest)
    }

    /// Reads `line` into `best` if that makes it better; `false` when the line cannot be right.
    fn reading(
        &self,
        line: &LogLine<'a, '_>,
        joined: usize,
        best: &mut Option<Record<'a>>,
    ) -> bool {
        let client = self.announced.client(line.prefix);
        let blank = Record {
            said: Said::Nothing,
            event: ConnectionEvent::of_kind(Kind::Suspicious),
            prefix: *line.prefix,
            client,
            claim: self.announced.claim(client, line.prefix.backend_pid),
            joined,
        };
        let Some(best) = best else {
            let first = best.insert(blank);
            let is_possible = first.read(line);
            if !is_possible {
                *best = None;
            }
            return is_possible;
        };
        let mut other = blank;
        let is_possible = other.read(line);
        if is_possible {
            best.keep_better(other);
        }
        is_possible
    }

    /// Takes note of `record`; is it an event to tell?
    fn is_event(&mut self, start: usize, text: &'a str, record: &mut Record<'a>) -> bool {
        let announced = matches!(record.claim, Claim::Announced { .. });
        let named = record.said == Said::Event;
        match record.said {
            Said::Event | Said::Unnamed => self.last_event = None,
            Said::FromSql => {
                self.retract(&record.prefix);
                return false;
            }
            Said::Undecidable => {
                self.last_event = None;
                self.suspect(start, &record.prefix);
                return false;
            }
            Said::Nothing | Said::Contradiction => {
                self.last_event = None;
                return false;
            }
        }
        let event = &mut record.event;
        event.offset = start;
        event.time = self.time(&record.prefix);
        // What begins a text may be the rest of a record in the text before it.
        let whole = named || start > 0;
        event.announced = announced && whole || event.kind == Kind::Received;
        match event.kind {
            Kind::RejectionDetail => {
                let is_of = |last: &ConnectionEvent<'_>| {
                    last.kind == Kind::Rejected
                        && (last.backend_pid, last.host, last.port)
                            == (event.backend_pid, event.host, event.port)
                };
                return self.reading.events.last().is_some_and(is_of);
            }
            Kind::Ended => match record.claim {
                Claim::Announced {
                    authorized: false, ..
                } if self.announced.shows_authorizations()
                    && !self.announced.is_garbled(&record.prefix) =>
                {
                    event.kind = Kind::Rejected;
                }
                _ => return false,
            },
            Kind::Rejected if !self.is_client(&record.prefix, announced) => return false,
            _ => {}
        }
        let stray = !(announced && named) && start < self.garbage_until;
        let noted = if stray {
            None
        } else {
            self.announced.note(event, record.client, text)
        };
        let Some(undo) = noted else {
            self.suspect(start, &record.prefix);
            return false;
        };
        self.last_event = Some((record.prefix, undo));
        true
    }

    fn time(&mut self, prefix: &PrefixFields<'a>) -> Option<OffsetDateTime> {
        let stamp = prefix.time?;
        if self.last_time.0 != stamp {
            self.last_time = (stamp, time_of(stamp));
        }
        self.last_time.1
    }

    /// Is this the line of a client's backend, and not of the server's own processes?
    fn is_client(&self, prefix: &PrefixFields<'_>, announced: bool) -> bool {
        announced
            || if self.prefix.has_remote() {
                prefix.host.is_some() || prefix.port.is_some()
            } else {
                prefix.user.is_some_and(|user| !user.is_empty())
            }
    }

    /// `RAISE LOG` can write the text of any message; PostgreSQL then adds CONTEXT and STATEMENT
    /// lines of the same backend.
    fn retract(&mut self, prefix: &PrefixFields<'_>) {
        let Some((before, undo)) = self.last_event.take() else {
            return;
        };
        let same = before.remote == prefix.remote
            && before.backend_pid == prefix.backend_pid
            && before.application_name == prefix.application_name;
        if same
            && let Some(event) = self
                .reading
                .events
                .pop_if(|event| event.kind != Kind::Rejected)
        {
            self.announced.undo(&undo);
            self.suspect(event.offset, &before);
        }
    }

    /// A segment that starts like a record and cannot be read as one.
    fn garbage(&mut self, segment: &Segment<'a>, head: &Head<'a>, misread: bool) {
        self.garbage_until = self.names_end(segment, head);
        self.announced.end = End::Garbage;
        self.last_event = None;
        self.announced.garble(head.fields());
        if !looks_like_connection(self.segments.text(segment.start, segment.end)) {
            return;
        }
        if misread || self.announced.knows_client(head.fields()) {
            self.suspect(segment.start, head.fields());
        } else {
            self.reading.counts.unparsed += 1;
        }
    }

    /// Something here is not PostgreSQL's work. The client is a fact when it was announced.
    fn suspect(&mut self, start: usize, prefix: &PrefixFields<'a>) {
        let known = self.announced.knows_client(prefix);
        let time = self.time(prefix);
        self.reading.events.push(ConnectionEvent {
            offset: start,
            time,
            host: prefix.host.filter(|_| known),
            port: prefix.port.filter(|_| known),
            ..ConnectionEvent::of_kind(Kind::Suspicious)
        });
    }
}

impl<'a> Record<'a> {
    /// What `line` says, held against what its backend said before; `false` when both cannot be.
    fn read(&mut self, line: &LogLine<'a, '_>) -> bool {
        let known = match self.claim {
            Claim::Announced { known, .. } => known,
            _ => Known::default(),
        };
        self.said = message::read(line, known, &mut self.event);
        if self.said == Said::Event && self.event.kind == Kind::Received {
            // Clients come with ports, and backends with process ids, that others had before.
            self.claim = Claim::Unannounced;
            return true;
        }
        let is_possible = self.said != Said::Contradiction
            && self.claim != Claim::False
            && known.allows(line.prefix.user, line.prefix.database);
        if is_possible && self.may_be_rest() {
            self.said = Said::Undecidable;
        }
        is_possible
    }

    fn keep_better(&mut self, other: Record<'a>) {
        match rank(self).cmp(&rank(&other)) {
            Ordering::Less => *self = other,
            Ordering::Equal if self.joined == other.joined => self.keep_common(&other),
            _ => {}
        }
    }

    /// May a name have begun this record, so that what ends it is the rest of the true one? Before
    /// `connection authorized`, no other message quotes a client.
    fn may_be_rest(&self) -> bool {
        const SEVERITIES: [&str; 3] = ["LOG:  ", "FATAL:  ", "DETAIL:  "];
        let authorized = matches!(
            self.claim,
            Claim::Announced {
                authorized: true,
                ..
            }
        );
        let has_names = self.prefix.user.is_some() || self.prefix.database.is_some();
        let reason = self.refusal().unwrap_or_default();
        !authorized && has_names && SEVERITIES.iter().any(|severity| reason.contains(severity))
    }

    /// The reason of a FATAL that names nobody.
    fn refusal(&self) -> Option<&str> {
        match self.said {
            Said::Unnamed if self.event.kind != Kind::RejectionDetail => {
                self.event.reason.as_deref()
            }
            Said::Undecidable => Some(""),
            _ => None,
        }
    }

    /// Two readings are equally good: what both say is known.
    fn keep_common(&mut self, other: &Record<'a>) {
        if self.refusal() != other.refusal() {
            self.said = Said::Undecidable;
            return;
        }
        if !matches!(self.said, Said::Event | Said::Unnamed)
            || !matches!(other.said, Said::Event | Said::Unnamed)
        {
            return;
        }
        let (mine, other) = (&mut self.event, &other.event);
        let kind = (mine.kind, mine.backend_pid, mine.host, mine.port);
        if kind != (other.kind, other.backend_pid, other.host, other.port) {
            self.said = Said::Undecidable;
            return;
        }
        mine.user.take_if(|user| other.user.as_ref() != Some(user));
        mine.database
            .take_if(|name| other.database.as_ref() != Some(name));
        mine.application_name
            .take_if(|name| other.application_name != Some(name));
    }
}

/// How good a reading is. One that was announced beats one that was not; one whose names stand in
/// the message beats one whose names do not.
fn rank(record: &Record<'_>) -> u8 {
    let announced = matches!(record.claim, Claim::Announced { .. });
    let named = record.said == Said::Event;
    u8::from(named) + 2 * u8::from(announced)
}

/// Would no longer reading be better?
fn is_final(record: Option<&Record<'_>>) -> bool {
    record.is_some_and(|record| {
        record.said == Said::Event
            || matches!(
                record.claim,
                Claim::Announced {
                    authorized: true,
                    ..
                }
            )
    })
}

/// Does `text` hold what only connection lines and those that imitate them hold?
fn looks_like_connection(text: &str) -> bool {
    [
        "connection received: host=",
        "connection authorized: user=",
        "connection authenticated: ",
        "disconnection: session time: ",
        "FATAL:  ",
    ]
    .iter()
    .any(|opening| text.contains(opening))
}

fn time_of(stamp: &str) -> Option<OffsetDateTime> {
    time_stamp::parse(stamp).or_else(|| time_stamp::parse_epoch(stamp))
}

/// A line that begins as the prefix does, and the lines up to the next such line.
struct Segment<'a> {
    start: usize,
    /// Without the last line feed.
    end: usize,
    /// `None`: lines in front of the first record.
    head: Option<Head<'a>>,
}

/// Cuts a text into segments, on demand.
struct Segments<'a, 'r> {
    text: &'a str,
    prefix: &'r LogLinePrefix,
    /// The segment that was not cut yet: its end is not known.
    next: Segment<'a>,
    ready: VecDeque<Segment<'a>>,
    lines: usize,
    continuations: usize,
}

/// More segments than can begin inside the names of one prefix.
const MOST_JOINED: usize = 16;

impl<'a, 'r> Segments<'a, 'r> {
    fn new(text: &'a str, prefix: &'r LogLinePrefix) -> Self {
        Self {
            text,
            prefix,
            next: Segment {
                start: 0,
                end: 0,
                head: prefix.head(text),
            },
            ready: VecDeque::new(),
            lines: 0,
            continuations: 0,
        }
    }

    fn pop(&mut self) -> Option<Segment<'a>> {
        self.ready.pop_front().or_else(|| self.cut())
    }

    /// One of the segments behind the one that was popped last.
    fn peek(&mut self, index: usize) -> Option<&Segment<'a>> {
        if index >= MOST_JOINED {
            return None;
        }
        while self.ready.len() <= index {
            let segment = self.cut()?;
            self.ready.push_back(segment);
        }
        self.ready.get(index)
    }

    fn text(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Drops the segments that belong to `first`; the text of all of them.
    fn drop_next(&mut self, first: &Segment<'a>, joined: usize) -> &'a str {
        let last = self.ready.drain(..joined.min(self.ready.len())).next_back();
        let end = last.map_or(first.end, |last| last.end);
        self.text(first.start, end)
    }

    /// Looks for the end of the next segment, and for the head of the one behind it.
    fn cut(&mut self) -> Option<Segment<'a>> {
        let rest_of_text = |from: usize| self.text.get(from..).filter(|rest| !rest.is_empty());
        let mut rest = rest_of_text(self.next.start)?;
        let mut end = self.next.start;
        loop {
            let line = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            self.lines += 1;
            end += line;
            let behind = rest_of_text(end + 1);
            let head = behind
                .filter(|behind| !behind.starts_with('\t'))
                .and_then(|behind| self.prefix.head(behind));
            if head.is_some() || behind.is_none() {
                let start = end + 1;
                let next = Segment { start, end, head };
                let segment = std::mem::replace(&mut self.next, next);
                return Some(Segment { end, ..segment });
            }
            if self.next.head.is_some() {
                self.continuations += 1;
            }
            rest = behind?;
            end += 1;
        }
    }
}
