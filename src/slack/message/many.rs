//! The message about many connections, or none: lists of groups, the most telling first.

use std::cmp::Reverse;
use std::collections::HashSet;

use time::OffsetDateTime;

use super::facts;
use super::group::{Group, grouped};
use super::{Batch, Block, Message, SECTION, Text, Told, context, notices};
use crate::entry::Place;
use crate::sessions::Outcome;
use crate::slack::mrkdwn::length;
use crate::slack::text::{EMOJI, LET_IN, NEW, Words};

/// What a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    LetInAfterRefusals,
    Others(Outcome),
}

/// The most telling first.
const ABOUT: [About; 6] = [
    About::LetInAfterRefusals,
    About::Others(Outcome::Suspicious),
    About::Others(Outcome::Rejected),
    About::Others(Outcome::Authorized),
    About::Others(Outcome::Disconnected),
    About::Others(Outcome::Probed),
];

impl About {
    fn of(told: &Told<'_>) -> Self {
        if told.findings.is_let_in() {
            Self::LetInAfterRefusals
        } else {
            Self::Others(told.connection.outcome)
        }
    }

    fn emoji(self) -> &'static str {
        match self {
            Self::LetInAfterRefusals => LET_IN,
            Self::Others(outcome) => EMOJI.of(outcome),
        }
    }

    fn counted(self, count: usize, words: &Words) -> String {
        match self {
            Self::LetInAfterRefusals => (words.let_in)(count),
            Self::Others(outcome) => words.counted.of(outcome)(count),
        }
    }

    /// Connections that are counted only.
    fn left_out(self, batch: &Batch<'_>) -> usize {
        match self {
            Self::LetInAfterRefusals => 0,
            Self::Others(outcome) => batch.left_out.get(&outcome).copied().unwrap_or_default(),
        }
    }
}

/// Room for all lists. Slack refuses messages from about 11 000 units in all blocks on.
const LISTS: usize = 6000;

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
    let mut clusters = batch.told.iter().map(|told| told.place.whole_cluster());
    let first = clusters.next();
    clusters.any(|other| Some(other) != first)
}

fn headline(batch: &Batch<'_>) -> String {
    let words = batch.words();
    let counts = ABOUT.map(|about| {
        let told = batch.told.iter();
        let told = told.filter(|told| About::of(told) == about);
        (about, told.count() + about.left_out(batch))
    });
    let mut seen = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .peekable();
    let Some((most_telling, _)) = seen.peek().copied() else {
        return format!("⚠️ {}", words.headline_unparsed);
    };
    let has_new = || {
        batch
            .told
            .iter()
            .any(|told| told.findings.what_is_new().is_some())
    };
    let emoji = match most_telling {
        About::Others(Outcome::Authorized) if has_new() => NEW,
        about => about.emoji(),
    };
    let parts: Vec<_> = seen
        .map(|(about, count)| about.counted(count, words))
        .collect();
    format!("{emoji} Aurora PostgreSQL: {}", parts.join(words.comma))
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
        let clusters: HashSet<_> = clusters.map(|told| told.place.whole_cluster()).collect();
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

/// One list of lines for each thing that happened: a heading, groups, and what is left out.
fn lists(batch: &Batch<'_>, day: Option<OffsetDateTime>) -> Vec<Vec<String>> {
    let mut groups = grouped(batch, is_of_many_clusters(batch));
    groups.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)));
    let lists: Vec<&[Group<'_>]> = groups
        .chunk_by(|a, b| About::of(&a.example) == About::of(&b.example))
        .collect();
    let lines: Vec<Vec<Line>> = lists
        .iter()
        .map(|groups| lines_that_fit(groups, batch, day))
        .collect();
    let needs: Vec<usize> = lines.iter().map(|lines| total_length(lines)).collect();
    let room = rooms(&needs);
    lists
        .iter()
        .zip(lines)
        .zip(room)
        .map(|((groups, lines), room)| list(groups, lines, room, batch))
        .collect()
}

/// What is worth the most comes first.
fn rank<'g>(group: &'g Group<'_>) -> impl Ord + use<'g> {
    let Told {
        connection,
        place,
        findings,
    } = group.example;
    let about = About::of(&group.example);
    (
        ABOUT.iter().position(|known| *known == about),
        connection.confirmed(),
        findings.what_is_new().is_none(),
        Reverse(group.count),
        group.first.connection.facts.time,
        place.whole_cluster(),
        connection.offset,
    )
}

/// No list is pushed out by the others: each has an equal share for itself, and what it does not
/// need goes to the most telling of the rest. So a thousand refusals cannot hide one entry.
pub(super) fn rooms(needs: &[usize]) -> Vec<usize> {
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
    let about = groups.first().map(|group| About::of(&group.example));
    let counted_only = about.map_or(0, |about| about.left_out(batch));
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
    let about = About::of(&group.example);
    let note = match about {
        About::LetInAfterRefusals => Some(words.let_in_means),
        About::Others(Outcome::Suspicious) => Some(words.suspicion),
        About::Others(_) => None,
    };
    let note = note.map(str::to_owned);
    let title = format!("*{} {}*", about.emoji(), about.counted(connections, words));
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
pub(super) fn sections(lines: &[String]) -> Vec<Block> {
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
