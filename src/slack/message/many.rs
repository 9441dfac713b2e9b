//! The message about many connections, or none: lists of groups, the most telling first.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use time::OffsetDateTime;

use super::facts;
use super::{Batch, Block, Message, SECTION, Text, Told, context, notices};
use crate::entry::Place;
use crate::sessions::{Connection, Outcome};
use crate::slack::mrkdwn::{length, quoted};
use crate::slack::text::{EMOJI, Words};

/// The most telling first.
const OUTCOMES: [Outcome; 5] = [
    Outcome::Suspicious,
    Outcome::Rejected,
    Outcome::Authorized,
    Outcome::Disconnected,
    Outcome::Probed,
];

/// Room for all lists. Slack refuses messages from about 11 000 units in all blocks on.
const LISTS: usize = 6000;
/// Room for a name in a list: all 63 bytes of an ordinary one.
const NAME: usize = 80;
/// Room for a message of PostgreSQL in a list.
const MESSAGE: usize = 240;

pub(super) fn message(batch: &Batch<'_>) -> Message {
    let times = || {
        batch
            .told
            .iter()
            .filter_map(|told| told.connection.facts.time)
    };
    let (first, last) = (times().min(), times().max());
    let headline = headline(batch);
    let facts = about_all(batch, first, last);
    let lists = lists(batch, first);

    let mut text = Text::new(&headline);
    text.line("");
    let mut blocks = vec![Block::Header(headline)];
    // Slack refuses empty blocks.
    if !facts.is_empty() {
        blocks.push(Block::Section(facts.join("\n")));
    }
    text.lines(&facts);
    for note in notices(batch) {
        text.line(&note);
        blocks.push(Block::Section(note));
    }
    for list in &lists {
        text.line("");
        text.lines(list);
        blocks.extend(sections(list));
    }
    blocks.extend(context(batch, only_place(batch), first, last));
    Message { text, blocks }
}

/// The place of all, if there is only one.
fn only_place<'a>(batch: &Batch<'a>) -> Option<&'a Place> {
    let of_notices = batch
        .notices
        .iter()
        .filter_map(|notice| notice.place.as_deref());
    let mut places = batch.told.iter().map(|told| told.place).chain(of_notices);
    let first = places.next()?;
    places.all(|place| place == first).then_some(first)
}

/// Is it about more than one cluster?
fn is_of_many_clusters(batch: &Batch<'_>) -> bool {
    let cluster = |told: &Told<'_>| (told.place.account.clone(), told.place.cluster.clone());
    let mut clusters = batch.told.iter().map(cluster);
    let first = clusters.next();
    clusters.any(|other| Some(other) != first)
}

fn left_out(batch: &Batch<'_>, outcome: Outcome) -> usize {
    batch.left_out.get(&outcome).copied().unwrap_or_default()
}

fn headline(batch: &Batch<'_>) -> String {
    let words = batch.words();
    let counts = OUTCOMES.map(|outcome| {
        let told = batch.told.iter();
        let told = told.filter(|told| told.connection.outcome == outcome);
        (outcome, told.count() + left_out(batch, outcome))
    });
    let mut seen = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .peekable();
    let Some((most_telling, _)) = seen.peek().copied() else {
        return format!("⚠️ {}", words.headline_unparsed);
    };
    let parts: Vec<_> = seen
        .map(|(outcome, count)| words.counted.of(outcome)(count))
        .collect();
    format!(
        "{} Aurora PostgreSQL: {}",
        EMOJI.of(most_telling),
        parts.join(words.comma)
    )
}

fn about_all(
    batch: &Batch<'_>,
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
) -> Vec<String> {
    let words = batch.words();
    let period = first.zip(last).map(|(first, last)| {
        format!(
            "{}: {}",
            words.period,
            batch.style.time_zone.period(first, last)
        )
    });
    where_all(batch).into_iter().chain(period).collect()
}

/// The cluster, and the instance if all are of one; or how many clusters there are.
fn where_all(batch: &Batch<'_>) -> Vec<String> {
    if is_of_many_clusters(batch) {
        let clusters = batch.told.iter();
        let clusters: HashSet<_> = clusters
            .map(|told| (&told.place.account, &told.place.cluster))
            .collect();
        return vec![(batch.words().clusters)(clusters.len())];
    }
    let of_notices = batch.notices.iter();
    let of_notices = of_notices.filter_map(|notice| notice.place.as_deref());
    let mut places = batch.told.iter().map(|told| told.place).chain(of_notices);
    let Some(place) = places.next() else {
        return Vec::new();
    };
    let is_of_one = places.all(|other| other.instance == place.instance);
    let instance = is_of_one.then(|| facts::instance(place, batch)).flatten();
    let facts = facts::cluster(place, batch).chain(instance);
    facts.map(|fact| fact.line()).collect()
}

