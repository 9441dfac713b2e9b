//! Facts without the text that they were read from.
//!
//! Most names of a log are few: users, databases, ciphers. These are held once, for as long as the
//! process lives, and not copied for each event.

use std::borrow::Cow;

use crate::postgres::event::{Encryption, Facts, Tls};

/// How many names are held, at most.
const PLACES: usize = 1024;

/// Longer names are copied.
const LONGEST: usize = 64;

/// The names that came first, each at the one place that it can have. Bounded: 64 KB.
pub(in crate::cli) struct Common {
    places: Vec<Option<&'static str>>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            places: vec![None; PLACES],
        }
    }
}

impl Common {
    /// The same facts, without the text that they were read from.
    pub(in crate::cli) fn owned(&mut self, facts: Facts<'_>) -> Facts<'static> {
        Facts {
            time: facts.time,
            backend_pid: facts.backend_pid,
            user: self.name(facts.user),
            database: self.name(facts.database),
            host: owned(facts.host),
            port: facts.port,
            application_name: self.name(facts.application_name),
            replication: facts.replication,
            encryption: self.encryption(facts.encryption),
            auth_method: self.name(facts.auth_method),
            identity: self.name(facts.identity),
            session_time: facts.session_time,
            reason: owned(facts.reason),
            sql_state: self.name(facts.sql_state),
        }
    }

    fn encryption(&mut self, encryption: Encryption<'_>) -> Encryption<'static> {
        match encryption {
            Encryption::Unknown => Encryption::Unknown,
            Encryption::Plain => Encryption::Plain,
            Encryption::Tls(tls) => Encryption::Tls(self.tls(tls)),
            Encryption::TlsAsLogged(tls) => Encryption::TlsAsLogged(self.tls(tls)),
            Encryption::Gss => Encryption::Gss,
            Encryption::GssAsLogged => Encryption::GssAsLogged,
        }
    }

    fn tls(&mut self, tls: Tls<'_>) -> Tls<'static> {
        Tls {
            protocol: self.text(tls.protocol),
            cipher: self.text(tls.cipher),
            bits: tls.bits,
        }
    }

    fn name(&mut self, name: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
        name.map(|name| self.text(name))
    }

    fn text(&mut self, text: Cow<'_, str>) -> Cow<'static, str> {
        match self.places.get_mut(place(&text)) {
            Some(Some(known)) if **known == *text => Cow::Borrowed(*known),
            Some(place @ None) if text.len() <= LONGEST => {
                let text: &str = Box::leak(text.into_owned().into_boxed_str());
                *place = Some(text);
                Cow::Borrowed(text)
            }
            _ => Cow::Owned(text.into_owned()),
        }
    }
}

/// Where a name can be. Who makes names that have the same place gains nothing: they are copied.
fn place(text: &str) -> usize {
    const PRIME: usize = 31;
    let last = text.bytes().rev().take(8);
    let sum = last.fold(text.len(), |sum, byte| {
        sum.wrapping_mul(PRIME) ^ usize::from(byte)
    });
    sum % PLACES
}

fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_whatever_has_its_place() {
        let mut common = Common::default();
        let mut borrowed = 0;
        for round in 0..2 {
            // More than there are places; some are too long.
            for number in 0..4 * PLACES {
                let name = "é".repeat(number % 40) + &number.to_string();
                let text = common.text(Cow::Borrowed(&name));
                assert_eq!(text, name, "round {round}");
                borrowed += usize::from(matches!(text, Cow::Borrowed(_)));
            }
        }
        let held: Vec<_> = common.places.iter().flatten().collect();
        assert!(held.iter().all(|name| name.len() <= LONGEST));
        assert_eq!(borrowed, 2 * held.len());
        assert!(held.len() > PLACES / 2, "{}", held.len());
    }
}
