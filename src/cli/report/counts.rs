//! What connections come to.

use time::OffsetDateTime;

use crate::sessions::{Connection, Outcome};

/// How many connections there are, how they went, and when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) logins: u64,
    pub(super) refusals: u64,
    pub(super) disconnections: u64,
    pub(super) probes: u64,
    pub(super) suspicions: u64,
    /// Of all these.
    pub(super) unconfirmed: u64,
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) first_login: Moment,
}

/// A time in milliseconds since the epoch, as exact as a log has it; or none. A third of an `Option<OffsetDateTime>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

/// The same in 48 bytes, of which there are a million. What is beyond 4 billion is not counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Packed {
    numbers: [u32; 6],
    times: [Moment; 3],
}

impl Counts {
    pub(super) fn add(&mut self, connection: &Connection<'_>) {
        let attempts = u64::from(connection.attempts);
        let time = Moment::from(connection.facts.time);
        match connection.outcome {
            Outcome::Authorized => self.logins += attempts,
            Outcome::Rejected => self.refusals += attempts,
            Outcome::Disconnected => self.disconnections += attempts,
            Outcome::Probed => self.probes += attempts,
            Outcome::Suspicious => self.suspicions += attempts,
        }
        if !connection.confirmed() {
            self.unconfirmed += attempts;
        }
        self.last = self.last.max(time);
        self.first = self.first.or_earlier(time);
        if connection.outcome == Outcome::Authorized {
            self.first_login = self.first_login.or_earlier(time);
        }
    }
}

impl Moment {
    pub(super) const NONE: Self = Self(i64::MIN);

    pub(super) fn time(self) -> Option<OffsetDateTime> {
        let nanoseconds = i128::from(self.0) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
        time.ok().filter(|_| self != Self::NONE)
    }

    fn or_earlier(self, other: Self) -> Self {
        if self == Self::NONE || (other != Self::NONE && other < self) {
            other
        } else {
            self
        }
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Option<OffsetDateTime>> for Moment {
    fn from(time: Option<OffsetDateTime>) -> Self {
        time.map_or(Self::NONE, |time| {
            Self(time.unix_timestamp() * 1000 + i64::from(time.millisecond()))
        })
    }
}

impl From<Counts> for Packed {
    fn from(counts: Counts) -> Self {
        let numbers = [
            counts.logins,
            counts.refusals,
            counts.disconnections,
            counts.probes,
            counts.suspicions,
            counts.unconfirmed,
        ];
        Self {
            numbers: numbers.map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
            times: [counts.first, counts.last, counts.first_login],
        }
    }
}

impl From<Packed> for Counts {
    fn from(packed: Packed) -> Self {
        let [
            logins,
            refusals,
            disconnections,
            probes,
            suspicions,
            unconfirmed,
        ] = packed.numbers.map(u64::from);
        let [first, last, first_login] = packed.times;
        Self {
            logins,
            refusals,
            disconnections,
            probes,
            suspicions,
            unconfirmed,
            first,
            last,
            first_login,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_moment_is_a_time_to_the_millisecond() {
        for time in [
            datetime!(1969-12-31 23:59:59.999 UTC),
            datetime!(2026-11-23 09:37:53.012 +9),
            datetime!(9999-12-31 0:00 UTC),
        ] {
            assert_eq!(Moment::from(Some(time)).time(), Some(time));
        }
        assert_eq!(Moment::from(None).time(), None);
    }

    #[test]
    fn none_is_never_the_earliest() {
        let early = Moment::from(Some(datetime!(1970-01-01 0:00 UTC)));
        let late = Moment::from(Some(datetime!(2026-01-01 0:00 UTC)));
        for (one, other) in [
            (early, late),
            (late, early),
            (early, Moment::NONE),
            (Moment::NONE, early),
        ] {
            assert_eq!(one.or_earlier(other), early);
        }
        assert_eq!(Moment::NONE.or_earlier(Moment::NONE), Moment::NONE);
    }

    #[test]
    fn what_is_packed_is_the_same() {
        let counts = Counts {
            logins: 1,
            refusals: 2,
            disconnections: 3,
            probes: 4,
            suspicions: 5,
            unconfirmed: u64::MAX,
            first: Moment(6),
            last: Moment(7),
            first_login: Moment(8),
        };
        let packed = Counts {
            unconfirmed: u32::MAX.into(),
            ..counts
        };
        assert_eq!(
            format!("{:?}", Counts::from(Packed::from(counts))),
            format!("{packed:?}")
        );
    }
}
