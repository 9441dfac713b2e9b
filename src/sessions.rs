//! Joins the lines of one backend in a batch into one connection.
//!
//! `connection authorized` does not mean that the login succeeded: an unknown database, a role that
//! may not log in and most limits are found out later, and end the backend with a FATAL. A FATAL
//! in another batch than its `connection authorized` makes two entries: one of each. A FATAL whose
//! `disconnection` follows has ended a session and is no refusal.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::postgres::event::{Backend, ConnectionEvent, Encryption, Facts, Kind, Standing};

/// What a person is told: one entry, attempt or departure.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection<'a> {
    /// How it went.
    pub outcome: Outcome,
    /// Byte offset in the batch's text of the line that decided the outcome.
    pub offset: usize,
    /// How well the text supports that line.
    pub standing: Standing,
    /// What all lines of the backend say together.
    pub facts: Facts<'a>,
    /// The DETAIL line under the reason, its first sentence; or what PAM answered.
    pub detail: Option<Cow<'a, str>>,
    /// Connections in the log that this one stands for: libpq's `sslmode=prefer` tries twice.
    pub attempts: u32,
}

/// How a connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The session is established (or was, when the batch ended).
    Authorized,
    /// The client was turned away.
    Rejected,
    /// The session ended.
    Disconnected,
    /// Something connected that speaks no PostgreSQL, or not its TLS.
    Probed,
    /// A session has written a line about connections into the log. The facts are the session's.
    Suspicious,
}

impl Connection<'_> {
    /// Did it happen just so? `false`: its line can be read in another way, or could have been
    /// written by somebody else than PostgreSQL.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.standing == Standing::Certain
    }

    /// The same connection, without the text that it was read from.
    #[must_use]
    pub fn into_owned(self) -> Connection<'static> {
        Connection {
            outcome: self.outcome,
            offset: self.offset,
            standing: self.standing,
            facts: self.facts.into_owned(),
            detail: self.detail.map(|detail| Cow::Owned(detail.into_owned())),
            attempts: self.attempts,
        }
    }
}

/// One entry for each connection that was made, refused or ended, in the order of the lines.
#[must_use]
pub fn join<'a>(events: impl IntoIterator<Item = ConnectionEvent<'a>>) -> Vec<Connection<'a>> {
    let mut sessions = Sessions::default();
    for event in events {
        sessions.add(event);
    }
    sessions.take_all()
}

/// The connections of the lines so far.
#[derive(Debug, Default)]
pub struct Sessions<'a> {
    /// In the order of the lines that first decided each; without those that were taken.
    connections: Vec<Connection<'a>>,
    /// How many were taken.
    taken: usize,
    backends: HashMap<Backend, Progress<'a>>,
    /// The last entry of each host.
    last_of_host: HashMap<Cow<'a, str>, usize>,
}

/// What the lines of a backend have said so far.
#[derive(Debug, Default)]
struct Progress<'a> {
    /// Where its `connection received` stands.
    received: Option<usize>,
    /// Who it was about: not every prefix tells on the lines that follow.
    client: Option<Box<Client<'a>>>,
    /// What is known before it has an entry, and how well.
    facts: Option<(Standing, Box<Facts<'a>>)>,
    /// What PAM answered, and how certain that is.
    explanation: Option<(Standing, Cow<'a, str>)>,
    /// Its entry in the list, once it is in there.
    entry: Option<usize>,
    /// What the entry was before a FATAL: a `disconnection` may bring it back.
    let_in: Option<Box<Connection<'a>>>,
}

/// The address of a client.
#[derive(Debug)]
struct Client<'a> {
    standing: Standing,
    host: Cow<'a, str>,
    port: Option<u16>,
}

/// How many connections can still be changed by later lines.
const STILL_OPEN: usize = 20_000;

/// How many are taken at once: each time everything that is known of backends is searched.
const TAKEN_AT_ONCE: usize = 10_000;

/// How many further backends are remembered.
const MOST_BACKENDS: usize = 32_768;

