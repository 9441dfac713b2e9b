//! What the function makes of a scene: batches of log events, each read by a process with a memory of its
//! own, as `replay` reads them.

use std::collections::HashSet;
use std::ops::Range;

use aurora_connection_audit::cloudwatch::LogBatch;
use aurora_connection_audit::entry::Entry;
use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::pipeline::compose;
use aurora_connection_audit::sessions::{Connection, Outcome};
use aurora_connection_audit::window::Window;

use super::deployment::{Batch, Cut, Deployment, Filter, Order};
use super::history::taught;
use super::log::Log;
use super::oracle::{Verdict, judge};
use super::reader::{Telling, told};
use super::scene::Scene;
use super::server::BEGIN;
use super::telling::{assert_same, log_batch, read, render_window, settings};

/// The whole log in one batch, a log event for each line that begins as the prefix does.
pub(crate) const WHOLE: Deployment = Deployment {
    cut: Cut::Head,
    filter: Filter::None,
    sizes: (ALL, ALL),
    processes: 1,
    round_robin: true,
    order: Order::Kept,
    seed: 1,
};

/// Behind a filter that sends connection lines only, of which the function has been told.
pub(crate) const FILTERED: Deployment = Deployment {
    filter: Filter::Terms,
    ..WHOLE
};

/// Each log event by itself, to another process than the one before.
pub(crate) const APART: Deployment = Deployment {
    sizes: (1, 1),
    processes: 3,
    ..WHOLE
};

const ALL: usize = 10_000;

/// What was read of each batch.
struct Reading {
    log: Log,
    batches: Vec<Batch>,
    windows: Vec<Window>,
}

impl Scene {
    /// What is told where the whole log is one batch.
    #[track_caller]
    pub(crate) fn assert_told(&self, expected: &str) {
        self.assert_told_in(&WHOLE, expected);
    }

    /// Holds what is told in a deployment against `expected`: a line for each connection, and `--` between
    /// batches.
    #[track_caller]
    pub(crate) fn assert_told_in(&self, deployment: &Deployment, expected: &str) {
        let log = self.plan.write();
        let batches = deployment.deliver(&log);
        let is_filtered = deployment.is_filtered();
        self.read(log, batches, deployment, is_filtered)
            .assert_same(expected);
    }

    /// The same where nobody has told the function of the filter.
    #[track_caller]
    pub(crate) fn assert_told_behind_an_undeclared_filter(&self, expected: &str) {
        let log = self.plan.write();
        let batches = FILTERED.deliver(&log);
        self.read(log, batches, &FILTERED, false)
            .assert_same(expected);
    }

    /// The same where the batches end behind these log events, and one process is given all of them.
    #[track_caller]
    pub(crate) fn assert_told_cut(&self, ends: &[usize], expected: &str) {
        self.assert_told_of(ends, 1, expected);
    }

    /// The same where each batch is given to another process.
    #[track_caller]
    pub(crate) fn assert_told_by_others(&self, ends: &[usize], expected: &str) {
        self.assert_told_of(ends, ends.len() + 1, expected);
    }

    #[track_caller]
    fn assert_told_of(&self, ends: &[usize], processes: usize, expected: &str) {
        let log = self.plan.write();
        let whole = WHOLE.deliver(&log).remove(0).events;
        let mut start = 0;
        let ends = ends.iter().copied().chain([whole.len()]);
        let batches = ends.enumerate().map(|(at, end)| Batch {
            process: at % processes,
            events: whole[std::mem::replace(&mut start, end)..end].to_vec(),
        });
        let batches = batches.collect();
        let deployment = Deployment { processes, ..WHOLE };
        self.read(log, batches, &deployment, false)
            .assert_same(expected);
    }

