//! `replay`: what the function would make of events.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use super::{Failure, MessageFlags};
use crate::cloudwatch::DecodeError;
use crate::config::Settings;
use crate::entry::Entry;
use crate::error::payload_name;
use crate::findings::Novelty;
use crate::history::{Answers, Known, Remembered, Until, day};
use crate::memory::Memory;
use crate::pipeline;
use crate::postgres::event::{Encryption, Facts};
use crate::sessions::Outcome;
use crate::source::{self, Invocation, Record};
use crate::summary::Summary;
use crate::window::{self, Window};

pub(super) fn run(
    file: Option<&Path>,
    cold: bool,
    filtered: bool,
    flags: &MessageFlags,
) -> Result<(), Failure> {
    let mut settings = flags.settings("")?;
    settings.log_events_filtered |= filtered;
    settings.remembered = Some(Remembered::default());
    match file {
        Some(path) => {
            let of_file = |error| Failure::File(path.to_owned(), error);
            let events = BufReader::new(File::open(path).map_err(of_file)?);
            replay(events, of_file, &settings, cold)
        }
        None => replay(io::stdin().lock(), Failure::Stdin, &settings, cold),
    }
}

fn replay(
    events: impl BufRead,
    unreadable: impl Fn(io::Error) -> Failure,
    settings: &Settings,
    cold: bool,
) -> Result<(), Failure> {
    let mut memory = Memory::default();
    let mut out = io::stdout().lock();
    let mut failed = 0;
    for event in events.lines() {
        let event = event.map_err(&unreadable)?;
        if event.trim().is_empty() {
            continue;
        }
        if cold {
            // The history is in a table, not in the process.
            let known = std::mem::take(&mut memory.past.known);
            memory = Memory::default();
            memory.past.known = known;
        }
        let answer = answer(&event, settings, &mut memory).unwrap_or_else(|error| {
            failed += 1;
            json!({ "error": { "type": payload_name(error), "message": error.to_string() } })
        });
        // Whoever sends events one by one waits for this line.
        super::json::write(&mut out, &answer)
            .and_then(|()| writeln!(out))
            .and_then(|()| out.flush())
            .map_err(Failure::Stdout)?;
    }
    if failed > 0 {
        return Err(Failure::Events(failed));
    }
    Ok(())
}

fn answer(event: &str, settings: &Settings, memory: &mut Memory) -> Result<Value, DecodeError> {
    let records = match source::read(event)? {
        Invocation::Direct(data) => {
            crate::cloudwatch::decode(&data)?;
            vec![Record {
                id: String::new(),
                data: Ok(data),
            }]
        }
        Invocation::Stream(records) | Invocation::Queue { records, .. } => records,
        Invocation::Test => return Ok(json!({ "test": true })),
        // It is made of a table.
        Invocation::AccessSummary => return Ok(json!({ "access_summary": true })),
    };
    let mut all = Answer::default();
    let mut rest = records.as_slice();
    while !rest.is_empty() {
        let mut window = window::read(Window::keeping_all(), rest, settings, memory);
        all.add(&mut window, settings, memory);
        rest = window
            .rest
            .and_then(|at| rest.get(at..))
            .unwrap_or_default();
    }
    Ok(all.to_json())
}

/// Of one event, read in as many goes as it takes.
#[derive(Default)]
struct Answer {
    summaries: BTreeMap<String, Summary>,
    connections: Vec<Value>,
    messages: Vec<Value>,
}

impl Answer {
    fn add(&mut self, window: &mut Window, settings: &Settings, memory: &mut Memory) {
        let answers = nothing_before(window, &mut memory.past.known);
        window.settle(settings, &mut memory.past.known, &answers);
        let messages = pipeline::compose(window, settings, memory);
        learn(window, settings, &mut memory.past.known, &answers);
        // There is nobody else to tell.
        memory.past.refusals.take_news();
        for message in messages {
            message
                .keys
                .iter()
                .for_each(|key| memory.delivered.insert(*key));
            let told = json!({ "channel": message.channel, "payload": message.payload });
            self.messages.push(told);
        }
        let entries = window.entries.iter();
        self.connections
            .extend(entries.map(|(_, entry)| connection(entry)));
        let number = self.summaries.len();
        let clusters = std::mem::take(&mut window.clusters).into_iter();
        // Those of another go are counted on their own.
        let clusters = clusters.map(|(name, summary)| (format!("{name}\0{number}"), summary));
        self.summaries.extend(clusters);
    }

