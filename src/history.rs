//! First seen: is the user new to this cluster, is this network new for the user, is this database?
//!
//! Only logins that are certain teach, and only once Slack has taken the message about them: what
//! fails is told as new again. What is not known is unknown, and then nothing is held back.
//!
//! This part does no I/O; [`table`] does.

pub mod table;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;

use ipnet::IpNet;
use lru::LruCache;

use crate::digest::digest;
use crate::entry::Place;
use crate::findings::{New, Novelty};
use crate::postgres::event::Standing;
use crate::sessions::{Connection, Outcome};

/// What is remembered, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// `HISTORY_DAYS`: without a login for so long it is forgotten.
    pub days: u16,
    /// `HISTORY_NETWORKS`: blocks that count as one network each; others are a /24 or /64.
    pub networks: Vec<IpNet>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            days: 30,
            networks: Vec::new(),
        }
    }
}

/// SHA-256 of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub(crate) [u8; 32]);

impl Key {
    /// As the table has it.
    #[must_use]
    pub fn text(self) -> String {
        let hex = self.0.iter().map(|byte| format!("{byte:02x}"));
        hex.collect()
    }
}

/// Until when something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// Seconds since the epoch.
    pub expiry: i64,
    /// The day that was written last, counted from the epoch; none where writing failed.
    pub day: Option<i64>,
}

/// How many answers are remembered, at about 80 bytes each.
const MOST_KNOWN: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// How many kinds of login a window tells apart. What is new about further ones is unknown.
const MOST_KINDS: usize = 50_000;
/// Seconds.
pub const DAY: i64 = 86_400;

/// What this process knows of the table. Bounded: the least recently used is forgotten first.
#[derive(Debug)]
pub struct Known(LruCache<Key, Until>);

impl Default for Known {
    fn default() -> Self {
        Self(LruCache::new(MOST_KNOWN))
    }
}

/// What the table says; `None` for what it does not have.
pub type Answers = HashMap<Key, Option<Until>>;

/// The logins of a window, by their kinds.
#[derive(Debug, Default)]
pub struct Logins {
    kinds: Vec<Kind>,
    by_names: HashMap<u64, usize>,
    hasher: RandomState,
    /// What a certain login of this window has been about.
    seen: HashSet<Key>,
}

/// Logins that differ in nothing but their time.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Where.
    pub place: Rc<Place>,
    /// Who.
    pub user: String,
    /// From where.
    pub network: String,
    /// To what; physical replication has no database.
    pub database: Option<String>,
    /// Of the user, the network and the database.
    keys: [Option<Key>; 3],
    /// The first and the latest certain login.
    certain: Option<(i64, i64)>,
    /// The records that it was in, in their order.
    records: Vec<usize>,
}

/// One login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    kind: usize,
    time: i64,
    /// Is it the first of the window about its user, network, database?
    first: [bool; 3],
}

/// Something that a login has taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson<'k> {
    /// Of what.
    pub key: Key,
    /// `user`, `network` or `database`.
    pub what: &'static str,
    /// When first, in seconds since the epoch.
    pub first: i64,
    /// When last.
    pub time: i64,
    /// Was it known, and is no more?
    pub had_expired: bool,
    /// Where.
    pub place: &'k Place,
    /// Who.
    pub user: &'k str,
    /// From where, or to what.
    pub name: Option<&'k str>,
}

impl Remembered {
    /// Forgotten then, if there is no other login.
    #[must_use]
    pub fn expiry(&self, time: i64) -> i64 {
        time + i64::from(self.days) * DAY
    }

    /// The network of a client: a configured block, a /24, a /64, or what is no address as it is.
    #[must_use]
    pub fn network(&self, host: &str) -> String {
        let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
        let Ok(address) = without_zone.parse::<IpAddr>() else {
            return host.to_owned();
        };
        let address = address.to_canonical();
        let configured = self.networks.iter().find(|block| block.contains(&address));
        let length = if address.is_ipv4() { 24 } else { 64 };
        let network = configured
            .copied()
            .or_else(|| IpNet::new(address, length).ok());
        network.map_or_else(|| host.to_owned(), |network| network.trunc().to_string())
    }
}

/// The day of a time, counted from the epoch.
#[must_use]
pub fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

impl Known {
    fn until(&mut self, key: Key, time: i64) -> Option<Until> {
        let until = self.0.get(&key).copied();
        until.filter(|until| until.expiry > time)
    }

    /// Remembers that something was taught, or was to be.
    pub fn learn(&mut self, key: Key, until: Until) {
        self.0.put(key, until);
    }
}

