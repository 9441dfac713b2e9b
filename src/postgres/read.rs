//! A log text becomes connection events.
//!
//! The text is cut at line feeds alone. A record begins at a line that begins as the prefix does,
//! and ends at the first line feed behind its prefix that no tab follows. Where the prefix ends is
//! the only thing that names can obscure: so every reading of it is found and judged.

mod choose;
mod parts;
mod rest;
mod tell;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use memchr::{memchr, memchr_iter};
use time::OffsetDateTime;

use super::event::{ConnectionEvent, Kind, Standing};
use super::evidence::{Evidence, Forgery, Left, Seen};
use super::line::{LogLine, PrefixFields};
use super::message::{self};
use super::name;
use super::prefix::{LogLinePrefix, Name, Readings};
use super::tokens::Severity;
use super::verdict::Judgement;
use parts::Mark;

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
    /// More of the same text. Its next part is read with the same evidence, from where this one has
    /// been read to.
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
    /// Bytes of the text that were read: all, unless more of it follows. A record begins behind them.
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

/// Reads `text`, whose records stand behind `prefix`, with the `evidence` of its log.
pub fn read<'a>(
    text: impl Into<Text<'a>>,
    prefix: &LogLinePrefix,
    evidence: &mut Evidence<'_>,
) -> Reading<'a> {
    let text = text.into();
    let mut reader = Reader::new(text, prefix, evidence);
    while !reader.is_out_of_text.get() && reader.next() {}
    let length = reader.finish();
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
    /// Until where it is not certain that another record begins.
    doubt: usize,
    /// The readings that it was chosen among.
    others: Vec<Judgement<'a>>,
}

