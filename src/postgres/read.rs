//! A log text becomes connection events.
//!
//! The text is cut at line feeds alone. A record begins at a line that begins as the prefix does,
//! and ends at the first line feed behind its prefix that no tab follows. Where the prefix ends is
//! the only thing that names can obscure: so every reading of it is found and judged.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;

use memchr::{memchr, memchr_iter};
use time::OffsetDateTime;

use super::event::{Backend, ConnectionEvent, Facts, Kind, Standing};
use super::evidence::{Evidence, Seen};
use super::line::{LogLine, PrefixFields};
use super::message::{self, Named, Report, Said, without_tabs};
use super::prefix::{Head, LogLinePrefix, Name, Readings};
use super::tokens::Severity;
use super::verdict::{self, Judgement};
use super::{name, time_stamp};

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

    /// The reading of a record that its message, earlier lines of its backend and the text behind it
    /// leave, and whether it is the only one, or says what all of them share.
    fn judge(&mut self, readings: &Readings<'a>) -> Option<Choice<'a>> {
        let mut possible = self.possible(readings);
        let first = possible.next()?;
        let mut others: Vec<_> = possible.collect();
        if others.is_empty() {
            return Some(Choice {
                judgement: first,
                is_only: true,
                others,
            });
        }
        others.push(first);
        self.choose(others, readings.names_end)
    }

    /// The readings that PostgreSQL can have written.
    fn possible(&self, readings: &Readings<'a>) -> impl Iterator<Item = Judgement<'a>> {
        readings
            .iter()
            .filter(|line| line.prefix.fit_together())
            .map(|line| self.judgement(line))
            .filter(Judgement::is_possible)
    }

    fn judgement(&self, line: &LogLine<'a>) -> Judgement<'a> {
        let end = self.record_end(line.message);
        Judgement {
            line: *line,
            said: message::read(line, self.slice(line.message, end)),
            end,
        }
    }

    /// Of several possible readings: those that PostgreSQL can have written there; of these, those that
    /// go best with what stands before and behind.
    fn choose(&mut self, mut possible: Vec<Judgement<'a>>, names_end: usize) -> Option<Choice<'a>> {
        self.rule_out(&mut possible, names_end);
        let all = possible.clone();
        self.prefer(&mut possible);
        let (judgement, agree) = if has_one_end(&all) {
            keep_if_any(&mut possible, |judgement| self.explains_last(judgement));
            verdict::of(possible)?
        } else {
            (self.choose_length(possible, &all)?, false)
        };
        let is_only = agree
            && all
                .iter()
                .all(|one| verdict::agrees(&one.said, &judgement.said));
        Some(Choice {
            judgement,
            is_only,
            others: all,
        })
    }

    /// Leaves out what PostgreSQL does not write in such a place.
    fn rule_out(&self, possible: &mut Vec<Judgement<'a>>, names_end: usize) {
        if self.behind != Behind::Unknown && self.is_last_certain {
            keep_if_any(possible, |judgement| {
                judgement.line.severity.place() == 0 || self.goes_with_last(judgement)
            });
        }
        if self.behind != Behind::Unknown && has_one_client(possible) {
            keep_if_any(possible, |judgement| {
                let backend = self.evidence.backend(&judgement.line.prefix);
                self.evidence.is_known_here(backend)
            });
        }
        keep_if_any(possible, |judgement| {
            judgement.said != Said::Contradiction
                || self.is_of_sql(judgement)
                || self.is_last(judgement)
        });
        if !has_one_end(possible) {
            keep_if_any(possible, |judgement| {
                self.goes_on_behind(judgement.end, names_end)
            });
        }
    }

    /// Keeps what is more likely, for what is seen before and behind.
    fn prefer(&self, possible: &mut Vec<Judgement<'a>>) {
        if self.behind != Behind::Unknown {
            keep_if_any(possible, |judgement| {
                let backend = self.evidence.backend(&judgement.line.prefix);
                self.evidence.is_known_here(backend)
            });
        }
        keep_if_any(possible, |judgement| self.goes_with_last(judgement));
        keep_if_any(possible, |judgement| self.is_of_sql(judgement));
    }

    /// Of readings that end in different places, and of which nothing is certain: what is told of the
    /// record. What stands behind it is in doubt as far as the longest goes.
    fn choose_length(
        &mut self,
        possible: Vec<Judgement<'a>>,
        all: &[Judgement<'a>],
    ) -> Option<Judgement<'a>> {
        let latest = all.iter().map(|one| one.line.message).max()?;
        self.doubt = self.doubt.max(latest);
        verdict::of_different_lengths(possible)
    }

    /// Is the record the DETAIL of the refusal before it?
    fn explains_last(&self, judgement: &Judgement<'a>) -> bool {
        let is_detail = matches!(judgement.said, Said::Detail(_));
        is_detail && self.is_of_last_refusal(&judgement.line.prefix)
    }

    fn is_of_last_refusal(&self, prefix: &PrefixFields<'_>) -> bool {
        let last = self.reading.events.last().filter(|_| self.is_last_refused);
        last.is_some_and(|last| {
            last.kind == Kind::Rejected
                && last.facts.backend_pid == prefix.backend_pid
                && last.facts.host.as_deref() == prefix.host
                && last.facts.port == prefix.port
        })
    }

    /// Is the record part of the report that the one before it is part of?
    fn goes_with_last(&self, judgement: &Judgement<'a>) -> bool {
        let place = judgement.line.severity.place();
        let is_of_report = |last: &LogLine<'_>| {
            let is_behind = match judgement.line.severity {
                // QUERY and CONTEXT, LOCATION and BACKTRACE.
                Severity::Context | Severity::Location => last.severity.place() <= place,
                _ => last.severity.place() < place,
            };
            is_behind && last.prefix.is_of_report(&judgement.line.prefix)
        };
        place > 0 && self.last.as_ref().is_some_and(is_of_report)
    }

    /// Is the next record not there, or not whole?
    fn is_last(&self, judgement: &Judgement<'a>) -> bool {
        let at = judgement.end + 1;
        let behind = self.text.get(at..).unwrap_or_default();
        let is_open = self
            .readings_at(at)
            .is_some_and(|readings| readings.names_end >= self.text.len());
        behind.is_empty() || is_open
    }

    /// Has a session written the record by SQL? PostgreSQL then tells where, on the next line.
    fn is_of_sql(&self, judgement: &Judgement<'a>) -> bool {
        let is_report = matches!(judgement.line.severity, Severity::Log | Severity::Other);
        let at = judgement.end + 1;
        let behind = self.text.get(at..).filter(|_| is_report);
        let Some(readings) = behind.and_then(|_| self.readings_at(at)) else {
            return false;
        };
        let (mine, mut next) = (&judgement.line.prefix, readings.iter());
        next.any(|next| {
            let is_part = next.severity.is_from_sql() || next.severity == Severity::Detail;
            is_part && mine.is_of_report(&next.prefix)
        })
    }

    /// Can PostgreSQL have written what stands behind a record that ends at `end`, as far as `until`?
    fn goes_on_behind(&self, end: usize, until: usize) -> bool {
        let (mut ends, mut seen) = (vec![end], vec![end]);
        while let Some(end) = ends.pop() {
            let at = end + 1;
            if at >= until.min(self.text.len()) {
                return true;
            }
            let Some(readings) = self.readings_at(at) else {
                if self.rest_at(at, false).is_none() {
                    return true;
                }
                continue;
            };
            if readings.names_end >= self.text.len() {
                return true;
            }
            for line in readings.iter().filter(|line| line.prefix.fit_together()) {
                let end = self.record_end(line.message);
                if !seen.contains(&end) && self.judgement(line).is_possible() {
                    seen.push(end);
                    ends.push(end);
                }
            }
        }
        false
    }

    /// Every reading of the record at `at`, if one begins there. The last is remembered: the record is
    /// read for what it says of the one before, and then for itself.
    fn readings_at(&self, at: usize) -> Option<Rc<Readings<'a>>> {
        let mut ahead = self.ahead.borrow_mut();
        match &*ahead {
            Some((place, readings)) if *place == at => return Some(Rc::clone(readings)),
            _ => {}
        }
        let head = self.prefix.head(self.text.get(at..)?)?;
        let readings = Rc::new(self.prefix.readings(self.text, at, &head, self.widest));
        *ahead = Some((at, Rc::clone(&readings)));
        Some(readings)
    }

    /// The rest of a record at `at`, if the line there begins inside one of the record's names: of
    /// several readings the one whose message repeats the most names, or the shortest.
    /// No line between begins as the prefix does, unless it `may_hold_heads`.
    fn rest_at(&self, at: usize, may_hold_heads: bool) -> Option<Judgement<'a>> {
        let mut possible = Vec::new();
        for name in [Name::User, Name::Database] {
            let rests = self.prefix.rests(self.text, at, name, self.widest);
            for line in rests.iter().filter(|line| self.may_end(line, name)) {
                let mut line = *line;
                line.prefix.user.take_if(|_| name == Name::User);
                line.prefix.database.take_if(|_| name == Name::Database);
                if may_hold_heads || !self.begins_between(at, line.message) {
                    possible.push(self.judgement(&line));
                }
            }
        }
        possible
            .into_iter()
            .filter(Judgement::is_possible)
            .min_by_key(|one| (Reverse(verdict::rank(&one.said)), one.end))
    }

    /// Does a line between `from` and `to` begin as the prefix does?
    fn begins_between(&self, from: usize, to: usize) -> bool {
        let between = self.slice(from, to);
        memchr_iter(b'\n', between.as_bytes()).any(|at| {
            let line = self.text.get(from + at + 1..);
            line.is_some_and(|line| self.prefix.head(line).is_some())
        })
    }

    /// Reads the rest of a record whose beginning is in another text, or is in doubt.
    fn rest_of_record(&mut self) -> bool {
        let Some(judgement) = self.rest_at(self.at, false) else {
            return false;
        };
        self.settle(Some((&judgement, Standing::Claimed)));
        self.reading.counts.continuations += 1 + self.feeds(self.at, judgement.end);
        let start = std::mem::replace(&mut self.at, judgement.end + 1);
        self.claim(judgement, start, Standing::Claimed);
        true
    }

    /// A record may be the rest of another, whose message repeats more names.
    fn claim_rest(&mut self, record: &Judgement<'a>) {
        let rest = self.rest_at(self.at, true);
        let says_more =
            |rest: &Judgement<'a>| verdict::rank(&rest.said) > verdict::rank(&record.said);
        if let Some(rest) = rest.filter(says_more) {
            self.claim(rest, self.at, Standing::Alternative);
        }
    }

    /// Tells what the rest of a record says.
    fn claim(&mut self, rest: Judgement<'a>, start: usize, standing: Standing) {
        if let Said::Event(report) = rest.said
            && matches!(
                report.kind,
                Kind::Rejected | Kind::Authorized | Kind::Disconnected
            )
        {
            let mut event = self.event(report, &rest.line.prefix, standing);
            event.offset = start;
            self.push(event);
        }
    }

    /// Tells what else the record at `at` may say, where that is of another kind or backend than what
    /// has been told of it.
    fn tell_others(&mut self, others: &[Judgement<'a>], at: usize) {
        const MOST: usize = 32;
        let here = self.reading.events.iter().rev();
        let here = here.take_while(|event| event.offset == at);
        let held = self.unsettled.as_ref().map(|held| &held.event);
        let held = held.filter(|event| event.offset == at);
        let mut told: Vec<(Kind, Option<Backend>)> = here
            .chain(held)
            .map(|event| (event.kind, event.backend))
            .collect();
        for other in others {
            let Said::Event(report) = &other.said else {
                continue;
            };
            let is_told = matches!(
                report.kind,
                Kind::Rejected | Kind::Authorized | Kind::Disconnected | Kind::Probed
            );
            let one = (report.kind, self.backend(&other.line.prefix));
            if is_told && told.len() < MOST && !told.contains(&one) {
                told.push(one);
                let (report, prefix) = (report.clone(), &other.line.prefix);
                let mut event = self.event(report, prefix, Standing::Alternative);
                event.offset = at;
                self.push(event);
            }
        }
    }

    /// Tells what the lines from `from` to `until` may say that the record before has taken up, in one
    /// of its readings.
    fn tell_inside(&mut self, from: usize, until: usize) {
        let mut at = from;
        while at < until {
            if let Some(readings) = self.readings_at(at) {
                let possible: Vec<_> = self.possible(&readings).collect();
                let latest = possible.iter().map(|one| one.line.message).max();
                self.doubt = self.doubt.max(latest.unwrap_or(0));
                self.tell_others(&possible, at);
            }
            let rest = self.slice(at, until).as_bytes();
            at += memchr(b'\n', rest).unwrap_or(rest.len()) + 1;
        }
    }

    /// A line that begins as a record does and cannot be read as one.
    fn unread(&mut self, names_end: usize) {
        let is_whole = names_end < self.text.len();
        self.settle(None);
        if is_whole && looks_like_connection(self.line()) {
            self.reading.counts.unparsed += 1;
        } else {
            self.reading.counts.noise += 1;
        }
        self.doubt = self.doubt.max(names_end);
        self.rest_until = self.rest_until.max(names_end);
        self.skip_line();
    }

    /// Takes note of what a record says.
    fn note(&mut self, judgement: Judgement<'a>, standing: Standing) {
        let line = judgement.line;
        match judgement.said {
            Said::Event(report) => self.note_event(report, &line, standing),
            Said::Detail(text) => self.explain(text, &line.prefix, standing),
            Said::Translated => self.reading.counts.translated += 1,
            Said::Contradiction
                if standing == Standing::Certain && line.severity == Severity::Log =>
            {
                self.suspect(&line.prefix, self.at, standing);
                self.forged_end = Some(judgement.end);
            }
            Said::Contradiction => self.reading.counts.unparsed += 1,
            Said::FromSql | Said::Location | Said::Nothing => {}
        }
    }

    fn note_event(&mut self, report: Report<'a>, line: &LogLine<'a>, standing: Standing) {
        let prefix = &line.prefix;
        let backend = self.backend(prefix);
        let (kind, named) = (report.kind, report.named);
        let principal = report.principal;
        let before = self.evidence.seen(backend);
        let mut event = self.event(report, prefix, standing);
        if self.is_behind_forgery(kind, backend) {
            return self.suspect(prefix, event.offset, standing);
        }
        match kind {
            Kind::Received => {
                if standing == Standing::Certain {
                    self.evidence.received(backend, event.facts.time);
                }
                // A session has names.
                let is_proven = prefix.user.is_some();
                self.await_next(event, prefix, is_proven, before);
            }
            Kind::Authenticated => {
                if standing > Standing::Claimed {
                    self.evidence.authenticated(backend, &event.facts);
                }
                self.await_next(event, prefix, false, before);
            }
            Kind::Authorized => {
                if backend.is_none() {
                    // Nothing tells whether the client was turned away after all.
                    event.standing = event.standing.min(Standing::OfItsBackend);
                }
                self.tell_identity(&mut event, principal, backend);
                let is_proven = self.evidence.is_starting_here(backend);
                let is_second = self.behind != Behind::Unknown
                    && self.evidence.is_received_here(backend)
                    && self.evidence.is_authorized_here(backend);
                if standing > Standing::Claimed {
                    self.evidence.authorized(backend);
                }
                if is_second {
                    self.suspect(prefix, event.offset, standing);
                } else {
                    self.await_next(event, prefix, is_proven, before);
                }
            }
            Kind::Ready => {
                if let Some(is_proven) = self.is_news(backend) {
                    if !is_proven {
                        event.standing = Standing::Claimed;
                    }
                    self.await_next(event, prefix, is_proven, before);
                }
            }
            Kind::Disconnected => self.await_next(event, prefix, false, before),
            Kind::Ended => {
                let is_starting = self.behind != Behind::Unknown
                    && self.evidence.is_received_here(backend)
                    && !self.evidence.is_authorized_here(backend)
                    && self.evidence.shows_authorizations();
                if is_starting {
                    // An authorization that can be read in several ways is not known of.
                    event.kind = Kind::Rejected;
                    event.standing = event.standing.min(Standing::OfItsBackend);
                    self.push(event);
                }
            }
            Kind::Rejected => self.reject(event, named, backend),
            // A session has names.
            Kind::Probed => self.await_next(event, prefix, prefix.user.is_some(), before),
            Kind::Explanation | Kind::Suspicious => self.push(event),
        }
    }

    fn event(
        &mut self,
        report: Report<'a>,
        prefix: &PrefixFields<'a>,
        standing: Standing,
    ) -> ConnectionEvent<'a> {
        let mut facts = report.facts;
        facts.time = self.time(prefix);
        facts.reason = facts.reason.map(without_tabs_in);
        facts.identity = facts.identity.map(without_tabs_in);
        ConnectionEvent {
            kind: report.kind,
            offset: self.at,
            standing,
            backend: self.backend(prefix),
            facts,
        }
    }

    /// Behind a filter, a process id or a port may belong to another client by now: its
    /// `connection received` may be held back.
    fn backend(&self, prefix: &PrefixFields<'a>) -> Option<Backend> {
        let has_port = prefix.remote.is_some_and(|remote| remote.ends_with(')'));
        let is_certain = has_port && prefix.backend_pid.is_some();
        let backend = self.evidence.backend(prefix);
        backend.filter(|_| is_certain || self.behind != Behind::Unknown)
    }

    /// Does the line stand right behind one that a session has written, and name a client that this
    /// log has not announced? A superuser can write whole lines of any kind.
    fn is_behind_forgery(&mut self, kind: Kind, backend: Option<Backend>) -> bool {
        let forged_end = self.forged_end.take();
        forged_end.is_some_and(|end| end + 1 == self.at)
            && kind != Kind::Received
            && backend.is_some()
            && self.evidence.shows_announcements()
            && !self.evidence.is_announced(backend)
    }

    /// Is `connection ready` the first that is heard of a session? `None`: it is not.
    /// `Some(true)`: earlier lines of this text show that there was no `connection authorized`.
    fn is_news(&self, backend: Option<Backend>) -> Option<bool> {
        let evidence = &self.evidence;
        if evidence.is_received_here(backend) {
            return (!evidence.is_authorized_here(backend)).then_some(true);
        }
        let was_told = evidence.is_authorized(backend) || evidence.shows_authorizations();
        (!was_told).then_some(false)
    }

    /// GSSAPI's principal is the identity, unless an application name imitates it.
    fn tell_identity(
        &self,
        event: &mut ConnectionEvent<'a>,
        principal: Option<&'a str>,
        backend: Option<Backend>,
    ) {
        let Some(principal) = principal else {
            return;
        };
        if event.facts.application_name.is_none() || self.evidence.may_be_gss(backend) {
            event.facts.identity = Some(Cow::Borrowed(principal));
        } else {
            event.facts.application_name = None;
            event.facts.encryption = super::event::Encryption::Unknown;
        }
    }

    fn reject(&mut self, mut event: ConnectionEvent<'a>, named: Named, backend: Option<Backend>) {
        let reason = event.facts.reason.as_deref().unwrap_or_default();
        let tells_client = self.prefix.has_remote() || self.prefix.has_names();
        if named == Named::Nobody && !tells_client && !self.evidence.is_announced(backend) {
            // The server's own processes end with a FATAL, too.
            if !message::is_of_startup(named, reason) {
                return;
            }
            event.standing = Standing::Claimed;
        }
        if self.evidence.is_authorized(backend) && !message::is_of_startup(named, reason) {
            // Its session may have been established: a `disconnection` would tell.
            event.standing = event.standing.min(Standing::OfItsBackend);
        }
        // The batch's start may have cut a database name. What is left is what the message says,
        // and what was known of the client before.
        if event.standing == Standing::Claimed
            && self.is_cut_only
            && self.prefix.is_bound()
            && named == Named::User
            && self.evidence.was_received_before(backend, event.facts.time)
        {
            event.facts.database = None;
            event.standing = Standing::Certain;
        }
        self.push(event);
    }

    /// Holds `event` back until the next line has told whether SQL wrote it.
    fn await_next(
        &mut self,
        event: ConnectionEvent<'a>,
        prefix: &PrefixFields<'a>,
        is_proven: bool,
        before: Seen,
    ) {
        self.unsettled = Some(Unsettled {
            prefix: *prefix,
            backend: event.backend,
            event,
            before,
            is_proven,
        });
    }

    /// `RAISE LOG` can write the text of any message; PostgreSQL then adds CONTEXT and STATEMENT
    /// lines of the same backend. `next` is the line behind the one that is held back.
    fn settle(&mut self, next: Option<(&Judgement<'a>, Standing)>) {
        let Some(held) = self.unsettled.take() else {
            return;
        };
        let is_next_of_same =
            next.is_some_and(|(next, _)| is_same_backend(&held.prefix, &next.line.prefix));
        match next.map(|(next, _)| &next.said) {
            Some(Said::Location) if is_next_of_same => {
                self.unsettled = Some(held);
                return;
            }
            Some(Said::FromSql | Said::Detail(_)) if is_next_of_same => {
                self.evidence.restore(held.backend, held.before);
                return self.suspect(&held.prefix, held.event.offset, held.event.standing);
            }
            _ => {}
        }
        let mut event = held.event;
        let is_proven = held.is_proven && self.behind != Behind::Unknown;
        let is_next_certain = next.is_some_and(|(_, standing)| standing > Standing::Claimed);
        if !is_next_certain && !is_proven {
            event.standing = event.standing.min(Standing::OfItsBackend);
        }
        self.push(event);
    }

    /// Somebody has written a line about a connection. Who it is stands in the prefix, if that is
    /// certain.
    fn suspect(&mut self, prefix: &PrefixFields<'a>, start: usize, standing: Standing) {
        let mut event = ConnectionEvent {
            kind: Kind::Suspicious,
            offset: start,
            standing,
            backend: None,
            facts: Facts::default(),
        };
        if standing == Standing::Certain {
            event.facts = message::of_session(Kind::Suspicious, prefix).facts;
            event.facts.time = self.time(prefix);
        }
        self.push(event);
    }

    /// A DETAIL belongs to the refusal right before it.
    fn explain(&mut self, text: &'a str, prefix: &PrefixFields<'a>, standing: Standing) {
        let is_behind_filter = self.behind == Behind::Unknown && self.reading.counts.records == 1;
        if is_behind_filter && self.backend(prefix).is_some() || self.is_of_last_refusal(prefix) {
            let mut report = message::of_session(Kind::Explanation, prefix);
            report.facts.reason = Some(Cow::Borrowed(text));
            let event = self.event(report, prefix, standing);
            self.push(event);
        }
    }

    fn push(&mut self, event: ConnectionEvent<'a>) {
        self.reading.events.push(event);
    }

    fn time(&mut self, prefix: &PrefixFields<'a>) -> Option<OffsetDateTime> {
        let stamp = prefix.time?;
        if self.last_time.0 != stamp {
            let time = time_stamp::parse(stamp).or_else(|| time_stamp::parse_epoch(stamp));
            self.last_time = (stamp, time);
        }
        self.last_time.1
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

fn without_tabs_in(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => without_tabs(text),
        owned @ Cow::Owned(_) => owned,
    }
}

fn keep_if_any<T>(all: &mut Vec<T>, is_kept: impl Fn(&T) -> bool) {
    if all.len() < 2 {
        return;
    }
    let kept: Vec<bool> = all.iter().map(is_kept).collect();
    if kept.contains(&true) {
        let mut kept = kept.into_iter();
        all.retain(|_| kept.next() == Some(true));
    }
}

/// Is the client the same in all readings, to its port? It has one backend.
fn has_one_client(readings: &[Judgement<'_>]) -> bool {
    let first = readings.first().and_then(|one| one.line.prefix.remote);
    first.is_some_and(|remote| remote.ends_with(')'))
        && readings.iter().all(|one| one.line.prefix.remote == first)
}

/// Do all readings end in the same place?
fn has_one_end(readings: &[Judgement<'_>]) -> bool {
    let first = readings.first().map(|one| one.end);
    readings.iter().all(|one| Some(one.end) == first)
}

fn is_same_backend(one: &PrefixFields<'_>, other: &PrefixFields<'_>) -> bool {
    one.backend_pid == other.backend_pid && one.remote == other.remote
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
