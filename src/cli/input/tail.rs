//! What `aws logs tail` writes: a log event begins on a new line, behind its time and, unless
//! `--format short` is given, its log stream.
//!
//! Only the text tells where a log event begins, and a client can write such a line into the names
//! of a failed login. So the log streams are not told apart: a forged line gains nothing by naming
//! another one.

use std::io::BufRead;

use memchr::memchr;

use super::{Broken, Take};

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `2024-01-01T03:00:00.012000+00:00 orders-instance-1.0 `
    Detailed,
    /// `2024-01-01T03:00:00 `
    Short,
}

/// `None` where the first line does not begin so.
pub(super) fn layout(head: &[u8]) -> Option<Layout> {
    let behind = behind_seconds(head)?;
    match behind.first()? {
        b' ' => Some(Layout::Short),
        b'.' | b'+' => behind_detailed(behind).map(|_| Layout::Detailed),
        _ => None,
    }
}

pub(super) fn read(
    layout: Layout,
    mut log: impl BufRead,
    take: &mut Take<'_>,
) -> Result<(), Broken> {
    let mut is_line_start = true;
    loop {
        let buffer = log.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let whole = memchr(b'\n', buffer).map_or(buffer.len(), |feed| feed + 1);
        let is_whole = buffer.get(whole - 1) == Some(&b'\n');
        if is_whole || !is_line_start {
            let line = buffer.get(..whole).unwrap_or_default();
            let message = if is_line_start {
                message(layout, line)
            } else {
                line
            };
            take("", message).map_err(Broken::Taker)?;
            is_line_start = is_whole;
            log.consume(whole);
        } else {
            // The line goes on behind the buffer.
            let mut line = Vec::new();
            read_line(&mut log, &mut line)?;
            take("", message(layout, &line)).map_err(Broken::Taker)?;
            is_line_start = line.ends_with(b"\n");
        }
    }
}

/// A line, or its first bytes where it is long.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<()> {
    const LONG: u64 = 64 << 10;
    std::io::Read::take(log, LONG)
        .read_until(b'\n', line)
        .map(drop)
}

/// A line without what stands before its message; one that does not begin so goes on with the
/// message before it.
fn message(layout: Layout, line: &[u8]) -> &[u8] {
    let message = behind_seconds(line).and_then(|behind| match layout {
        Layout::Detailed => behind_detailed(behind),
        Layout::Short => behind.strip_prefix(b" "),
    });
    message.unwrap_or(line)
}

/// `.012000+00:00 orders-instance-1.0 `
fn behind_detailed(behind: &[u8]) -> Option<&[u8]> {
    let (zone, rest) = behind.split_at_checked(memchr(b' ', behind)?)?;
    let is_zone =
        zone.ends_with(b"+00:00") && zone.iter().all(|byte| b".+:0123456789".contains(byte));
    let rest = rest.get(1..)?;
    let message = rest.get(memchr(b' ', rest)? + 1..)?;
    is_zone.then_some(message)
}

/// What stands behind `2024-01-01T03:00:00`.
fn behind_seconds(line: &[u8]) -> Option<&[u8]> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (time, behind) = line.split_at_checked(SHAPE.len())?;
    let fits = time.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    fits.then_some(behind)
}
