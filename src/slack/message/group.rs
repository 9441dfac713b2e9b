//! Connections that a list shows in one line.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use time::OffsetDateTime;

use super::facts;
use super::{Batch, Told};
use crate::entry::Shown;
use crate::sessions::{Connection, Outcome};
use crate::slack::mrkdwn::quoted;

/// Room for a name in a list: all 63 bytes of an ordinary one.
const NAME: usize = 80;
/// Room for a message of PostgreSQL in a list.
const MESSAGE: usize = 240;

/// Connections that differ in nothing that a list shows but the time.
pub(super) struct Group<'a> {
    pub(super) example: Told<'a>,
    /// The first by time, where one has a time.
    pub(super) first: Told<'a>,
    /// The last by time, where one has a time.
    last: Told<'a>,
    pub(super) count: usize,
    /// The most of any of them.
    refusals_before: usize,
    /// So many clusters; none where the message is about one.
    clusters: usize,
    clients: usize,
}

/// More lines than a reader looks at. In a message about many clusters, lines that say the same of
/// several clusters then become one.
const MOST_LINES: usize = 20;

pub(super) fn grouped<'a>(batch: &Batch<'a>, is_of_many_clusters: bool) -> Vec<Group<'a>> {
    if !is_of_many_clusters {
        return alike(batch, Apart::Clients);
    }
    let groups = alike(batch, Apart::Clusters);
    if groups.len() <= MOST_LINES {
        return groups;
    }
    alike(batch, Apart::Names)
}

/// What is told apart, besides what happened to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Of one cluster.
    Clients,
    /// And their clients.
    Clusters,
    /// And the clients of what is worth a look.
    Names,
}

/// By sorted hashes: a few bytes a connection. Nobody knows the seed, so nobody can make two that
/// differ look the same, and that it happens by itself has a chance of one in 10^8 in 300 000.
fn alike<'a>(batch: &Batch<'a>, apart: Apart) -> Vec<Group<'a>> {
    let state = RandomState::new();
    let hashed = batch.told.iter().map(|told| {
        let cluster = (apart == Apart::Clusters).then(|| told.place.whole_cluster());
        let is_apart = apart != Apart::Names || !is_everyday(told);
        let host = is_apart.then_some(told.connection.facts.host.as_deref());
        let signals = (told.findings.is_let_in(), told.findings.what_is_new());
        let shown = (what_a_list_shows(told.connection), cluster, host, signals);
        (state.hash_one(shown), *told)
    });
    let mut hashes: Vec<(u64, Told<'a>)> = hashed.collect();
    // Stable: the example is the first in the log.
    hashes.sort_by_key(|(hash, _)| *hash);
    let alike = || hashes.chunk_by(|(a, _), (b, _)| a == b);
    let mut groups = Vec::with_capacity(alike().count());
    groups.extend(alike().filter_map(|members| Group::of(members, apart)));
    groups
}

fn is_everyday(told: &Told<'_>) -> bool {
    let (connection, findings) = (told.connection, told.findings);
    let comes_or_goes = matches!(
        connection.outcome,
        Outcome::Authorized | Outcome::Disconnected
    );
    let is_known = !findings.is_let_in() && findings.what_is_new().is_none();
    comes_or_goes && connection.confirmed() && is_known
}

/// But the client.
fn what_a_list_shows<'c>(connection: &'c Connection<'_>) -> impl Hash + use<'c> {
    let facts = &connection.facts;
    (
        (
            connection.outcome,
            connection.confirmed(),
            facts.replication,
        ),
        (facts.user.as_deref(), facts.database.as_deref()),
        (facts.application_name.as_deref(), facts.reason.as_deref()),
    )
}

fn distinct<T: Eq + Hash>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<HashSet<_>>().len()
}

