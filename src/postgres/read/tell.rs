//! What a record says becomes events.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::super::event::{Backend, ConnectionEvent, Encryption, Facts, Kind, Standing};
use super::super::evidence::{Forgery, Seen};
use super::super::line::{LogLine, PrefixFields};
use super::super::message::{self, Named, Report, Said, without_tabs};
use super::super::time_stamp;
use super::super::tokens::Severity;
use super::super::verdict::Judgement;
use super::choose::is_same_backend;
use super::{Behind, Next, Reader, Unsettled};

impl<'a> Reader<'a, '_, '_> {
    /// Takes note of what a record says.
    pub(super) fn note(&mut self, judgement: &mut Judgement<'a>, standing: Standing) {
        let line = &judgement.line;
        match &mut judgement.said {
            Said::Event(report) => self.note_event(report, line, standing),
            Said::Detail(text) => self.explain(text, &line.prefix, standing),
            Said::Translated => self.reading.counts.translated += 1,
            Said::Contradiction
                if standing == Standing::Certain && line.severity == Severity::Log =>
            {
                self.suspect(&line.prefix, self.at, standing);
                let time = self.time(&line.prefix);
                let end = judgement.end + 1;
                self.forgery = Some(Forgery { end, time });
            }
            Said::Contradiction => self.reading.counts.unparsed += 1,
            Said::FromSql => self.note_sql(&line.prefix),
            Said::Location | Said::Nothing => {}
        }
    }

    /// Where no line says that clients are let in, their SQL does.
    fn note_sql(&mut self, prefix: &PrefixFields<'a>) {
        if !self.evidence.shows_authorizations() {
            let backend = self.backend(prefix);
            self.evidence.runs_sql(backend);
        }
    }

    fn note_event(&mut self, report: &mut Report<'a>, line: &LogLine<'a>, standing: Standing) {
        let prefix = &line.prefix;
        let (kind, backend) = (report.kind, self.backend(prefix));
        let before = self.evidence.seen(backend);
        let mut event = self.event(report, prefix, backend, standing);
        if let Some(forgery) = self.unannounced_behind_forgery(kind, backend) {
            if is_long_before(event.facts.time, forgery.time) {
                return self.suspect(prefix, event.offset, standing);
            }
            event.standing = Standing::Claimed;
        }
        match kind {
            Kind::Received => self.note_received(event, prefix, before),
            Kind::Authenticated => {
                if event.standing > Standing::Claimed {
                    self.evidence.authenticated(backend, &event.facts);
                }
                let is_proven = self.evidence.is_starting_here(&before);
                self.await_next(event, prefix, is_proven, before);
            }
            Kind::Authorized => self.note_authorized(event, report, prefix, before),
            Kind::Ready => self.note_ready(event, prefix, before),
            Kind::Disconnected => {
                self.note_gone(&event);
                self.await_next(event, prefix, false, before);
            }
            Kind::Ended => self.note_end(event),
            Kind::Rejected => self.reject(event, report.named),
            // A session has names.
            Kind::Probed => self.await_next(event, prefix, prefix.user.is_some(), before),
            Kind::Explanation | Kind::Suspicious => self.push(event),
        }
    }

    fn note_received(
        &mut self,
        event: ConnectionEvent<'a>,
        prefix: &PrefixFields<'a>,
        before: Seen,
    ) {
        if event.standing == Standing::Certain {
            self.evidence.received(event.backend, event.facts.time);
        } else {
            self.evidence.perhaps_received(event.backend);
        }
        // A session has names.
        let is_proven = prefix.user.is_some();
        self.await_next(event, prefix, is_proven, before);
    }

