//! One row for each user, database, client and application.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use crate::postgres::event::Encryption;
use crate::sessions::{Connection, Outcome};

/// How many rows are held, at about 400 bytes each.
pub(super) const MOST: usize = 1_000_000;

/// Who connected to what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Key {
    pub(super) user: Option<Cow<'static, str>>,
    pub(super) database: Option<Cow<'static, str>>,
    pub(super) host: Option<Cow<'static, str>>,
    pub(super) application: Option<Cow<'static, str>>,
}

/// What all connections of a row have in common, and how many they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) logins: u64,
    pub(super) refusals: u64,
    pub(super) disconnections: u64,
    pub(super) probes: u64,
    pub(super) suspicions: u64,
    /// Of all these.
    pub(super) unconfirmed: u64,
    pub(super) first: Option<OffsetDateTime>,
    pub(super) last: Option<OffsetDateTime>,
    first_login: Option<OffsetDateTime>,
    /// Bits of [`Labels`].
    auth_methods: u64,
    tls: u64,
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    counts: HashMap<Key, Counts>,
    /// In the order of the table, once it is sorted.
    pub(super) sorted: Vec<(Key, Counts)>,
    pub(super) totals: Counts,
    /// Connections that found no place.
    pub(super) left_out: u64,
    auth_methods: Labels,
    tls: Labels,
}

impl Rows {
    pub(super) fn add(&mut self, connection: Connection<'static>) {
        let (auth, tls) = self.bits(&connection);
        let (outcome, confirmed) = (connection.outcome, connection.confirmed());
        let (attempts, time) = (u64::from(connection.attempts), connection.facts.time);
        let facts = connection.facts;
        let key = Key {
            user: facts.user,
            database: facts.database,
            host: facts.host,
            application: facts.application_name.filter(|name| !name.is_empty()),
        };
        self.totals.add(outcome, attempts, confirmed, time);
        if self.counts.len() >= MOST && !self.counts.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let counts = self.counts.entry(key).or_default();
        counts.add(outcome, attempts, confirmed, time);
        counts.auth_methods |= auth;
        counts.tls |= tls;
    }

    fn bits(&mut self, connection: &Connection<'_>) -> (u64, u64) {
        let facts = &connection.facts;
        let auth = facts.auth_method.as_deref();
        let tls = match &facts.encryption {
            Encryption::Unknown => None,
            Encryption::Plain => Some("none"),
            Encryption::Tls(tls) | Encryption::TlsAsLogged(tls) => Some(&*tls.protocol),
            Encryption::Gss | Encryption::GssAsLogged => Some("GSS"),
        };
        let bit = |labels: &mut Labels, label: Option<&str>| label.map_or(0, |l| labels.bit(l));
        (bit(&mut self.auth_methods, auth), bit(&mut self.tls, tls))
    }

    /// Refused clients first, then the newest.
    pub(super) fn sort(&mut self) {
        self.sorted = std::mem::take(&mut self.counts).into_iter().collect();
        self.sorted
            .sort_unstable_by(|(key, one), (other_key, other)| {
                let order = |counts: &Counts| (counts.refusals == 0, Reverse(counts.last));
                order(one)
                    .cmp(&order(other))
                    .then_with(|| key.cmp(other_key))
            });
    }

    pub(super) fn auth_methods(&self, counts: &Counts) -> Vec<&str> {
        self.auth_methods.of(counts.auth_methods)
    }

    pub(super) fn tls(&self, counts: &Counts) -> Vec<&str> {
        self.tls.of(counts.tls)
    }

    /// Who logged in in the last tenth of the period and not before, and what is new of them.
    pub(super) fn newcomers(&self) -> Vec<(&'static str, &Key, OffsetDateTime)> {
        let (Some(first), Some(last)) = (self.totals.first, self.totals.last) else {
            return Vec::new();
        };
        let border = last - (last - first) / 10;
        let mut old = HashSet::new();
        let mut new = Vec::new();
        for (key, counts) in &self.sorted {
            match counts.first_login {
                Some(login) if login >= border && first < border => new.push((key, login)),
                Some(_) => {
                    old.insert((&key.user, None, None));
                    old.insert((&key.user, Some(&key.host), None));
                    old.insert((&key.user, None, Some(&key.database)));
                }
                None => {}
            }
        }
        // What matters most comes first.
        let what = |key: &Key| {
            if !old.contains(&(&key.user, None, None)) {
                (0, "new user")
            } else if !old.contains(&(&key.user, None, Some(&key.database))) {
                (1, "new database")
            } else if !old.contains(&(&key.user, Some(&key.host), None)) {
                (2, "new client")
            } else {
                (3, "new application")
            }
        };
        new.sort_by_cached_key(|(key, login)| (what(key).0, Reverse(*login)));
        new.into_iter()
            .map(|(key, login)| (what(key).1, key, login))
            .collect()
    }
}

impl Counts {
    fn add(
        &mut self,
        outcome: Outcome,
        attempts: u64,
        confirmed: bool,
        time: Option<OffsetDateTime>,
    ) {
        match outcome {
            Outcome::Authorized => self.logins += attempts,
            Outcome::Rejected => self.refusals += attempts,
            Outcome::Disconnected => self.disconnections += attempts,
            Outcome::Probed => self.probes += attempts,
            Outcome::Suspicious => self.suspicions += attempts,
        }
        if !confirmed {
            self.unconfirmed += attempts;
        }
        self.last = self.last.max(time);
        self.first = earlier(self.first, time);
        if outcome == Outcome::Authorized {
            self.first_login = earlier(self.first_login, time);
        }
    }
}

fn earlier(one: Option<OffsetDateTime>, other: Option<OffsetDateTime>) -> Option<OffsetDateTime> {
    one.into_iter().chain(other).min()
}

/// The few words that a column holds, each a bit.
#[derive(Debug, Default)]
struct Labels(Vec<String>);

impl Labels {
    /// What is one too many shares the last bit.
    fn bit(&mut self, label: &str) -> u64 {
        const LAST: usize = 63;
        let known = self.0.iter().position(|known| known == label);
        let at = known.unwrap_or_else(|| {
            if self.0.len() <= LAST {
                let is_last = self.0.len() == LAST;
                self.0
                    .push(if is_last { "others" } else { label }.to_owned());
            }
            self.0.len() - 1
        });
        1 << at
    }

    fn of(&self, bits: u64) -> Vec<&str> {
        let labels = self.0.iter().enumerate();
        let set = labels.filter(|(at, _)| bits & (1 << at) != 0);
        set.map(|(_, label)| label.as_str()).collect()
    }
}
