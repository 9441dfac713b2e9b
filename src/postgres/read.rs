//! A log text becomes connection events.
//!
//! The text is cut at line feeds alone. A record begins at a line that begins as the prefix does,
//! and ends at the first line feed behind its prefix that no tab follows. Where the prefix ends is
//! the only thing that names can obscure: so every reading of it is found and judged.

mod choose;
mod rest;
mod tell;

use std::cell::RefCell;
use std::rc::Rc;

use memchr::{memchr, memchr_iter};
use time::OffsetDateTime;

use super::event::{Backend, ConnectionEvent, Kind, Standing};
use super::evidence::{Evidence, Seen};
use super::line::{LogLine, PrefixFields};
use super::message::{self};
use super::name;
use super::prefix::{Head, LogLinePrefix, Name, Readings};
use super::tokens::Severity;
use super::verdict::Judgement;

/// A piece of a log.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// Whole lines.
    pub text: &'a str,
    /// Where in the log it begins.
    pub begins: Begins,
    /// What stands behind it in the log.
    pub behind: Behind,
}

/// What stands behind a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// What another text holds, if any does.
    Another,
    /// More, which can be read together with the last lines of this text.
    More,
    /// Nothing is known of it: a filter has taken the text out of its log.
    Unknown,
}

/// Where in a log a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// At any line: perhaps inside a record.
    Anywhere,
    /// Where a record begins.
    AtRecord,
    /// Perhaps inside a message that was cut at any byte: nothing in the text is certain.
    InsideMessage,
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text {
            text,
            begins: Begins::Anywhere,
            behind: Behind::Another,
        }
    }
}

/// The connection events of a text, in its order, and what else it held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading<'a> {
    /// In the order of the lines.
    pub events: Vec<ConnectionEvent<'a>>,
    /// What the text held.
    pub counts: LineCounts,
    /// Bytes of the text that were read: all, unless it goes on. A record begins behind them.
    pub length: usize,
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
    /// Lines that are part of no record: what libraries print, blank lines.
    pub noise: usize,
    /// Lines that look like connection lines, in a form that cannot be read.
    pub unparsed: usize,
    /// Records about connections in another language than English.
    pub translated: usize,
}

impl LineCounts {
    /// Adds what another text held.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.records += other.records;
        self.continuations += other.continuations;
        self.noise += other.noise;
        self.unparsed += other.unparsed;
        self.translated += other.translated;
    }
}

/// Bytes of a connection line, about; and log events of a CloudWatch batch, at most.
const COMMON_LINE: usize = 150;
const COMMON_BATCH: usize = 10_000;

/// A record of a text that goes on is read when so many bytes behind it are there: more than the
/// prefix of the next one can have.
const AHEAD: usize = 4096;

/// Reads `text`, whose records stand behind `prefix`, with the `evidence` of its log.
pub fn read<'a>(
    text: impl Into<Text<'a>>,
    prefix: &LogLinePrefix,
    evidence: &mut Evidence<'_>,
) -> Reading<'a> {
    let text = text.into();
    let mut reader = Reader::new(text, prefix, evidence);
    while reader.next() {}
    let length = reader.at.min(text.text.len());
    reader.settle(None);
    let read = text.text.as_bytes().get(..length).unwrap_or_default();
    reader.reading.counts.lines = memchr_iter(b'\n', read).count();
    reader.reading.counts.lines += usize::from(read.last().is_some_and(|last| *last != b'\n'));
    reader.reading.length = length;
    reader.reading
}

/// The reading of a record that is left.
struct Choice<'a> {
    judgement: Judgement<'a>,
    /// Is it the only one, or what all of them share?
    is_only: bool,
    /// The readings that it was chosen among.
    others: Vec<Judgement<'a>>,
}