impl Logins {
    /// Takes in a connection that is a login, and certain enough that its names are its own.
    pub fn add(
        &mut self,
        connection: &Connection<'_>,
        place: &Rc<Place>,
        record: usize,
        remembered: &Remembered,
    ) -> Option<Login> {
        let facts = &connection.facts;
        let (Some(user), Some(host), Some(time)) = (&facts.user, &facts.host, facts.time) else {
            return None;
        };
        if connection.outcome != Outcome::Authorized
            || connection.standing < Standing::OfItsBackend
            || facts.database.is_none() && !facts.replication
        {
            return None;
        }
        let database = facts.database.as_deref();
        let names = (&place.account, &place.log_group, user, host, database);
        let names = self.hasher.hash_one(names);
        let at = match self.by_names.get(&names) {
            Some(at) => *at,
            None if self.kinds.len() >= MOST_KINDS => return None,
            None => {
                self.by_names.insert(names, self.kinds.len());
                let network = remembered.network(host);
                self.kinds.push(Kind::new(place, user, network, database));
                self.kinds.len() - 1
            }
        };
        let time = time.unix_timestamp();
        let kind = self.kinds.get_mut(at)?;
        let is_first = |key: Option<Key>| key.is_some_and(|key| !self.seen.contains(&key));
        let first = kind.keys.map(is_first);
        if connection.confirmed() {
            self.seen.extend(kind.keys.iter().flatten());
            let (first, last) = kind.certain.unwrap_or((time, time));
            kind.certain = Some((first.min(time), last.max(time)));
        }
        if kind.records.last() != Some(&record) {
            kind.records.push(record);
        }
        Some(Login {
            kind: at,
            time,
            first,
        })
    }

    /// Nothing is new where this process knows everything about the login; else it is to be asked.
    pub fn known_novelty(&self, login: Login, known: &mut Known) -> Novelty {
        let kind = self.kinds.get(login.kind);
        let is_known = kind.is_some_and(|kind| {
            let mut keys = kind.keys.iter().flatten();
            keys.all(|key| known.until(*key, login.time).is_some())
        });
        if is_known {
            Novelty::Known(New::default())
        } else {
            Novelty::Asked
        }
    }

    /// What the table must be asked.
    pub fn questions(&self, known: &mut Known) -> Vec<Key> {
        let mut asked = HashSet::new();
        let mut questions = Vec::new();
        for kind in &self.kinds {
            let time = kind.certain.map_or(i64::MAX, |(_, last)| last);
            let keys = kind.keys.iter().flatten();
            let unknown = keys.filter(|key| known.until(**key, time).is_none());
            questions.extend(unknown.filter(|key| asked.insert(**key)));
        }
        questions
    }

    /// What is new about a login, by what is known and what the table says.
    pub fn novelty(&self, login: Login, known: &mut Known, answers: &Answers) -> Novelty {
        let Some(kind) = self.kinds.get(login.kind) else {
            return Novelty::Unknown;
        };
        let mut is_new = [false; 3];
        for ((key, first), is_new) in kind.keys.iter().zip(login.first).zip(&mut is_new) {
            let Some(key) = *key else { continue };
            let is_known = match (known.until(key, login.time), answers.get(&key)) {
                (Some(_), _) => true,
                (None, Some(answer)) => answer.is_some_and(|it| it.expiry > login.time),
                (None, None) => return Novelty::Unknown,
            };
            *is_new = first && !is_known;
        }
        let [user, network, database] = is_new;
        Novelty::Known(New {
            user,
            network,
            database,
        })
    }

    /// What certain logins were about, written or not. A record that failed teaches nothing, for it
    /// comes again.
    pub fn taught(&self, has_failed: impl Fn(usize) -> bool) -> Vec<Lesson<'_>> {
        let mut lessons = HashMap::<Key, Lesson<'_>>::new();
        for kind in &self.kinds {
            let Some((first, time)) = kind.certain else {
                continue;
            };
            if kind.records.iter().any(|record| has_failed(*record)) {
                continue;
            }
            let names = [None, Some(kind.network.as_str()), kind.database.as_deref()];
            let what = ["user", "network", "database"];
            for ((key, name), what) in kind.keys.iter().zip(names).zip(what) {
                let Some(key) = *key else { continue };
                let lesson = lessons.entry(key).or_insert_with(|| Lesson {
                    key,
                    what,
                    first,
                    time,
                    had_expired: false,
                    place: &kind.place,
                    user: &kind.user,
                    name,
                });
                lesson.first = lesson.first.min(first);
                lesson.time = lesson.time.max(time);
            }
        }
        lessons.into_values().collect()
    }

    /// Of what was taught: what is to be written, once a day. About what the table does not say nothing
    /// is.
    pub fn lessons(
        &self,
        known: &mut Known,
        answers: &Answers,
        has_failed: impl Fn(usize) -> bool,
    ) -> Vec<Lesson<'_>> {
        let taught = self.taught(has_failed).into_iter();
        let lessons = taught.filter_map(|lesson| {
            let answer = answers.get(&lesson.key).copied();
            let until = known.until(lesson.key, lesson.time).map(Some).or(answer)?;
            let still = until.filter(|until| until.expiry > lesson.time);
            if let Some(still) = still.filter(|it| it.day >= Some(day(lesson.time))) {
                known.learn(lesson.key, still);
                return None;
            }
            Some(Lesson {
                had_expired: until.is_some() && still.is_none(),
                ..lesson
            })
        });
        lessons.collect()
    }

    /// How many kinds of login there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

impl Kind {
    fn new(place: &Rc<Place>, user: &str, network: String, database: Option<&str>) -> Self {
        let account = place.account.as_deref().unwrap_or_default();
        let key = |fields: &[&str]| {
            let of_place = ["login", account, &place.log_group];
            Key(digest(&[&of_place, fields].concat()))
        };
        Self {
            keys: [
                Some(key(&["user", user])),
                Some(key(&["network", user, &network])),
                database.map(|database| key(&["database", user, database])),
            ],
            place: Rc::clone(place),
            user: user.to_owned(),
            network,
            database: database.map(str::to_owned),
            certain: None,
            records: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
