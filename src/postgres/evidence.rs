//! What earlier lines of a backend prove.
//!
//! Within one text the order of lines is PostgreSQL's, so an earlier line of the same text counts in
//! full. Earlier texts are weak evidence: another process may have read the text between, and texts
//! come late and twice. They may help to understand a line; they accuse nobody.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher, RandomState};

use lru::LruCache;
use time::OffsetDateTime;

use super::event::{Backend, Facts, Kind};
use super::line::PrefixFields;
use super::tokens::Severity;

/// How many backends are remembered, of all logs together, at about 100 bytes each.
const MOST_BACKENDS: usize = 32_768;

/// How many logs are remembered, at about 60 bytes each.
const MOST_LOGS: usize = 8192;

/// Backends of all logs that a process reads, and what each log has shown. Bounded: the least
/// recently used is forgotten first.
#[derive(Debug)]
pub struct Announced {
    keys: RandomState,
    backends: Known<Seen>,
    logs: Known<Log>,
    texts: u64,
}

/// By keyed hashes, which need no second hash.
type Known<T> = LruCache<u64, T, BuildHasherDefault<Itself>>;

/// Texts count from 1.
const NO_TEXT: u64 = 0;

/// A number is its own hash.
#[derive(Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            keys: RandomState::new(),
            backends: LruCache::unbounded_with_hasher(BuildHasherDefault::new()),
            logs: LruCache::unbounded_with_hasher(BuildHasherDefault::new()),
            texts: 0,
        }
    }
}

/// What a log has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Log {
    received: bool,
    authenticated: bool,
    authorized: bool,
}

/// What the lines of one backend have said so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// In which text each line stood, and the time of the first.
    received: Option<u64>,
    received_at: Option<OffsetDateTime>,
    authenticated: Option<u64>,
    authenticated_by_gss: bool,
    authorized: Option<u64>,
    /// May its process id and port be another client's by now?
    may_be_new: bool,
    /// May the client have been let in, though no certain line says so?
    may_be_in: bool,
    /// Under which names that has been told.
    told_as: Option<u64>,
}

/// The evidence of one text, and what is left of the earlier texts of its log.
#[derive(Debug)]
pub struct Evidence<'m> {
    announced: &'m mut Announced,
    log: u64,
    /// What the log has shown so far.
    shown: Log,
    /// Has hashed the log; a backend follows.
    hasher: DefaultHasher,
    text: u64,
    /// What the part before has left, where the text is read in parts.
    pub(super) left: Left,
}

/// What the reader knows where a part of a text ends. Offsets count from there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Left {
    pub(super) doubt: usize,
    pub(super) sql_doubt: usize,
    pub(super) rest_until: usize,
    /// Severity of the last record, and the report that it is part of.
    pub(super) last: Option<(Severity, u64)>,
    pub(super) is_last_certain: bool,
    /// The client that the last record refused.
    pub(super) refused: Option<u64>,
    /// The last record, where a session has written it.
    pub(super) forgery: Option<Forgery>,
}

/// A record that a session has written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgery {
    /// Where the next one begins.
    pub(super) end: usize,
    /// Its time stamp, which is PostgreSQL's.
    pub(super) time: Option<OffsetDateTime>,
}

impl Announced {
    /// The evidence of a new text of the log called `log`.
    pub fn text_of(&mut self, log: &str) -> Evidence<'_> {
        self.texts += 1;
        let log = self.keys.hash_one(log);
        let mut hasher = self.keys.build_hasher();
        hasher.write_u64(log);
        Evidence {
            log,
            shown: self.logs.get(&log).copied().unwrap_or_default(),
            hasher,
            text: self.texts,
            left: Left::default(),
            announced: self,
        }
    }
}