/// One list of lines for each outcome that happened: a heading, groups, and what is left out.
fn lists(batch: &Batch<'_>, day: Option<OffsetDateTime>) -> Vec<Vec<String>> {
    let mut groups = grouped(batch);
    groups.sort_unstable_by_key(|group| {
        let Connection {
            outcome, offset, ..
        } = *group.example.connection;
        let confirmed = group.example.connection.confirmed();
        let rank = OUTCOMES.iter().position(|known| *known == outcome);
        (
            rank,
            confirmed,
            Reverse(group.count),
            group.first.connection.facts.time,
            offset,
        )
    });
    let by_outcome: Vec<&[Group<'_>]> = groups
        .chunk_by(|a, b| a.example.connection.outcome == b.example.connection.outcome)
        .collect();
    let lines: Vec<Vec<Line>> = by_outcome
        .iter()
        .map(|groups| lines_that_fit(groups, batch, day))
        .collect();
    let needs: Vec<usize> = lines.iter().map(|lines| total_length(lines)).collect();
    let room = rooms(&needs);
    by_outcome
        .iter()
        .zip(lines)
        .zip(room)
        .map(|((groups, lines), room)| list(groups, lines, room, batch))
        .collect()
}

/// No list is pushed out by the others: each has an equal share for itself, and what it does not
/// need goes to the most telling of the rest. So a thousand refusals cannot hide one entry.
fn rooms(needs: &[usize]) -> Vec<usize> {
    let share = LISTS / needs.len().max(1);
    let mut left = LISTS.saturating_sub(needs.iter().map(|need| share.min(*need)).sum());
    needs
        .iter()
        .map(|need| {
            let own = share.min(*need);
            let extra = left.min(need - own);
            left -= extra;
            own + extra
        })
        .collect()
}

/// The line of a group, and the group's place in its list.
struct Line {
    at: usize,
    text: String,
}

/// The lines that have room, in the order of `groups`; `lines` are in the order in which they get it.
fn list(groups: &[Group<'_>], lines: Vec<Line>, room: usize, batch: &Batch<'_>) -> Vec<String> {
    let words = batch.words();
    let of_groups: usize = groups.iter().map(|group| group.count).sum();
    let outcome = groups.first().map(|group| group.example.connection.outcome);
    let counted_only = outcome.map_or(0, |outcome| left_out(batch, outcome));
    let connections = of_groups + counted_only;
    let mut list = heading(groups, connections, words);
    let mut used = 0;
    let mut shown: Vec<Line> = lines
        .into_iter()
        .take_while(|line| {
            used += length(&line.text) + 1;
            used <= room
        })
        .collect();
    shown.sort_unstable_by_key(|line| line.at);
    let told = shown.iter().filter_map(|line| groups.get(line.at));
    let told: usize = told.map(|group| group.count).sum();
    let left_out = groups.len() - shown.len();
    list.extend(shown.into_iter().map(|line| line.text));
    if left_out > 0 || counted_only > 0 {
        list.push((words.more)(left_out, connections - told));
    }
    list
}

fn heading(groups: &[Group<'_>], connections: usize, words: &Words) -> Vec<String> {
    let Some(group) = groups.first() else {
        return Vec::new();
    };
    let outcome = group.example.connection.outcome;
    let counted = words.counted.of(outcome)(connections);
    let note = (outcome == Outcome::Suspicious).then(|| words.suspicion.to_owned());
    let title = format!("*{} {counted}*", EMOJI.of(outcome));
    [title].into_iter().chain(note).collect()
}

/// As many as there could be room for, in the order in which they get it.
fn lines_that_fit(
    groups: &[Group<'_>],
    batch: &Batch<'_>,
    day: Option<OffsetDateTime>,
) -> Vec<Line> {
    let mut used = 0;
    in_turn(groups)
        .map(|(at, group)| Line {
            at,
            text: group.line(batch, day),
        })
        .take_while(|line| {
            used += length(&line.text) + 1;
            used <= LISTS
        })
        .collect()
}

/// Nobody is pushed out by what another does often, or under many application names: first the
/// first group of each user, then of each user from each client, then the rest.
fn in_turn<'g, 'a>(groups: &'g [Group<'a>]) -> impl Iterator<Item = (usize, &'g Group<'a>)> {
    let mut users = HashSet::new();
    let mut clients = HashSet::new();
    let mut had_its_turn = HashSet::new();
    let rounds = (0..3).flat_map(|round| groups.iter().enumerate().map(move |it| (round, it)));
    rounds.filter_map(move |(round, (at, group))| {
        let user = group.example.connection.facts.user.as_deref();
        let client = (user, group.example.connection.facts.host.as_deref());
        let is_next = match round {
            _ if had_its_turn.contains(&at) => false,
            0 => users.insert(user),
            1 => !clients.contains(&client),
            _ => true,
        };
        is_next.then(|| {
            clients.insert(client);
            had_its_turn.insert(at);
            (at, group)
        })
    })
}

fn total_length(lines: &[Line]) -> usize {
    lines.iter().map(|line| length(&line.text) + 1).sum()
}

/// Cuts a list into sections between two lines.
fn sections(lines: &[String]) -> Vec<Block> {
    let mut sections = Vec::new();
    let mut section = String::new();
    let mut used = 0;
    for line in lines {
        let length = length(line);
        if !section.is_empty() && used + length > SECTION {
            sections.push(Block::Section(std::mem::take(&mut section)));
            used = 0;
        }
        if !section.is_empty() {
            section.push('\n');
        }
        section.push_str(line);
        used += length + 1;
    }
    sections.push(Block::Section(section));
    sections
}

/// Connections that differ in nothing that a list shows but the time.
struct Group<'a> {
    example: Told<'a>,
    /// The first by time, where one has a time.
    first: Told<'a>,
    /// The last by time, where one has a time.
    last: Told<'a>,
    count: usize,
    /// Is the cluster part of what is shown?
    shows_cluster: bool,
}

/// By sorted hashes: a few bytes a connection. Nobody knows the seed, so nobody can make two that
/// differ look the same, and that it happens by itself has a chance of one in 10^8 in 300 000.
fn grouped<'a>(batch: &Batch<'a>) -> Vec<Group<'a>> {
    let shows_cluster = is_of_many_clusters(batch);
    let state = RandomState::new();
    let hashed = batch.told.iter().map(|told| {
        let cluster = shows_cluster.then_some((&told.place.account, &told.place.cluster));
        (
            state.hash_one((what_a_list_shows(told.connection), cluster)),
            *told,
        )
    });
    let mut hashes: Vec<(u64, Told<'a>)> = hashed.collect();
    // Stable: the example is the first in the log.
    hashes.sort_by_key(|(hash, _)| *hash);
    let alike = || hashes.chunk_by(|(a, _), (b, _)| a == b);
    let mut groups = Vec::with_capacity(alike().count());
    groups.extend(alike().filter_map(|members| Group::of(members, shows_cluster)));
    groups
}

fn what_a_list_shows<'c>(connection: &'c Connection<'_>) -> impl Hash + use<'c> {
    (
        (
            connection.outcome,
            connection.confirmed(),
            connection.facts.replication,
        ),
        (
            connection.facts.user.as_deref(),
            connection.facts.database.as_deref(),
        ),
        (
            connection.facts.host.as_deref(),
            connection.facts.application_name.as_deref(),
        ),
        connection.facts.reason.as_deref(),
    )
}

impl<'a> Group<'a> {
    fn of(members: &[(u64, Told<'a>)], shows_cluster: bool) -> Option<Group<'a>> {
        let (_, example) = *members.first()?;
        let timed = || {
            let told = members.iter().map(|(_, told)| *told);
            told.filter(|told| told.connection.facts.time.is_some())
        };
        let time = |told: &Told<'a>| told.connection.facts.time;
        Some(Group {
            example,
            first: timed().min_by_key(time).unwrap_or(example),
            last: timed().max_by_key(time).unwrap_or(example),
            count: members.len(),
            shows_cluster,
        })
    }

    /// `• *3件* app_user → appdb · 10.0.1.23 · myapp · 12:00:00–12:00:09`
    fn line(&self, batch: &Batch<'_>, day: Option<OffsetDateTime>) -> String {
        let words = batch.words();
        let connection = self.example.connection;
        let mut parts = Vec::new();
        parts.extend(self.shows_cluster.then(|| self.cluster()));
        if facts::tells_names(connection) {
            let user = facts::user(connection, batch, NAME);
            parts.push(format!(
                "{user} → {}",
                facts::database(connection, batch, NAME)
            ));
        }
        let client = facts::client(connection, batch, NAME);
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

    /// `*orders*`, or `*orders* (audit · ap-northeast-1)` where the account has a name.
    fn cluster(&self) -> String {
        let place = self.example.place;
        let cluster = format!("*{}*", quoted(&place.cluster, NAME));
        match (&place.account_name, &place.region) {
            (Some(account), Some(region)) => {
                format!(
                    "{cluster} ({} · {})",
                    quoted(account, NAME),
                    quoted(region, NAME)
                )
            }
            (Some(account), None) => format!("{cluster} ({})", quoted(account, NAME)),
            _ => cluster,
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