struct Reader<'a, 'r, 'm> {
    text: &'a str,
    behind: Behind,
    prefix: &'r LogLinePrefix,
    evidence: &'r mut Evidence<'m>,
    /// How many bytes of the text a byte of a name takes up at most.
    widest: usize,
    /// The line that is read next.
    at: usize,
    /// A record that begins before this offset may be part of the names of another.
    doubt: usize,
    /// A record that begins before this offset may be part of what a session wrote, one whose names
    /// hold a line feed.
    sql_doubt: usize,
    /// A line that begins before this offset may be the rest of a record.
    rest_until: usize,
    /// The readings of the record that begins at some place.
    ahead: RefCell<Option<(usize, Rc<Readings<'a>>)>>,
    reading: Reading<'a>,
    unsettled: Option<Unsettled<'a>>,
    /// The record before.
    last: Option<LogLine<'a>>,
    /// Can it be nothing else?
    is_last_certain: bool,
    /// Was it a refusal, which has been told?
    is_last_refused: bool,
    /// Is all that can be wrong with the record that it may be the rest of another?
    is_cut_only: bool,
    /// Where a line ends that a session has written.
    forged_end: Option<usize>,
    /// The last time stamp that was read: most lines share theirs with the line before.
    last_time: (&'a str, Option<OffsetDateTime>),
}

/// A line whose next line tells whether PostgreSQL wrote it, or a session by SQL.
struct Unsettled<'a> {
    prefix: PrefixFields<'a>,
    event: ConnectionEvent<'a>,
    backend: Option<Backend>,
    /// What its backend was before.
    before: Seen,
    /// Do earlier lines of the same text show that no session could have written it?
    is_proven: bool,
}

impl<'a, 'r, 'm> Reader<'a, 'r, 'm> {
    fn new(
        Text {
            text,
            begins,
            behind,
        }: Text<'a>,
        prefix: &'r LogLinePrefix,
        evidence: &'r mut Evidence<'m>,
    ) -> Self {
        let events = Vec::with_capacity((text.len() / COMMON_LINE).min(COMMON_BATCH));
        let mut reader = Self {
            text,
            behind,
            prefix,
            evidence,
            widest: name::widest(text),
            at: 0,
            doubt: 0,
            sql_doubt: 0,
            rest_until: 0,
            ahead: RefCell::new(None),
            reading: Reading {
                events,
                ..Reading::default()
            },
            unsettled: None,
            last: None,
            is_last_certain: false,
            is_last_refused: false,
            is_cut_only: false,
            forged_end: None,
            last_time: ("", None),
        };
        match begins {
            Begins::AtRecord => {}
            Begins::Anywhere => {
                (reader.doubt, reader.sql_doubt) = reader.rest_behind(0);
                reader.rest_until = prefix.longest_names(reader.widest);
            }
            Begins::InsideMessage => {
                (reader.doubt, reader.rest_until) = (text.len(), text.len());
            }
        }
        reader
    }

    /// Where the message of a record begins at the latest, if `at` is inside its names, else 0; and
    /// the same of a record that a session wrote.
    fn rest_behind(&self, at: usize) -> (usize, usize) {
        let (mut behind, mut behind_sql) = (0, 0);
        for name in [Name::User, Name::Database] {
            let rests = self.prefix.rests(self.text, at, name, self.widest);
            if rests.names_end >= self.text.len() {
                return (self.text.len(), 0);
            }
            for line in rests.iter() {
                if self.may_end(line, name) {
                    behind = behind.max(line.message);
                } else if line.severity == Severity::Log && self.may_be_of_sql(line) {
                    behind_sql = behind_sql.max(line.message);
                }
            }
        }
        (behind, behind_sql)
    }

    /// Is the next line one that follows what SQL has written, or not there?
    fn may_be_of_sql(&self, line: &LogLine<'a>) -> bool {
        let at = self.record_end(line.message) + 1;
        let behind = self.text.get(at..).unwrap_or_default();
        let Some(head) = self.prefix.head(behind) else {
            return behind.is_empty();
        };
        let readings = self.prefix.readings(self.text, at, &head, self.widest);
        let mut next = readings.iter();
        readings.names_end >= self.text.len()
            || next.any(|next| next.severity.is_from_sql() || next.severity == Severity::Detail)
    }

