//! What stands between the server and a process of the function: CloudWatch Logs and Lambda.

use std::ops::Range;

use fastrand::Rng;

use super::log::Log;

#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) cut: Cut,
    pub(crate) filter: Filter,
    /// Log events in a batch.
    pub(crate) sizes: (usize, usize),
    pub(crate) processes: usize,
    pub(crate) round_robin: bool,
    pub(crate) order: Order,
    pub(crate) seed: u64,
}

/// Where a log event begins. Which of these holds is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// At a line that begins as the prefix does.
    Head,
    /// At a line that begins with a time.
    Time,
    /// At each line that a tab does not lead.
    Line,
    /// At each record: the agent knows what no agent can.
    Record,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    None,
    /// Log events without any of the words of connection lines are held back.
    Terms,
    /// One in five is.
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Kept,
    /// Some batches come later, as after a failed invocation.
    Late,
    Swapped,
    /// Some come again.
    Twice,
}

/// Log events that a process is given at once.
pub(crate) struct Batch {
    pub(crate) process: usize,
    /// Of the log's text.
    pub(crate) events: Vec<Range<usize>>,
}

/// What a subscription filter that sends connection lines only looks for.
const TERMS: [&str; 16] = [
    "connection received",
    "connection authenticated",
    "connection authorized",
    "connection ready",
    "FATAL:",
    "disconnection: session time",
    "DETAIL:  Role",
    "DETAIL:  User",
    "DETAIL:  Password",
    "DETAIL:  Connection matched",
    "DETAIL:  Only roles with",
    "DETAIL:  Client IP address",
    "DETAIL:  Could not resolve client",
    "DETAIL:  Consistent recovery",
    "DETAIL:  Hot standby",
    "DETAIL:  This could be",
];

impl Deployment {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let pick = |rng: &mut Rng, most: usize| rng.usize(..most);
        let sizes = [
            (1, 1),
            (1, 3),
            (2, 7),
            (5, 12),
            (10_000, 10_000),
            (10_000, 10_000),
        ];
        Self {
            cut: [Cut::Head, Cut::Time, Cut::Line, Cut::Record][pick(rng, 4)],
            filter: [Filter::None, Filter::None, Filter::Terms, Filter::Random][pick(rng, 4)],
            sizes: sizes[pick(rng, 6)],
            processes: [1, 1, 2, 3, 5][pick(rng, 5)],
            round_robin: rng.bool(),
            order: [
                Order::Kept,
                Order::Kept,
                Order::Late,
                Order::Swapped,
                Order::Twice,
            ][pick(rng, 5)],
            seed: rng.u64(..),
        }
    }

    pub(crate) fn is_filtered(&self) -> bool {
        self.filter != Filter::None
    }

    pub(crate) fn label(&self) -> String {
        let processes = if self.processes == 1 {
            "1 process"
        } else {
            "2-5 processes"
        };
        format!(
            "filter {:?}, cut by {:?}, {processes}, order {:?}",
            self.filter, self.cut, self.order
        )
    }

    /// What each process gets, in the order of time.
    pub(crate) fn deliver(&self, log: &Log) -> Vec<Batch> {
        let mut rng = Rng::with_seed(self.seed);
        let mut events = self.log_events(log);
        events.retain(|event| match self.filter {
            Filter::None => true,
            Filter::Terms => TERMS
                .iter()
                .any(|term| log.text[event.clone()].contains(term)),
            Filter::Random => rng.u32(..5) > 0,
        });
        let mut batches = Vec::new();
        let mut rest = &events[..];
        while !rest.is_empty() {
            let size = rng.usize(self.sizes.0..=self.sizes.1).min(rest.len());
            let process = if self.round_robin {
                batches.len() % self.processes
            } else {
                rng.usize(..self.processes)
            };
            batches.push(Batch {
                process,
                events: rest[..size].to_vec(),
            });
            rest = &rest[size..];
        }
        self.reorder(batches, &mut rng)
    }

    fn reorder(&self, batches: Vec<Batch>, rng: &mut Rng) -> Vec<Batch> {
        let mut keyed: Vec<(usize, Batch)> = Vec::new();
        let mut chance = false;
        for (at, batch) in batches.into_iter().enumerate() {
            // Two neighbours are swapped together.
            if self.order != Order::Swapped || at % 2 == 0 {
                chance = rng.u32(..3) == 0;
            }
            let mut again = None;
            let place = match self.order {
                Order::Late if chance => at + 4,
                Order::Swapped if chance => at ^ 1,
                Order::Twice if chance => {
                    let process = rng.usize(..self.processes);
                    let events = batch.events.clone();
                    again = Some((at + rng.usize(1..6), Batch { process, events }));
                    at
                }
                _ => at,
            };
            keyed.push((place, batch));
            keyed.extend(again);
        }
        keyed.sort_by_key(|(at, _)| *at);
        keyed.into_iter().map(|(_, batch)| batch).collect()
    }

    fn log_events(&self, log: &Log) -> Vec<Range<usize>> {
        let begins: Vec<usize> = match self.cut {
            Cut::Record => log.records.iter().map(|record| record.span.start).collect(),
            Cut::Line => lines(&log.text)
                .filter(|at| !log.text[*at..].starts_with(['\n', '\t']))
                .collect(),
            Cut::Time => lines(&log.text)
                .filter(|at| behind_time(&log.text.as_bytes()[*at..]).is_some())
                .collect(),
            Cut::Head => lines(&log.text)
                .filter(|at| is_head(&log.text.as_bytes()[*at..]))
                .collect(),
        };
        let mut events = Vec::with_capacity(begins.len());
        let first = begins.first().copied().unwrap_or(log.text.len());
        if first > 0 {
            events.push(0..first);
        }
        for (at, begin) in begins.iter().enumerate() {
            events.push(*begin..begins.get(at + 1).copied().unwrap_or(log.text.len()));
        }
        events
    }
}

