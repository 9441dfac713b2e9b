//! A log text becomes connection events.
//!
//! The text is cut at line feeds alone. A *segment* starts at a line that begins as the prefix
//! does, and holds every line up to the next such line. A record is one segment, or several: a
//! name with a line feed in it can imitate the start of a record. It is read when the whole of it
//! fits PostgreSQL's format, when its names stand in the message as in the prefix, and when its
//! client and process were announced together by `connection received`.

use time::OffsetDateTime;

use super::backends::{Announced, Claim, End, Undo};
use super::connection::{ConnectionEvent, Kind};
use super::log_line_prefix::{Head, LogLine, LogLinePrefix, PrefixFields};
use super::message::{self, Said};
use super::names;
use super::record::Record;
use super::segments::{Segment, Segments};
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

/// Bytes of a connection line, about; and log events of a CloudWatch batch, at most.
const COMMON_LINE: usize = 150;
const COMMON_BATCH: usize = 10_000;

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
        widest: names::widest(text),
        reading: Reading {
            events: Vec::with_capacity((text.len() / COMMON_LINE).min(COMMON_BATCH)),
            counts: LineCounts::default(),
        },
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
    /// How many bytes of the text a byte of a name takes up at most.
    widest: usize,
    reading: Reading<'a>,
    /// A segment that starts before this offset may be part of one that could not be read.
    garbage_until: usize,
    /// The prefix of the event that the record before this one was, and how to take it back.
    last_event: Option<(PrefixFields<'a>, Undo)>,
    /// The last time stamp that was read: most lines share theirs with the line before.
    last_time: (&'a str, Option<OffsetDateTime>),
}

impl<'a> Reader<'a, '_> {
    fn segment(&mut self, segment: &Segment<'a>) {
        let Some(head) = &segment.head else {
            self.stray_lines(segment);
            return;
        };
        let mut record = Record::blank();
        let misread = self.record(segment, head, &mut record);
        if record.is_unread() {
            self.garbage(segment, head, misread);
            return;
        }
        let text = self.segments.drop_next(segment, record.joined);
        self.reading.counts.records += 1;
        let events = self.reading.events.len();
        if self.is_event(segment.start, text, &mut record) {
            self.reading.events.push(record.event);
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
    fn record(&mut self, segment: &Segment<'a>, head: &Head<'a>, best: &mut Record<'a>) -> bool {
        let mut misread = false;
        let mut end = segment.end;
        for joined in 0.. {
            let text = self.segments.text(segment.start, end);
            let names_end = self.prefix.readings(text, head, self.widest, &mut |line| {
                misread |= !self.reading(&line, joined, best);
                true
            });
            if names_end < text.len() || best.is_final() {
                break;
            }
            let Some(next) = self.segments.peek(joined) else {
                break;
            };
            end = next.end;
        }
        // The line of a session, whose application name can imitate the end of the prefix.
        if misread && best.refusal().is_some() && !message::is_starting(&best.prefix) {
            best.said = Said::Undecidable;
        }
        misread
    }

    /// Where the last name in the prefix of `segment` ends at the latest.
    fn names_end(&self, segment: &Segment<'a>, head: &Head<'a>) -> usize {
        segment.start + head.length() + self.prefix.longest_names(self.widest)
    }

    /// Reads `line` into `best` if that makes it better; `false` when the line cannot be right.
    fn reading(&self, line: &LogLine<'a, '_>, joined: usize, best: &mut Record<'a>) -> bool {
        if best.is_unread() {
            let is_possible = self.read(line, joined, best);
            if !is_possible {
                *best = Record::blank();
            }
            return is_possible;
        }
        let mut other = Record::blank();
        let is_possible = self.read(line, joined, &mut other);
        if is_possible {
            best.keep_better(other);
        }
        is_possible
    }

    fn read(&self, line: &LogLine<'a, '_>, joined: usize, record: &mut Record<'a>) -> bool {
        record.prefix = *line.prefix;
        record.client = self.announced.client(line.prefix);
        record.claim = self.announced.claim(record.client, line.prefix.backend_pid);
        record.joined = joined;
        record.read(line)
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

    /// Something here is not PostgreSQL's work. The client is a fact when it was announced; the time
    /// stamp may be part of a forgery.
    fn suspect(&mut self, start: usize, prefix: &PrefixFields<'a>) {
        let known = self.announced.knows_client(prefix);
        self.reading.events.push(ConnectionEvent {
            offset: start,
            host: prefix.host.filter(|_| known),
            port: prefix.port.filter(|_| known),
            ..ConnectionEvent::of_kind(Kind::Suspicious)
        });
    }
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
