//! Logins and refusals over time.

use std::collections::BTreeMap;

use crate::sessions::{Connection, Outcome};

/// More bars than a page is wide.
const MOST_BARS: usize = 4096;

/// Counts by intervals that grow as the period does, so that there are never many.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Seconds.
    interval: i64,
    bars: BTreeMap<i64, Bar>,
}

/// What happened in an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) logins: u64,
    pub(super) refusals: u64,
}

/// Bars of the same width, one after the other without a gap.
pub(super) struct Bars {
    /// Seconds since the epoch.
    pub(super) start: i64,
    pub(super) interval: i64,
    pub(super) each: Vec<Bar>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            interval: 1,
            bars: BTreeMap::new(),
        }
    }
}

impl Timeline {
    pub(super) fn add(&mut self, connection: &Connection<'_>) {
        let Some(time) = connection.facts.time else {
            return;
        };
        let at = time.unix_timestamp().div_euclid(self.interval);
        let attempts = u64::from(connection.attempts);
        match connection.outcome {
            Outcome::Authorized => self.bars.entry(at).or_default().logins += attempts,
            Outcome::Rejected => self.bars.entry(at).or_default().refusals += attempts,
            Outcome::Disconnected | Outcome::Probed | Outcome::Suspicious => {}
        }
        if self.bars.len() > MOST_BARS {
            self.interval *= 2;
            self.bars = merged(&self.bars, 2);
        }
    }

    /// At most `most` bars, whose interval is one that people count in.
    pub(super) fn bars(&self, most: i64) -> Option<Bars> {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        const INTERVALS: [i64; 20] = [
            1,
            2,
            5,
            10,
            30,
            MINUTE,
            2 * MINUTE,
            5 * MINUTE,
            10 * MINUTE,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            6 * HOUR,
            12 * HOUR,
            DAY,
            2 * DAY,
            7 * DAY,
            30 * DAY,
            90 * DAY,
            365 * DAY,
        ];
        let first = *self.bars.first_key_value()?.0 * self.interval;
        let last = *self.bars.last_key_value()?.0 * self.interval;
        let fits = |interval: &i64| {
            *interval >= self.interval
                && last.div_euclid(*interval) - first.div_euclid(*interval) < most
        };
        let longest = (last - first) / most.max(1) + self.interval;
        let interval = INTERVALS.into_iter().find(fits).unwrap_or(longest);
        let start = first.div_euclid(interval);
        let length = usize::try_from(last.div_euclid(interval) - start + 1).ok()?;
        let mut bars = vec![Bar::default(); length];
        for (at, bar) in &self.bars {
            let at = (at * self.interval).div_euclid(interval) - start;
            let into = usize::try_from(at).ok().and_then(|at| bars.get_mut(at));
            if let Some(into) = into {
                into.add(*bar);
            }
        }
        Some(Bars {
            start: start * interval,
            interval,
            each: bars,
        })
    }
}

impl Bar {
    fn add(&mut self, other: Self) {
        self.logins += other.logins;
        self.refusals += other.refusals;
    }
}

fn merged(bars: &BTreeMap<i64, Bar>, factor: i64) -> BTreeMap<i64, Bar> {
    let mut merged = BTreeMap::<i64, Bar>::new();
    for (at, bar) in bars {
        merged.entry(at.div_euclid(factor)).or_default().add(*bar);
    }
    merged
}
