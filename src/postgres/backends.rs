//! The backends that a log has announced, and how far each has come.
//!
//! Anybody who reaches the port can put whole forged lines into the log through the names of a
//! failed login. What nobody can forge is `connection received`: it is written before the client
//! has sent a name. It ties a client's address and port to the process id of its backend.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::connection::{ConnectionEvent, Kind};
use super::log_line_prefix::PrefixFields;
use super::names::{self, Known};

/// As many backends are remembered; about 120 bytes each. Aurora allows 5000 connections.
const MOST_BACKENDS: usize = 8192;

/// Backends known from `connection received`, across the batches of one log.
#[derive(Debug, Default)]
pub struct Announced {
    keys: RandomState,
    backends: HashMap<u64, Backend, RandomState>,
    /// In the order of their announcements, with the serial number of each.
    order: VecDeque<(u64, u64)>,
    of_pid: HashMap<u32, u64, RandomState>,
    batch: u32,
    announcements: u64,
    /// Has this log shown `connection authorized` lines?
    authorizations: bool,
    /// Could a line not be read that may come from any backend whose client has no port?
    garbled: bool,
    /// How the last batch ended.
    pub(super) end: End,
}

/// The client that a prefix names: a keyed hash of `%r`, or of `%h` and `%p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(u64);

/// What the backend of a client was before a line was taken note of.
#[derive(Debug)]
pub(super) struct Undo(Option<(Client, Option<Backend>)>);

/// How a batch ended: the next one may begin inside a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum End {
    /// No batch yet, or none that the prefix could read.
    #[default]
    Nothing,
    /// In a record that could be read.
    Record,
    /// In a connection line, which has no continuation lines.
    Event,
    /// In text that could not be read.
    Garbage,
}

#[derive(Debug, Clone, Copy, Default)]
struct Backend {
    pid: Option<u32>,
    announcement: u64,
    batch: u32,
    known: Known,
    authenticated: Option<Seen>,
    authorized: Option<Seen>,
    rejected: Option<Seen>,
    disconnected: Option<Seen>,
    /// Was there a line of it that could not be read?
    garbled: bool,
}

/// A line that was seen, and in which batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    batch: u32,
    line: u32,
}

/// What is known of the backend that a line claims to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It was announced, with the names that its lines gave it.
    Announced {
        known: Known,
        /// Its user has passed all checks but the last.
        authorized: bool,
    },
    /// It was not announced.
    Unannounced,
    /// Its client was announced for another process, or its process for another client.
    False,
}

impl Announced {
    /// To be called before each batch: CloudWatch may deliver the lines of an earlier one again.
    pub(super) fn begin_batch(&mut self) {
        self.batch = self.batch.wrapping_add(1);
    }

    /// What is known of the backend of `client` with the process id `pid`.
    pub(super) fn claim(&self, client: Option<Client>, pid: Option<u32>) -> Claim {
        let Some(client) = client else {
            return Claim::Unannounced;
        };
        match self.backends.get(&client.0) {
            Some(backend) if differ(backend.pid, pid) => Claim::False,
            Some(backend) => Claim::Announced {
                known: backend.known,
                authorized: backend.authorized.is_some(),
            },
            None if self.process_is_busy(pid) => Claim::False,
            None => Claim::Unannounced,
        }
    }

    /// Was the client of `prefix` announced, for whatever process?
    pub(super) fn knows_client(&self, prefix: &PrefixFields<'_>) -> bool {
        self.client(prefix)
            .is_some_and(|client| self.backends.contains_key(&client.0))
    }

    /// A line of the backend that `prefix` names cannot be read. Its process is not known: where
    /// the client has no port, that may concern any backend.
    pub(super) fn garble(&mut self, prefix: &PrefixFields<'_>) {
        match self.client(prefix) {
            Some(client) => {
                if let Some(backend) = self.backends.get_mut(&client.0) {
                    backend.garbled = true;
                }
            }
            None => self.garbled = true,
        }
    }

    /// Was there a line of the backend that `prefix` names that could not be read?
    pub(super) fn is_garbled(&self, prefix: &PrefixFields<'_>) -> bool {
        let client = self.client(prefix);
        let backend = client.and_then(|client| self.backends.get(&client.0));
        let has_port = prefix.remote.is_some_and(|remote| remote.ends_with(')'));
        backend.is_some_and(|backend| backend.garbled) || self.garbled && !has_port
    }

    /// Has this log shown `connection authorized` lines?
    pub(super) fn shows_authorizations(&self) -> bool {
        self.authorizations
    }