    /// Nothing false is confirmed, nothing is hidden, nobody is accused who wrote nothing: wherever the log
    /// is cut into log events and batches, behind a filter, in several processes, in any order.
    #[track_caller]
    pub(crate) fn assert_promise(&self) {
        let log = self.plan.write();
        let mut seen = HashSet::new();
        for deployment in deployments() {
            let batches = deployment.deliver(&log);
            let what = batches.iter();
            let what: Vec<_> = what.map(|one| (one.process, one.events.clone())).collect();
            if seen.insert((what, deployment.is_filtered())) {
                self.assert_kept(batches, &deployment);
            }
        }
        let events = WHOLE.deliver(&log).remove(0).events;
        for (at, process) in (1..events.len()).flat_map(|at| [(at, 0), (at, 1)]) {
            let (first, second) = events.split_at(at);
            let batches = [(0, first), (process, second)].map(|(process, events)| Batch {
                process,
                events: events.to_vec(),
            });
            let deployment = Deployment {
                processes: 2,
                ..WHOLE
            };
            self.assert_kept(batches.into(), &deployment);
        }
    }

    /// Holds what is told of batches against the emulator's truth.
    #[track_caller]
    fn assert_kept(&self, batches: Vec<Batch>, deployment: &Deployment) {
        let is_filtered = deployment.is_filtered();
        let reading = self.read(self.plan.write(), batches, deployment, is_filtered);
        if let Some(finding) = self.judge(&reading, deployment).findings.first() {
            panic!(
                "{}: {}\n{}\ntold:\n{}\n\nlog events:\n{}",
                finding.class,
                finding.what,
                deployment.label(),
                reading.render(),
                reading.events()
            );
        }
    }

    /// What the emulator's truth says of a deployment.
    pub(crate) fn verdict(&self, deployment: &Deployment) -> Verdict {
        let log = self.plan.write();
        let batches = deployment.deliver(&log);
        let reading = self.read(log, batches, deployment, deployment.is_filtered());
        self.judge(&reading, deployment)
    }

    /// What happened, and how often, for each connection that is read.
    pub(crate) fn outcomes(&self, deployment: &Deployment) -> Vec<(Outcome, u32)> {
        let entries = self.entries(deployment).into_iter();
        let entries = entries.map(|(_, entry)| entry.connection);
        entries.map(|one| (one.outcome, one.attempts)).collect()
    }

    /// How many connections of a user are told to somebody.
    pub(crate) fn told_of(&self, user: &str, deployment: &Deployment) -> usize {
        let entries = self.entries(deployment).into_iter();
        let is_told = |(channel, entry): &(Option<String>, Entry)| {
            channel.is_some() && entry.connection.facts.user.as_deref() == Some(user)
        };
        entries.filter(is_told).count()
    }

    /// Each connection with its channel.
    fn entries(&self, deployment: &Deployment) -> Vec<(Option<String>, Entry)> {
        let log = self.plan.write();
        let batches = deployment.deliver(&log);
        let reading = self.read(log, batches, deployment, deployment.is_filtered());
        let windows = reading.windows.into_iter();
        windows.flat_map(|window| window.entries).collect()
    }

    /// What Slack gets of the whole log.
    pub(crate) fn message(&self) -> String {
        let log = self.plan.write();
        let batch = batch_of(&log, &WHOLE.deliver(&log).remove(0).events);
        let settings = settings(&self.plan.setting.text, false);
        let (mut window, mut memory) = (Window::default(), Memory::default());
        window.add(0, &batch, &settings, &mut memory);
        let messages = compose(&mut window, &settings, &memory);
        messages.iter().map(|one| one.payload.to_string()).collect()
    }

    fn judge(&self, reading: &Reading, deployment: &Deployment) -> Verdict {
        let Reading {
            log,
            batches,
            windows,
        } = reading;
        let both = windows.iter().zip(batches);
        let tellings: Vec<_> = both.map(|(window, batch)| telling(window, batch)).collect();
        judge(&self.plan, log, deployment, batches, &tellings)
    }

