//! Let in after refusals: a client, or a user, that was refused again and again and then got in.
//!
//! Within a batch this is exact. Across batches it is what this process remembers, and what the table
//! of [`crate::history`] adds of others.
//!
//! What counts is since the same user from the same client was let in last: a pool beside a job with
//! a wrong password is no alarm, and an attacker who logs in under a name of his own gains nothing.

pub mod shelf;

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;

use lru::LruCache;

use self::shelf::Shelf;
use crate::digest;
use crate::entry::Place;
use crate::postgres::event::Standing;
use crate::sessions::{Connection, Outcome};

/// Refusals count for ten minutes.
pub const WINDOW: i64 = 600;

/// How many refusals are remembered, each for its client and for its user; about 90 bytes each
/// time.
const MOST_REFUSALS: usize = 100_000;
/// How many pairs of user and client are remembered as let in.
const MOST_LOGINS: NonZeroUsize = NonZeroUsize::new(50_000).expect("not zero");

/// The refusals that this process knows of, and who was let in since. Bounded: the oldest go first.
#[derive(Debug)]
pub struct Refusals {
    /// By client and by user, in the order in which they came.
    of: HashMap<u64, VecDeque<Refusal>>,
    /// Of whom each is, the oldest first.
    order: VecDeque<u64>,
    /// So that a batch that comes twice counts once.
    ids: HashSet<(u64, u64)>,
    /// When a user was let in from a client last, since there are refusals.
    logins: LruCache<u64, Login>,
    /// Logins that were let in after refusals: they stay so when they come again.
    found: LruCache<u64, usize>,
    number: u64,
    /// What other processes should know.
    news: HashMap<Shelf, Vec<Refusal>>,
}

/// The log event of a connection.
#[derive(Debug, Clone, Copy)]
pub struct LogEvent<'e> {
    /// Unique in the log group.
    pub id: &'e str,
    /// Byte offset of the connection's line in it.
    pub offset: usize,
    /// Seconds since the epoch.
    pub time: i64,
}

/// A client or a user was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Whom: see [`client`] and [`user`].
    pub whom: u64,
    /// Which, whoever reads it.
    pub id: u64,
    /// Seconds since the epoch.
    pub time: i64,
    /// How often at once.
    pub attempts: u32,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Login {
    time: i64,
    number: u64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            of: HashMap::new(),
            order: VecDeque::new(),
            ids: HashSet::new(),
            logins: LruCache::new(MOST_LOGINS),
            found: LruCache::new(MOST_LOGINS),
            number: 0,
            news: HashMap::new(),
        }
    }
}

/// Stands for a client of a cluster.
#[must_use]
pub fn client(place: &Place, host: &str) -> u64 {
    whom(place, "client", host)
}

/// Stands for a user of a cluster.
#[must_use]
pub fn user(place: &Place, user: &str) -> u64 {
    whom(place, "user", user)
}

fn whom(place: &Place, kind: &str, name: &str) -> u64 {
    let account = place.account.as_deref().unwrap_or_default();
    digest::short(&["refused", account, &place.log_group, kind, name])
}

impl LogEvent<'_> {
    /// 32 bits that are the same in every process.
    fn hash(self) -> u64 {
        digest::short(&["event", self.id, &self.offset.to_string()]) >> 32
    }
}