impl<'a> Choice<'a> {
    /// There is no other.
    fn only(judgement: Judgement<'a>) -> Self {
        Self {
            judgement,
            is_only: true,
            doubt: 0,
            others: Vec::new(),
        }
    }
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
    /// Would what stands behind the text change how its next record is read?
    is_out_of_text: Cell<bool>,
    /// Where the text is read from again, when there is more of it.
    mark: Option<Mark<'a>>,
    /// What the part before has left.
    left: Left,
    /// The readings of the record that begins at some place.
    ahead: RefCell<Option<(usize, Rc<Readings<'a>>)>>,
    reading: Reading<'a>,
    unsettled: Option<Unsettled<'a>>,
    /// The record before.
    last: Option<LogLine<'a>>,
    /// Can it be nothing else?
    is_last_certain: bool,
    /// Was it a refusal? Its place among the events.
    last_refusal: Option<usize>,
    /// Is all that can be wrong with the record that it may be the rest of another?
    is_cut_only: bool,
    /// The line before, where a session has written it.
    forgery: Option<Forgery>,
    /// The last time stamp that was read: most lines share theirs with the line before.
    last_time: (&'a str, Option<OffsetDateTime>),
}

/// The line behind one that waits for it.
struct Next<'n, 'a> {
    judgement: &'n Judgement<'a>,
    /// Do all its readings say the same?
    is_only: bool,
    /// Is it certain whose it is?
    is_certain: bool,
}

/// A line whose next line tells whether PostgreSQL wrote it, or a session by SQL.
struct Unsettled<'a> {
    /// Its place among the events.
    place: usize,
    prefix: PrefixFields<'a>,
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
            is_out_of_text: Cell::new(false),
            mark: None,
            left: Left::default(),
            ahead: RefCell::new(None),
            reading: Reading {
                events,
                ..Reading::default()
            },
            unsettled: None,
            last: None,
            is_last_certain: false,
            last_refusal: None,
            is_cut_only: false,
            forgery: None,
            last_time: ("", None),
        };
        match begins {
            Begins::AtRecord => reader.resume(),
            Begins::Anywhere => {
                (reader.doubt, reader.sql_doubt) = reader.rest_behind(0);
                let first = text.floor_char_boundary(prefix.longest_names(name::WIDEST));
                reader.look_behind(first);
                let widest = name::widest(text.get(..first).unwrap_or(text));
                reader.rest_until = prefix.longest_names(widest);
            }
            Begins::InsideMessage => {
                (reader.doubt, reader.rest_until) = (usize::MAX, usize::MAX);
            }
        }
        reader
    }

    /// Where the message of a record begins at the latest, if `at` is inside its names, else 0; and
    /// the same of a record that a session wrote.
    fn rest_behind(&self, at: usize) -> (usize, usize) {
        let (mut behind, mut behind_sql) = (0, 0);
        for name in [Name::User, Name::Database] {
            let rests = self.rests(at, name);
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
        self.look_behind(at);
        let readings = self.readings(at);
        if !readings.begins {
            return behind.is_empty();
        }
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
        self.look_behind(self.at);
        if rest.is_empty() || self.is_out_of_text.get() {
            return false;
        }
        self.settle_far();
        if rest.starts_with('\t') {
            return self.skip_line(|counts| &mut counts.continuations);
        }
        let readings = self.readings(self.at);
        if readings.begins {
            return self.record(&readings);
        }
        if self.rest_of_record() {
            return true;
        }
        let looks_like_connection = looks_like_connection(self.line());
        self.skip_line(|counts| {
            if looks_like_connection {
                &mut counts.unparsed
            } else {
                &mut counts.noise
            }
        })
    }

    /// The record that can be read so; `false` when more text is needed.
    fn record(&mut self, readings: &Readings<'a>) -> bool {
        let names_end = readings.names_end;
        let only = readings.only();
        if let Some(line) = only.filter(|line| line.prefix.fit_together()) {
            let mut choice = Choice::only(self.judgement(line));
            if choice.judgement.is_possible() {
                return self.tell(&mut choice, names_end);
            }
        } else if let Some(mut choice) = self.judge(readings) {
            return self.tell(&mut choice, names_end);
        }
        self.rest_of_record() || self.unread(names_end)
    }

    /// Tells what a record says; `false` when more text is needed.
    fn tell(&mut self, choice: &mut Choice<'a>, names_end: usize) -> bool {
        let (judgement, is_only) = (&choice.judgement, choice.is_only);
        let is_whole = names_end < self.text.len();
        let standing = match is_only && is_whole && self.at >= self.doubt {
            true if self.at >= self.sql_doubt => Standing::Certain,
            true => Standing::OfItsBackend,
            false => Standing::Claimed,
        };
        let (start, end) = (self.at, judgement.end);
        let doubt = self.doubt.max(choice.doubt);
        let inside = 1 + match standing {
            Standing::Certain => choice.others.iter().map(|one| one.end).min().unwrap_or(end),
            // It may be no record, or one that a session wrote.
            _ => start + self.line().len(),
        };
        let rest = self.claimed_rest(judgement, doubt);
        self.look_inside(inside, end);
        if self.is_out_of_text.get() {
            return false;
        }
        let is_settled = standing > Standing::Claimed || self.is_of_another_client(judgement);
        self.settle(Some(Next {
            judgement,
            is_only,
            is_certain: is_settled,
        }));
        let mark = self.mark_if_more();
        self.doubt = doubt;
        self.reading.counts.records += 1;
        self.reading.counts.continuations += judgement.feeds;
        self.is_last_certain = standing == Standing::Certain && choice.others.is_empty();
        if let Some(rest) = rest {
            self.claim(rest, start, Standing::Alternative);
        }
        self.is_cut_only = is_only && is_whole && self.doubt == judgement.line.message;
        let told = self.reading.events.len();
        self.note(&mut choice.judgement, standing);
        self.last = Some(choice.judgement.line);
        let event = self.reading.events.get(told);
        let is_refused = event.is_some_and(|event| event.kind == Kind::Rejected);
        self.last_refusal = is_refused.then_some(told);
        self.left.refused = None;
        if let Some(mark) = mark {
            self.hold(mark);
        }
        self.tell_others(&choice.others, start);
        self.tell_inside(inside, end);
        self.at = (end + 1).max(start + 1);
        true
    }

    /// The line feed that ends the message at `from`: the first that no tab follows.
    fn record_end(&self, from: usize) -> usize {
        self.message(from).0
    }

    /// Where the message at `from` ends, and how many line feeds are in it.
    fn message(&self, from: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        let (mut at, mut feeds) = (from, 0);
        while let Some(feed) = memchr(b'\n', bytes.get(at..).unwrap_or_default()) {
            at += feed;
            if bytes.get(at + 1) != Some(&b'\t') {
                self.look_behind(at);
                return (at, feeds);
            }
            at += 1;
            feeds += 1;
        }
        self.look_behind(bytes.len());
        (bytes.len(), feeds)
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The line at `at`, without its line feed.
    fn line(&self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Counts the line, and reads on behind it.
    fn skip_line(&mut self, count: impl FnOnce(&mut LineCounts) -> &mut usize) -> bool {
        let end = self.at + self.line().len();
        self.look_behind(end);
        if self.is_out_of_text.get() {
            return false;
        }
        *count(&mut self.reading.counts) += 1;
        self.at = end + 1;
        true
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
