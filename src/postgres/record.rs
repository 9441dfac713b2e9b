//! One way to read a record, and which of two ways is better.

use std::cmp::Ordering;

use super::backends::{Claim, Client};
use super::connection::{ConnectionEvent, Kind};
use super::log_line_prefix::{LogLine, PrefixFields};
use super::message::{self, Said};
use super::names::Known;

/// A record as it was read; [`Said::Contradiction`] when it was not.
pub(super) struct Record<'a> {
    pub(super) said: Said,
    /// Blank when the record reports none.
    pub(super) event: ConnectionEvent<'a>,
    pub(super) prefix: PrefixFields<'a>,
    pub(super) client: Option<Client>,
    pub(super) claim: Claim,
    /// Segments behind the first one that belong to it.
    pub(super) joined: usize,
}

impl<'a> Record<'a> {
    /// Nothing was read yet.
    pub(super) fn blank() -> Self {
        Self {
            said: Said::Contradiction,
            event: ConnectionEvent::of_kind(Kind::Suspicious),
            prefix: PrefixFields::default(),
            client: None,
            claim: Claim::Unannounced,
            joined: 0,
        }
    }

    /// What `line` says, held against what its backend said before; `false` when both cannot be.
    pub(super) fn read(&mut self, line: &LogLine<'a, '_>) -> bool {
        let known = match self.claim {
            Claim::Announced { known, .. } => known,
            _ => Known::default(),
        };
        self.said = message::read(line, known, &mut self.event);
        if self.said == Said::Event && self.event.kind == Kind::Received {
            // Clients come with ports, and backends with process ids, that others had before.
            self.claim = Claim::Unannounced;
            return true;
        }
        let is_possible = self.said != Said::Contradiction
            && self.claim != Claim::False
            && known.allows(line.prefix.user, line.prefix.database);
        if is_possible && self.may_be_rest() {
            self.said = Said::Undecidable;
        }
        is_possible
    }

    /// Was there no reading that can be right?
    pub(super) fn is_unread(&self) -> bool {
        self.said == Said::Contradiction
    }

    /// Would no longer reading be better?
    pub(super) fn is_final(&self) -> bool {
        self.said == Said::Event
            || matches!(
                self.claim,
                Claim::Announced {
                    authorized: true,
                    ..
                }
            )
    }

    pub(super) fn keep_better(&mut self, other: Record<'a>) {
        match rank(self).cmp(&rank(&other)) {
            Ordering::Less => *self = other,
            Ordering::Equal if self.joined == other.joined => self.keep_common(&other),
            _ => {}
        }
    }

    /// May a name have begun this record, so that what ends it is the rest of the true one? Before
    /// `connection authorized`, no other message quotes a client.
    fn may_be_rest(&self) -> bool {
        const SEVERITIES: [&str; 3] = ["LOG:  ", "FATAL:  ", "DETAIL:  "];
        let Some(reason) = self.refusal() else {
            return false;
        };
        let authorized = matches!(
            self.claim,
            Claim::Announced {
                authorized: true,
                ..
            }
        );
        let has_names = self.prefix.user.is_some() || self.prefix.database.is_some();
        !authorized && has_names && SEVERITIES.iter().any(|severity| reason.contains(severity))
    }

    /// The reason of a FATAL that names nobody.
    pub(super) fn refusal(&self) -> Option<&str> {
        match self.said {
            Said::Unnamed if self.event.kind != Kind::RejectionDetail => {
                self.event.reason.as_deref()
            }
            Said::Undecidable => Some(""),
            _ => None,
        }
    }

    /// Two readings are equally good: what both say is known.
    fn keep_common(&mut self, other: &Record<'a>) {
        if self.refusal() != other.refusal() {
            self.said = Said::Undecidable;
            return;
        }
        if !matches!(self.said, Said::Event | Said::Unnamed)
            || !matches!(other.said, Said::Event | Said::Unnamed)
        {
            return;
        }
        let (mine, other) = (&mut self.event, &other.event);
        let kind = (mine.kind, mine.backend_pid, mine.host, mine.port);
        if kind != (other.kind, other.backend_pid, other.host, other.port) {
            self.said = Said::Undecidable;
            return;
        }
        mine.user.take_if(|user| other.user.as_ref() != Some(user));
        mine.database
            .take_if(|name| other.database.as_ref() != Some(name));
        mine.application_name
            .take_if(|name| other.application_name != Some(name));
    }
}

/// How good a reading is. One that was announced beats one that was not; one whose names stand in
/// the message beats one whose names do not.
fn rank(record: &Record<'_>) -> u8 {
    let announced = matches!(record.claim, Claim::Announced { .. });
    let named = record.said == Said::Event;
    u8::from(named) + 2 * u8::from(announced)
}