impl<'a> Sessions<'a> {
    /// All connections that were not taken yet.
    #[must_use]
    pub fn take_all(self) -> Vec<Connection<'a>> {
        self.connections
    }

    /// The connections that so many others have followed that no line will change them any more.
    pub fn take_settled(&mut self) -> Vec<Connection<'a>> {
        self.forget_oldest();
        let settled = self.connections.len().saturating_sub(STILL_OPEN);
        if settled < TAKEN_AT_ONCE {
            return Vec::new();
        }
        let taken: Vec<_> = self.connections.drain(..settled).collect();
        let (from, until) = (self.taken, self.taken + settled);
        self.taken = until;
        self.last_of_host.retain(|_, at| *at >= until);
        self.backends
            .retain(|_, progress| progress.outlives(from, &taken));
        taken
    }

    /// Backends whose end the log does not tell would only become more.
    fn forget_oldest(&mut self) {
        if self.backends.len() <= MOST_BACKENDS {
            return;
        }
        let mut ages: Vec<_> = self.backends.values().map(|one| one.received).collect();
        let middle = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(middle);
        let median = *median;
        self.backends
            .retain(|_, one| one.entry.is_some() || one.received > median);
    }

    /// The connection with this number, counted from the first of all.
    fn get_mut(&mut self, at: usize) -> Option<&mut Connection<'a>> {
        self.connections.get_mut(at.checked_sub(self.taken)?)
    }

    /// The number of the connection that is entered next.
    fn next(&self) -> usize {
        self.taken + self.connections.len()
    }

    /// Takes in the next line.
    pub fn add(&mut self, event: ConnectionEvent<'a>) {
        let backend = event.backend.filter(|_| event.kind != Kind::Probed);
        let Some(backend) = backend else {
            self.add_alone(event);
            return;
        };
        if event.standing == Standing::Alternative {
            self.add_alternative(backend, event);
            return;
        }
        let mut progress = self.backends.remove(&backend).unwrap_or_default();
        let is_over = matches!(event.kind, Kind::Rejected | Kind::Disconnected);
        let begins = event.standing > Standing::Claimed
            && matches!(
                event.kind,
                Kind::Authenticated | Kind::Authorized | Kind::Ready
            );
        if begins && self.is_over(&progress) {
            // Another client has its process id.
            progress = Progress::default();
        }
        match event.kind {
            Kind::Received => {
                progress = Progress {
                    received: Some(event.offset),
                    client: client(event),
                    ..Progress::default()
                };
            }
            Kind::Explanation => self.explain(&mut progress, event),
            Kind::Authenticated => {
                let facts = self.known(&mut progress, event.standing, event.facts);
                progress.facts = Some((event.standing, Box::new(facts)));
            }
            Kind::Ready if self.is_let_in(&progress) => {}
            Kind::Rejected if self.is_let_in(&progress) => self.refuse(&mut progress, event),
            Kind::Rejected => {
                // A backend is refused once: who was refused or left before is somebody else.
                progress.entry = None;
                self.enter(&mut progress, event);
            }
            Kind::Disconnected => self.end(&mut progress, event),
            _ => self.enter(&mut progress, event),
        }
        if is_over {
            // Its process id may be another client's next.
            progress.client = None;
        }
        self.backends.insert(backend, progress);
    }

    /// A line that names no backend, or belongs to none: nothing can be joined with it but a DETAIL
    /// right behind it.
    fn add_alone(&mut self, event: ConnectionEvent<'a>) {
        match event.kind {
            Kind::Received | Kind::Authenticated => {}
            Kind::Explanation => {
                let last = self.connections.last_mut();
                let is_of_pam = event.facts.auth_method.is_some();
                let is_of_last = |last: &&mut Connection<'_>| {
                    last.outcome == Outcome::Rejected
                        && !is_of_pam
                        && last.standing <= event.standing
                        && last.facts.host == event.facts.host
                };
                if let Some(last) = last.filter(is_of_last) {
                    last.detail = event.facts.reason.and_then(detail);
                }
            }
            _ => self.connections.push(connection(event)),
        }
    }

    /// Another reading of a line stands alone, but a login that may have been refused is not certain.
    fn add_alternative(&mut self, backend: Backend, event: ConnectionEvent<'a>) {
        let known = self.backends.get_mut(&backend);
        let at = known.and_then(|known| {
            known.client = None;
            known.entry
        });
        let entry = at.and_then(|at| self.get_mut(at));
        if let Some(entry) = entry
            && event.kind == Kind::Rejected
            && entry.outcome == Outcome::Authorized
        {
            entry.standing = entry.standing.min(Standing::OfItsBackend);
        }
        self.connections.push(connection(event));
    }

    fn entry(&self, progress: &Progress<'a>) -> Option<&Connection<'a>> {
        let at = progress.entry?.checked_sub(self.taken)?;
        self.connections.get(at)
    }

    fn is_over(&self, progress: &Progress<'a>) -> bool {
        let entry = self.entry(progress);
        entry.is_some_and(|entry| entry.outcome != Outcome::Authorized)
    }

    fn is_let_in(&self, progress: &Progress<'a>) -> bool {
        let entry = self.entry(progress);
        entry.is_some_and(|entry| entry.outcome == Outcome::Authorized)
    }

    /// `later`, and what earlier lines of the backend have said besides; not what is less certain.
    fn known(
        &self,
        progress: &mut Progress<'a>,
        standing: Standing,
        later: Facts<'a>,
    ) -> Facts<'a> {
        let of_entry = self
            .entry(progress)
            .map(|entry| (entry.standing, Box::new(entry.facts.clone())));
        let mut facts = match progress.facts.take().or(of_entry) {
            Some((earlier, facts)) if earlier >= standing => learn(later, *facts),
            _ => later,
        };
        let client = progress.client.take();
        if let Some(client) = client.filter(|client| client.standing >= standing)
            && facts.host.is_none()
        {
            (facts.host, facts.port) = (Some(client.host), client.port);
        }
        facts
    }

    /// A connection that was made or refused.
    fn enter(&mut self, progress: &mut Progress<'a>, event: ConnectionEvent<'a>) {
        let mut entry = connection(event);
        entry.facts = self.known(progress, entry.standing, entry.facts);
        if entry.outcome == Outcome::Rejected {
            let explanation = progress.explanation.take();
            entry.detail = explanation
                .filter(|(standing, _)| *standing >= entry.standing)
                .map(|(_, text)| text);
        }
        let first = self.retried(&entry, progress.received);
        if let Some(first) = first {
            progress.entry = Some(first);
            if let Some(first) = self.get_mut(first) {
                first.attempts += 1;
            }
            return;
        }
        progress.entry = Some(self.next());
        if let Some(host) = entry.facts.host.clone() {
            self.last_of_host.insert(host, self.next());
        }
        self.connections.push(entry);
    }

    /// The client was let in, and then turned away. A refusal that is only claimed takes nothing
    /// back: both are told, and neither is certain.
    fn refuse(&mut self, progress: &mut Progress<'a>, event: ConnectionEvent<'a>) {
        let mut refused = connection(event);
        let entry = progress.entry.and_then(|at| self.get_mut(at));
        if refused.standing == Standing::Claimed {
            if let Some(entry) = entry.filter(|entry| entry.outcome == Outcome::Authorized) {
                entry.standing = entry.standing.min(Standing::OfItsBackend);
            }
            self.connections.push(refused);
            return;
        }
        if entry.is_some_and(|entry| entry.standing == Standing::Claimed) {
            progress.entry = Some(self.next());
            self.connections.push(refused);
            return;
        }
        refused.facts = self.known(progress, refused.standing, refused.facts);
        let entry = progress.entry.and_then(|at| self.get_mut(at));
        if let Some(entry) = entry {
            let before = std::mem::replace(entry, refused);
            progress.let_in = Some(Box::new(before));
        }
    }

    /// The session ended; a FATAL before it was no refusal.
    fn end(&mut self, progress: &mut Progress<'a>, event: ConnectionEvent<'a>) {
        let mut ended = connection(event);
        ended.facts = self.known(progress, ended.standing, ended.facts);
        let entry = progress.entry.and_then(|at| self.get_mut(at));
        let entry = entry.filter(|entry| entry.standing > Standing::Claimed);
        match (entry, progress.let_in.take()) {
            (Some(entry), Some(let_in)) if entry.outcome == Outcome::Rejected => *entry = *let_in,
            (Some(entry), None) if entry.outcome == Outcome::Rejected => {
                *entry = ended;
                return;
            }
            _ => {}
        }
        progress.entry = Some(self.next());
        self.connections.push(ended);
    }

    /// Why the client is turned away: told before the refusal by PAM, behind it by DETAIL. Words that
    /// may not be PostgreSQL's do not explain what is certain.
    fn explain(&mut self, progress: &mut Progress<'a>, event: ConnectionEvent<'a>) {
        let is_of_pam = event.facts.auth_method.is_some();
        let text = event.facts.reason.and_then(detail);
        let entry = progress.entry.and_then(|at| self.get_mut(at));
        match entry {
            Some(entry)
                if entry.outcome == Outcome::Rejected
                    && event.standing >= entry.standing
                    && entry.detail.is_none() =>
            {
                entry.detail = text;
            }
            None if is_of_pam => progress.explanation = text.map(|text| (event.standing, text)),
            _ => {}
        }
    }

    /// The first of two attempts of one client, if `second` is the other. After a refusal libpq's
    /// `sslmode=prefer` (its default) opens another connection at once, without TLS. That is certain
    /// only where PostgreSQL says that the second has no encryption, and would have turned the first
    /// away in the same words if it had none either.
    fn retried(&self, second: &Connection<'a>, received: Option<usize>) -> Option<usize> {
        const AT_ONCE: time::Duration = time::Duration::seconds(2);
        let at = *self.last_of_host.get(second.facts.host.as_ref()?)?;
        let first = self.connections.get(at.checked_sub(self.taken)?)?;
        let is_refused = |one: &Connection<'_>| one.outcome == Outcome::Rejected;
        let is_plain = |one: &Connection<'_>| one.facts.encryption == Encryption::Plain;
        let is_same_client = first.facts.user.is_some()
            && first.facts.database.is_some()
            && first.facts.user == second.facts.user
            && first.facts.database == second.facts.database;
        let is_soon = matches!((first.facts.time, second.facts.time), (Some(first), Some(second))
            if (second - first).abs() <= AT_ONCE);
        (first.standing > Standing::Claimed
            && is_refused(first)
            && is_refused(second)
            && first.attempts == 1
            && received? > first.offset
            && is_same_client
            && is_soon
            && is_plain(second)
            && !is_plain(first))
        .then_some(at)
    }
}