    /// Takes note of `event`, which `line` reports. `None`: it cannot follow what the backend has
    /// said before, so that one of the two lines is no work of PostgreSQL's.
    pub(super) fn note(
        &mut self,
        event: &ConnectionEvent<'_>,
        client: Option<Client>,
        line: &str,
    ) -> Option<Undo> {
        self.authorizations |= event.kind == Kind::Authorized;
        let Some(client) = client else {
            return Some(Undo(None));
        };
        if event.kind == Kind::Received {
            let before = self.announce(client.0, event.backend_pid);
            return Some(Undo(Some((client, before))));
        }
        let Some(backend) = self.backends.get_mut(&client.0) else {
            return Some(Undo(None));
        };
        let now = Seen {
            batch: self.batch,
            line: (names::fingerprint(line) >> 32) as u32,
        };
        let before = *backend;
        let fits = backend.note(event, now);
        fits.then_some(Undo(Some((client, Some(before)))))
    }

    /// Forgets what [`Announced::note`] has taken note of.
    pub(super) fn undo(&mut self, undo: &Undo) {
        match undo.0 {
            Some((client, Some(before))) => {
                self.backends.insert(client.0, before);
            }
            Some((client, None)) => {
                self.backends.remove(&client.0);
            }
            None => {}
        }
    }

    /// The backend that the client had before.
    fn announce(&mut self, key: u64, pid: Option<u32>) -> Option<Backend> {
        self.announcements += 1;
        self.order.push_back((key, self.announcements));
        let backend = Backend {
            pid,
            announcement: self.announcements,
            batch: self.batch,
            ..Backend::default()
        };
        let before = self.backends.insert(key, backend);
        if let Some(pid) = pid {
            self.of_pid.insert(pid, key);
        }
        while self.order.len() > MOST_BACKENDS {
            self.forget_oldest();
        }
        before
    }

    fn forget_oldest(&mut self) {
        let Some((key, announcement)) = self.order.pop_front() else {
            return;
        };
        let same = |backend: &Backend| backend.announcement == announcement;
        if self.backends.get(&key).is_some_and(same)
            && let Some(pid) = self.backends.remove(&key).and_then(|backend| backend.pid)
            && self.of_pid.get(&pid) == Some(&key)
        {
            self.of_pid.remove(&pid);
        }
    }

    /// Was the process announced for a client in this batch or the one before, and still lives?
    fn process_is_busy(&self, pid: Option<u32>) -> bool {
        pid.and_then(|pid| self.of_pid.get(&pid))
            .and_then(|key| self.backends.get(key))
            .is_some_and(|backend| {
                self.batch.wrapping_sub(backend.batch) <= 1
                    && backend.rejected.is_none()
                    && backend.disconnected.is_none()
            })
    }

    /// `host(port)` names a connection by itself; a host or `[local]` needs the process as well.
    pub(super) fn client(&self, prefix: &PrefixFields<'_>) -> Option<Client> {
        let hash = match (prefix.remote, prefix.backend_pid) {
            (Some(remote), _) if remote.ends_with(')') => self.keys.hash_one(remote),
            (remote, Some(pid)) => self.keys.hash_one((remote, pid)),
            (_, None) => return None,
        };
        Some(Client(hash))
    }
}

impl Backend {
    fn note(&mut self, event: &ConnectionEvent<'_>, now: Seen) -> bool {
        // Lines of a backend come in this order; none of them comes twice.
        let (slot, later) = match event.kind {
            Kind::Authenticated => (
                &mut self.authenticated,
                [self.authorized, self.rejected, self.disconnected],
            ),
            Kind::Authorized => (
                &mut self.authorized,
                [self.rejected, self.disconnected, None],
            ),
            Kind::Rejected => (&mut self.rejected, [self.disconnected, None, None]),
            Kind::Disconnected => (&mut self.disconnected, [None; 3]),
            Kind::Ready => {
                self.authorized.get_or_insert(now);
                return true;
            }
            _ => return true,
        };
        let fits = match *slot {
            None => later.iter().all(Option::is_none),
            Some(seen) => seen.batch != now.batch && seen.line == now.line,
        };
        if fits {
            *slot = Some(now);
            let learn = |known: &mut Option<u64>, name: Option<&str>| {
                *known = known.or_else(|| name.map(names::fingerprint));
            };
            learn(&mut self.known.user, event.user.as_deref());
            learn(&mut self.known.database, event.database.as_deref());
        }
        fits
    }
}

fn differ(announced: Option<u32>, claimed: Option<u32>) -> bool {
    announced.is_some() && claimed.is_some() && announced != claimed
}
