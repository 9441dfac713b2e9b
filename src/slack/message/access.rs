//! The access summary: what is new, who has not connected for long, and who has, by cluster.

use super::many::{rooms, sections};
use super::{Block, Message, SECTION, Style, Text};
use crate::access::{Access, New, OfCluster, User, shown_day};
use crate::slack::mrkdwn::{length, quoted};
use crate::slack::text::{NEW, Words};

/// Room for a name in a list.
const NAME: usize = 320;
/// Of what is new about one user: so many networks, and as many databases.
const MOST_OF_ONE: usize = 3;
/// Of one cluster are shown all names that have room; if the list is too long for that, so many.
const MOST_OF_A_CLUSTER: [usize; 7] = [usize::MAX, 50, 20, 10, 5, 2, 1];

/// Who stands where.
struct List<'a> {
    title: String,
    note: Option<String>,
    clusters: Vec<Names<'a>>,
    left_out: usize,
}

/// The names of one cluster.
struct Names<'a> {
    cluster: &'a OfCluster,
    names: Vec<String>,
}

pub(super) fn message(access: &Access, style: &Style) -> Message {
    let words = style.language.words();
    let lists = lists(access, words);
    let [_, idle, connected] = access.counts();
    let headline = (words.access)(idle + connected, access.clusters().count());
    let headline = format!("📋 {headline}");
    let period = period(access, words);
    let mut text = Text::new(&headline);
    text.line("");
    text.line(&period);
    let mut blocks = vec![Block::Header(headline), Block::Section(period)];
    let needs: Vec<usize> = lists.iter().map(|list| list.need(words)).collect();
    for (list, room) in lists.iter().zip(rooms(&needs)) {
        let lines = list.lines(room, words);
        text.line("");
        text.lines(&lines);
        blocks.extend(sections(&lines));
    }
    Message { text, blocks }
}

fn period(access: &Access, words: &Words) -> String {
    let period = access.period;
    let today = shown_day(period.today);
    match period.since {
        Some(since) => (words.access_since)(&shown_day(since), &today),
        None => (words.access_first)(&today, period.forgotten_after_days),
    }
}

/// The most telling first; empty ones are left out.
fn lists<'a>(access: &'a Access, words: &Words) -> Vec<List<'a>> {
    let of_all = |names: &dyn Fn(&OfCluster) -> Vec<String>| {
        let clusters = access.clusters().map(|cluster| Names {
            cluster,
            names: names(cluster),
        });
        let mut clusters: Vec<_> = clusters.filter(|it| !it.names.is_empty()).collect();
        clusters.sort_by_key(|it| &it.cluster.name);
        clusters
    };
    let [new, idle, connected] = access.counts();
    let period = access.period;
    let lists = [
        List {
            title: format!("{NEW} {}", (words.access_new)(new)),
            note: None,
            clusters: of_all(&|it| {
                it.new
                    .iter()
                    .map(|(user, new)| told_new(user, new, words))
                    .collect()
            }),
            left_out: access.left_out.new,
        },
        List {
            title: format!("💤 {}", (words.access_idle)(idle, period.idle_days)),
            note: Some((words.access_idle_means)(period.forgotten_after_days)),
            clusters: of_all(&|it| it.idle.iter().map(|user| told_idle(user, words)).collect()),
            left_out: access.left_out.idle,
        },
        List {
            title: format!("🔗 {}", (words.access_connected)(connected)),
            note: None,
            clusters: of_all(&|it| {
                it.connected
                    .iter()
                    .map(|it| quoted(&it.user, NAME))
                    .collect()
            }),
            left_out: access.left_out.connected,
        },
    ];
    let is_last = |at: usize| at == 2;
    let lists = lists.into_iter().enumerate();
    let lists = lists.filter(|(at, list)| is_last(*at) || list.count() > 0);
    lists.map(|(_, list)| list).collect()
}

