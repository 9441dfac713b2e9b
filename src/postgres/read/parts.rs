//! A text that is read in parts.
//!
//! Wherever a part ends, its parts say together what the whole text says. So a record waits for the
//! next part when what stands behind this one could change how it is read. A line whose next line
//! tells who wrote it is given back to the next part, with what it changed.

use super::super::evidence::{Forgery, Left};
use super::super::line::LogLine;
use super::super::prefix::{Name, Readings};
use super::{Behind, LineCounts, Reader};

/// How many bytes after a record are needed: more than the prefix of the next one can have.
const AHEAD: usize = 4096;

/// The next record, which tells who wrote a line, stands no further behind it.
const FAR: usize = 64 << 10;

/// Where the text can be read from again.
pub(super) struct Mark<'a> {
    at: usize,
    doubt: usize,
    rest_until: usize,
    last: Option<LogLine<'a>>,
    is_last_certain: bool,
    last_refusal: Option<usize>,
    forgery: Option<Forgery>,
    /// The client that the last record of the part before refused.
    refused: Option<u64>,
    /// How much was told.
    events: usize,
    counts: LineCounts,
}

impl<'a> Reader<'a, '_, '_> {
    /// Takes note that what stands at the byte `at`, and behind it, is looked at.
    pub(super) fn look_behind(&self, at: usize) {
        if self.behind == Behind::More && at + AHEAD > self.text.len() {
            self.is_out_of_text.set(true);
        }
    }

    /// Every reading of the record at `at`, if one begins there.
    pub(super) fn readings(&self, at: usize) -> Readings<'a> {
        let readings = self.prefix.readings(self.text, at, self.widest);
        if readings.begins {
            self.look_behind(readings.names_end);
        }
        readings
    }

    /// Every reading of what stands at `at` as the rest of a record, see [`LogLinePrefix::rests`].
    ///
    /// [`LogLinePrefix::rests`]: super::LogLinePrefix::rests
    pub(super) fn rests(&self, at: usize, name: Name) -> Readings<'a> {
        let rests = self.prefix.rests(self.text, at, name, self.widest);
        self.look_behind(rests.names_end);
        rests
    }

    /// The place that has been read to, where more of the text follows.
    pub(super) fn mark_if_more(&self) -> Option<Mark<'a>> {
        (self.behind == Behind::More).then(|| self.mark())
    }

    /// The place that has been read to.
    fn mark(&self) -> Mark<'a> {
        Mark {
            at: self.at,
            doubt: self.doubt,
            rest_until: self.rest_until,
            last: self.last,
            is_last_certain: self.is_last_certain,
            last_refusal: self.last_refusal,
            forgery: self.forgery,
            refused: self.left.refused,
            events: self.reading.events.len(),
            counts: self.reading.counts,
        }
    }

    /// Remembers where the record begins, if it waits for the next one.
    pub(super) fn hold(&mut self, mark: Mark<'a>) {
        if self.held().is_some_and(|held| held.offset == mark.at) {
            self.mark = Some(mark);
        }
    }

    /// Waits no longer for the next record when it is far.
    pub(super) fn settle_far(&mut self) {
        if self.held().is_some_and(|held| self.at - held.offset > FAR) {
            self.settle(None);
        }
    }

    /// Ends the part; how much of it was read.
    pub(super) fn finish(&mut self) -> usize {
        if self.behind != Behind::More {
            self.settle(None);
            self.evidence.left = Left::default();
            return self.at.min(self.text.len());
        }
        let backend = self.held().and_then(|held| held.backend);
        let mark = match (self.unsettled.take(), self.mark.take()) {
            (Some(held), Some(mark)) => {
                self.evidence.restore(backend, held.before);
                mark
            }
            _ => self.mark(),
        };
        self.reading.events.truncate(mark.events);
        self.reading.counts = mark.counts;
        self.evidence.left = self.left(&mark);
        mark.at
    }

    fn left(&self, mark: &Mark<'a>) -> Left {
        let behind = |offset: usize| match offset {
            usize::MAX => usize::MAX,
            offset => offset.saturating_sub(mark.at),
        };
        let report = |last: LogLine<'_>| (last.severity, self.evidence.report(&last.prefix));
        let refused = mark
            .last_refusal
            .and_then(|place| self.reading.events.get(place));
        let refused = refused.map(|refused| {
            let facts = &refused.facts;
            let host = facts.host.as_deref();
            self.evidence.client(facts.backend_pid, host, facts.port)
        });
        Left {
            doubt: behind(mark.doubt),
            sql_doubt: behind(self.sql_doubt),
            rest_until: behind(mark.rest_until),
            last: mark.last.map(report).or(self.left.last),
            is_last_certain: mark.is_last_certain,
            refused: refused.or(mark.refused),
            forgery: mark.forgery.filter(|forgery| forgery.end == mark.at),
        }
    }

    /// Goes on behind another part.
    pub(super) fn resume(&mut self) {
        let left = self.evidence.left;
        (self.doubt, self.sql_doubt) = (left.doubt, left.sql_doubt);
        self.rest_until = left.rest_until;
        self.is_last_certain = left.is_last_certain;
        self.forgery = left.forgery.map(|forgery| Forgery { end: 0, ..forgery });
        self.left = left;
    }
}
