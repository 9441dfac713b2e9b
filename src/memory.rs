//! What a warm process knows from earlier invocations. All of it is bounded.

use crate::delivered::Delivered;
use crate::detection::Refusals;
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
}

/// What is known of earlier connections.
#[derive(Debug, Default)]
pub struct Past {
    /// Who was refused, and who was let in after that.
    pub refusals: Refusals,
    /// What the table of the history says.
    pub known: Known,
}