impl Evidence<'_> {
    /// `None` where the prefix tells neither process nor port, so that connections look alike.
    pub(super) fn backend(&self, prefix: &PrefixFields<'_>) -> Option<Backend> {
        let has_port = prefix.remote.is_some_and(|remote| remote.ends_with(')'));
        (has_port || prefix.backend_pid.is_some()).then(|| {
            let mut hasher = self.hasher.clone();
            let pid = prefix.backend_pid.map_or(1 << 32, u64::from);
            hasher.write_u64(pid << 1 | u64::from(prefix.remote.is_some()));
            hasher.write(prefix.remote.unwrap_or_default().as_bytes());
            Backend(hasher.finish())
        })
    }

    /// The same for all records of a report, see [`PrefixFields::is_of_report`].
    pub(super) fn report(&self, prefix: &PrefixFields<'_>) -> u64 {
        let names = (prefix.user, prefix.database, prefix.application_name);
        let report = (prefix.backend_pid, prefix.remote, names);
        self.announced.keys.hash_one(report)
    }

    /// A client, as the line of its refusal and the DETAIL behind it name it.
    pub(super) fn client(
        &self,
        backend_pid: Option<u32>,
        host: Option<&str>,
        port: Option<u16>,
    ) -> u64 {
        self.announced.keys.hash_one((backend_pid, host, port))
    }

    /// What is known of a backend.
    pub(super) fn seen(&self, backend: Option<Backend>) -> Seen {
        let known = backend.and_then(|backend| self.announced.backends.peek(&backend.0));
        known.copied().unwrap_or_default()
    }

    /// Takes back what was noted of a backend since it was `before`.
    pub(super) fn restore(&mut self, backend: Option<Backend>, before: Seen) {
        self.note(backend, |seen| *seen = before);
    }

    /// Was the client received, in this text or an earlier one?
    pub(super) fn is_announced(&self, backend: Option<Backend>) -> bool {
        self.seen(backend).received.is_some()
    }

    /// Was the client received in an earlier text, at most so long before `time`?
    pub(super) fn was_received_before(
        &self,
        backend: Option<Backend>,
        time: Option<OffsetDateTime>,
    ) -> bool {
        /// A password that is wrong is refused at once. The time of the line may be a client's words,
        /// and must not be far from the truth.
        const LONGEST: time::Duration = time::Duration::seconds(2);
        let received = self.seen(backend).received_at;
        matches!((received, time), (Some(received), Some(time))
            if time >= received && time - received <= LONGEST)
    }

    /// Was the client received in this text?
    pub(super) fn is_received_here(&self, backend: Option<Backend>) -> bool {
        self.seen(backend).received == Some(self.text)
    }

    /// Has this text shown the backend?
    pub(super) fn is_known_here(&self, backend: Option<Backend>) -> bool {
        let seen = self.seen(backend);
        [seen.received, seen.authenticated, seen.authorized].contains(&Some(self.text))
    }

    /// Has this text shown the beginning of the backend, and not yet that it was let in?
    pub(super) fn is_starting_here(&self, seen: &Seen) -> bool {
        [seen.received, seen.authenticated].contains(&Some(self.text))
            && seen.authorized != Some(self.text)
            && !seen.may_be_in
    }

    /// Was the client let in in this text?
    pub(super) fn is_authorized_here(&self, backend: Option<Backend>) -> bool {
        self.seen(backend).authorized == Some(self.text)
    }

    /// Was the client received and let in in this text, and is it beyond doubt the same client?
    pub(super) fn is_in_here(&self, seen: &Seen) -> bool {
        seen.received == Some(self.text) && seen.authorized == seen.received && !seen.may_be_new
    }

    /// Was the client let in, in this text or an earlier one?
    pub(super) fn is_authorized(&self, backend: Option<Backend>) -> bool {
        self.seen(backend).authorized.is_some()
    }

    /// Has the log shown `connection received` lines?
    pub(super) fn shows_announcements(&self) -> bool {
        self.shown.received
    }

    /// Has the log shown `connection authorized` lines?
    pub(super) fn shows_authorizations(&self) -> bool {
        self.shown.authorized
    }

    /// Can the client have proven its identity by GSSAPI, for all that its other lines say?
    pub(super) fn may_be_gss(&self, backend: Option<Backend>) -> bool {
        let seen = self.seen(backend);
        match seen.authenticated {
            Some(_) => seen.authenticated_by_gss,
            // PostgreSQL 12 and 13 write no such line.
            None => seen.received.is_none() || !self.shown.authenticated,
        }
    }

    /// A new backend: clients come with ports, and backends with process ids, that others had.
    pub(super) fn received(&mut self, backend: Option<Backend>, at: Option<OffsetDateTime>) {
        if let Some(backend) = backend {
            let seen = Seen {
                received: Some(self.text),
                received_at: at,
                ..Seen::default()
            };
            self.note(Some(backend), |known| *known = seen);
        }
    }

    /// Perhaps a new backend: what is known of the old one proves nothing against it.
    pub(super) fn perhaps_received(&mut self, backend: Option<Backend>) {
        self.note(backend, |seen| seen.may_be_new = true);
    }

    pub(super) fn authenticated(&mut self, backend: Option<Backend>, facts: &Facts<'_>) {
        let text = self.text;
        let by_gss = matches!(facts.auth_method.as_deref(), Some("gss" | "sspi"));
        self.note(backend, |seen| {
            seen.authenticated = Some(text);
            seen.authenticated_by_gss = by_gss;
        });
    }

    pub(super) fn authorized(&mut self, backend: Option<Backend>) {
        let text = self.text;
        self.note(backend, |seen| seen.authorized = Some(text));
    }

    /// The backend has run SQL: its client has been let in, whether the log tells of that or not.
    pub(super) fn runs_sql(&mut self, backend: Option<Backend>) {
        if self.is_received_here(backend) {
            self.note(backend, |seen| seen.may_be_in = true);
        }
    }

    /// The backend is gone for certain: its process id and port may be another client's next. That it
    /// was announced stays known, for what is not announced may be accused.
    pub(super) fn forget(&mut self, backend: Option<Backend>) {
        self.note(backend, |seen| {
            *seen = Seen {
                received: seen.received.and(Some(NO_TEXT)),
                ..Seen::default()
            };
        });
    }

    /// The session is over: its process id may be another client's next.
    pub(super) fn ended(&mut self, backend: Option<Backend>) {
        if self.seen(backend).may_be_in {
            self.note(backend, |seen| {
                (seen.may_be_in, seen.told_as) = (false, None);
            });
        }
    }

    /// The log has lines of this kind: one of them is certain.
    pub(super) fn shows(&mut self, kind: Kind) {
        let mut shown = self.shown;
        match kind {
            Kind::Received => shown.received = true,
            Kind::Authenticated => shown.authenticated = true,
            Kind::Authorized => shown.authorized = true,
            _ => return,
        }
        self.show(shown);
    }

    /// Perhaps the client was let in: its session may write lines of its own.
    pub(super) fn perhaps_authorized(&mut self, backend: Option<Backend>, facts: &Facts<'_>) {
        let names = self.names(facts);
        self.note(backend, |seen| {
            (seen.may_be_in, seen.told_as) = (true, Some(names));
        });
    }

    /// Has it been told that perhaps the client was let in, under these names?
    pub(super) fn is_perhaps_authorized(
        &self,
        backend: Option<Backend>,
        facts: &Facts<'_>,
    ) -> bool {
        let names = self.seen(backend).told_as;
        names.is_some_and(|names| names == self.names(facts))
    }

    fn names(&self, facts: &Facts<'_>) -> u64 {
        self.announced.keys.hash_one((&facts.user, &facts.database))
    }

    fn note(&mut self, backend: Option<Backend>, change: impl FnOnce(&mut Seen)) {
        if let Some(backend) = backend {
            let backends = &mut self.announced.backends;
            change(backends.get_or_insert_mut(backend.0, Seen::default));
            forget_beyond(backends, MOST_BACKENDS);
        }
    }

    fn show(&mut self, shown: Log) {
        if self.shown != shown {
            self.shown = shown;
            self.announced.logs.put(self.log, shown);
            forget_beyond(&mut self.announced.logs, MOST_LOGS);
        }
    }
}

/// Forgets the one that was not used longest, where there are more than `most`.
fn forget_beyond<T>(known: &mut Known<T>, most: usize) {
    if known.len() > most {
        known.pop_lru();
    }
}
