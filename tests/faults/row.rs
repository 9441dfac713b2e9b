//! What Slack showed, held against what went in.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::support::Function;

/// Where the connections of a scenario are in the end.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub fault: &'static str,
    /// Connections that went in.
    pub events: usize,
    /// Shown in Slack.
    pub delivered: usize,
    /// Shown once more than once.
    pub duplicates: usize,
    /// In the retry queue, still.
    pub queued: usize,
    /// Neither shown nor kept.
    pub lost: usize,
    /// Shown, though they did not happen.
    pub untrue: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            fault,
            events,
            delivered,
            duplicates,
            queued,
            lost,
            untrue,
        } = self;
        write!(
            f,
            "{fault:<44}{events:>9}{delivered:>11}{duplicates:>12}{queued:>8}{lost:>6}{untrue:>7}"
        )
    }
}

/// How many connections of each user a message tells.
fn told(payload: &Value) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for line in payload["text"].as_str().unwrap().lines() {
        let entry = line
            .strip_prefix("• ")
            .and_then(|line| line.split(" → ").next());
        let entry = entry.or_else(|| line.strip_prefix("User: "));
        let Some(entry) = entry else { continue };
        let (count, user) = match entry.split_once("×* ") {
            Some((count, user)) => (count.trim_start_matches('*').parse().unwrap(), user),
            None => (1, entry),
        };
        *told.entry(user.to_owned()).or_default() += count;
    }
    told
}

/// Compares what went in with what Slack showed.
pub fn row(
    fault: &'static str,
    expected: &BTreeMap<String, usize>,
    function: &Function,
    is_queued: bool,
) -> Row {
    let mut shown = BTreeMap::<String, usize>::new();
    for post in function.local.posts().into_iter().filter(|post| post.shown) {
        for (user, count) in told(&post.payload) {
            *shown.entry(user).or_default() += count;
        }
    }
    let events = expected.values().sum();
    let count = |user| shown.get(user).copied().unwrap_or(0);
    let delivered = expected.iter().map(|(user, n)| count(user).min(*n)).sum();
    let duplicates = expected
        .iter()
        .map(|(user, n)| count(user).saturating_sub(*n))
        .sum();
    let strangers = shown
        .iter()
        .filter(|(user, _)| !expected.contains_key(*user));
    let queued = if is_queued { events - delivered } else { 0 };
    Row {
        fault,
        events,
        delivered,
        duplicates,
        queued,
        lost: events - delivered - queued,
        untrue: strangers.map(|(_, n)| n).sum(),
    }
}
