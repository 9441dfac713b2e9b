//! Holds what was told against the truth.

use std::fmt::Write as _;
use std::ops::Range;

use super::deployment::{Batch, Deployment};
use super::facts::differences;
use super::history::is_true;
use super::log::{Event, Log, Record};
use super::reader::{Outcome, Telling, Told};
use super::server;
use super::town::Plan;

/// Something that the promise rules out.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// What kind of falsehood: cases of one class are alike.
    pub(crate) class: String,
    pub(crate) what: String,
}

/// What a case has shown.
#[derive(Debug, Default, Clone)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) cases: usize,
    /// Entries that claim to be facts, and those that do not.
    pub(crate) confirmed: usize,
    pub(crate) unconfirmed: usize,
    pub(crate) suspicions: usize,
    /// Real logins of clients who wrote nothing into the log.
    pub(crate) logins: usize,
    pub(crate) logins_unconfirmed: usize,
    /// Findings.
    pub(crate) false_facts: usize,
    pub(crate) hidden: usize,
    pub(crate) accused: usize,
    /// What a history would learn.
    pub(crate) taught: usize,
    /// No findings, and yet not well: unconfirmed entries that are false, and real events of honest clients
    /// that are told by nothing but somebody's suspicion.
    pub(crate) unconfirmed_false: usize,
    pub(crate) masked: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.confirmed += other.confirmed;
        self.unconfirmed += other.unconfirmed;
        self.suspicions += other.suspicions;
        self.logins += other.logins;
        self.logins_unconfirmed += other.logins_unconfirmed;
        self.false_facts += other.false_facts;
        self.hidden += other.hidden;
        self.accused += other.accused;
        self.taught += other.taught;
        self.unconfirmed_false += other.unconfirmed_false;
        self.masked += other.masked;
    }
}

/// How often an event has been told.
#[derive(Debug, Default, Clone, Copy)]
struct Trace {
    confirmed: usize,
    unconfirmed: usize,
}

impl Trace {
    fn add(&mut self, told: &Told) {
        let count = if told.confirmed {
            &mut self.confirmed
        } else {
            &mut self.unconfirmed
        };
        *count += 1;
    }
}

struct Judge<'c> {
    plan: &'c Plan,
    log: &'c Log,
    batches: &'c [Batch],
    is_filtered: bool,
    traces: Vec<Trace>,
    verdict: Verdict,
}

pub(crate) fn judge(
    plan: &Plan,
    log: &Log,
    deployment: &Deployment,
    batches: &[Batch],
    tellings: &[Telling],
) -> Verdict {
    let mut judge = Judge {
        plan,
        log,
        batches,
        is_filtered: deployment.is_filtered(),
        traces: vec![Trace::default(); log.events.len()],
        verdict: Verdict::default(),
    };
    judge.verdict.counts.cases = 1;
    for (batch, telling) in batches.iter().zip(tellings) {
        judge.batch(batch, telling);
    }
    judge.missing(tellings);
    judge.verdict
}