    fn note_authorized(
        &mut self,
        mut event: ConnectionEvent<'a>,
        report: &Report<'a>,
        prefix: &PrefixFields<'a>,
        before: Seen,
    ) {
        let (backend, standing) = (event.backend, event.standing);
        if backend.is_none() {
            // Nothing tells whether the client was turned away after all.
            event.standing = standing.min(Standing::OfItsBackend);
        }
        self.tell_identity(&mut event, report.principal);
        self.uncut(&mut event, report.named);
        let is_proven = self.evidence.is_starting_here(&before);
        let is_second = self.behind != Behind::Unknown && self.evidence.is_in_here(&before);
        if standing > Standing::Claimed {
            self.evidence.authorized(backend);
        } else {
            self.evidence.perhaps_authorized(backend, &event.facts);
        }
        if is_second {
            self.suspect(prefix, event.offset, standing);
        } else {
            self.await_next(event, prefix, is_proven, before);
        }
    }

    /// `connection ready` is told where it is the first that is heard of a session.
    fn note_ready(
        &mut self,
        mut event: ConnectionEvent<'a>,
        prefix: &PrefixFields<'a>,
        before: Seen,
    ) {
        if let Some(is_proven) = self.is_news(&event, &before) {
            if !is_proven {
                event.standing = Standing::Claimed;
            }
            self.evidence
                .perhaps_authorized(event.backend, &event.facts);
            self.await_next(event, prefix, is_proven, before);
        }
    }

    /// The end of an established session, unless it was not established yet.
    fn note_end(&mut self, mut event: ConnectionEvent<'a>) {
        let is_starting = self.behind != Behind::Unknown
            && self.evidence.is_received_here(event.backend)
            && !self.evidence.is_authorized_here(event.backend)
            && self.evidence.shows_authorizations();
        if is_starting {
            // An authorization that can be read in several ways is not known of.
            event.kind = Kind::Rejected;
            event.standing = event.standing.min(Standing::OfItsBackend);
            self.push(event);
        }
    }

