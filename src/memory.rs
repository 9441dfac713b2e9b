//! What a warm process knows from earlier invocations. All of it is bounded.

use crate::delivered::Delivered;
use crate::detection::Refusals;
use crate::entry::{Place, Shown};
use crate::history::Known;
use crate::postgres::Announced;

/// Owned by the invocation loop and passed down.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the logs have shown.
    pub announced: Announced,
    /// What earlier connections were.
    pub past: Past,
    /// What was posted.
    pub delivered: Delivered,
    /// What tells clusters of one name apart.
    pub seen: Seen,
}

/// Accounts and regions whose logs were read.
#[derive(Debug, Default)]
pub struct Seen {
    accounts: OneOrMore,
    regions: OneOrMore,
}

/// The first of its kind, and whether there was another.
#[derive(Debug, Default)]
struct OneOrMore {
    first: Option<String>,
    are_many: bool,
}

impl Seen {
    /// A log of this place was read.
    pub fn add(&mut self, place: &Place) {
        self.accounts.add(place.account.as_deref());
        self.regions.add(place.region.as_deref());
    }

    /// What a message says of a place besides its cluster: nothing that is the same everywhere.
    #[must_use]
    pub fn shown(&self) -> Shown {
        Shown {
            account: self.accounts.are_many,
            region: self.accounts.are_many || self.regions.are_many,
        }
    }
}

impl OneOrMore {
    fn add(&mut self, name: Option<&str>) {
        let Some(name) = name else { return };
        match &self.first {
            None => self.first = Some(name.to_owned()),
            Some(first) => self.are_many |= first != name,
        }
    }
}

/// What is known of earlier connections.
#[derive(Debug, Default)]
pub struct Past {
    /// Who was refused, and who was let in after that.
    pub refusals: Refusals,
    /// What the table of the history says.
    pub known: Known,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_everywhere_is_not_shown() {
        let mut seen = Seen::default();
        let place = |account: &str, region: &str| Place {
            account: Some(account.to_owned()),
            region: Some(region.to_owned()),
            ..Place::default()
        };
        let mut check = |place, account, region| {
            seen.add(&place);
            assert_eq!(seen.shown(), Shown { account, region });
        };
        check(Place::default(), false, false);
        check(place("1", "a"), false, false);
        check(place("1", "a"), false, false);
        check(place("1", "b"), false, true);
        check(place("2", "a"), true, true);
        check(place("1", "a"), true, true);
    }
}