    fn may_end(&self, line: &LogLine<'a>, name: Name) -> bool {
        let end = self.record_end(line.message);
        message::may_end(line, self.slice(line.message, end), name)
    }

    /// Reads one record, or a line that is part of none; `false` at the end.
    fn next(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        if rest.starts_with('\t') {
            self.reading.counts.continuations += 1;
            self.skip_line();
            return true;
        }
        match self.prefix.head(rest) {
            Some(head) => self.record(&head),
            None if self.at < self.rest_until.max(self.doubt) && self.rest_of_record() => true,
            None => {
                if looks_like_connection(self.line()) {
                    self.reading.counts.unparsed += 1;
                } else {
                    self.reading.counts.noise += 1;
                }
                self.skip_line();
                true
            }
        }
    }

    /// The record that begins with `head`; `false` when more text is needed.
    fn record(&mut self, head: &Head<'a>) -> bool {
        let readings = self.prefix.readings(self.text, self.at, head, self.widest);
        let names_end = readings.names_end;
        if self.needs_more(names_end) {
            return false;
        }
        let Some(choice) = self.judge(&readings) else {
            let is_rest = self.at < self.rest_until.max(self.doubt) && self.rest_of_record();
            if !is_rest {
                self.unread(names_end);
            }
            return true;
        };
        let (judgement, is_only) = (choice.judgement, choice.is_only);
        if self.needs_more(judgement.end) {
            return false;
        }
        let is_whole = names_end < self.text.len();
        let standing = match is_only && is_whole && self.at >= self.doubt {
            true if self.at >= self.sql_doubt => Standing::Certain,
            true => Standing::OfItsBackend,
            false => Standing::Claimed,
        };
        self.settle(Some((&judgement, standing)));
        let (start, end) = (self.at, judgement.end);
        self.reading.counts.records += 1;
        self.reading.counts.continuations += self.feeds(judgement.line.message, end);
        self.last = Some(judgement.line);
        self.is_last_certain = standing == Standing::Certain && choice.others.is_empty();
        if start < self.rest_until.max(self.doubt) {
            self.claim_rest(&judgement);
        }
        self.is_cut_only = is_only && is_whole && self.doubt == judgement.line.message;
        let told = self.reading.events.len();
        self.note(judgement, standing);
        self.is_last_refused = self
            .reading
            .events
            .get(told)
            .is_some_and(|event| event.kind == Kind::Rejected);
        self.tell_others(&choice.others, start);
        let inside = match standing {
            // It may be no record.
            Standing::Claimed => start + self.line().len(),
            _ => choice.others.iter().map(|one| one.end).min().unwrap_or(end),
        };
        self.tell_inside(inside + 1, end);
        self.at = (end + 1).max(start + 1);
        true
    }

    /// Must more of the log be there to judge what ends at `end`?
    fn needs_more(&self, end: usize) -> bool {
        self.behind == Behind::More && end + AHEAD > self.text.len()
    }

    /// The line feed that ends the message at `from`: the first that no tab follows.
    fn record_end(&self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(feed) = memchr(b'\n', bytes.get(at..).unwrap_or_default()) {
            at += feed;
            if bytes.get(at + 1) != Some(&b'\t') {
                return at;
            }
            at += 1;
        }
        bytes.len()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The line at `at`, without its line feed.
    fn line(&self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }

    fn skip_line(&mut self) {
        self.at += self.line().len() + 1;
    }

    fn feeds(&self, start: usize, end: usize) -> usize {
        memchr_iter(b'\n', self.slice(start, end).as_bytes()).count()
    }
}

/// Does `text` hold what only connection lines and those that imitate them hold?
fn looks_like_connection(text: &str) -> bool {
    const OPENINGS: [&str; 5] = [
        "connection received: host=",
        "connection authorized: user=",
        "connection authenticated: ",
        "disconnection: session time: ",
        "FATAL:  ",
    ];
    OPENINGS.iter().any(|opening| text.contains(opening))
}
