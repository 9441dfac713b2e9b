//! What can stand behind the names of `connection authorized`:
//! `[ application_name=%s][ SSL enabled (…)][ GSS (…)]` (`PerformAuthentication` in `postinit.c`).

use std::borrow::Cow;

use memchr::{memmem, memrchr_iter};

use crate::postgres::event::{Encryption, Tls};

/// The facts behind the names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Suffix<'a> {
    /// As the client sent it, not cut.
    pub(super) application_name: Option<&'a str>,
    /// How the connection is encrypted.
    pub(super) encryption: Encryption<'a>,
    /// `principal=` of GSSAPI.
    pub(super) principal: Option<&'a str>,
}

/// Reads all of `text`, or nothing.
///
/// An application name can imitate what stands behind it. Over a Unix-domain socket there is no
/// TLS and no GSSAPI, so there everything belongs to the name. Over TCP, what stands behind a name is
/// told as logged, and a name that holds such an imitation *and* is followed by one leaves all
/// unknown.
pub(super) fn read(text: &str, over_socket: bool) -> Option<Suffix<'_>> {
    match text.strip_prefix(" application_name=") {
        None => encryption(text),
        Some(named) if !is_clean_ascii(named.as_bytes()) => None,
        Some(named) if over_socket => Some(name_alone(named)),
        Some(named) => Some(behind_name(named)),
    }
}

/// `%s[ SSL enabled (…)][ GSS (…)]`
fn behind_name(named: &str) -> Suffix<'_> {
    if !named.ends_with(')') {
        return name_alone(named);
    }
    let (mut count, mut first) = (0, None);
    for (name, rest) in openings(named) {
        count += 1;
        first = encryption(rest)
            .map(|suffix| (name, rest, suffix))
            .or(first);
    }
    let Some((name, behind, suffix)) = first else {
        return name_alone(named);
    };
    let both = || behind.starts_with(TLS) && behind.contains(") GSS (");
    if count > 2 || count == 2 && !both() {
        return Suffix::default();
    }
    Suffix {
        application_name: Some(name),
        encryption: as_logged(suffix.encryption),
        ..suffix
    }
}

const TLS: &str = " SSL enabled (";
const GSS: &str = " GSS (";

/// `named` before and behind the last places where encryption may be told, from its end on; a few
/// of each kind are enough.
fn openings(named: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut left = [(TLS, 3_u8), (GSS, 3)];
    memrchr_iter(b'(', named.as_bytes()).filter_map(move |parenthesis| {
        let before = named.get(..=parenthesis)?;
        let (opening, left) = left
            .iter_mut()
            .find(|(opening, _)| before.ends_with(*opening))?;
        *left = left.checked_sub(1)?;
        named.split_at_checked(before.len() - opening.len())
    })
}

fn name_alone(named: &str) -> Suffix<'_> {
    Suffix {
        application_name: Some(named),
        encryption: Encryption::Plain,
        principal: None,
    }
}

/// Behind an application name, nobody can tell encryption from its imitation.
fn as_logged(encryption: Encryption<'_>) -> Encryption<'_> {
    match encryption {
        Encryption::Tls(tls) => Encryption::TlsAsLogged(tls),
        Encryption::Gss => Encryption::GssAsLogged,
        Encryption::Plain => Encryption::Unknown,
        other => other,
    }
}

/// `[ SSL enabled (…)][ GSS (…)]`
fn encryption(text: &str) -> Option<Suffix<'_>> {
    let (encryption, rest) = match tls(text) {
        Some((tls, rest)) => (Encryption::Tls(tls), rest),
        None => (Encryption::Plain, text),
    };
    let nothing_behind = Suffix {
        encryption,
        ..Suffix::default()
    };
    if rest.is_empty() {
        return Some(nothing_behind);
    }
    let (gss, principal) = gss(rest)?;
    let encryption = match nothing_behind.encryption {
        Encryption::Plain => gss,
        tls => tls,
    };
    Some(Suffix {
        application_name: None,
        encryption,
        principal,
    })
}

/// ` SSL enabled (protocol=%s, cipher=%s[, bits=%d][, compression=%s])`, and the text behind it.
fn tls(text: &str) -> Option<(Tls<'_>, &str)> {
    let (protocol, rest) = word(text.strip_prefix(" SSL enabled (protocol=")?)?;
    let (cipher, mut rest) = word(rest.strip_prefix(", cipher=")?)?;
    let mut bits = None;
    if let Some(behind) = rest.strip_prefix(", bits=") {
        let digits;
        (digits, rest) = word(behind)?;
        bits = Some(digits.parse().ok()?);
    }
    // PostgreSQL 12 and 13.
    if let Some(compression) = rest.strip_prefix(", compression=") {
        (_, rest) = word(compression)?;
    }
    let tls = Tls {
        protocol: Cow::Borrowed(protocol),
        cipher: Cow::Borrowed(cipher),
        bits,
    };
    Some((tls, rest.strip_prefix(')')?))
}

/// The letters and digits that `text` starts with, `_`, `.` and `-` among them.
fn word(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().position(|byte| !is_of_word(byte))?;
    text.split_at_checked(length)
        .filter(|(word, _)| !word.is_empty())
}

fn is_of_word(byte: u8) -> bool {
    const BYTES: [bool; 256] = {
        let mut bytes = [false; 256];
        let mut rest: &mut [bool] = &mut bytes;
        let mut byte = 0_u8;
        while let [is_part, behind @ ..] = rest {
            *is_part = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
            byte = byte.wrapping_add(1);
            rest = behind;
        }
        bytes
    };
    BYTES.get(usize::from(byte)).is_some_and(|is_part| *is_part)
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
fn gss(text: &str) -> Option<(Encryption<'_>, Option<&str>)> {
    let inside = text
        .strip_prefix(" GSS (authenticated=")?
        .strip_suffix(')')?;
    let answer = |text: &'_ str| -> Option<bool> {
        match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    };
    let (authenticated, rest) = inside.split_once(", encrypted=")?;
    let is_authenticated = answer(authenticated)?;
    let (encrypted, mut rest) = rest.split_once(", ").unwrap_or((rest, ""));
    let encryption = if answer(encrypted)? {
        Encryption::Gss
    } else {
        Encryption::Plain
    };
    if let Some(delegated) = rest.strip_prefix("delegated_credentials=") {
        let (delegated, behind) = delegated.split_once(", ").unwrap_or((delegated, ""));
        answer(delegated)?;
        rest = behind;
    }
    let principal = match rest {
        "" => None,
        rest => Some(rest.strip_prefix("principal=")?),
    };
    Some((encryption, principal.filter(|_| is_authenticated)))
}

/// `, application=%s, Tds Version=0x%X[.][ GSS (…)]`, behind the user name: Babelfish's wording.
pub(super) fn of_babelfish(text: &str) -> Option<Suffix<'_>> {
    let rest = text.strip_prefix(", application=")?;
    let at = memmem::rfind(rest.as_bytes(), b", Tds Version=0x")?;
    let (application_name, version) = rest.split_at_checked(at)?;
    let version = version.strip_prefix(", Tds Version=0x")?;
    let digits = version.bytes().take_while(u8::is_ascii_hexdigit).count();
    let behind = version.get(digits..)?;
    let behind = behind.strip_prefix('.').unwrap_or(behind);
    let suffix = encryption(behind)?;
    Some(Suffix {
        application_name: Some(application_name),
        // The line says nothing of TLS.
        encryption: match suffix.encryption {
            Encryption::Gss => Encryption::GssAsLogged,
            _ => Encryption::Unknown,
        },
        principal: suffix.principal,
    })
}
