//! Who has used access to which cluster, and when last, by what the table of the history holds.
//!
//! The table knows days, of UTC, and nothing finer. So a summary begins with the day of the one before
//! it: who connected on that day may stand in both, and nobody is left out.
//!
//! This part does no I/O.

use std::collections::{BTreeMap, HashSet};

use serde::{Serialize, Serializer};

use crate::aws::dynamodb::{Attribute, Item};
use crate::config::Settings;
use crate::history::table::{date, read_date};
use crate::history::{DAY, day};

/// What is read of an item.
pub const ATTRIBUTES: [&str; 10] = [
    "what",
    "account",
    "log_group",
    "cluster",
    "user",
    "network",
    "database",
    "first",
    "last",
    "ttl",
];

/// So many names are kept; others are only counted. The answer of an invocation holds 6 MB.
const MOST_NAMES: usize = 20_000;

/// Longer without a login is always long.
const LONGEST_IDLE: u16 = 90;

/// What a summary is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The day of the summary before this one, counted from the epoch; none where there is none.
    #[serde(serialize_with = "as_dates")]
    pub since: Option<i64>,
    /// The day of this one.
    #[serde(rename = "until", serialize_with = "as_date")]
    pub today: i64,
    /// Who has not connected for so many days could lose access.
    pub idle_days: u16,
    /// After so many days without a login a user is forgotten.
    pub forgotten_after_days: u16,
    /// Seconds since the epoch.
    #[serde(skip)]
    now: i64,
}

impl Period {
    /// From the last summary on, if there was one. Days without a login are many from two thirds of the
    /// days on after which the user is forgotten: between the two there is time to be listed.
    #[must_use]
    pub fn new(since: Option<i64>, now: i64, forgotten_after_days: u16) -> Self {
        Self {
            since,
            today: day(now),
            idle_days: (forgotten_after_days * 2 / 3).clamp(1, LONGEST_IDLE),
            forgotten_after_days,
            now,
        }
    }
}

/// A cluster, by its log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Log {
    account: Option<String>,
    log_group: String,
}

/// Who has used access to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OfCluster {
    /// The name to show.
    #[serde(rename = "cluster")]
    pub name: String,
    /// The account's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What to show for it, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// Its log.
    pub log_group: String,
    /// What is new since the last summary, by user.
    pub new: BTreeMap<String, New>,
    /// Who has not connected for long.
    pub idle: Vec<User>,
    /// Who else has connected since the last summary.
    pub connected: Vec<User>,
}

/// When a user connected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct User {
    /// The role's name.
    pub user: String,
    /// The first day that is remembered.
    #[serde(serialize_with = "as_date")]
    pub first: i64,
    /// The last.
    #[serde(serialize_with = "as_date")]
    pub last: i64,
}

/// What is new about a user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct New {
    /// Nobody knew the user.
    pub user: bool,
    /// From here the user had not come.
    pub networks: Vec<String>,
    /// These the user had not used.
    pub databases: Vec<String>,
}

/// Names for which there was no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[expect(missing_docs, reason = "as in the lists of a cluster")]
pub struct LeftOut {
    pub new: usize,
    pub idle: usize,
    pub connected: usize,
}

/// Who has used access to all clusters.
#[derive(Debug, Serialize)]
pub struct Access {
    /// Since when, and until when.
    #[serde(flatten)]
    pub period: Period,
    #[serde(serialize_with = "values")]
    clusters: BTreeMap<Log, OfCluster>,
    /// What is counted only.
    pub left_out: LeftOut,
    #[serde(skip)]
    names: usize,
}

/// What of an item matters.
struct Row<'i> {
    what: &'i str,
    name: Option<&'i str>,
    user: User,
}

