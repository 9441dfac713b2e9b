//! The text of a batch, in parts that are read one after the other.

use crate::cloudwatch::LogBatch;
use crate::config::Settings;
use crate::postgres::{self, Begins, Behind, Evidence, Reading, Text};

/// The text of a batch is read in parts of this many bytes: their events need not be in memory
/// together.
const PART: usize = 1 << 20;

/// Reads what stands at the byte `at` of `piece`: about a megabyte.
pub(super) fn next_part<'a>(
    piece: Text<'a>,
    at: usize,
    settings: &Settings,
    evidence: &mut Evidence<'_>,
) -> Option<Reading<'a>> {
    let rest = piece.text.get(at..).filter(|rest| !rest.is_empty())?;
    let prefix = &settings.log_line_prefix;
    let mut length = PART;
    loop {
        let reading = postgres::read(part(piece, at, rest, length), prefix, evidence);
        if reading.length > 0 {
            return Some(reading);
        }
        // A record that is longer.
        length *= 2;
    }
}

/// The first `length` bytes, about, of the `rest` of `piece` that begins at the byte `at`.
fn part<'a>(piece: Text<'a>, at: usize, rest: &'a str, length: usize) -> Text<'a> {
    let first = rest.get(..rest.floor_char_boundary(length)).unwrap_or(rest);
    Text {
        text: first,
        begins: if at == 0 {
            piece.begins
        } else {
            Begins::AtRecord
        },
        behind: if first.len() < rest.len() {
            Behind::More
        } else {
            piece.behind
        },
    }
}

/// The text of a batch in pieces, each with its byte offset. Log events that a filter has passed
/// need not belong together. One as long as log events can be may be cut, at any byte.
pub(super) fn pieces(batch: &LogBatch, filtered: bool) -> Vec<(usize, Text<'_>)> {
    /// CloudWatch Logs takes 256 KB in a log event, less what it keeps about it.
    const LONGEST_LOG_EVENT: usize = 240 << 10;
    let starts = batch.events.iter().map(|event| event.start);
    let ends = starts.clone().skip(1).chain([batch.text.len()]);
    let mut pieces = Vec::new();
    let mut piece = (0, Begins::Anywhere);
    for (start, end) in starts.zip(ends) {
        let is_long = end - start > LONGEST_LOG_EVENT;
        if filtered || is_long {
            pieces.push((piece.0, piece.1, end));
            let begins = if is_long {
                Begins::InsideMessage
            } else {
                Begins::Anywhere
            };
            piece = (end, begins);
        } else if piece.1 == Begins::InsideMessage {
            // One more log event may be the rest of a long one, not all that follow.
            pieces.push((piece.0, piece.1, end));
            piece = (end, Begins::Anywhere);
        }
    }
    pieces.push((piece.0, piece.1, batch.text.len()));
    let behind = if filtered {
        Behind::Unknown
    } else {
        Behind::Another
    };
    let texts = pieces.into_iter().filter_map(|(start, begins, end)| {
        let text = batch.text.get(start..end).filter(|text| !text.is_empty())?;
        let text = Text {
            text,
            begins,
            behind,
        };
        Some((start, text))
    });
    texts.collect()
}
