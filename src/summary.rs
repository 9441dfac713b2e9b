//! What became of an invocation: its log line, its answer, and its metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::postgres::LineCounts;
use crate::sessions::Outcome;

/// Counts of one invocation, or of one cluster in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    /// The name of the cluster, if there is only one.
    pub cluster: String,
    /// Payloads of CloudWatch Logs.
    pub batches: usize,
    /// Payloads that could not be read.
    pub unreadable: usize,
    pub log_events: usize,
    pub lines: usize,
    /// Lines that belong to the record before them.
    pub continuations: usize,
    /// Lines that belong to no record.
    pub noise: usize,
    /// Lines that look like connections and cannot be read.
    pub unparsed: usize,
    /// Lines about connections in another language than English.
    pub translated: usize,
    pub authorized: usize,
    pub rejected: usize,
    pub disconnected: usize,
    pub probed: usize,
    pub suspicious: usize,
    /// Of all of these: those that are not certain.
    pub unconfirmed: usize,
    /// Logins that are told, and are new in anything.
    pub new: usize,
    /// Logins after at least five refusals.
    pub let_in_after_refusals: usize,
    /// By a rule.
    pub ignored: usize,
    /// Left out by `NOTIFY_ON`.
    pub not_notified: usize,
    /// Left out because this process has told them before.
    pub already_delivered: usize,
    /// Messages that Slack took.
    pub posted: usize,
    /// Messages that Slack did not take because there are too many.
    pub throttled: usize,
}

impl Summary {
    /// Adds what the text of a batch held.
    pub fn count_lines(&mut self, counts: LineCounts) {
        self.lines += counts.lines;
        self.continuations += counts.continuations;
        self.noise += counts.noise;
        self.unparsed += counts.unparsed;
        self.translated += counts.translated;
    }

    /// Counts one connection.
    pub fn count(&mut self, outcome: Outcome, confirmed: bool) {
        self.unconfirmed += usize::from(!confirmed);
        match outcome {
            Outcome::Authorized => self.authorized += 1,
            Outcome::Rejected => self.rejected += 1,
            Outcome::Disconnected => self.disconnected += 1,
            Outcome::Probed => self.probed += 1,
            Outcome::Suspicious => self.suspicious += 1,
        }
    }

    /// The counts of all clusters together.
    #[must_use]
    pub fn of_all(clusters: &BTreeMap<String, Summary>) -> Self {
        let mut all = Self::default();
        for summary in clusters.values() {
            all.add(summary);
        }
        if clusters.len() > 1 {
            all.cluster.clear();
        }
        all
    }

    /// Adds other counts, and keeps the name.
    pub fn add(&mut self, other: &Self) {
        if self.cluster.is_empty() {
            self.cluster.clone_from(&other.cluster);
        }
        self.batches += other.batches;
        self.unreadable += other.unreadable;
        self.log_events += other.log_events;
        self.lines += other.lines;
        self.continuations += other.continuations;
        self.noise += other.noise;
        self.unparsed += other.unparsed;
        self.translated += other.translated;
        self.authorized += other.authorized;
        self.rejected += other.rejected;
        self.disconnected += other.disconnected;
        self.probed += other.probed;
        self.suspicious += other.suspicious;
        self.unconfirmed += other.unconfirmed;
        self.new += other.new;
        self.let_in_after_refusals += other.let_in_after_refusals;
        self.ignored += other.ignored;
        self.not_notified += other.not_notified;
        self.already_delivered += other.already_delivered;
        self.posted += other.posted;
        self.throttled += other.throttled;
    }
}
