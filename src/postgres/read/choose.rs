//! Of several readings of a line: which are possible, and what is likeliest.

use super::super::event::Kind;
use super::super::line::{LogLine, PrefixFields};
use super::super::message::{self, Said};
use super::super::prefix::Readings;
use super::super::tokens::Severity;
use super::super::verdict::{self, Judgement};
use super::{Behind, Choice, Reader};

impl<'a> Reader<'a, '_, '_> {
    /// The reading of a record that its message, earlier lines of its backend and the text behind it
    /// leave, and whether it is the only one, or says what all of them share.
    pub(super) fn judge(&self, readings: &Readings<'a>) -> Option<Choice<'a>> {
        let mut possible = self.possible(readings);
        let first = possible.next()?;
        let mut others: Vec<_> = possible.collect();
        if others.is_empty() {
            return Some(Choice::only(first));
        }
        others.push(first);
        self.choose(others, readings.names_end)
    }

    /// The readings that PostgreSQL can have written.
    pub(super) fn possible(&self, readings: &Readings<'a>) -> impl Iterator<Item = Judgement<'a>> {
        readings
            .iter()
            .filter(|line| line.prefix.fit_together())
            .map(|line| self.judgement(line))
            .filter(Judgement::is_possible)
    }

    pub(super) fn judgement(&self, line: &LogLine<'a>) -> Judgement<'a> {
        let (end, feeds) = self.message(line.message);
        Judgement {
            line: *line,
            said: message::read(line, self.slice(line.message, end)),
            end,
            feeds,
        }
    }

    /// Of several possible readings: those that PostgreSQL can have written there; of these, those that
    /// go best with what stands before and behind.
    pub(super) fn choose(
        &self,
        mut possible: Vec<Judgement<'a>>,
        names_end: usize,
    ) -> Option<Choice<'a>> {
        self.rule_out(&mut possible, names_end);
        let all = possible.clone();
        self.prefer(&mut possible);
        let has_one_end = has_one_end(&all);
        let (mut judgement, agree) = if has_one_end {
            keep_if_any(&mut possible, |judgement| self.explains_last(judgement));
            verdict::of(possible)?
        } else {
            (verdict::of_different_lengths(possible)?, false)
        };
        // As far as the longest goes.
        let latest = all.iter().map(|one| one.line.message).max();
        let is_only = agree
            && all
                .iter()
                .all(|one| verdict::agrees(&one.said, &judgement.said));
        if judgement.said == Said::Contradiction {
            // Who wrote it is known as far as all readings agree.
            let prefixes = all.iter().map(|one| one.line.prefix);
            judgement.line.prefix = prefixes.fold(judgement.line.prefix, verdict::shared_prefix);
        }
        Some(Choice {
            judgement,
            is_only,
            doubt: latest.filter(|_| !has_one_end).unwrap_or(0),
            others: all,
        })
    }

    /// Leaves out what PostgreSQL does not write in such a place.
    pub(super) fn rule_out(&self, possible: &mut Vec<Judgement<'a>>, names_end: usize) {
        if self.behind != Behind::Unknown && self.is_last_certain {
            keep_if_any(possible, |judgement| {
                judgement.line.severity.place() == 0 || self.goes_with_last(judgement)
            });
        }
        if !has_one_end(possible) {
            keep_if_any(possible, |judgement| {
                self.goes_on_behind(judgement.end, names_end)
            });
        }
        if self.behind != Behind::Unknown && has_one_client(possible) {
            self.keep_expected(possible);
        }
        keep_if_any(possible, |judgement| {
            judgement.said != Said::Contradiction
                || !self.is_starting(judgement)
                    && (self.is_of_sql(judgement) || self.is_last(judgement))
        });
    }

    /// Where this text has shown the backend of a reading: keeps the readings of such backends, and of
    /// those that one of its readings begins, or finds in the report before.
    fn keep_expected(&self, possible: &mut Vec<Judgement<'a>>) {
        let backend = |judgement: &Judgement<'a>| self.evidence.backend(&judgement.line.prefix);
        let is_known = |one: &Judgement<'a>| self.evidence.is_known_here(backend(one));
        if !possible.iter().any(is_known) {
            return;
        }
        let is_new = |one: &Judgement<'a>| matches!(&one.said, Said::Event(report) if report.kind == Kind::Received);
        let expected = possible
            .iter()
            .filter(|one| is_known(one) || is_new(one) || self.goes_with_last(one));
        let expected: Vec<_> = expected.map(backend).collect();
        keep_if_any(possible, |one| expected.contains(&backend(one)));
    }

    /// Keeps what is more likely, for what is seen before and behind.
    pub(super) fn prefer(&self, possible: &mut Vec<Judgement<'a>>) {
        if self.behind != Behind::Unknown {
            self.keep_expected(possible);
        }
        keep_if_any(possible, |judgement| self.goes_with_last(judgement));
        keep_if_any(possible, |judgement| self.is_of_sql(judgement));
    }

    /// Is the record the DETAIL of the refusal before it?
    pub(super) fn explains_last(&self, judgement: &Judgement<'a>) -> bool {
        let is_detail = matches!(judgement.said, Said::Detail(_));
        is_detail && self.is_of_last_refusal(&judgement.line.prefix)
    }

    pub(super) fn is_of_last_refusal(&self, prefix: &PrefixFields<'_>) -> bool {
        let tells_client = prefix.backend_pid.is_some() || prefix.port.is_some();
        if !tells_client && !self.is_of_last_report(prefix) {
            return false;
        }
        let last = self.last_refusal;
        let Some(last) = last.and_then(|place| self.reading.events.get(place)) else {
            let (backend_pid, host, port) = (prefix.backend_pid, prefix.host, prefix.port);
            return self.left.refused == Some(self.evidence.client(backend_pid, host, port));
        };
        last.facts.backend_pid == prefix.backend_pid
            && last.facts.host.as_deref() == prefix.host
            && last.facts.port == prefix.port
    }

    /// Is the record part of the report that the one before it is part of?
    pub(super) fn goes_with_last(&self, judgement: &Judgement<'a>) -> bool {
        let place = judgement.line.severity.place();
        let is_behind = |last: Severity| match judgement.line.severity {
            // QUERY and CONTEXT, LOCATION and BACKTRACE.
            Severity::Context | Severity::Location => last.place() <= place,
            _ => last.place() < place,
        };
        let prefix = &judgement.line.prefix;
        let last = match (&self.last, self.left.last) {
            (Some(last), _) => Some(last.severity),
            (None, last) => last.map(|(severity, _)| severity),
        };
        place > 0 && last.is_some_and(is_behind) && self.is_of_last_report(prefix)
    }

    /// Is the line of the same report as the record before, for all that its prefix says?
    fn is_of_last_report(&self, prefix: &PrefixFields<'_>) -> bool {
        match (&self.last, self.left.last) {
            (Some(last), _) => last.prefix.is_of_report(prefix),
            (None, Some((_, report))) => report == self.evidence.report(prefix),
            (None, None) => false,
        }
    }

    /// Is the next record not there, or not whole?
    pub(super) fn is_last(&self, judgement: &Judgement<'a>) -> bool {
        let at = judgement.end + 1;
        let behind = self.text.get(at..).unwrap_or_default();
        let is_open = self
            .readings_at(at)
            .is_some_and(|readings| readings.names_end >= self.text.len());
        behind.is_empty() || is_open
    }

    /// Does its backend only begin, so that nobody can have written the record by SQL?
    pub(super) fn is_starting(&self, judgement: &Judgement<'a>) -> bool {
        let backend = self.evidence.backend(&judgement.line.prefix);
        self.behind != Behind::Unknown
            && self.evidence.is_starting_here(&self.evidence.seen(backend))
    }

    /// Has a session written the record by SQL? PostgreSQL then tells where, on the next line.
    pub(super) fn is_of_sql(&self, judgement: &Judgement<'a>) -> bool {
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
pub(super) fn has_one_end(readings: &[Judgement<'_>]) -> bool {
    let first = readings.first().map(|one| one.end);
    readings.iter().all(|one| Some(one.end) == first)
}

pub(super) fn is_same_backend(one: &PrefixFields<'_>, other: &PrefixFields<'_>) -> bool {
    one.backend_pid == other.backend_pid && one.remote == other.remote
}
