//! What else may stand at a line: the rest of a record that began in one of its names, or nothing that
//! can be read.

use std::cmp::Reverse;
use std::rc::Rc;

use memchr::{memchr, memchr_iter};

use super::super::event::{Backend, Kind, Standing};
use super::super::message::Said;
use super::super::prefix::{Name, Readings};
use super::super::verdict::{self, Judgement};
use super::{Behind, Reader, looks_like_connection};

impl<'a> Reader<'a, '_, '_> {
    /// Can PostgreSQL have written what stands behind a record that ends at `end`, as far as `until`?
    pub(super) fn goes_on_behind(&self, end: usize, until: usize) -> bool {
        let (mut ends, mut seen) = (vec![end], vec![end]);
        while let Some(end) = ends.pop() {
            let at = end + 1;
            if at > until || at >= self.text.len() {
                return true;
            }
            let Some(readings) = self.readings_at(at) else {
                if self.rests_at(at, false).is_empty() {
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
    pub(super) fn readings_at(&self, at: usize) -> Option<Rc<Readings<'a>>> {
        let mut ahead = self.ahead.borrow_mut();
        match &*ahead {
            Some((place, readings)) if *place == at => return Some(Rc::clone(readings)),
            _ => {}
        }
        self.look_behind(at);
        let readings = self.readings(at);
        if !readings.begins {
            return None;
        }
        let readings = Rc::new(readings);
        *ahead = Some((at, Rc::clone(&readings)));
        Some(readings)
    }

    /// The readings of the line at `at` as the rest of a record that began in one of its names: first
    /// the one whose message repeats the most names, of these the shortest.
    /// No line between begins as the prefix does, unless it `may_hold_heads`.
    pub(super) fn rests_at(&self, at: usize, may_hold_heads: bool) -> Vec<Judgement<'a>> {
        let mut possible = Vec::new();
        for name in [Name::User, Name::Database] {
            let rests = self.rests(at, name);
            for line in rests.iter().filter(|line| self.may_end(line, name)) {
                let mut line = *line;
                line.prefix.user.take_if(|_| name == Name::User);
                line.prefix.database.take_if(|_| name == Name::Database);
                if may_hold_heads || !self.begins_between(at, line.message) {
                    possible.push(self.judgement(&line));
                }
            }
        }
        possible.retain(Judgement::is_possible);
        possible.sort_by_key(|one| (Reverse(verdict::rank(&one.said)), one.end));
        possible
    }

    /// Does a line between `from` and `to` begin as the prefix does?
    pub(super) fn begins_between(&self, from: usize, to: usize) -> bool {
        let between = self.slice(from, to);
        memchr_iter(b'\n', between.as_bytes()).any(|at| {
            let line = self.text.get(from + at + 1..);
            line.is_some_and(|line| self.prefix.begins(line))
        })
    }

    /// Reads the rest of a record whose beginning is in another text, or is in doubt.
    pub(super) fn rest_of_record(&mut self) -> bool {
        if self.at >= self.rest_until.max(self.doubt) {
            return false;
        }
        let mut rests = self.rests_at(self.at, false).into_iter();
        let rest = rests.next().filter(|_| !self.is_out_of_text.get());
        let Some(judgement) = rest else {
            return false;
        };
        let others: Vec<_> = rests.collect();
        // The rest of a record accuses nobody.
        self.settle(None);
        self.reading.counts.continuations += 1 + self.feeds(self.at, judgement.end);
        let start = std::mem::replace(&mut self.at, judgement.end + 1);
        self.claim(judgement, start, Standing::Claimed);
        self.tell_others(&others, start);
        true
    }

    /// A record may be the rest of another, whose message repeats more names, or says something before
    /// the record ends.
    pub(super) fn claimed_rest(
        &self,
        record: &Judgement<'a>,
        doubt: usize,
    ) -> Option<Judgement<'a>> {
        if self.at >= self.rest_until.max(doubt) {
            return None;
        }
        let rest = self.rests_at(self.at, true).into_iter().next()?;
        // What is no entry of its own hides none.
        let is_entry = !matches!(&record.said, Said::Event(report)
            if matches!(report.kind, Kind::Received | Kind::Authenticated));
        let mine = if is_entry {
            verdict::rank(&record.said)
        } else {
            0
        };
        let its = verdict::rank(&rest.said);
        (its > mine || its > 0 && rest.end < record.end).then_some(rest)
    }

    /// Tells what the rest of a record says.
    pub(super) fn claim(&mut self, mut rest: Judgement<'a>, start: usize, standing: Standing) {
        if let Said::Event(report) = &mut rest.said
            && matches!(
                report.kind,
                Kind::Rejected | Kind::Authorized | Kind::Disconnected
            )
        {
            let backend = self.backend(&rest.line.prefix);
            let mut event = self.event(report, &rest.line.prefix, backend, standing);
            event.offset = start;
            self.push(event);
        }
    }

    /// Tells what else the record at `at` may say, where that is of another kind or backend than what
    /// has been told of it.
    pub(super) fn tell_others(&mut self, others: &[Judgement<'a>], at: usize) {
        const MOST: usize = 32;
        if others.is_empty() {
            return;
        }
        let here = self.reading.events.iter().rev();
        let here = here.take_while(|event| event.offset == at);
        let mut told: Vec<(Kind, Option<Backend>)> =
            here.map(|event| (event.kind, event.backend)).collect();
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
                let (mut report, prefix) = (report.clone(), &other.line.prefix);
                let mut event = self.event(&mut report, prefix, one.1, Standing::Alternative);
                event.offset = at;
                self.push(event);
            }
        }
    }

    /// Tells what the lines from `from` to `until` may say that the record before has taken up, in one
    /// of its readings.
    pub(super) fn tell_inside(&mut self, from: usize, until: usize) {
        let mut at = from;
        while at < until {
            let possible = self.possible_at(at);
            if !possible.is_empty() {
                let latest = possible.iter().map(|one| one.line.message).max();
                self.doubt = self.doubt.max(latest.unwrap_or(0));
                self.tell_others(&possible, at);
            }
            at = self.next_line(at, until);
        }
    }

    /// Looks for what [`Self::tell_inside`] will tell.
    pub(super) fn look_inside(&self, from: usize, until: usize) {
        let mut at = from;
        while self.behind == Behind::More && at < until && !self.is_out_of_text.get() {
            self.possible_at(at);
            at = self.next_line(at, until);
        }
    }

    /// What the record at `at` may say, if one begins there.
    fn possible_at(&self, at: usize) -> Vec<Judgement<'a>> {
        let readings = self.readings_at(at);
        readings.map_or_else(Vec::new, |readings| self.possible(&readings).collect())
    }

    fn next_line(&self, at: usize, until: usize) -> usize {
        let rest = self.slice(at, until).as_bytes();
        at + memchr(b'\n', rest).unwrap_or(rest.len()) + 1
    }

    /// A line that begins as a record does and cannot be read as one.
    pub(super) fn unread(&mut self, names_end: usize) -> bool {
        let looks_like_connection =
            names_end < self.text.len() && looks_like_connection(self.line());
        let is_skipped = self.skip_line(|counts| {
            if looks_like_connection {
                &mut counts.unparsed
            } else {
                &mut counts.noise
            }
        });
        if is_skipped {
            self.settle(None);
            self.doubt = self.doubt.max(names_end);
            self.rest_until = self.rest_until.max(names_end);
        }
        is_skipped
    }
}
