//! A CloudWatch Logs subscription payload becomes a [`LogBatch`].

/// The log events of one log stream, as CloudWatch Logs delivered them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    /// `/aws/rds/cluster/<id>/postgresql` or `/aws/rds/instance/<id>/postgresql`.
    pub log_group: String,
    /// `<instance>.<n>`.
    pub log_stream: String,
    /// The messages one after the other, each ended by a line feed.
    pub text: String,
    /// In the order of delivery; at least one log line each.
    pub events: Vec<LogEvent>,
}

/// One log event: a time stamp, an id, and its part of [`LogBatch::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Unique in the log group; the same when CloudWatch delivers the event again.
    pub id: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Byte offset of its message in [`LogBatch::text`].
    pub start: usize,
}

impl LogBatch {
    /// The log event that the byte at `offset` belongs to.
    #[must_use]
    pub fn event_at(&self, offset: usize) -> Option<&LogEvent> {
        let after = self.events.partition_point(|event| event.start <= offset);
        self.events.get(after.checked_sub(1)?)
    }
}
