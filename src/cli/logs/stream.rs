//! One log: the text of a log stream, or of a file without any.

use std::sync::OnceLock;

use memchr::{memchr_iter, memrchr};

use super::Piece;
use crate::cli::input::texts::Roomy;
use crate::postgres::{self, Begins, Behind, Evidence, LogLinePrefix, Text};

/// A record that is longer is read no further: its rest is left out.
const LONGEST_RECORD: usize = 16 << 20;

/// A text and where in it a piece begins, and the name of the log stream that it is of.
pub(super) type Place = OnceLock<(Roomy, String)>;

pub(super) struct Stream<'a> {
    pub(super) name: String,
    evidence: Evidence<'a>,
    /// What waits for more.
    rest: String,
    begins: Begins,
    /// What has been read of it.
    offset: usize,
    lines: usize,
    /// Its text is read once it is this long.
    enough: usize,
    /// Is the text the rest of a record that is too long?
    is_rest: bool,
}

impl<'a> Stream<'a> {
    pub(super) fn new(name: String, evidence: Evidence<'a>) -> Self {
        Self {
            name,
            evidence,
            rest: String::new(),
            begins: Begins::Anywhere,
            offset: 0,
            lines: 0,
            enough: 0,
            is_rest: false,
        }
    }

    /// Reads what is `fresh`, and what has waited for it. The text finds its place in `place`.
    pub(super) fn read<'t>(
        &mut self,
        fresh: Roomy,
        behind: Behind,
        prefix: &LogLinePrefix,
        place: &'t Place,
    ) -> Option<Piece<'t>> {
        let text = self.text(fresh);
        let whole = text.as_str().len();
        if self.is_rest || whole == 0 || (behind == Behind::More && whole < self.enough) {
            self.rest = text.into_string();
            return None;
        }
        let is_too_long = behind == Behind::More && self.enough > LONGEST_RECORD;
        let behind = if is_too_long { Behind::Another } else { behind };
        let (text, name) = place.get_or_init(|| (text, self.name.clone()));
        let text = text.as_str();
        let readable = Text {
            text: readable(text, behind),
            begins: self.begins,
            behind,
        };
        let reading = postgres::read(readable, prefix, &mut self.evidence);
        let (read, rest) = text.split_at(reading.length);
        let piece = Piece {
            log: 0,
            stream: name,
            text: read,
            offset: self.offset,
            lines: self.lines,
            reading,
        };
        if !read.is_empty() && !is_too_long {
            self.begins = Begins::AtRecord;
        }
        self.is_rest = is_too_long;
        // What cannot be read yet is not tried again before there is twice as much.
        self.enough = if read.is_empty() { 2 * whole } else { 0 };
        rest.clone_into(&mut self.rest);
        self.offset += read.len();
        // The last line may be cut, where the record is too long.
        let cut = !read.is_empty() && !read.ends_with('\n');
        self.lines += piece.reading.counts.lines - usize::from(cut);
        Some(piece)
    }

    /// What has waited, and what is `fresh`, without the rest of a record that is too long.
    fn text(&mut self, fresh: Roomy) -> Roomy {
        let text = fresh.behind(std::mem::take(&mut self.rest));
        if self.is_rest {
            Roomy::from(self.without_rest(text.as_str()).to_owned())
        } else {
            text
        }
    }

    /// Leaves out the rest of a record that is too long.
    fn without_rest<'t>(&mut self, text: &'t str) -> &'t str {
        let bytes = text.as_bytes();
        let end = memchr_iter(b'\n', bytes)
            .find(|feed| bytes.get(feed + 1).is_some_and(|next| *next != b'\t'));
        self.is_rest = end.is_none();
        let last_feed = usize::from(bytes.ends_with(b"\n"));
        let (rest, behind) = text.split_at(end.map_or(bytes.len() - last_feed, |end| end + 1));
        self.pass(rest);
        behind
    }

    /// `text` is behind us.
    fn pass(&mut self, text: &str) {
        self.lines += memchr_iter(b'\n', text.as_bytes()).count();
        self.offset += text.len();
    }
}

/// Whole lines, where more is to come.
fn readable(text: &str, behind: Behind) -> &str {
    let end = match behind {
        Behind::More => memrchr(b'\n', text.as_bytes()).map_or(0, |feed| feed + 1),
        _ => text.len(),
    };
    text.get(..end).unwrap_or_default()
}
