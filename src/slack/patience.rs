//! How long a process waits for a Slack that throttles, where each batch is an invocation.
//!
//! Slack takes one post a second. Where more batches come, most of the waits would be in vain, and all
//! of them are billed. But two batches that meet by chance are both told at once if one of them waits
//! for a second. So a process may spend a tenth of its time on waiting, and save up three seconds of
//! that. What it cannot wait for goes to the retry queue.

use std::time::Duration;

use tokio::time::Instant;

/// What a process has saved up, and saves up at most.
const MOST: Duration = Duration::from_secs(3);
/// Of the time that passes: one part in so many.
const SHARE: u32 = 10;

/// The waiting that a process may still do.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    saved: Duration,
    since: Instant,
}

impl Patience {
    /// Of a new process: all that can be saved up.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            saved: MOST,
            since: now,
        }
    }

    /// So long may it wait now.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.since);
        MOST.min(self.saved + passed / SHARE)
    }

    /// It begins to wait. Nothing is saved up while it does.
    pub fn take(&mut self, wait: Duration, now: Instant) {
        *self = Self {
            saved: self.left(now).saturating_sub(wait),
            since: now + wait,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_tenth_of_the_time_is_saved_up_and_no_more_than_three_seconds() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        assert_eq!(patience.left(start), 3 * SECOND);
        patience.take(2 * SECOND, start);
        // Waiting saves nothing up.
        for (after, left) in [(0, 10), (2, 10), (7, 15), (12, 20), (22, 30), (1000, 30)] {
            let left = Duration::from_millis(left * 100);
            assert_eq!(patience.left(start + SECOND * after), left, "{after}");
        }
    }

    #[test]
    fn a_wait_that_is_longer_than_what_is_left_leaves_nothing() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        patience.take(9 * SECOND, start);
        assert_eq!(patience.left(start + 9 * SECOND), Duration::ZERO);
        assert_eq!(patience.left(start + 19 * SECOND), SECOND);
    }
}