impl Judge<'_> {
    fn find(&mut self, class: impl Into<String>, what: impl Into<String>) {
        // What a filter is to blame for is a class of its own.
        let behind = if self.is_filtered {
            " (behind a filter)"
        } else {
            ""
        };
        let class = class.into() + behind;
        let what = what.into();
        self.verdict.findings.push(Finding { class, what });
    }

    fn batch(&mut self, batch: &Batch, telling: &Telling) {
        let is_suspicion = |told: &&Told| told.outcome == Outcome::Suspicious;
        for suspicion in telling.told.iter().filter(is_suspicion) {
            self.suspicion(batch, suspicion);
        }
        // Those that say most first: others can stand for several events.
        let told = telling.told.iter().filter(|told| !is_suspicion(told));
        let mut told: Vec<&Told> = told.collect();
        told.sort_by_key(|told| {
            let Told {
                confirmed,
                backend_pid,
                port,
                user,
                ..
            } = told;
            std::cmp::Reverse((
                *confirmed,
                backend_pid.is_some(),
                port.is_some(),
                user.is_some(),
            ))
        });
        self.lessons(batch, telling);
        let mut free: Vec<bool> = vec![true; self.log.events.len()];
        for told in told {
            self.entry(batch, told, &mut free);
        }
    }

    /// A history learns what is so, and of nobody else.
    fn lessons(&mut self, batch: &Batch, telling: &Telling) {
        self.verdict.counts.taught += telling.taught.len();
        for lesson in &telling.taught {
            if !is_true(lesson, batch, self.log, self.plan) {
                self.find("taught what is not so", format!("{lesson:?}"));
            }
        }
    }

    /// Somebody wrote into the log, and it is the one who is named.
    fn suspicion(&mut self, batch: &Batch, told: &Told) {
        self.verdict.counts.suspicions += 1;
        let is_of = |record: &Record| {
            let backend = &self.plan.backends[record.backend];
            told.host.as_ref().is_none_or(|host| host == backend.host)
                && told.port.is_none_or(|port| port == backend.port)
                && told.backend_pid.is_none_or(|pid| pid == backend.pid)
        };
        let class = if !self.wrote(batch, |_| true) {
            "accused: nobody wrote into that text"
        } else if !self.wrote(batch, is_of) {
            "accused: somebody who wrote nothing into that text"
        } else {
            return;
        };
        self.verdict.counts.accused += 1;
        self.find(class, format!("{told:?}"));
    }

    /// Did somebody hostile write into the text of this batch?
    fn wrote(&self, batch: &Batch, who: impl Fn(&Record) -> bool) -> bool {
        let mut records = self.log.records.iter();
        records.any(|record| record.hostile && who(record) && batch.overlaps(&record.span))
    }

    fn entry(&mut self, batch: &Batch, told: &Told, free: &mut [bool]) {
        let counts = &mut self.verdict.counts;
        *(if told.confirmed {
            &mut counts.confirmed
        } else {
            &mut counts.unconfirmed
        }) += 1;
        let nearest = self.nearest(batch, told, free);
        if let Some((at, wrong)) = &nearest
            && wrong.is_empty()
        {
            free[*at] = false;
            self.traces[*at].add(told);
            if told.attempts > 1 {
                self.attempts(batch, told, *at, free);
            }
        } else if told.confirmed {
            self.falsehood(batch, told, nearest);
        } else {
            self.verdict.counts.unconfirmed_false += 1;
        }
    }

    fn falsehood(&mut self, batch: &Batch, told: &Told, nearest: Option<(usize, Vec<&str>)>) {
        self.verdict.counts.false_facts += 1;
        let mut class = format!("confirmed: {:?} ", told.outcome);
        match nearest {
            Some((at, wrong)) if wrong.len() <= 3 => {
                class.push_str(&wrong.join(", ").replace(", with a wrong", ","));
                // It is told, if wrongly.
                self.traces[at].add(told);
            }
            _ => class.push_str("that never was"),
        }
        if !self.wrote(batch, |_| true) {
            class.push_str(", of honest clients");
        }
        self.find(class, format!("{told:?}"));
    }

    /// The event that fits best, and what of it does not fit.
    fn nearest(
        &self,
        batch: &Batch,
        told: &Told,
        free: &[bool],
    ) -> Option<(usize, Vec<&'static str>)> {
        let is_here = |event: &Event| event.bearing.iter().any(|span| batch.overlaps(span));
        let events = self.log.events.iter().enumerate();
        events
            .filter(|(_, event)| event.outcome == told.outcome && is_here(event))
            .map(|(at, event)| {
                let mut wrong = differences(told, event, self.plan);
                if event
                    .superseded
                    .as_ref()
                    .is_some_and(|fatal| batch.holds(fatal))
                    && event.bearing.iter().any(|span| batch.holds(span))
                {
                    wrong.push("though it was refused after all");
                }
                let enough = self.deliveries(event);
                if !free[at] || told.confirmed && self.traces[at].confirmed >= enough {
                    wrong.push("told twice");
                }
                (at, wrong)
            })
            .min_by_key(|(at, wrong)| {
                (
                    wrong.len(),
                    !is_of_its_bytes(told, &self.log.events[*at], batch),
                )
            })
    }

    /// Several refusals in one entry: libpq's `sslmode=prefer` tries with TLS, then without.
    fn attempts(&mut self, batch: &Batch, told: &Told, at: usize, free: &mut [bool]) {
        let events = &self.log.events;
        let backend = |event: &Event| &self.plan.backends[event.backend];
        let mine = &events[at];
        let is_kin = |event: &Event| {
            let (a, b) = (backend(event), backend(mine));
            event.outcome == Outcome::Rejected
                && (a.host, &a.user, &a.database) == (b.host, &b.user, &b.database)
                && event.bearing.iter().any(|span| batch.overlaps(span))
        };
        let kin: Vec<usize> = (0..events.len())
            .filter(|other| free[*other] && is_kin(&events[*other]))
            .collect();
        let is_retry = |first: &Event, second: &Event| {
            backend(first).encryption == server::Encryption::Tls
                && backend(second).encryption == server::Encryption::Plain
                && second
                    .received
                    .is_some_and(|received| received > first.bearing[0].start)
                && second.time.0.abs_diff(first.time.0) <= 2000 + 1000
        };
        let pair = kin
            .iter()
            .copied()
            .find(|other| is_retry(&events[*other], mine) || is_retry(mine, &events[*other]));
        let of = pair.or_else(|| kin.first().copied());
        if let Some(other) = of {
            free[other] = false;
            self.traces[other].confirmed += 1;
        }
        if told.confirmed && (told.attempts != 2 || pair.is_none()) {
            self.verdict.counts.false_facts += 1;
            self.find(
                "confirmed: several refusals told as one",
                format!("{told:?}"),
            );
        }
    }

    fn deliveries(&self, event: &Event) -> usize {
        let bytes = event
            .bearing
            .iter()
            .flat_map(|span| [span.start, span.end - 1]);
        let of_byte = |at: usize| {
            self.batches
                .iter()
                .filter(|batch| batch.overlaps(&(at..at + 1)))
                .count()
        };
        bytes.map(of_byte).max().unwrap_or(0)
    }

    fn missing(&mut self, tellings: &[Telling]) {
        for (at, event) in self.log.events.iter().enumerate() {
            let trace = self.traces[at];
            let backend = &self.plan.backends[event.backend];
            if event.outcome == Outcome::Authorized && event.required && !backend.hostile {
                self.verdict.counts.logins += 1;
                self.verdict.counts.logins_unconfirmed += usize::from(trace.confirmed == 0);
            }
            if !event.required || trace.confirmed + trace.unconfirmed > 0 || self.is_filtered {
                continue;
            }
            let is_excused = self.batches.iter().zip(tellings).any(|(batch, telling)| {
                let is_here = event.bearing.iter().any(|span| batch.overlaps(span));
                let suspects = telling.told.iter().any(|told| {
                    told.outcome == Outcome::Suspicious || is_claim_of(told, event, batch)
                });
                is_here && (suspects || telling.unparsed > 0)
            });
            if is_excused {
                self.verdict.counts.masked += usize::from(!backend.hostile);
                continue;
            }
            self.verdict.counts.hidden += 1;
            let whose = if backend.hostile {
                "a hostile client's"
            } else {
                "an honest client's"
            };
            let class = format!("hidden: {whose} {:?}", event.outcome);
            self.verdict.findings.push(Finding {
                class,
                what: truth(event, self.plan),
            });
        }
    }
}

