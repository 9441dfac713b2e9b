//! What can stand behind the names of `connection authorized`:
//! `[ application_name=%s][ SSL enabled (…)][ GSS (…)]` (`PerformAuthentication` in `postinit.c`).

use memchr::memchr_iter;

use super::connection::{Encryption, Tls};

/// The facts behind the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suffix<'a> {
    /// As the client sent it, not cut.
    pub application_name: Option<&'a str>,
    /// How the connection is encrypted.
    pub encryption: Encryption<'a>,
}

/// Reads all of `text`, or nothing.
///
/// An application name can imitate what stands behind it. Over a Unix-domain socket there is no
/// TLS and no GSSAPI, so there everything belongs to the name. Over TCP, what stands behind a name is
/// told as logged, and a name that holds such an imitation *and* is followed by one leaves both
/// unknown.
#[must_use]
pub fn read(text: &str, over_socket: bool) -> Option<Suffix<'_>> {
    let Some(named) = text.strip_prefix(" application_name=") else {
        return encryption(text).map(|encryption| Suffix {
            application_name: None,
            encryption,
        });
    };
    if !is_clean_ascii(named.as_bytes()) {
        return None;
    }
    let whole = Suffix {
        application_name: Some(named),
        encryption: Encryption::Plain,
    };
    if over_socket {
        return Some(whole);
    }
    let opens = |at: usize| {
        let before = named.get(..=at).unwrap_or_default();
        [" SSL enabled (", " GSS ("]
            .iter()
            .find(|opening| before.ends_with(**opening))
            .map(|opening| before.len() - opening.len())
    };
    let mut openings = memchr_iter(b'(', named.as_bytes()).filter_map(opens);
    let Some(first) = openings.next() else {
        return Some(whole);
    };
    let others = openings.clone().count();
    let readings = std::iter::once(first).chain(openings);
    let mut readings = readings
        .filter_map(|at| named.split_at_checked(at))
        .filter_map(|(name, rest)| Some((name, encryption(rest)?)));
    match readings.next() {
        None => Some(whole),
        Some((name, encryption)) if others == 0 || others + 1 == suffixes(named, name) => {
            Some(Suffix {
                application_name: Some(name),
                encryption: as_logged(encryption),
            })
        }
        Some(_) => Some(Suffix::default()),
    }
}

/// Behind an application name, nobody can tell TLS from its imitation.
fn as_logged(encryption: Encryption<'_>) -> Encryption<'_> {
    match encryption {
        Encryption::Tls(tls) => Encryption::TlsAsLogged(tls),
        other => other,
    }
}

/// How many suffixes stand behind `name`, which `named` starts with: one, or TLS and GSSAPI.
fn suffixes(named: &str, name: &str) -> usize {
    let behind = named.get(name.len()..).unwrap_or_default();
    let both = behind.starts_with(" SSL enabled (") && behind.contains(") GSS (");
    if both { 2 } else { 1 }
}

/// `[ SSL enabled (…)][ GSS (…)]`
fn encryption(text: &str) -> Option<Encryption<'_>> {
    if text.is_empty() {
        return Some(Encryption::Plain);
    }
    if text.starts_with(" GSS (") {
        return gss(text);
    }
    let (tls, rest) = tls(text)?;
    if !rest.is_empty() {
        gss(rest)?;
    }
    Some(Encryption::Tls(tls))
}

/// ` SSL enabled (protocol=%s, cipher=%s, bits=%d[, compression=%s])`, and the text behind it.
fn tls(text: &str) -> Option<(Tls<'_>, &str)> {
    let (protocol, rest) = word(text.strip_prefix(" SSL enabled (protocol=")?)?;
    let (cipher, rest) = word(rest.strip_prefix(", cipher=")?)?;
    let (bits, mut rest) = word(rest.strip_prefix(", bits=")?)?;
    // PostgreSQL 12 and 13.
    if let Some(compression) = rest.strip_prefix(", compression=") {
        (_, rest) = word(compression)?;
    }
    let tls = Tls {
        protocol,
        cipher,
        bits: bits.parse().ok()?,
    };
    Some((tls, rest.strip_prefix(')')?))
}

/// The letters and digits that `text` starts with, `_`, `.` and `-` among them.
fn word(text: &str) -> Option<(&str, &str)> {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let length = text.bytes().position(|byte| !belongs(byte))?;
    text.split_at_checked(length)
        .filter(|(word, _)| !word.is_empty())
}

/// `pg_clean_ascii` replaces all but printable ASCII. Eight bytes are looked at together.
fn is_clean_ascii(text: &[u8]) -> bool {
    const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (eights, rest) = text.as_chunks();
    let others = eights.iter().fold(0, |others, eight| {
        let bytes = u64::from_ne_bytes(*eight);
        // Above `~`; below the blank, where a byte lends from its highest bit.
        others | bytes | bytes.wrapping_add(ONES) | bytes.wrapping_sub(0x20 * ONES)
    });
    others & HIGHEST_BITS == 0 && rest.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// ` GSS (authenticated=%s, encrypted=%s[, delegated_credentials=%s][, principal=%s])`, to the end.
fn gss(text: &str) -> Option<Encryption<'_>> {
    let inside = text
        .strip_prefix(" GSS (authenticated=")?
        .strip_suffix(')')?;
    let (authenticated, rest) = inside.split_once(", encrypted=")?;
    let encrypted = rest.split(',').next()?;
    let answer = |word: &str| matches!(word, "yes" | "no");
    if !answer(authenticated) || !answer(encrypted) {
        return None;
    }
    Some(if encrypted == "yes" {
        Encryption::Gss
    } else {
        Encryption::Plain
    })
}