impl Refusals {
    /// Remembers a refusal. For a login: how many were before it.
    pub fn before(
        &mut self,
        connection: &Connection<'_>,
        place: &Place,
        event: Option<LogEvent<'_>>,
    ) -> usize {
        let facts = &connection.facts;
        let Some(time) = facts.time.map(time::OffsetDateTime::unix_timestamp) else {
            return 0;
        };
        if connection.standing < Standing::OfItsBackend {
            return 0;
        }
        let client = || Some(client(place, facts.host.as_deref()?));
        let user = || Some(user(place, facts.user.as_deref()?));
        match connection.outcome {
            Outcome::Rejected if is_about_the_client(connection) => {
                let id = event.map_or(self.number, LogEvent::hash);
                for whom in [client(), user()].into_iter().flatten() {
                    let refusal = Refusal {
                        whom,
                        id,
                        time,
                        attempts: connection.attempts,
                        number: 0,
                    };
                    let is_news = self.add(refusal);
                    if let Some(event) = event.filter(|_| is_news) {
                        let news = self.news.entry(Shelf::of(place, event.time)).or_default();
                        shelf::put(news, refusal);
                    }
                }
                0
            }
            Outcome::Authorized if !self.order.is_empty() => {
                self.forget_before(time - 2 * WINDOW);
                self.let_in(client(), user(), time, event.map(LogEvent::hash))
            }
            _ => 0,
        }
    }

    /// What other processes should know since this was asked last.
    pub fn take_news(&mut self) -> HashMap<Shelf, Vec<Refusal>> {
        std::mem::take(&mut self.news)
    }

    /// Takes in a refusal, unless it is known; was it not?
    pub fn add(&mut self, refusal: Refusal) -> bool {
        if !self.ids.insert((refusal.whom, refusal.id)) {
            return false;
        }
        self.number += 1;
        let number = self.number;
        let of = self.of.entry(refusal.whom).or_default();
        of.push_back(Refusal { number, ..refusal });
        self.order.push_back(refusal.whom);
        if self.order.len() > 2 * MOST_REFUSALS {
            self.forget_oldest();
        }
        true
    }

    fn let_in(
        &mut self,
        client: Option<u64>,
        user: Option<u64>,
        time: i64,
        id: Option<u64>,
    ) -> usize {
        if let Some(found) = id.and_then(|id| self.found.get(&id)) {
            return *found;
        }
        let pair = client.unwrap_or_default() ^ user.unwrap_or_default().rotate_left(1);
        self.number += 1;
        let number = self.number;
        let last = self.logins.put(pair, Login { time, number });
        let counts = [client, user].map(|whom| self.count(whom?, time, last));
        let found = counts.into_iter().flatten().max().unwrap_or_default();
        if let Some(id) = id.filter(|_| found > 0) {
            self.found.put(id, found);
        }
        found
    }

    /// The refusals in the ten minutes before `time`, and since the last login.
    fn count(&self, whom: u64, time: i64, last: Option<Login>) -> Option<usize> {
        let refusals = self.of.get(&whom)?.iter().rev();
        let since = refusals.take_while(|it| last.is_none_or(|last| it.number > last.number));
        let counted = since.filter(|it| {
            (time - WINDOW..=time).contains(&it.time)
                && last.is_none_or(|last| it.time >= last.time)
        });
        let attempts = counted.map(|it| usize::try_from(it.attempts).unwrap_or(usize::MAX));
        Some(attempts.fold(0, usize::saturating_add))
    }

    fn forget_before(&mut self, time: i64) {
        while let Some(whom) = self.order.front()
            && let Some(oldest) = self.of.get(whom).and_then(VecDeque::front)
            && oldest.time < time
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(whom) = self.order.pop_front() else {
            return;
        };
        let Some(refusals) = self.of.get_mut(&whom) else {
            return;
        };
        if let Some(oldest) = refusals.pop_front() {
            self.ids.remove(&(whom, oldest.id));
        }
        if refusals.is_empty() {
            self.of.remove(&whom);
        }
    }
}

/// A server that starts or is full refuses everybody.
fn is_about_the_client(connection: &Connection<'_>) -> bool {
    const ABOUT_THE_SERVER: [&str; 4] = [
        "the database system is ",
        "sorry, too many clients already",
        "remaining connection slots are reserved for ",
        "too many connections for ",
    ];
    let reason = connection.facts.reason.as_deref().unwrap_or_default();
    !ABOUT_THE_SERVER
        .iter()
        .any(|start| reason.starts_with(start))
}

#[cfg(test)]
mod tests;
