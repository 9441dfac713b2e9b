//! Which `log_line_prefix` a log is written with.

use std::cmp::Reverse;

use crate::postgres::event::Kind;
use crate::postgres::{
    self, Announced, Begins, Behind, DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, Text,
};

/// Bytes of a log that are tried.
pub(super) const SAMPLE: usize = 256 << 10;

/// The settings that are tried. Of those that read the sample as well the first is taken.
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

/// The setting that explains the most of the first lines. Says so if it is not the default.
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

/// First how many lines the prefix leaves unexplained, then how many it would call forged: a client's
/// name can hold any number of lines in another prefix, but cannot explain the server's own. Then how
/// many records it reads, and how many of them tell of connections.
fn score(sample: &str, prefix: &LogLinePrefix) -> (Reverse<usize>, Reverse<usize>, usize, usize) {
    let text = Text {
        text: sample,
        begins: Begins::Anywhere,
        behind: Behind::Another,
    };
    let mut announced = Announced::default();
    let reading = postgres::read(text, prefix, &mut announced.text_of(""));
    let unexplained = reading.counts.noise + reading.counts.unparsed;
    let events = reading.events.iter();
    let forged = events.filter(|event| event.kind == Kind::Suspicious);
    (
        Reverse(unexplained),
        Reverse(forged.count()),
        reading.counts.records,
        reading.events.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_found(text: &str, setting: &str) {
        assert_eq!(find(text), LogLinePrefix::compile(setting).ok(), "{text}");
    }

    #[test]
    fn an_honest_log_in_the_default_of_postgresql() {
        let mut text = String::new();
        for (pid, user) in [(7, "app"), (8, "alice"), (9, "bob")] {
            for message in [
                "connection received: host=10.0.1.23 port=40001".to_owned(),
                format!("connection authorized: user={user} database=orders"),
                format!(
                    "disconnection: session time: 0:00:01.000 user={user} database=orders host=10.0.1.23 port=40001"
                ),
            ] {
                text.extend([format!(
                    "2026-11-23 09:00:00.000 UTC [{pid}] LOG:  {message}\n"
                )]);
            }
        }
        assert_found(&text, "%m [%p] ");
    }

    #[test]
    fn names_that_hold_lines_in_another_prefix_choose_nothing() {
        let mut text = String::new();
        for number in 0..40 {
            let begins = format!("2026-11-23 09:00:00 UTC:10.0.1.23({number})");
            let fake = "1795424400.001 h u d a LOG:  \n".repeat(2);
            let (user, database) = (format!("x\n{fake}"), format!("\n{fake}"));
            let repeated = user.replace('\n', "\n\t");
            text.extend([format!(
                "{begins}:[unknown]@[unknown]:[{number}]:LOG:  connection received: host=10.0.1.23 port={number}\n\
                 {begins}:{user}@{database}:[{number}]:FATAL:  password authentication failed for user \"{repeated}\"\n"
            )]);
        }
        assert_found(&text, DEFAULT_LOG_LINE_PREFIX);
    }
}
