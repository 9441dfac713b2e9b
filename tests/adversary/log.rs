//! The log of a plan, and the truth about it.

use std::collections::HashMap;
use std::ops::Range;

use super::reader::{Outcome, TELLS_PROBES};
use super::server::{Moment, append_with_tabs};
use super::town::{Plan, Role, Step};

/// What the server has written, as the reader gets it: not UTF-8 becomes U+FFFD.
pub(crate) struct Log {
    pub(crate) text: String,
    /// A prefix, its line, and the lines that continue it.
    pub(crate) records: Vec<Record>,
    pub(crate) events: Vec<Event>,
}

pub(crate) struct Record {
    pub(crate) span: Range<usize>,
    pub(crate) backend: usize,
    pub(crate) hostile: bool,
}

/// What really happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) outcome: Outcome,
    pub(crate) backend: usize,
    /// The records that say it, any of which is enough.
    pub(crate) bearing: Vec<Range<usize>>,
    /// From the first to the last of them, in milliseconds.
    pub(crate) time: (u32, u32),
    /// Where `connection received` stands, if it does.
    pub(crate) received: Option<usize>,
    /// The FATAL that takes back a login.
    pub(crate) superseded: Option<Range<usize>>,
    pub(crate) reason: Option<String>,
    /// The DETAIL, or what explains the refusal elsewhere.
    pub(crate) details: Vec<String>,
    /// Has the client named itself?
    pub(crate) named: bool,
    /// Must it leave a trace?
    pub(crate) required: bool,
    /// Length of the session as the log has it.
    pub(crate) session: Option<String>,
}

impl Plan {
    pub(crate) fn write(&self) -> Log {
        let mut writing = Writing {
            plan: self,
            log: Log {
                text: String::new(),
                records: Vec::new(),
                events: Vec::new(),
            },
            seen: HashMap::new(),
        };
        let mut bytes = Vec::new();
        for step in &self.steps {
            writing.step(step, &mut bytes);
        }
        writing.log
    }
}

struct Writing<'p> {
    plan: &'p Plan,
    log: Log,
    seen: HashMap<usize, Seen>,
}

/// What a backend has written so far.
#[derive(Default)]
struct Seen {
    started: u32,
    prefixes: u32,
    received: Option<usize>,
    login: Option<usize>,
    why: Option<String>,
}

impl Writing<'_> {
    fn step(&mut self, step: &Step, bytes: &mut Vec<u8>) {
        let seen = self.seen.entry(step.backend).or_insert_with(|| Seen {
            started: step.at,
            ..Seen::default()
        });
        let first = self.log.records.len();
        for line in &step.lines {
            bytes.clear();
            if step.role == Role::Noise {
                bytes.extend_from_slice(&line.message);
            } else {
                seen.prefixes += 1;
                let moment = Moment {
                    backend: &self.plan.backends[step.backend],
                    at: step.at,
                    started: seen.started,
                    stage: step.stage,
                    severity: line.severity,
                    line: seen.prefixes,
                };
                let setting = &self.plan.setting;
                setting.write(bytes, setting.all(), &moment);
                bytes.extend_from_slice(line.severity.as_bytes());
                bytes.extend_from_slice(b":  ");
                append_with_tabs(bytes, &line.message);
            }
            bytes.push(b'\n');
            let start = self.log.text.len();
            self.log.text.push_str(&String::from_utf8_lossy(bytes));
            self.log.records.push(Record {
                span: start..self.log.text.len(),
                backend: step.backend,
                hostile: step.hostile,
            });
        }
        let span = self.log.records[first].span.clone();
        self.note(step, &span);
    }

    /// What the step means.
    fn note(&mut self, step: &Step, span: &Range<usize>) {
        let seen = self.seen.get_mut(&step.backend).unwrap();
        let mut event = Event {
            outcome: Outcome::Authorized,
            backend: step.backend,
            bearing: vec![span.clone()],
            time: (step.at, step.at),
            received: seen.received,
            superseded: None,
            reason: None,
            details: Vec::new(),
            named: step.stage != super::server::Stage::Nameless,
            required: true,
            session: None,
        };
        let text = |at: usize| {
            step.lines
                .get(at)
                .map(|line| String::from_utf8_lossy(&line.message).into_owned())
        };
        match step.role {
            Role::Received => seen.received = Some(span.start),
            Role::Why => seen.why = text(0),
            Role::Authorized => {
                seen.login = Some(self.log.events.len());
                self.log.events.push(event);
            }
            Role::Ready => {
                if let Some(login) = seen.login {
                    let login = &mut self.log.events[login];
                    login.bearing.push(span.clone());
                    login.time.1 = step.at;
                } else {
                    // It was told before the log began.
                    event.required = false;
                    self.log.events.push(event);
                }
            }
            Role::Refused => {
                if let Some(login) = seen.login {
                    let login = &mut self.log.events[login];
                    login.superseded = Some(span.clone());
                    login.required = false;
                }
                event.outcome = Outcome::Rejected;
                event.reason = text(0);
                event.details = text(1).into_iter().chain(seen.why.take()).collect();
                // The default rules ignore it.
                let backend = &self.plan.backends[step.backend];
                event.required = !(backend.host == "[local]" && backend.user == b"rdsadmin");
                self.log.events.push(event);
            }
            Role::Disconnected => {
                event.outcome = Outcome::Disconnected;
                event.session = text(0);
                self.log.events.push(event);
            }
            Role::Probed => {
                event.outcome = Outcome::Probed;
                event.required = TELLS_PROBES;
                event.reason = text(0);
                self.log.events.push(event);
            }
            Role::Authenticated | Role::Other | Role::Noise => {}
        }
    }
}
