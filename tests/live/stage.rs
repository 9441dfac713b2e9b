//! A server on which an attack takes place, and what is told of its log in every kind of delivery.

use std::time::Duration;

use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::postgres::LogLinePrefix;
use aurora_connection_audit::postgres::event::Encryption;
use aurora_connection_audit::sessions::{Connection, Outcome};

use super::client::{Client, Told};
use super::create_roles;
use super::server::{LOG_LINE_PREFIX, Server};
use super::telling::{log_batch, read, render, settings};
use super::truth::{filter_terms, log_events};

/// A server, and what its log held before the attack.
pub(crate) struct Stage {
    pub(crate) server: Server,
    prefix: &'static str,
    start: usize,
    /// Attacks so far.
    number: usize,
}

/// Something that really happened.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    outcome: Outcome,
    client: Told,
    /// Of those who were let in.
    pid: Option<u32>,
    /// The client wrote into the log.
    pub(crate) is_hostile: bool,
}

/// How the log is delivered.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    by_line: bool,
    is_filtered: bool,
    size: usize,
    processes: usize,
}

const WHOLE: Delivery = Delivery {
    by_line: false,
    is_filtered: false,
    size: usize::MAX,
    processes: 1,
};

/// Somebody who is not let in; `answer` is the message that answers when a password is asked for.
pub(crate) fn refused(
    mut client: Client,
    user: impl AsRef<[u8]>,
    database: impl AsRef<[u8]>,
    answer: &'static [u8],
) -> Fact {
    client.answers_with = answer;
    client.start(user.as_ref(), database.as_ref(), &[]);
    assert!(!client.told.got_in, "{:?}", client.told);
    Fact {
        outcome: Outcome::Rejected,
        client: client.leave(),
        pid: None,
        is_hostile: true,
    }
}

/// A client that was let in leaves.
pub(crate) fn ended(client: Client) -> Vec<Fact> {
    let pid = Some(client.backend_pid);
    let told = client.leave();
    assert!(told.got_in, "{told:?}");
    let fact = |outcome| Fact {
        outcome,
        client: told.clone(),
        pid,
        is_hostile: false,
    };
    vec![fact(Outcome::Authorized), fact(Outcome::Disconnected)]
}

/// What `%t` says now.
pub(crate) fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    let (hour, minute, second) = now.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", now.date())
}

impl Stage {
    pub(crate) fn new() -> Self {
        let server = Server::start();
        create_roles(&server);
        let mut stage = Self {
            server,
            prefix: LOG_LINE_PREFIX,
            start: 0,
            number: 0,
        };
        stage.take_log();
        stage
    }

    pub(crate) fn log_in(&self, application_name: &str) -> Client {
        let mut client = Client::open(self.server.port);
        let name = Some(application_name).filter(|name| !name.is_empty());
        let more = name.map(|name| ("application_name", name.as_bytes()));
        client.start(b"good_user", b"appdb", more.as_slice());
        assert!(client.told.got_in, "{:?}", client.told);
        client
    }

    pub(crate) fn refused(
        &self,
        user: impl AsRef<[u8]>,
        database: impl AsRef<[u8]>,
        answer: &'static [u8],
    ) -> Fact {
        refused(Client::open(self.server.port), user, database, answer)
    }

