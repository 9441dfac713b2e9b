//! Logs written as PostgreSQL writes them, with names of any kind, are read back.
//!
//! Guaranteed for a log whose `connection received` lines are in the text, under a prefix that
//! names client and process:
//! - every event that is certain stands at the start of a line that reports it, and no fact of it is
//!   wrong; what the line does not bear beyond doubt is unknown. This holds in two batches, too,
//!   cut between any two records;
//! - every line that reports an event is told when the log is whole, certain or not, except that a
//!   DETAIL may be lost where names imitate records, and a FATAL that names nobody may be told as
//!   suspicious.
//!
//! The cut holds over TCP: a Unix-domain socket has no port that ties a client to its
//! process. Aurora has none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use aurora_connection_audit::postgres::event::{ConnectionEvent, Encryption, Kind, Standing};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
use aurora_connection_audit::sessions;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

#[path = "properties/logs.rs"]
mod logs;
#[path = "support/server_log.rs"]
mod server_log;

use logs::{log, words};
use server_log::{Backend, Line};

const PREFIXES: [&str; 6] = [
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m [%p] %r %q[user=%u,db=%d,app=%a] ",
    "%t [%p] %r ",
    "%m [%p] ",
];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(cases, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        // The same logs each time; with PROPTEST_CASES, others.
        rng_seed: match std::env::var("PROPTEST_CASES") {
            Ok(_) => RngSeed::Random,
            Err(_) => RngSeed::Fixed(1),
        },
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_log_is_read_as_it_was_written(log in log()) {
        let prefix = LogLinePrefix::compile(log.setting).unwrap();
        let reading = read(log.text.as_str(), &prefix, &mut Announced::default().text_of(""));
        let mut faults = log.faults(0, &reading.events, is_certain);
        faults.extend(log.missing(&reading.events));
        prop_assert!(faults.is_empty(), "{faults:#?}\nin\n{}", log.text);
    }

    #[test]
    fn nothing_false_is_announced_however_the_log_is_cut(log in log(), at in any::<Index>()) {
        let prefix = LogLinePrefix::compile(log.setting).unwrap();
        let ends = log.text.match_indices('\n').map(|(end, _)| end + 1);
        let ends: Vec<usize> = ends
            .filter(|end| prefix.begins(&log.text[*end..]) || *end == log.text.len())
            .collect();
        let cut = *at.get(&ends);
        let mut announced = Announced::default();
        let mut faults = Vec::new();
        for (start, part) in [(0, &log.text[..cut]), (cut, &log.text[cut..])] {
            let reading = read(part, &prefix, &mut announced.text_of(""));
            let over_tcp = |event: &ConnectionEvent<'_>| event.facts.host.as_deref() != Some("[local]");
            let concerns = |event: &ConnectionEvent<'_>| event.standing == Standing::Certain && over_tcp(event);
            faults.extend(log.faults(start, &reading.events, concerns));
        }
        prop_assert!(faults.is_empty(), "{faults:#?}\nin\n{}\ncut at {cut}", log.text);
    }

    #[test]
    fn any_text_is_read_without_panic(
        setting in "(%t|%m|%n|x)?([ :@\\[\\]]?%-?[0-9]{0,2}[tmnrhLudabipelsvxcqPQ%]){0,6}[ :]?",
        text in prop_oneof![any::<String>(), words()],
    ) {
        for setting in PREFIXES.into_iter().chain([setting.as_str()]) {
            let Ok(prefix) = LogLinePrefix::compile(setting) else {
                continue;
            };
            let reading = read(text.as_str(), &prefix, &mut Announced::default().text_of(""));
            prop_assert_eq!(reading.counts.lines, text.split_terminator('\n').count());
            let connections = sessions::join(reading.events);
            prop_assert!(connections.len() <= text.len());
        }
    }
}

fn is_certain(event: &ConnectionEvent<'_>) -> bool {
    event.standing == Standing::Certain
}