    pub(super) fn event(
        &mut self,
        report: &mut Report<'a>,
        prefix: &PrefixFields<'a>,
        backend: Option<Backend>,
        standing: Standing,
    ) -> ConnectionEvent<'a> {
        let facts = &mut report.facts;
        facts.time = self.time(prefix);
        without_tabs_in(&mut facts.reason);
        without_tabs_in(&mut facts.identity);
        ConnectionEvent {
            kind: report.kind,
            offset: self.at,
            standing,
            backend,
            facts: std::mem::take(facts),
        }
    }

    /// Behind a filter, a process id or a port may belong to another client by now: its
    /// `connection received` may be held back.
    pub(super) fn backend(&self, prefix: &PrefixFields<'a>) -> Option<Backend> {
        let has_port = prefix.remote.is_some_and(|remote| remote.ends_with(')'));
        let is_certain = has_port && prefix.backend_pid.is_some();
        let backend = self.evidence.backend(prefix);
        backend.filter(|_| is_certain || self.behind != Behind::Unknown)
    }

    /// The line before, where a session has written it and this one names a client that the log has
    /// not announced. A superuser can write whole lines of any kind; but another process may have read
    /// what announced the client.
    fn unannounced_behind_forgery(
        &mut self,
        kind: Kind,
        backend: Option<Backend>,
    ) -> Option<Forgery> {
        let forgery = self.forgery.take()?;
        let is_unannounced = forgery.end == self.at
            && kind != Kind::Received
            && backend.is_some()
            && self.evidence.shows_announcements()
            && !self.evidence.is_announced(backend);
        is_unannounced.then_some(forgery)
    }

    /// Is `connection ready` the first that is heard of a session? `None`: it is not.
    /// `Some(true)`: earlier lines of this text show that there was no `connection authorized`.
    fn is_news(&self, event: &ConnectionEvent<'_>, before: &Seen) -> Option<bool> {
        let (evidence, backend) = (&self.evidence, event.backend);
        if evidence.is_received_here(backend) {
            let is_proven = evidence.is_starting_here(before);
            return (!evidence.is_authorized_here(backend)).then_some(is_proven);
        }
        let was_told = evidence.is_authorized(backend)
            || evidence.is_perhaps_authorized(backend, &event.facts)
            || evidence.shows_authorizations();
        (!was_told).then_some(false)
    }

    /// GSSAPI's principal is the identity, unless an application name imitates it.
    pub(super) fn tell_identity(
        &self,
        event: &mut ConnectionEvent<'a>,
        principal: Option<&'a str>,
    ) {
        let Some(principal) = principal else {
            return;
        };
        if event.facts.application_name.is_none() || self.evidence.may_be_gss(event.backend) {
            event.facts.identity = Some(Cow::Borrowed(principal));
        } else {
            event.facts.application_name = None;
            event.facts.encryption = Encryption::Unknown;
        }
    }

    fn reject(&mut self, mut event: ConnectionEvent<'a>, named: Named) {
        let backend = event.backend;
        let reason = event.facts.reason.as_deref().unwrap_or_default();
        let tells_client = self.prefix.has_remote() || self.prefix.has_names();
        if named == Named::Nobody && !tells_client && !self.evidence.is_announced(backend) {
            // The server's own processes end with a FATAL, too.
            if !message::is_of_startup(named, reason) {
                return;
            }
            event.standing = Standing::Claimed;
        }
        if self.evidence.is_authorized(backend) && !message::is_of_startup(named, reason) {
            // Its session may have been established: a `disconnection` would tell.
            event.standing = event.standing.min(Standing::OfItsBackend);
        }
        self.uncut(&mut event, named);
        self.note_gone(&event);
        self.push(event);
    }

    /// The text's start may have cut a database name, and the time before it may be the client's words.
    /// What is left is what the message says, and what was known of the client before.
    fn uncut(&self, event: &mut ConnectionEvent<'a>, named: Named) {
        if event.standing == Standing::Claimed
            && self.is_cut_only
            && self.prefix.is_bound()
            && named == Named::User
            && self
                .evidence
                .was_received_before(event.backend, event.facts.time)
        {
            event.facts.database = None;
            event.facts.time = None;
            event.standing = Standing::Certain;
        }
    }

    /// Pushes `event`, and holds it to be settled: the next line tells whether SQL wrote it.
    pub(super) fn await_next(
        &mut self,
        event: ConnectionEvent<'a>,
        prefix: &PrefixFields<'a>,
        is_proven: bool,
        before: Seen,
    ) {
        self.unsettled = Some(Unsettled {
            place: self.reading.events.len(),
            prefix: *prefix,
            before,
            is_proven,
        });
        self.push(event);
    }

    /// The event whose next line tells who wrote it.
    pub(super) fn held(&self) -> Option<&ConnectionEvent<'a>> {
        let held = self.unsettled.as_ref()?;
        self.reading.events.get(held.place)
    }

    /// `RAISE LOG` can write the text of any message; PostgreSQL then adds CONTEXT and STATEMENT
    /// lines of the same backend. `next` is the line behind the one that is held.
    pub(super) fn settle(&mut self, next: Option<Next<'_, 'a>>) {
        let Some(held) = &self.unsettled else {
            return;
        };
        let mut may_be_of_sql = false;
        if let Some(next) = &next
            && is_same_backend(&held.prefix, &next.judgement.line.prefix)
        {
            match next.judgement.said {
                Said::Location => return,
                Said::FromSql | Said::Detail(_) if next.is_only => return self.disown(),
                Said::FromSql | Said::Detail(_) => may_be_of_sql = true,
                _ => {}
            }
        }
        let is_proven = held.is_proven && self.behind != Behind::Unknown && !may_be_of_sql;
        let is_next_certain = next.is_some_and(|next| next.is_certain);
        let (place, before) = (held.place, held.before);
        self.unsettled = None;
        let Some(event) = self.reading.events.get_mut(place) else {
            return;
        };
        if !is_next_certain && !is_proven {
            event.standing = event.standing.min(Standing::OfItsBackend);
        }
        let (kind, backend, standing) = (event.kind, event.backend, event.standing);
        if standing == Standing::Certain {
            self.evidence.shows(kind);
        } else if kind == Kind::Disconnected && standing == Standing::OfItsBackend {
            // The session may have said so itself.
            self.evidence.restore(backend, before);
            self.evidence.ended(backend);
        }
    }

    /// Takes note that the backend has been refused or has ended.
    fn note_gone(&mut self, event: &ConnectionEvent<'a>) {
        match event.standing {
            Standing::Certain => self.evidence.forget(event.backend),
            Standing::OfItsBackend => self.evidence.ended(event.backend),
            Standing::Claimed | Standing::Alternative => {}
        }
    }

    /// A session has written the line that is held.
    fn disown(&mut self) {
        let Some(held) = self.unsettled.take() else {
            return;
        };
        let Some(event) = self.reading.events.get(held.place) else {
            return;
        };
        let (start, standing) = (event.offset, event.standing);
        self.evidence.restore(event.backend, held.before);
        let suspicion = self.suspicion(&held.prefix, start, standing);
        if let Some(event) = self.reading.events.get_mut(held.place) {
            *event = suspicion;
        }
    }

    /// Does a record begin here for certain, of another client than the line that is held? Whatever its
    /// names are, the client stands before them.
    pub(super) fn is_of_another_client(&self, next: &Judgement<'a>) -> bool {
        let is_certain = self.at >= self.doubt.max(self.sql_doubt) && self.prefix.client_is_first();
        let held = self.unsettled.as_ref().map(|held| held.prefix.remote);
        is_certain && held.is_some_and(|held| held != next.line.prefix.remote)
    }

    /// Somebody has written a line about a connection. Who it is stands in the prefix, if that is
    /// certain.
    pub(super) fn suspect(&mut self, prefix: &PrefixFields<'a>, start: usize, standing: Standing) {
        let suspicion = self.suspicion(prefix, start, standing);
        self.push(suspicion);
    }

    fn suspicion(
        &mut self,
        prefix: &PrefixFields<'a>,
        start: usize,
        standing: Standing,
    ) -> ConnectionEvent<'a> {
        let mut event = ConnectionEvent {
            kind: Kind::Suspicious,
            offset: start,
            standing,
            backend: None,
            facts: Facts::default(),
        };
        if standing == Standing::Certain {
            event.facts = message::of_session(Kind::Suspicious, prefix).facts;
            event.facts.time = self.time(prefix);
        }
        event
    }

    /// A DETAIL belongs to the refusal right before it.
    pub(super) fn explain(&mut self, text: &'a str, prefix: &PrefixFields<'a>, standing: Standing) {
        let is_behind_filter = self.behind == Behind::Unknown && self.reading.counts.records == 1;
        let is_of_filtered = is_behind_filter && self.backend(prefix).is_some();
        if is_of_filtered || self.is_of_last_refusal(prefix) {
            let backend = self.backend(prefix);
            let mut report = message::of_session(Kind::Explanation, prefix);
            report.facts.reason = Some(Cow::Borrowed(text));
            let event = self.event(&mut report, prefix, backend, standing);
            self.push(event);
        }
    }

    pub(super) fn push(&mut self, event: ConnectionEvent<'a>) {
        if event.kind == Kind::Authorized && event.standing <= Standing::Claimed {
            self.evidence
                .perhaps_authorized(event.backend, &event.facts);
        }
        self.reading.events.push(event);
    }

    pub(super) fn time(&mut self, prefix: &PrefixFields<'a>) -> Option<OffsetDateTime> {
        let stamp = prefix.time?;
        if self.last_time.0 != stamp {
            let time = time_stamp::parse(stamp).or_else(|| time_stamp::parse_epoch(stamp));
            self.last_time = (stamp, time);
        }
        self.last_time.1
    }
}

/// Is `time` so long before the time of the line before that PostgreSQL did not write it there?
fn is_long_before(time: Option<OffsetDateTime>, before: Option<OffsetDateTime>) -> bool {
    matches!((time, before), (Some(time), Some(before))
        if before - time > time::Duration::minutes(1))
}

fn without_tabs_in(text: &mut Option<Cow<'_, str>>) {
    if let Some(Cow::Borrowed(tabbed)) = text {
        *text = Some(without_tabs(tabbed));
    }
}