    fn to_json(&self) -> Value {
        let mut summary = Summary::of_all(&self.summaries);
        let mut names = self.summaries.values().map(|summary| &summary.cluster);
        let first = names.next().cloned().unwrap_or_default();
        summary.cluster = if names.all(|name| *name == first) {
            first
        } else {
            String::new()
        };
        json!({
            "summary": summary,
            "connections": self.connections,
            "messages": self.messages,
        })
    }
}

/// What a table says that has nothing but what this process was told.
fn nothing_before(window: &Window, known: &mut Known) -> Answers {
    let questions = window.logins.questions(known);
    questions.into_iter().map(|key| (key, None)).collect()
}

fn learn(window: &Window, settings: &Settings, known: &mut Known, answers: &Answers) {
    let Some(remembered) = &settings.remembered else {
        return;
    };
    for lesson in window.logins.lessons(known, answers, |_| false) {
        let until = Until {
            expiry: remembered.expiry(lesson.time),
            day: Some(day(lesson.time)),
        };
        known.learn(lesson.key, until);
    }
}

/// A connection; what is not known is absent.
fn connection(entry: &Entry) -> Value {
    let connection = &entry.connection;
    let (facts, place) = (&connection.facts, &entry.place);
    let mut object = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Value::from);
    add("event_id", text(Some(&entry.event_id)));
    add("outcome", text(Some(outcome(connection.outcome))));
    add("confirmed", Some(connection.confirmed().into()));
    add("time", time(facts));
    add("account", text(place.account.as_deref()));
    add("cluster", text(Some(&place.cluster)));
    add("instance", text(place.instance.as_deref()));
    add("log_group", text(Some(&place.log_group)));
    add("log_stream", text(Some(&place.log_stream)));
    add("user", text(facts.user.as_deref()));
    add("database", text(facts.database.as_deref()));
    add("host", text(facts.host.as_deref()));
    add("port", facts.port.map(Value::from));
    add("backend_pid", facts.backend_pid.map(Value::from));
    add("application_name", text(facts.application_name.as_deref()));
    add("auth_method", text(facts.auth_method.as_deref()));
    add("identity", text(facts.identity.as_deref()));
    add("tls", tls(&facts.encryption));
    add("replication", facts.replication.then_some(true.into()));
    add("reason", text(facts.reason.as_deref()));
    add("detail", text(connection.detail.as_deref()));
    let attempts = Some(connection.attempts).filter(|attempts| *attempts > 1);
    add("attempts", attempts.map(Value::from));
    let seconds = facts.session_time.map(|time| time.as_secs_f64());
    add("session_seconds", seconds.map(Value::from));
    if let Novelty::Known(new) = entry.findings.novelty {
        add("new", Some(new.names().collect()));
    }
    let refusals = Some(entry.findings.refusals_before).filter(|refusals| *refusals > 0);
    add("refusals_before", refusals.map(Value::from));
    object.into()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Authorized => "authorized",
        Outcome::Rejected => "rejected",
        Outcome::Disconnected => "disconnected",
        Outcome::Probed => "probed",
        Outcome::Suspicious => "suspicious",
    }
}

fn time(facts: &Facts<'_>) -> Option<Value> {
    let time = facts.time?.to_offset(UtcOffset::UTC);
    Some(time.format(&Rfc3339).ok()?.into())
}

/// TLS; as logged, where an application name could imitate it.
fn tls(encryption: &Encryption<'_>) -> Option<Value> {
    let (tls, as_logged) = match encryption {
        Encryption::Tls(tls) => (tls, false),
        Encryption::TlsAsLogged(tls) => (tls, true),
        _ => return None,
    };
    let mut object = Map::new();
    object.insert("protocol".to_owned(), tls.protocol.as_ref().into());
    object.insert("cipher".to_owned(), tls.cipher.as_ref().into());
    object.extend(tls.bits.map(|bits| ("bits".to_owned(), bits.into())));
    object.extend(as_logged.then(|| ("as_logged".to_owned(), true.into())));
    Some(object.into())
}
