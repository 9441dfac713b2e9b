//! The time stamps of `log_line_prefix`: `%t`, `%m`, `%s` and `%n`.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// How many bytes a time stamp at the start of `text` takes up.
///
/// `strftime("%Y-%m-%d %H:%M:%S %Z")` in `elog.c`; `%m` adds milliseconds behind the seconds.
/// Only its shape is checked here: see [`parse`].
#[must_use]
pub fn length(text: &[u8], milliseconds: bool) -> Option<usize> {
    const DATE: Shape = Shape::of(*b"0000-00-");
    const MINUTE: Shape = Shape::of(*b"00 00:00");
    const SECONDS: Shape = Shape::of(*b"0:00:00 ");
    const MILLISECONDS: Shape = Shape::of(*b":00.000 ");
    let (length, last) = if milliseconds {
        (24, MILLISECONDS)
    } else {
        (20, SECONDS)
    };
    let stamp = text.get(..length)?;
    let fits = DATE.fits(*stamp.first_chunk()?)
        && MINUTE.fits(*stamp.get(8..)?.first_chunk()?)
        && last.fits(*stamp.last_chunk()?);
    fits.then_some(length + zone_length(text.get(length..)?)?)
}

/// Eight bytes, compared at once: any digit where there is a `0`, the same byte elsewhere.
#[derive(Clone, Copy)]
struct Shape {
    bytes: u64,
    /// What sets the highest bit of a byte that it is added to and that differs too much.
    limits: u64,
}

impl Shape {
    const fn of(bytes: [u8; 8]) -> Self {
        let mut limits = [0x7f; 8];
        let mut rest: &[u8] = &bytes;
        let mut unlimited: &mut [u8] = &mut limits;
        while let ([byte, behind @ ..], [limit, others @ ..]) = (rest, unlimited) {
            if *byte == b'0' {
                *limit -= 9;
            }
            (rest, unlimited) = (behind, others);
        }
        Self {
            bytes: u64::from_le_bytes(bytes),
            limits: u64::from_le_bytes(limits),
        }
    }

    /// A digit differs from `0` by its value in the lower bits, anything else by more.
    fn fits(self, bytes: [u8; 8]) -> bool {
        const HIGHEST_BITS: u64 = 0x8080_8080_8080_8080;
        let difference = u64::from_le_bytes(bytes) ^ self.bytes;
        (difference | difference.wrapping_add(self.limits)) & HIGHEST_BITS == 0
    }
}

/// `%Z` is an abbreviation (`UTC`, `JST`) or, where a zone has none, an offset (`-03`, `+0545`).
fn zone_length(zone: &[u8]) -> Option<usize> {
    let numeric = matches!(zone.first()?, b'+' | b'-');
    let signs = usize::from(numeric);
    let mut length = signs;
    while let Some(byte) = zone.get(length)
        && (byte.is_ascii_alphabetic() && !numeric || byte.is_ascii_digit() && numeric)
    {
        length += 1;
    }
    (length > signs).then_some(length)
}

/// The moment that a time stamp measured by [`length`] means; `None` when its zone is an abbreviation
/// that stands for several offsets (`CST`, `IST`, `PST`) or is not known.
#[must_use]
pub fn parse(stamp: &str) -> Option<OffsetDateTime> {
    let (seconds, rest) = stamp.as_bytes().split_first_chunk::<19>()?;
    let [
        c1,
        c2,
        y1,
        y2,
        _,
        o1,
        o2,
        _,
        d1,
        d2,
        _,
        h1,
        h2,
        _,
        m1,
        m2,
        _,
        s1,
        s2,
    ] = *seconds;
    let (milliseconds, zone) = match *rest {
        [b'.', m1, m2, m3, ..] => (three(m1, m2, m3)?, stamp.get(24..)?),
        _ => (0, stamp.get(20..)?),
    };
    let year = 100 * i32::from(two(c1, c2)?) + i32::from(two(y1, y2)?);
    let month = Month::try_from(two(o1, o2)?).ok()?;
    let date = Date::from_calendar_date(year, month, two(d1, d2)?).ok()?;
    let time = Time::from_hms_milli(two(h1, h2)?, two(m1, m2)?, two(s1, s2)?, milliseconds);
    let local = PrimitiveDateTime::new(date, time.ok()?);
    Some(local.assume_offset(offset(zone)?))
}

pub(super) fn three(hundreds: u8, tens: u8, ones: u8) -> Option<u16> {
    Some(100 * u16::from(digit(hundreds)?) + u16::from(two(tens, ones)?))
}

pub(super) fn two(tens: u8, ones: u8) -> Option<u8> {
    Some(10 * digit(tens)? + digit(ones)?)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(digit)
}

/// `%n`: seconds since the epoch with three decimals.
#[must_use]
pub fn parse_epoch(stamp: &str) -> Option<OffsetDateTime> {
    let (seconds, milliseconds) = stamp.split_once('.')?;
    let seconds = i128::from(seconds.parse::<u64>().ok()?);
    let total = seconds * 1000 + i128::from(milliseconds.parse::<u16>().ok()?);
    OffsetDateTime::from_unix_timestamp_nanos(total * 1_000_000).ok()
}

fn offset(zone: &str) -> Option<UtcOffset> {
    if zone == "UTC" {
        return Some(UtcOffset::UTC);
    }
    if zone.starts_with(['+', '-']) {
        return numeric_offset(zone);
    }
    ABBREVIATIONS
        .iter()
        .find(|(name, _)| *name == zone)
        .and_then(|(_, hours)| UtcOffset::from_hms(*hours, 0, 0).ok())
}

/// `-03`, `+0545`
fn numeric_offset(zone: &str) -> Option<UtcOffset> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let hours: i8 = zone.get(1..3)?.parse().ok()?;
    let minutes: i8 = match zone.get(3..5) {
        Some(minutes) => minutes.parse().ok()?,
        None => 0,
    };
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

/// Abbreviations that mean one offset, in hours, everywhere in the IANA time zone database today.
const ABBREVIATIONS: [(&str, i8); 29] = [
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("WAT", 1),
    ("CEST", 2),
    ("EET", 2),
    ("CAT", 2),
    ("SAST", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("EAT", 3),
    ("PKT", 5),
    ("HKT", 8),
    ("AWST", 8),
    ("JST", 9),
    ("KST", 9),
    ("AEST", 10),
    ("AEDT", 11),
    ("NZST", 12),
    ("NZDT", 13),
    ("EDT", -4),
    ("EST", -5),
    ("MDT", -6),
    ("MST", -7),
    ("PDT", -7),
    ("AKDT", -8),
    ("AKST", -9),
    ("HST", -10),
];