impl<'a> Progress<'a> {
    /// Can a later line say more of the backend, when the connections `taken`, with numbers `from`
    /// there on, are gone? What is known of a session is kept for its end.
    fn outlives(&mut self, from: usize, taken: &[Connection<'a>]) -> bool {
        let Some(entry) = self.entry.and_then(|at| taken.get(at.checked_sub(from)?)) else {
            return true;
        };
        if entry.outcome == Outcome::Authorized {
            self.facts = Some((entry.standing, Box::new(entry.facts.clone())));
            self.entry = None;
            self.let_in = None;
        }
        self.entry.is_none()
    }
}

/// Why, without the line of `pg_hba.conf` that PostgreSQL quotes at the end.
fn detail(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    const QUOTED_LINE: &str = "Connection matched ";
    if text.starts_with(QUOTED_LINE) {
        return None;
    }
    match text.rfind("\nConnection matched ") {
        Some(end) => Some(Cow::Owned(text.get(..end)?.to_owned())),
        None => Some(text),
    }
}

fn client(received: ConnectionEvent<'_>) -> Option<Box<Client<'_>>> {
    Some(Box::new(Client {
        standing: received.standing,
        host: received.facts.host?,
        port: received.facts.port,
    }))
}

fn connection(event: ConnectionEvent<'_>) -> Connection<'_> {
    Connection {
        outcome: match event.kind {
            Kind::Rejected => Outcome::Rejected,
            Kind::Disconnected => Outcome::Disconnected,
            Kind::Probed => Outcome::Probed,
            Kind::Suspicious => Outcome::Suspicious,
            _ => Outcome::Authorized,
        },
        offset: event.offset,
        standing: event.standing,
        facts: event.facts,
        detail: None,
        attempts: 1,
    }
}

/// What `later` says, and what `earlier` says besides.
fn learn<'a>(later: Facts<'a>, earlier: Facts<'a>) -> Facts<'a> {
    Facts {
        user: later.user.or(earlier.user),
        database: later.database.or(earlier.database),
        host: later.host.or(earlier.host),
        port: later.port.or(earlier.port),
        application_name: later.application_name.or(earlier.application_name),
        replication: later.replication || earlier.replication,
        encryption: match later.encryption {
            Encryption::Unknown => earlier.encryption,
            known => known,
        },
        auth_method: later.auth_method.or(earlier.auth_method),
        identity: later.identity.or(earlier.identity),
        ..later
    }
}
