//! What fields of a prefix are made of.

use memchr::memchr;

use crate::postgres::name::LONGEST_NAME;

/// `starts_with` for a few bytes, without the call of `memcmp`.
#[inline]
pub(super) fn begins(bytes: &[u8], literal: &[u8]) -> bool {
    match (literal, bytes) {
        ([], _) => true,
        ([wanted], [byte, ..]) => byte == wanted,
        ([wanted, literal @ ..], [byte, bytes @ ..]) => {
            byte == wanted && begins_with_more(bytes, literal)
        }
        _ => false,
    }
}

fn begins_with_more(bytes: &[u8], literal: &[u8]) -> bool {
    let start = bytes.get(..literal.len());
    start.is_some_and(|start| start.iter().zip(literal).all(|(byte, other)| byte == other))
}

/// `1234)` or `???)`: the port and how many bytes it takes up.
pub(super) fn port(bytes: &[u8]) -> Option<(Option<u16>, usize)> {
    if begins(bytes, b"???)") {
        return Some((None, 4));
    }
    let (port, digits) = number(bytes)?;
    let port = u16::try_from(port).ok()?;
    (bytes.get(digits) == Some(&b')')).then_some((Some(port), digits + 1))
}

/// The decimal number at the start of `bytes`, and how many digits it has: ten at most.
pub(super) fn number(bytes: &[u8]) -> Option<(u32, usize)> {
    const MOST_DIGITS: usize = 10;
    let (mut number, mut digits) = (0_u64, 0);
    for byte in bytes.iter().take(MOST_DIGITS + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = 10 * number + u64::from(digit);
        digits += 1;
    }
    let number = u32::try_from(number).ok()?;
    (1..=MOST_DIGITS)
        .contains(&digits)
        .then_some((number, digits))
}

/// `text` behind the spaces that `%10u` puts in front of a field.
#[inline]
pub(super) fn behind_left_padding(text: &str, width: i32) -> &str {
    if width > 0 {
        text.trim_start_matches(' ')
    } else {
        text
    }
}

/// `behind`, the text behind a field at the start of `text`, without the spaces that `%-10u` puts
/// there.
#[inline]
pub(super) fn behind_right_padding<'a>(text: &str, behind: &'a str, width: i32) -> &'a str {
    if width >= 0 {
        return behind;
    }
    let width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
    let missing = width.saturating_sub(text.len() - behind.len());
    let spaces = behind.bytes().take(missing);
    let spaces = spaces.take_while(|byte| *byte == b' ').count();
    behind.get(spaces..).unwrap_or_default()
}

/// A padded name, without the spaces that `%10u` puts in front and `%-10u` behind.
pub(super) fn unpadded(name: &str, width: i32) -> &str {
    if width == 0 || usize::try_from(width.unsigned_abs()) != Ok(name.len()) {
        name
    } else if width < 0 {
        name.trim_end_matches(' ')
    } else {
        name.trim_start_matches(' ')
    }
}

/// How many bytes a text of the server can take up: a few words.
pub(super) fn longest_server_text(bytes: &[u8]) -> usize {
    let line = bytes.get(..LONGEST_NAME).unwrap_or(bytes);
    memchr(b'\n', line).unwrap_or(line.len())
}

/// How many bytes an application name can take up. It is printable ASCII; PostgreSQL 16 and newer
/// write any other byte as `\xNN` (`pg_clean_ascii`), after cutting the name.
pub(super) fn longest_application_name(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    for _ in 0..LONGEST_NAME {
        rest = match rest {
            [b'\\', b'x', high, low, rest @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest
            }
            [b' '..=b'~', rest @ ..] => rest,
            _ => break,
        };
    }
    bytes.len() - rest.len()
}
