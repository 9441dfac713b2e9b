//! The message about many connections, or none: lists of groups, the most telling first.

use std::cmp::Reverse;
use std::collections::HashMap;

use time::OffsetDateTime;

use super::facts::{self, Fact};
use super::{Batch, Block, Message, SECTION, Text, context, unparsed_note};
use crate::sessions::{Connection, Outcome};
use crate::slack::mrkdwn::{length, quoted};
use crate::slack::text::EMOJI;

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

pub(super) fn message(connections: &[&Connection<'_>], batch: &Batch<'_>) -> Message {
    let first = connections
        .iter()
        .filter_map(|connection| connection.facts.time)
        .min();
    let last = connections
        .iter()
        .filter_map(|connection| connection.facts.time)
        .max();
    let headline = headline(connections, batch);
    let facts = about_all(batch, first, last);
    let lists = lists(connections, batch, first);

    let mut text = Text::new(&headline);
    text.line("");
    let mut blocks = vec![Block::Header(headline), Block::Section(facts.join("\n"))];
    text.lines(&facts);
    if let Some(note) = unparsed_note(batch) {
        text.line(&note);
        blocks.push(Block::Section(note));
    }
    for list in &lists {
        text.line("");
        text.lines(list);
        blocks.extend(sections(list));
    }
    blocks.extend(context(batch, first, last));
    Message { text, blocks }
}

fn headline(connections: &[&Connection<'_>], batch: &Batch<'_>) -> String {
    let words = batch.words();
    let counts = OUTCOMES.map(|outcome| {
        (
            outcome,
            connections
                .iter()
                .filter(|connection| connection.outcome == outcome)
                .count(),
        )
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
    let facts = [Some(facts::cluster(batch)), facts::instance(batch)];
    facts
        .iter()
        .flatten()
        .map(Fact::line)
        .chain(period)
        .collect()
}

/// One list of lines for each outcome that happened: a heading, groups, and what is left out.
fn lists(
    connections: &[&Connection<'_>],
    batch: &Batch<'_>,
    day: Option<OffsetDateTime>,
) -> Vec<Vec<String>> {
    let mut groups = grouped(connections);
    groups.sort_by_key(|group| {
        let Connection {
            outcome, offset, ..
        } = *group.example;
        let rank = OUTCOMES.iter().position(|known| *known == outcome);
        let confirmed = group.example.confirmed();
        (rank, confirmed, Reverse(group.count), group.first, offset)
    });
    let by_outcome: Vec<&[Group<'_>]> = groups
        .chunk_by(|a, b| a.example.outcome == b.example.outcome)
        .collect();
    let lines: Vec<Vec<String>> = by_outcome
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

fn list(groups: &[Group<'_>], lines: Vec<String>, room: usize, batch: &Batch<'_>) -> Vec<String> {
    let words = batch.words();
    let count = |groups: &[Group<'_>]| groups.iter().map(|group| group.count).sum::<usize>();
    let mut list = Vec::with_capacity(lines.len() + 2);
    if let Some(group) = groups.first() {
        let outcome = group.example.outcome;
        list.push(format!(
            "*{} {}*",
            EMOJI.of(outcome),
            words.counted.of(outcome)(count(groups))
        ));
        if outcome == Outcome::Suspicious {
            list.push(words.suspicion.to_owned());
        }
    }
    let mut used = 0;
    let shown = lines.into_iter().take_while(|line| {
        used += length(line) + 1;
        used <= room
    });
    let before = list.len();
    list.extend(shown);
    let left_out = groups.get(list.len() - before..).unwrap_or_default();
    if !left_out.is_empty() {
        list.push((words.more)(left_out.len(), count(left_out)));
    }
    list
}

/// As many as there could be room for.
fn lines_that_fit(
    groups: &[Group<'_>],
    batch: &Batch<'_>,
    day: Option<OffsetDateTime>,
) -> Vec<String> {
    let mut used = 0;
    groups
        .iter()
        .map(|group| group.line(batch, day))
        .take_while(|line| {
            used += length(line) + 1;
            used <= LISTS
        })
        .collect()
}

fn total_length(lines: &[String]) -> usize {
    lines.iter().map(|line| length(line) + 1).sum()
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
    example: &'a Connection<'a>,
    count: usize,
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
}

fn grouped<'a>(connections: &[&'a Connection<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut index = HashMap::new();
    for &connection in connections {
        let key = (
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
        );
        let at = *index.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.add(connection.facts.time),
            None => groups.push(Group {
                example: connection,
                count: 1,
                first: connection.facts.time,
                last: connection.facts.time,
            }),
        }
    }
    groups
}

impl Group<'_> {
    fn add(&mut self, time: Option<OffsetDateTime>) {
        self.count += 1;
        self.first = self.first.into_iter().chain(time).min();
        self.last = self.last.max(time);
    }

    /// `• *3件* app_user → appdb · 10.0.1.23 · myapp · 12:00:00–12:00:09`
    fn line(&self, batch: &Batch<'_>, day: Option<OffsetDateTime>) -> String {
        let words = batch.words();
        let connection = self.example;
        let mut parts = Vec::new();
        if connection.outcome != Outcome::Suspicious {
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

    fn times(&self, batch: &Batch<'_>, day: Option<OffsetDateTime>) -> String {
        let (Some(first), Some(last), Some(day)) = (self.first, self.last, day) else {
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