impl Batch {
    /// The log event that the byte at `offset` of the batch's text belongs to.
    pub(crate) fn span_at(&self, offset: usize) -> Option<Range<usize>> {
        let mut start = 0;
        let found = self.events.iter().find(|event| {
            start += event.len();
            offset < start
        });
        found.cloned()
    }

    /// Is some of it here?
    pub(crate) fn overlaps(&self, span: &Range<usize>) -> bool {
        let at = self.events.partition_point(|event| event.end <= span.start);
        self.events
            .get(at)
            .is_some_and(|event| event.start < span.end)
    }

    /// Is all of it here? Log events are whole, and adjacent unless a filter took some.
    pub(crate) fn holds(&self, span: &Range<usize>) -> bool {
        let mut at = span.start;
        let first = self.events.partition_point(|event| event.end <= at);
        for event in &self.events[first..] {
            if event.start > at || at >= span.end {
                break;
            }
            at = event.end;
        }
        at >= span.end
    }
}

fn lines(text: &str) -> impl Iterator<Item = usize> {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).filter(|at| *at < text.len())
}

/// What stands behind `2026-11-23 09:00:00` or `1795424400.000`.
fn behind_time(line: &[u8]) -> Option<&[u8]> {
    let fits = |pattern: &[u8]| {
        let fits = |(byte, pattern): (&u8, &u8)| match pattern {
            b'0' => byte.is_ascii_digit(),
            pattern => byte == pattern,
        };
        line.len() > pattern.len() && line.iter().zip(pattern).all(fits)
    };
    [&b"0000-00-00 00:00:00"[..], b"0000000000.000"]
        .into_iter()
        .find(|pattern| fits(pattern))
        .map(|pattern| &line[pattern.len()..])
}

/// A time and its zone, and on RDS an address behind it: `UTC:10.0.1.23(40001):`.
fn is_head(line: &[u8]) -> bool {
    let Some(rest) = behind_time(line) else {
        return false;
    };
    let digits = rest
        .iter()
        .skip(1)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = if rest[0] == b'.' && digits == 3 {
        &rest[4..]
    } else {
        rest
    };
    let Some(zone) = rest.strip_prefix(b" ") else {
        return line[4] != b'-';
    };
    let letters = zone
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
        .count();
    match zone[letters..].strip_prefix(b":") {
        None => true,
        Some(remote) => {
            let end = remote
                .iter()
                .position(|byte| matches!(byte, b' ' | b'\n' | b'('))
                .unwrap_or(remote.len());
            let host = &remote[..end];
            match remote.get(end) {
                Some(b'(') => {
                    let port = remote[end + 1..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_digit())
                        .count();
                    remote[end + 1 + port..].starts_with(b"):")
                }
                _ => host.contains(&b':'),
            }
        }
    }
}
