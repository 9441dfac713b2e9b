//! Which `log_line_prefix` a log is written with.

use std::cmp::Reverse;

use crate::postgres::{
    self, Announced, Begins, Behind, DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, Text,
};

/// Bytes of a log that are tried.
pub(super) const SAMPLE: usize = 256 << 10;

/// The settings that are tried. Of those that read as many records the first is taken.
const KNOWN: [&str; 12] = [
    DEFAULT_LOG_LINE_PREFIX,
    // RDS's other one; its documentation also shows it with a colon behind it.
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    // Debian's, and PostgreSQL's own.
    "%m [%p] %q%u@%d ",
    "%m [%p] ",
    "%t [%p] %q%u@%d ",
    "%t [%p] ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    // pgBadger's.
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%n %h %u %d %a ",
];

/// The setting that reads the most of the first records. Says so if it is not the default.
pub(super) fn find(text: &str) -> Option<LogLinePrefix> {
    let sample = text.get(..text.floor_char_boundary(SAMPLE)).unwrap_or(text);
    let compiled = KNOWN
        .iter()
        .filter_map(|setting| Some((*setting, LogLinePrefix::compile(setting).ok()?)));
    let best = compiled
        .map(|(setting, prefix)| (Reverse(score(sample, &prefix)), setting, prefix))
        .min_by_key(|(score, ..)| *score);
    let (_, setting, prefix) = best?;
    if setting != DEFAULT_LOG_LINE_PREFIX {
        eprintln!("aurora-connection-audit: this log looks like --log-line-prefix '{setting}'");
    }
    Some(prefix)
}

/// Records that the prefix can read, and how many of their lines tell of connections.
fn score(sample: &str, prefix: &LogLinePrefix) -> (usize, usize) {
    let text = Text {
        text: sample,
        begins: Begins::Anywhere,
        behind: Behind::Another,
    };
    let mut announced = Announced::default();
    let reading = postgres::read(text, prefix, &mut announced.text_of(""));
    (reading.counts.records, reading.events.len())
}