/// Is this told of the bytes of `event`, with facts that are said not to be certain?
fn is_claim_of(told: &Told, event: &Event, batch: &Batch) -> bool {
    !told.confirmed && told.outcome == event.outcome && is_of_its_bytes(told, event, batch)
}

/// Does the log event that the entry stands in hold bytes of `event`?
fn is_of_its_bytes(told: &Told, event: &Event, batch: &Batch) -> bool {
    batch.span_at(told.offset).is_some_and(|told| {
        let overlaps = |span: &Range<usize>| span.start < told.end && told.start < span.end;
        event.bearing.iter().any(overlaps)
    })
}

/// An event in one line.
pub(crate) fn truth(event: &Event, plan: &Plan) -> String {
    let backend = &plan.backends[event.backend];
    let mut text = format!("{:?}", event.outcome);
    let name = String::from_utf8_lossy;
    write!(
        text,
        " [{}] {}({})",
        backend.pid, backend.host, backend.port
    )
    .unwrap();
    write!(
        text,
        " {:?} @ {:?}",
        name(&backend.user),
        name(&backend.database)
    )
    .unwrap();
    write!(
        text,
        " app {:?} {:?}",
        backend.application_name, backend.encryption
    )
    .unwrap();
    if let Some(reason) = &event.reason {
        write!(text, " because {reason:?}").unwrap();
    }
    if event.superseded.is_some() {
        text.push_str(" (refused after all)");
    }
    if backend.hostile {
        text.push_str(" (hostile)");
    }
    text
}