    /// From now on the log has another prefix.
    pub(crate) fn write_with(&mut self, prefix: &'static str) {
        let postgres = "user=postgres dbname=postgres";
        let ask = |sql: &str| {
            let output = self.server.psql(postgres, "", sql);
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        ask(&format!("alter system set log_line_prefix = '{prefix}'"));
        ask("select pg_reload_conf()");
        while ask("show log_line_prefix").trim_end_matches('\n') != prefix {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.prefix = prefix;
        self.take_log();
    }

    /// What the log holds since it was last taken. Its last line is of somebody who comes behind the attack, over the
    /// socket.
    fn take_log(&mut self) -> String {
        self.number += 1;
        let mark = format!("end_of_{}", self.number);
        let conninfo = format!("user={mark} dbname=appdb");
        self.server.psql(&conninfo, "", "select 1");
        let last = format!("role \"{mark}\" does not exist\n");
        let text = self.server.text_with(&last);
        let end = text.find(&last).unwrap() + last.len();
        text[std::mem::replace(&mut self.start, end)..end].to_owned()
    }

    /// Ends the attack. `told` is how many are confirmed, unconfirmed and suspicious where the log is whole.
    #[track_caller]
    pub(crate) fn assert_told(&mut self, facts: &[Fact], told: Option<[usize; 3]>) {
        self.assert_told_if(facts, |_| told);
    }

    /// The same where the log says what is told. Does it?
    #[track_caller]
    pub(crate) fn assert_told_if(
        &mut self,
        facts: &[Fact],
        told: impl FnOnce(&str) -> Option<[usize; 3]>,
    ) -> bool {
        let log = self.take_log();
        let told = told(&log);
        if let Some(told) = told {
            let whole = self.deliver(&log, WHOLE);
            assert_eq!(whole.counts(), told, "{}\n{log}", whole.render());
        }
        for delivery in deliveries() {
            let reading = self.deliver(&log, delivery);
            let faults = reading.faults(facts, delivery.is_filtered);
            assert!(
                faults.is_empty(),
                "{delivery:?}: {faults:#?}\n{}\n{log}",
                reading.render()
            );
        }
        told.is_some()
    }

    fn deliver(&self, log: &str, delivery: Delivery) -> Reading {
        let prefix = LogLinePrefix::compile(self.prefix).unwrap();
        let mut events = if delivery.by_line {
            lines(log)
        } else {
            log_events(log, &prefix)
        };
        if delivery.is_filtered {
            let terms = filter_terms();
            events.retain(|event| terms.iter().any(|term| event.contains(&**term)));
        }
        let settings = settings(self.prefix, delivery.is_filtered);
        let mut memories: Vec<Memory> = Vec::new();
        memories.resize_with(delivery.processes, Memory::default);
        let mut reading = Reading::default();
        let size = delivery.size.min(events.len());
        for (number, batch) in events.chunks(size).enumerate() {
            let ids = (0..).map(|at| format!("{number}/{at}-"));
            let batch = log_batch(ids.zip(batch.iter().copied()), 0);
            let window = read(
                &batch,
                &settings,
                &mut memories[number % delivery.processes],
            );
            let entries = window.entries.into_iter();
            let told = entries.map(|(_, entry)| entry.connection);
            // The one who comes behind the attack.
            reading.told.extend(told.filter(|one| !is_of_stage(one)));
            reading.unparsed += window
                .clusters
                .values()
                .map(|one| one.unparsed)
                .sum::<usize>();
        }
        reading
    }
}

/// A log event for each line that a tab does not lead.
fn lines(log: &str) -> Vec<&str> {
    let ends = log.match_indices('\n').map(|(at, _)| at + 1);
    let mut start = 0;
    let ends = ends.filter(|end| !log[*end..].starts_with('\t'));
    ends.map(|end| &log[std::mem::replace(&mut start, end)..end])
        .collect()
}

/// What the stage itself did: a session of `psql` can end behind the mark that follows it.
fn is_of_stage(connection: &Connection<'_>) -> bool {
    let user = connection.facts.user.as_deref();
    user.is_some_and(|user| user == "postgres" || user.starts_with("end_of_"))
}

/// By prefix and by line, behind a filter and not, in batches of all sizes, in several processes.
fn deliveries() -> Vec<Delivery> {
    let mut all = Vec::new();
    for (by_line, is_filtered) in [(false, false), (true, false), (false, true), (true, true)] {
        for size in [1, 2, 3, 5, usize::MAX] {
            for processes in 1..=3 {
                all.push(Delivery {
                    by_line,
                    is_filtered,
                    size,
                    processes,
                });
            }
        }
    }
    all
}

/// What was told of a log.
#[derive(Default)]
struct Reading {
    told: Vec<Connection<'static>>,
    unparsed: usize,
}

impl Reading {
    fn render(&self) -> String {
        let lines: Vec<_> = self.told.iter().map(render).collect();
        lines.join("\n")
    }

    /// Confirmed, unconfirmed, suspicious.
    fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for one in &self.told {
            let place = match (one.outcome, one.confirmed()) {
                (Outcome::Suspicious, _) => 2,
                (_, is_confirmed) => usize::from(!is_confirmed),
            };
            counts[place] += 1;
        }
        counts
    }

    /// What is confirmed and did not happen, whoever is accused without reason, and what is hidden.
    fn faults(&self, facts: &[Fact], is_filtered: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let mut untold = facts.to_vec();
        for one in self.told.iter().filter(|one| one.confirmed()) {
            let fits = |fact: &Fact| is_of(one, fact);
            if one.outcome == Outcome::Suspicious {
                let pid = one.facts.backend_pid;
                let mut hostile = facts.iter().filter(|fact| fact.is_hostile);
                if pid.is_some() && !hostile.any(|fact| fact.pid.is_none() || fact.pid == pid) {
                    faults.push(format!("accused: {}", render(one)));
                }
            } else if let Some(at) = untold.iter().position(fits) {
                untold.remove(at);
            } else {
                faults.push(format!("false: {}", render(one)));
            }
        }
        let traces = |outcome| {
            let is_trace = |one: &&Connection<'_>| {
                one.outcome == Outcome::Suspicious || one.outcome == outcome && !one.confirmed()
            };
            self.told.iter().filter(is_trace).count() + self.unparsed
        };
        for outcome in [
            Outcome::Authorized,
            Outcome::Rejected,
            Outcome::Disconnected,
        ] {
            let untold = untold.iter().filter(|fact| fact.outcome == outcome);
            let untold: Vec<_> = untold.collect();
            if !is_filtered && untold.len() > traces(outcome) {
                faults.push(format!("hidden: {untold:?}"));
            }
        }
        faults
    }
}

/// Is everything so that is told? None of these clients has encryption.
fn is_of(told: &Connection<'_>, fact: &Fact) -> bool {
    let (facts, client) = (&told.facts, &fact.client);
    let reason = facts.reason.as_deref();
    told.outcome == fact.outcome
        && told.attempts == 1
        && facts.user.as_deref().is_none_or(|user| user == client.user)
        && facts
            .database
            .as_deref()
            .is_none_or(|database| database == client.database)
        && facts.port.is_none_or(|port| port == client.port)
        && facts
            .backend_pid
            .is_none_or(|pid| fact.pid.is_none_or(|of| of == pid))
        && (fact.outcome != Outcome::Rejected || reason == client.error.as_deref())
        && !matches!(facts.encryption, Encryption::Tls(_) | Encryption::Gss)
}
