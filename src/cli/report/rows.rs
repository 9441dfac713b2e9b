//! One row for each user, database, client and application.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::counts::{Counts, Moment, Packed};
use super::labels::Labels;
use super::newcomers::{self, Newcomer};
use super::texts::Texts;
use crate::postgres::event::{Encryption, Facts};
use crate::sessions::Connection;

/// How many rows are held, at about 120 bytes each and what their names take.
pub(super) const MOST: usize = 1_000_000;

/// The numbers of user, database, client and application among the [`Texts`].
pub(super) type Key = [u32; 4];

/// Who connected to what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'r> {
    pub(super) user: Option<&'r str>,
    pub(super) database: Option<&'r str>,
    pub(super) host: Option<&'r str>,
    pub(super) application: Option<&'r str>,
}

/// What all connections of the same names have in common, and how many they are.
#[derive(Debug)]
pub(super) struct Row<'r> {
    pub(super) names: Names<'r>,
    pub(super) counts: Counts,
    pub(super) auth_methods: Vec<&'r str>,
    pub(super) tls: Vec<&'r str>,
}

/// A row as it is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) key: Key,
    counts: Packed,
    /// Bits of [`Labels`].
    auth_methods: u32,
    tls: u32,
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    texts: Texts,
    /// Where the row of a key stands.
    places: HashMap<Key, u32>,
    held: Vec<Held>,
    /// The places of the rows in the order of the table, once they are sorted.
    order: Vec<u32>,
    pub(super) totals: Counts,
    /// Connections that found no place.
    pub(super) left_out: u64,
    auth_methods: Labels,
    tls: Labels,
}

impl<'r> Names<'r> {
    fn of(facts: &'r Facts<'_>) -> Self {
        let application = facts.application_name.as_deref();
        Self {
            user: facts.user.as_deref(),
            database: facts.database.as_deref(),
            host: facts.host.as_deref(),
            application: application.filter(|name| !name.is_empty()),
        }
    }

    pub(super) fn each(self) -> [Option<&'r str>; 4] {
        [self.user, self.database, self.host, self.application]
    }
}

impl Held {
    pub(super) fn counts(&self) -> Counts {
        self.counts.into()
    }
}

impl Rows {
    pub(super) fn add(&mut self, connection: &Connection<'_>) {
        self.totals.add(connection);
        let auth = connection.facts.auth_method.as_deref();
        let auth = self.auth_methods.bit(auth);
        let tls = self.tls.bit(tls(&connection.facts.encryption));
        let Some(row) = self.row(Names::of(&connection.facts)) else {
            self.left_out += 1;
            return;
        };
        let mut counts = row.counts();
        counts.add(connection);
        row.counts = counts.into();
        row.auth_methods |= auth;
        row.tls |= tls;
    }

    /// The row of these names; `None` where it is new and has no place.
    fn row(&mut self, names: Names<'_>) -> Option<&mut Held> {
        let at = match self.place(names) {
            Some(at) => at,
            None if self.held.len() >= MOST => return None,
            None => self.new_row(names),
        };
        self.held.get_mut(usize::try_from(at).ok()?)
    }

    fn place(&self, names: Names<'_>) -> Option<u32> {
        let [user, database, host, application] = names.each().map(|name| self.texts.find(name));
        let key = [user?, database?, host?, application?];
        self.places.get(&key).copied()
    }

    fn new_row(&mut self, names: Names<'_>) -> u32 {
        let key = names.each().map(|name| self.texts.number(name));
        let at = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.places.insert(key, at);
        self.held.push(Held {
            key,
            counts: Packed::default(),
            auth_methods: 0,
            tls: 0,
        });
        at
    }

    /// Refused clients first, then the newest. Nothing is added any more.
    pub(super) fn sort(&mut self) {
        self.places = HashMap::new();
        let ranks = self.texts.ranks();
        let rank = |text: u32| {
            let at = usize::try_from(text).unwrap_or(usize::MAX);
            ranks.get(at).copied().unwrap_or_default()
        };
        // All that the order depends on stands side by side.
        let places = self.held.iter().zip(0..).map(|(row, at): (_, u32)| {
            let counts = row.counts();
            let order = (counts.refusals == 0, Reverse(counts.last));
            (order, row.key.map(rank), at)
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        self.order = places.into_iter().map(|(_, _, at)| at).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// As they are held, in the order of the table.
    fn sorted(&self) -> impl Iterator<Item = &Held> {
        let at = |at: &u32| self.held.get(usize::try_from(*at).ok()?);
        self.order.iter().filter_map(at)
    }

    /// In the order of the table.
    pub(super) fn each(&self) -> impl Iterator<Item = Row<'_>> {
        self.sorted().map(|row| Row {
            names: self.names(row.key),
            counts: row.counts(),
            auth_methods: self.auth_methods.of(row.auth_methods),
            tls: self.tls.of(row.tls),
        })
    }

    pub(super) fn names(&self, key: Key) -> Names<'_> {
        let [user, database, host, application] = key.map(|text| self.texts.get(text));
        Names {
            user,
            database,
            host,
            application,
        }
    }

    /// How many there are in a column.
    pub(super) fn distinct(&self, column: impl Fn(Key) -> u32) -> u64 {
        let mut texts: Vec<u32> = self.held.iter().map(|row| column(row.key)).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.iter().filter(|text| **text != 0).count() as u64
    }

    /// Who logged in in the last tenth of the period and not before, and what is new of them.
    pub(super) fn newcomers(&self) -> Vec<Newcomer> {
        let (first, last) = (self.totals.first.time(), self.totals.last.time());
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        let border = last - (last - first) / 10;
        if first < border {
            newcomers::since(Moment::from(Some(border)), || self.sorted())
        } else {
            Vec::new()
        }
    }
}

/// The word in the table.
fn tls<'e>(encryption: &'e Encryption<'_>) -> Option<&'e str> {
    match encryption {
        Encryption::Unknown => None,
        Encryption::Plain => Some("none"),
        Encryption::Tls(tls) | Encryption::TlsAsLogged(tls) => Some(&*tls.protocol),
        Encryption::Gss | Encryption::GssAsLogged => Some("GSS"),
    }
}