    fn read(
        &self,
        log: Log,
        batches: Vec<Batch>,
        deployment: &Deployment,
        is_filtered: bool,
    ) -> Reading {
        let settings = settings(&self.plan.setting.text, is_filtered);
        let mut memories: Vec<Memory> = Vec::new();
        memories.resize_with(deployment.processes, Memory::default);
        let read_batch = |batch: &Batch| {
            let events = batch_of(&log, &batch.events);
            read(&events, &settings, &mut memories[batch.process])
        };
        let windows = batches.iter().map(read_batch).collect();
        Reading {
            log,
            batches,
            windows,
        }
    }
}

/// Every kind of deployment, with batches of one log event up to all.
fn deployments() -> Vec<Deployment> {
    let cuts = [Cut::Head, Cut::Time, Cut::Line, Cut::Record];
    let filters = [Filter::None, Filter::Terms, Filter::Random];
    let orders = [Order::Kept, Order::Late, Order::Swapped, Order::Twice];
    let sizes = [(1, 1), (2, 2), (1, 5), (ALL, ALL)];
    let mut all = vec![WHOLE];
    all = each(all, &cuts, |it, cut| it.cut = cut);
    all = each(all, &filters, |it, filter| it.filter = filter);
    all = each(all, &orders, |it, order| it.order = order);
    all = each(all, &sizes, |it, sizes| it.sizes = sizes);
    all = each(all, &[1, 2], |it, seed| it.seed = seed);
    each(all, &[1, 2, 3], |it, processes| it.processes = processes)
}

/// Each of `all` with each of `values`.
fn each<T: Copy>(
    all: Vec<Deployment>,
    values: &[T],
    set: impl Fn(&mut Deployment, T),
) -> Vec<Deployment> {
    let with = |deployment: &Deployment, value: &T| {
        let mut deployment = deployment.clone();
        set(&mut deployment, *value);
        deployment
    };
    let of = |one: Deployment| -> Vec<_> { values.iter().map(|value| with(&one, value)).collect() };
    all.into_iter().flat_map(of).collect()
}

/// For the oracle.
fn telling(window: &Window, batch: &Batch) -> Telling {
    let entries = window.entries.iter().map(|(_, entry)| entry);
    let connections: Vec<Connection<'_>> = entries
        .clone()
        .map(|entry| Connection {
            offset: offset(entry, batch),
            ..entry.connection.clone()
        })
        .collect();
    Telling {
        taught: taught(&connections),
        told: connections.into_iter().map(told).collect(),
        unparsed: window.clusters.values().map(|one| one.unparsed).sum(),
    }
}

/// Where an entry stands in the text of its batch.
fn offset(entry: &Entry, batch: &Batch) -> usize {
    let is_its = |event: &&Range<usize>| entry.event_id == format!("{}-", event.start);
    let at = batch.events.iter().position(|event| is_its(&event));
    let before = &batch.events[..at.unwrap()];
    before.iter().map(Range::len).sum::<usize>() + entry.event_offset
}

impl Reading {
    /// The log events of each batch.
    fn events(&self) -> String {
        let batch = |batch: &Batch| {
            let events = batch.events.iter();
            let events: String = events.map(|event| &self.log.text[event.clone()]).collect();
            format!("process {}:\n{events}", batch.process)
        };
        let batches: Vec<_> = self.batches.iter().map(batch).collect();
        batches.join("--\n")
    }

    fn render(&self) -> String {
        let batches: Vec<_> = self.windows.iter().map(render_window).collect();
        batches.join("\n--\n")
    }

    #[track_caller]
    fn assert_same(&self, expected: &str) {
        assert_same(&self.render(), expected, &self.log.text);
    }
}

/// Log events of a log, whose ids are their places in it.
pub(crate) fn batch_of(log: &Log, events: &[Range<usize>]) -> LogBatch {
    let event = |event: &Range<usize>| (format!("{}-", event.start), &log.text[event.clone()]);
    log_batch(events.iter().map(event), BEGIN * 1000)
}