/// `alice (new network 10.0.2.0/24)`. Of a new user everything is new.
fn told_new(user: &str, new: &New, words: &Words) -> String {
    let [of_user, of_network, of_database] = words.new;
    let mut parts = Vec::new();
    if new.user {
        parts.push(of_user.to_owned());
    }
    for (what, names) in [(of_network, &new.networks), (of_database, &new.databases)] {
        let shown = names.iter().take(MOST_OF_ONE);
        let shown: Vec<_> = shown.map(|name| quoted(name, NAME)).collect();
        let more = names.len() - shown.len();
        let more = (more > 0).then(|| (words.access_more)(more));
        let shown: Vec<_> = shown.into_iter().chain(more).collect();
        let shown = shown.join(words.comma);
        match shown.as_str() {
            "" => {}
            _ if new.user => parts.push(shown),
            _ => parts.push(format!("{what} {shown}")),
        }
    }
    format!("{} ({})", quoted(user, NAME), parts.join(" · "))
}

fn told_idle(user: &User, words: &Words) -> String {
    let last = (words.access_last)(&shown_day(user.last));
    format!("{} ({last})", quoted(&user.user, NAME))
}

impl List<'_> {
    fn count(&self) -> usize {
        let names: usize = self.clusters.iter().map(|it| it.names.len()).sum();
        names + self.left_out
    }

    /// Room for all names.
    fn need(&self, words: &Words) -> usize {
        total_length(&self.of_clusters(usize::MAX, words))
    }

    /// The title, a line for each cluster that has room, and how many others there are.
    fn lines(&self, room: usize, words: &Words) -> Vec<String> {
        let limits = MOST_OF_A_CLUSTER.iter();
        let mut all = limits.map(|most| self.of_clusters(*most, words));
        let fitting = all.find(|lines| total_length(lines) <= room);
        let of_clusters = fitting.unwrap_or_else(|| self.of_clusters(1, words));
        let mut lines = vec![format!("*{}*", self.title)];
        lines.extend(self.note.clone());
        let mut used = 0;
        let shown = of_clusters.into_iter().take_while(|line| {
            used += length(line) + 1;
            used <= room
        });
        let shown: Vec<_> = shown.collect();
        let others = self.clusters.get(shown.len()..).unwrap_or_default();
        let names: usize = others.iter().map(|it| it.names.len()).sum();
        lines.extend(shown);
        if !others.is_empty() || self.left_out > 0 {
            lines.push((words.access_more_clusters)(
                others.len(),
                names + self.left_out,
            ));
        }
        lines
    }

    fn of_clusters(&self, most: usize, words: &Words) -> Vec<String> {
        let lines = self.clusters.iter();
        lines.map(|names| names.line(most, words)).collect()
    }
}

impl Names<'_> {
    /// `• *orders*: alice, bob, and 9 more`, of `most` names or as many as a section has room for.
    fn line(&self, most: usize, words: &Words) -> String {
        let account = self.cluster.account_name.as_ref();
        let account = account.map(|name| format!(" ({})", quoted(name, NAME)));
        let cluster = quoted(&self.cluster.name, NAME);
        let mut line = format!("• *{cluster}*{}", account.unwrap_or_default());
        let mut used = length(&line);
        let mut shown = 0;
        for name in self.names.iter().take(most) {
            used += length(name) + length(words.comma);
            if used > SECTION - ROOM_FOR_MORE {
                break;
            }
            line.push_str(if shown == 0 { ": " } else { words.comma });
            line.push_str(name);
            shown += 1;
        }
        let more = self.names.len() - shown;
        if more > 0 {
            line.push_str(if shown == 0 { ": " } else { words.comma });
            line.push_str(&(words.access_more)(more));
        }
        line
    }
}

/// For how many more there are.
const ROOM_FOR_MORE: usize = 60;

fn total_length(lines: &[String]) -> usize {
    lines.iter().map(|line| length(line) + 1).sum()
}
