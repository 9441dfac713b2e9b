//! What is in Slack already, as long as this process remembers it.
//!
//! Lambda delivers an event at least once, and again after a failure. A process that is still warm
//! then posts only what it has not posted: after a failure on the second of two channels the first
//! gets nothing twice. A new process remembers nothing, so Slack may show a message twice, but
//! never misses one.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};

/// How many connections are remembered, the latest ones: more than a window of a fleet holds, in
/// about 7 MB.
pub const MOST_DELIVERED: usize = 262_144;

/// The connections that were told, each with the channel.
#[derive(Debug, Default)]
pub struct Delivered {
    hasher: RandomState,
    keys: HashSet<u64>,
    order: VecDeque<u64>,
}

/// Stands for one connection told in one channel.
///
/// It is a hash of 64 bits whose seed nobody knows: nobody can make two connections look the same,
/// and that it happens by itself has a chance of one in 10^14.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Delivered {
    /// The key of something in a channel.
    pub fn key(&self, channel: &str, what: impl Hash) -> Key {
        Key(self.hasher.hash_one((channel, what)))
    }

    /// Was it told?
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        self.keys.contains(&key.0)
    }

    /// Remembers that it was told, and forgets the oldest beyond [`MOST_DELIVERED`].
    pub fn insert(&mut self, key: Key) {
        if !self.keys.insert(key.0) {
            return;
        }
        self.order.push_back(key.0);
        if self.order.len() > MOST_DELIVERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut delivered = Delivered::default();
        let first = delivered.key("default", 0);
        delivered.insert(first);
        for number in 1..MOST_DELIVERED {
            delivered.insert(delivered.key("default", number));
        }
        assert!(delivered.contains(first));
        delivered.insert(delivered.key("default", MOST_DELIVERED));
        assert!(!delivered.contains(first));
        assert_eq!(delivered.keys.len(), MOST_DELIVERED);
        assert_eq!(delivered.order.len(), MOST_DELIVERED);
    }

    #[test]
    fn channels_are_apart() {
        let mut delivered = Delivered::default();
        delivered.insert(delivered.key("default", 1));
        assert!(!delivered.contains(delivered.key("security", 1)));
    }
}
