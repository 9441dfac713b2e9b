//! Refusals as processes tell each other: in the table, an item for each log group and twenty minutes.
//!
//! A member of the item's set is `<whom><id>.<time>.<attempts>`, hexadecimal and decimal: the same
//! refusal is the same member, however often and by whomever it is written.

use super::{Refusal, WINDOW};
use crate::digest::digest;
use crate::entry::Place;
use crate::history::Key;

/// The seconds that one shelf covers.
const SECONDS: i64 = 1200;
/// After that nobody needs it.
const KEPT: i64 = 3600;
/// The most refusals of one client or user that are written at once: more would change nothing.
const MOST_OF_ONE: usize = 5;
/// The most refusals that are written at once: an item holds 400 KB.
const MOST: usize = 100;

/// The place of refusals in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shelf {
    /// Of its item.
    pub key: Key,
    /// When it may be deleted, in seconds since the epoch.
    pub expiry: i64,
}

impl Shelf {
    /// That of a log event.
    #[must_use]
    pub fn of(place: &Place, time: i64) -> Self {
        Self::numbered(place, time.div_euclid(SECONDS))
    }

    /// Those of refusals in the ten minutes before any time from `first` to `last`.
    #[must_use]
    pub fn before(place: &Place, first: i64, last: i64) -> Vec<Self> {
        let numbers = (first - WINDOW).div_euclid(SECONDS)..=last.div_euclid(SECONDS);
        let latest = numbers.rev().take(3);
        latest.map(|number| Self::numbered(place, number)).collect()
    }

    fn numbered(place: &Place, number: i64) -> Self {
        let account = place.account.as_deref().unwrap_or_default();
        let number_text = number.to_string();
        let fields = ["refusals", account, &place.log_group, &number_text];
        Self {
            key: Key(digest(&fields)),
            expiry: (number + 1) * SECONDS + KEPT,
        }
    }
}

/// Adds a refusal to what is to be told, if there is a point in it.
pub(super) fn put(news: &mut Vec<Refusal>, refusal: Refusal) {
    let of_one = news.iter().filter(|it| it.whom == refusal.whom).count();
    if news.len() < MOST && of_one < MOST_OF_ONE {
        news.push(refusal);
    }
}

/// As a member of the set.
#[must_use]
pub fn write(refusal: &Refusal) -> String {
    let Refusal {
        whom,
        id,
        time,
        attempts,
        ..
    } = refusal;
    format!("{whom:016x}{id:08x}.{time}.{attempts}")
}

/// What [`write()`] has written.
#[must_use]
pub fn read(member: &str) -> Option<Refusal> {
    let mut parts = member.split('.');
    let (whom, id) = parts.next()?.split_at_checked(16)?;
    Some(Refusal {
        whom: u64::from_str_radix(whom, 16).ok()?,
        id: u64::from_str_radix(id, 16).ok()?,
        time: parts.next()?.parse().ok()?,
        attempts: parts.next()?.parse().ok()?,
        number: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let refusal = Refusal {
            whom: u64::MAX,
            id: 7,
            time: 1_800_000_000,
            attempts: 2,
            number: 0,
        };
        assert_eq!(read(&write(&refusal)), Some(refusal));
        for damaged in ["", "x", "0123456789abcdef", "0123456789abcdef1.2", "é.1.1"] {
            assert_eq!(read(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn a_login_finds_the_refusals_of_ten_minutes() {
        let place = Place::default();
        let shelves = |time| Shelf::before(&place, time, time);
        for time in [0, 1, 599, 600, 1199] {
            let now = 1_800_000_000 + time;
            for before in [0, 1, 599, 600] {
                let shelf = Shelf::of(&place, now - before);
                assert!(shelves(now).contains(&shelf), "{time} {before}");
            }
        }
        assert_eq!(shelves(1_800_000_000 + 700).len(), 1);
        assert_eq!(Shelf::before(&place, 0, i64::MAX / 2).len(), 3);
    }

    #[test]
    fn few_are_told_of_each_and_of_all() {
        let mut news = Vec::new();
        for number in 0..1000 {
            let refusal = Refusal {
                whom: number / 10,
                id: number,
                time: 0,
                attempts: 1,
                number: 0,
            };
            put(&mut news, refusal);
        }
        assert_eq!(news.len(), MOST);
        assert_eq!(news[MOST_OF_ONE].whom, 1);
    }
}
