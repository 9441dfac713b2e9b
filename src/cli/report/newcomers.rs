//! Who is new at the end of a period.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::counts::Moment;
use super::rows::{Held, Key};

/// A row that is new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer {
    pub(super) what: New,
    pub(super) key: Key,
    pub(super) login: Moment,
}

/// What is new of it; what matters most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum New {
    User,
    Database,
    Client,
    Application,
}

impl New {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "new user",
            Self::Database => "new database",
            Self::Client => "new client",
            Self::Application => "new application",
        }
    }
}

/// What users did before: they, their databases and their clients.
#[derive(Default)]
struct Old {
    users: HashSet<u32>,
    databases: HashSet<(u32, u32)>,
    clients: HashSet<(u32, u32)>,
}

impl Old {
    fn add(&mut self, [user, database, client, _]: Key) {
        self.users.insert(user);
        self.databases.insert((user, database));
        self.clients.insert((user, client));
    }

    fn new_of(&self, [user, database, client, _]: Key) -> New {
        if !self.users.contains(&user) {
            New::User
        } else if !self.databases.contains(&(user, database)) {
            New::Database
        } else if !self.clients.contains(&(user, client)) {
            New::Client
        } else {
            New::Application
        }
    }
}

/// The rows whose first login is not before `border`.
pub(super) fn since<'r, R: Iterator<Item = &'r Held>>(
    border: Moment,
    rows: impl Fn() -> R,
) -> Vec<Newcomer> {
    let login = |row: &Held| (row.key, row.counts().first_login);
    let logins = || {
        let logins = rows().map(login);
        logins.filter(|(_, login)| *login != Moment::NONE)
    };
    let mut old = Old::default();
    let before = logins().filter(|(_, login)| *login < border);
    before.for_each(|(key, _)| old.add(key));
    let since = logins().filter(|(_, login)| *login >= border);
    let new = since.map(|(key, login)| Newcomer {
        what: old.new_of(key),
        key,
        login,
    });
    let mut new: Vec<_> = new.collect();
    new.sort_by_key(|new| (new.what, Reverse(new.login)));
    new
}