impl<'a> Group<'a> {
    fn of(members: &[(u64, Told<'a>)], apart: Apart) -> Option<Group<'a>> {
        let (_, example) = *members.first()?;
        let timed = || {
            let told = members.iter().map(|(_, told)| *told);
            told.filter(|told| told.connection.facts.time.is_some())
        };
        let time = |told: &Told<'a>| told.connection.facts.time;
        let clusters = members.iter().map(|(_, told)| told.place.whole_cluster());
        let clients = members
            .iter()
            .map(|(_, told)| told.connection.facts.host.as_deref());
        Some(Group {
            example,
            first: timed().min_by_key(time).unwrap_or(example),
            last: timed().max_by_key(time).unwrap_or(example),
            count: members.len(),
            refusals_before: members
                .iter()
                .map(|(_, told)| told.findings.refusals_before)
                .max()
                .unwrap_or_default(),
            clusters: if apart == Apart::Clients {
                0
            } else {
                distinct(clusters)
            },
            clients: distinct(clients),
        })
    }

    /// `• *3件* app_user → appdb · 10.0.1.23 · myapp · 12:00:00–12:00:09`
    pub(super) fn line(&self, batch: &Batch<'_>, day: Option<OffsetDateTime>) -> String {
        let words = batch.words();
        let connection = self.example.connection;
        let mut parts = Vec::new();
        let new = self.example.findings.what_is_new();
        parts.extend(new.map(|new| format!("🆕 {}", words.new_short(new))));
        parts.extend(match self.clusters {
            0 => None,
            1 => Some(self.cluster(batch.shown)),
            clusters => Some(format!("*{}*", (words.clusters)(clusters))),
        });
        if facts::tells_names(connection) {
            let user = facts::user(connection, batch, NAME);
            parts.push(format!(
                "{user} → {}",
                facts::database(connection, batch, NAME)
            ));
        }
        let client = match self.clients {
            ..2 => facts::client(connection, batch, NAME),
            clients => (words.clients)(clients),
        };
        parts.push(match connection.outcome {
            Outcome::Suspicious => format!("{}: {client}", words.client),
            _ => client,
        });
        parts.extend(
            connection
                .facts
                .application_name
                .as_deref()
                .map(|name| quoted(name, NAME)),
        );
        parts.push(self.times(batch, day));
        if self.example.findings.is_let_in() {
            parts.push((words.after_refusals)(self.refusals_before));
        }
        if self.count == 1 {
            parts.extend(connection.facts.session_time.map(words.duration));
        }
        if !connection.confirmed() && connection.outcome != Outcome::Suspicious {
            parts.push(words.unconfirmed_short.to_owned());
        }
        let count = if self.count > 1 {
            format!("*{}* ", (words.times)(self.count))
        } else {
            String::new()
        };
        let reason = connection
            .facts
            .reason
            .as_deref()
            .map(|reason| format!("\n    ↳ {}", quoted(reason, MESSAGE)));
        format!(
            "• {count}{}{}",
            parts.join(" · "),
            reason.unwrap_or_default()
        )
    }

    /// `*orders*`, or `*orders* (audit · ap-northeast-1)` where there are several accounts.
    fn cluster(&self, shown: Shown) -> String {
        let place = self.example.place;
        let account = place.shown_account().filter(|_| shown.account);
        let region = place.region.as_deref().filter(|_| shown.region);
        let cluster = format!("*{}*", quoted(&place.cluster, NAME));
        let parts = [account, region].into_iter().flatten();
        let parts: Vec<_> = parts.map(|part| quoted(part, NAME)).collect();
        match parts.as_slice() {
            [] => cluster,
            parts => format!("{cluster} ({})", parts.join(" · ")),
        }
    }

    fn times(&self, batch: &Batch<'_>, day: Option<OffsetDateTime>) -> String {
        let (Some(first), Some(last), Some(day)) = (
            self.first.connection.facts.time,
            self.last.connection.facts.time,
            day,
        ) else {
            return batch.words().unknown.to_owned();
        };
        let on_day = |time| batch.style.time_zone.time_on(day, time);
        let (start, end) = (on_day(first), on_day(last));
        if start == end {
            start
        } else {
            format!("{start}–{end}")
        }
    }
}