/// A log, and what each of its lines is.
struct Log {
    setting: &'static str,
    text: String,
    backends: Vec<Backend>,
    /// With the offset of each.
    lines: Vec<(usize, Line)>,
}

/// A failed test tells what matters itself.
impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.setting)
    }
}

impl Log {
    /// What is wrong with those `events` that `concerns` picks, of the text that begins at `start`.
    fn faults(
        &self,
        start: usize,
        events: &[ConnectionEvent<'_>],
        concerns: impl Fn(&ConnectionEvent<'_>) -> bool,
    ) -> Vec<String> {
        events
            .iter()
            .filter(|event| event.kind != Kind::Suspicious && concerns(event))
            .flat_map(|event| {
                let line = self.line_at(start + event.offset);
                match line.filter(|line| line.kind == Some(event.kind)) {
                    None => vec![format!("false: {event:?}")],
                    Some(line) => self.differences(event, line),
                }
            })
            .collect()
    }

    fn line_at(&self, offset: usize) -> Option<&Line> {
        let at = self
            .lines
            .binary_search_by_key(&offset, |(offset, _)| *offset);
        Some(&self.lines[at.ok()?].1)
    }

    fn missing(&self, events: &[ConnectionEvent<'_>]) -> Vec<String> {
        let ends = self.lines.iter().skip(1).map(|(start, _)| *start);
        let ends = ends.chain([self.text.len()]);
        let reported = |line: &Line, start: usize, end: usize| {
            events.iter().any(|event| {
                Some(event.kind) == line.kind && event.offset == start
                    || event.kind == Kind::Suspicious
                        && line.names_nobody()
                        && (start..end).contains(&event.offset)
            })
        };
        self.lines
            .iter()
            .zip(ends)
            .filter(|((_, line), _)| !matches!(line.kind, None | Some(Kind::Explanation)))
            .filter(|((start, line), end)| !reported(line, *start, *end))
            .map(|(line, _)| line)
            .map(|(offset, line)| {
                format!(
                    "missing: {:?} at {offset} of {:?}",
                    line.kind, self.backends[line.backend]
                )
            })
            .collect()
    }

    fn differences(&self, event: &ConnectionEvent<'_>, line: &Line) -> Vec<String> {
        let backend = &self.backends[line.backend];
        let mut faults = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{what}: {event:?} of {backend:?}"));
            }
        };
        check(event.facts.backend_pid == Some(backend.pid), "pid");
        if self.setting.contains("%r") {
            let port = (backend.host != "[local]").then_some(backend.port);
            check(
                (event.facts.host.as_deref(), event.facts.port) == (Some(backend.host), port),
                "client",
            );
        }
        for (ours, name, what) in [
            (&event.facts.user, &backend.user, "user"),
            (&event.facts.database, &backend.database, "database"),
        ] {
            let name = String::from_utf8_lossy(name);
            let expected = line.named || line.kind == Some(Kind::Explanation);
            // Nothing is told that the line does not bear beyond doubt.
            if let Some(ours) = ours {
                check(expected && *ours == name, what);
            }
        }
        let written = server_log::clean(&backend.application_name, backend.escapes);
        let imitates = written.contains(" SSL enabled (") || written.contains(" GSS (");
        if event.kind == Kind::Authorized {
            match &event.facts.encryption {
                Encryption::Tls(_) => check(backend.encrypted, "tls"),
                Encryption::TlsAsLogged(_) => check(backend.encrypted || imitates, "tls"),
                Encryption::Plain => check(!backend.encrypted, "plain"),
                Encryption::Gss | Encryption::GssAsLogged => check(imitates, "gss"),
                Encryption::Unknown => {}
            }
            if let Some(name) = event.facts.application_name.as_deref() {
                check(
                    name == written || imitates && written.starts_with(name),
                    "application name",
                );
            }
        }
        if event.kind == Kind::Rejected || event.kind == Kind::Explanation {
            let message = String::from_utf8_lossy(&line.message);
            let reason = event.facts.reason.as_deref();
            check(reason.is_none_or(|reason| reason == message), "reason");
        }
        faults
    }
}
