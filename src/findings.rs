//! What earlier connections say about one.

/// This many refusals before a login are worth a look.
pub const LET_IN: usize = 5;

/// What is known of a connection from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings {
    /// What is new about a login.
    pub novelty: Novelty,
    /// How often its client, or its user, was refused in the ten minutes before it was let in.
    pub refusals_before: usize,
}

/// What is new about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Novelty {
    /// It is no login, or not certain enough, or nobody could say.
    #[default]
    Unknown,
    /// To be looked up.
    Asked,
    /// This, or nothing.
    Known(New),
}

/// What nobody has seen within the days that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct New {
    /// The user has not logged in to this cluster.
    pub user: bool,
    /// The user has not come from this network.
    pub network: bool,
    /// The user has not used this database.
    pub database: bool,
}

impl Findings {
    /// Let in after at least [`LET_IN`] refusals?
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        self.refusals_before >= LET_IN
    }

    /// What is new, where something is.
    #[must_use]
    pub fn what_is_new(&self) -> Option<New> {
        match self.novelty {
            Novelty::Known(new) if new.any() => Some(new),
            _ => None,
        }
    }
}

impl New {
    /// Is anything new?
    #[must_use]
    pub fn any(self) -> bool {
        self.user || self.network || self.database
    }

    /// `user`, `network` or `database`.
    #[must_use]
    pub fn named(name: &str) -> Option<New> {
        let nothing = New::default();
        match name {
            "user" => Some(New {
                user: true,
                ..nothing
            }),
            "network" => Some(New {
                network: true,
                ..nothing
            }),
            "database" => Some(New {
                database: true,
                ..nothing
            }),
            _ => None,
        }
    }

    /// What is new about the one or the other.
    #[must_use]
    pub fn or(self, other: New) -> New {
        New {
            user: self.user || other.user,
            network: self.network || other.network,
            database: self.database || other.database,
        }
    }

    /// The names of what is new: `user`, `network`, `database`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let names = [
            (self.user, "user"),
            (self.network, "network"),
            (self.database, "database"),
        ];
        names
            .into_iter()
            .filter_map(|(is_new, name)| is_new.then_some(name))
    }
}