impl Access {
    /// Nobody, so far.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self {
            period,
            clusters: BTreeMap::new(),
            left_out: LeftOut::default(),
            names: 0,
        }
    }

    /// Takes in an item of the table. What has expired, and what is about no login, is nothing.
    pub fn add(&mut self, item: &Item) {
        let Some((log, row)) = self.row(item) else {
            return;
        };
        let is_user = row.what == "user";
        let is_idle = row.user.last <= self.period.today - i64::from(self.period.idle_days);
        let is_connected = self.period.since.is_none_or(|day| row.user.last >= day);
        if is_user && is_idle {
            self.put(
                log.clone(),
                item,
                row.user.clone(),
                |it| &mut it.idle,
                |it| &mut it.idle,
            );
        } else if is_user && is_connected {
            self.put(
                log.clone(),
                item,
                row.user.clone(),
                |it| &mut it.connected,
                |it| &mut it.connected,
            );
        }
        if self.period.since.is_some_and(|day| row.user.first >= day) {
            self.put_new(log, item, row);
        }
    }

    fn row<'i>(&self, item: &'i Item) -> Option<(Log, Row<'i>)> {
        let expiry = match item.get("ttl") {
            Some(Attribute::N(number)) => number.parse().unwrap_or_default(),
            _ => 0,
        };
        let what = text(item, "what")?;
        if expiry <= self.period.now || !["user", "network", "database"].contains(&what) {
            return None;
        }
        let log = Log {
            account: text(item, "account").map(str::to_owned),
            log_group: text(item, "log_group")?.to_owned(),
        };
        let user = User {
            user: text(item, "user")?.to_owned(),
            first: read_date(text(item, "first")?)?,
            last: read_date(text(item, "last")?)?,
        };
        let name = text(item, what);
        Some((log, Row { what, name, user }))
    }

    fn cluster(&mut self, log: Log, item: &Item) -> Option<&mut OfCluster> {
        if self.names >= MOST_NAMES {
            return None;
        }
        self.names += 1;
        let account = log.account.clone();
        let log_group = log.log_group.clone();
        Some(self.clusters.entry(log).or_insert_with(|| OfCluster {
            name: text(item, "cluster").unwrap_or(&log_group).to_owned(),
            account,
            log_group,
            ..OfCluster::default()
        }))
    }

    fn put(
        &mut self,
        log: Log,
        item: &Item,
        user: User,
        list: impl Fn(&mut OfCluster) -> &mut Vec<User>,
        left_out: impl Fn(&mut LeftOut) -> &mut usize,
    ) {
        match self.cluster(log, item) {
            Some(cluster) => list(cluster).push(user),
            None => *left_out(&mut self.left_out) += 1,
        }
    }

    fn put_new(&mut self, log: Log, item: &Item, row: Row<'_>) {
        let Some(cluster) = self.cluster(log, item) else {
            self.left_out.new += 1;
            return;
        };
        let new = cluster.new.entry(row.user.user).or_default();
        match (row.what, row.name) {
            ("network", Some(name)) => new.networks.push(name.to_owned()),
            ("database", Some(name)) => new.databases.push(name.to_owned()),
            _ => new.user = true,
        }
    }

    /// Puts everything into the order in which it is shown, under the names of today.
    pub fn finish(&mut self, settings: &Settings) {
        let accounts = self.clusters.keys().map(|log| &log.account);
        let are_several = accounts.collect::<HashSet<_>>().len() > 1;
        for cluster in self.clusters.values_mut() {
            if let Some(name) = settings.clusters.get(&cluster.log_group) {
                cluster.name.clone_from(name);
            }
            let account = cluster.account.as_ref().filter(|_| are_several);
            cluster.account_name =
                account.map(|id| settings.accounts.get(id).unwrap_or(id).clone());
            cluster
                .idle
                .sort_unstable_by(|a, b| (a.last, &a.user).cmp(&(b.last, &b.user)));
            cluster.connected.sort_unstable();
            for new in cluster.new.values_mut() {
                new.networks.sort_unstable();
                new.databases.sort_unstable();
            }
        }
    }

    /// The clusters, each with anybody, by their logs.
    pub fn clusters(&self) -> impl Iterator<Item = &OfCluster> + Clone {
        self.clusters.values()
    }

    /// Of how many users something is new, how many have not connected for long, and how many have.
    /// One who has access to two clusters counts for each.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count = |of: fn(&OfCluster) -> usize| self.clusters().map(of).sum::<usize>();
        [
            count(|it| it.new.len()) + self.left_out.new,
            count(|it| it.idle.len()) + self.left_out.idle,
            count(|it| it.connected.len()) + self.left_out.connected,
        ]
    }
}

fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    match item.get(name) {
        Some(Attribute::S(text)) => Some(text),
        _ => None,
    }
}

/// `2026-11-24`.
#[must_use]
pub fn shown_day(day: i64) -> String {
    date(day * DAY)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_date<S: Serializer>(day: &i64, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&shown_day(*day))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn as_dates<S: Serializer>(day: &Option<i64>, out: S) -> Result<S::Ok, S::Error> {
    day.map(shown_day).serialize(out)
}

fn values<S: Serializer>(clusters: &BTreeMap<Log, OfCluster>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(clusters.values())
}

#[cfg(test)]
mod tests;
