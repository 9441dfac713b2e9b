//! Logs of any length, read piece by piece.
//!
//! A log stream's text is kept until there is enough of it, then read as far as the reader can tell
//! what it says; the rest waits for more. So memory holds one piece, however long the log is.

use std::path::Path;

use memchr::{memchr_iter, memrchr};

use super::input::{self, Lossy};
use super::progress::Progress;
use super::{Failure, LogFiles, find_prefix};
use crate::postgres::event::ConnectionEvent;
use crate::postgres::{self, Announced, Begins, Behind, Evidence, LogLinePrefix, Reading, Text};
use crate::sessions::Sessions;

/// A record that is longer is read no further: its rest is left out.
const LONGEST_RECORD: usize = 16 << 20;

/// What is read next of a log: whole records.
pub(super) struct Piece<'p> {
    /// The number of the log, over all files, from 0; and the name of its log stream.
    pub(super) log: usize,
    pub(super) stream: &'p str,
    pub(super) text: &'p str,
    /// Bytes and lines of the log before this piece.
    pub(super) offset: usize,
    pub(super) lines: usize,
    pub(super) reading: Reading<'p>,
}

impl Piece<'_> {
    /// Adds what the piece says to the `sessions` of its log.
    pub(super) fn add_to(self, sessions: &mut Sessions<'static>) {
        for event in self.reading.events {
            sessions.add(ConnectionEvent {
                kind: event.kind,
                offset: self.offset + event.offset,
                standing: event.standing,
                backend: event.backend,
                facts: event.facts.into_owned(),
            });
        }
    }
}

/// Reads all `files` and hands each piece to `each`. Without a `prefix` it is found by itself.
pub(super) fn read(
    files: &LogFiles,
    prefix: Option<&LogLinePrefix>,
    progress: &Progress,
    each: &mut dyn FnMut(Piece<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut logs = Logs {
        given: prefix.cloned(),
        found: None,
        piece: files.chunk_bytes,
        streams: Vec::new(),
        first: 0,
        fresh: 0,
        each,
        progress,
    };
    files.paths().iter().try_for_each(|file| logs.file(file))
}

struct Logs<'l> {
    given: Option<LogLinePrefix>,
    /// For the file that is being read.
    found: Option<LogLinePrefix>,
    /// Bytes that are read at once.
    piece: usize,
    streams: Vec<Log>,
    /// How many logs earlier files had.
    first: usize,
    /// Bytes that have come since the last reading.
    fresh: usize,
    each: &'l mut dyn FnMut(Piece<'_>) -> Result<(), Failure>,
    progress: &'l Progress,
}

/// One log stream, or a file without any.
struct Log {
    stream: String,
    text: Lossy,
    evidence: Evidence<'static>,
    begins: Begins,
    /// What has been read of it.
    offset: usize,
    lines: usize,
    /// It is read when its text is so long.
    enough: usize,
    /// Is the text the rest of a record that is too long?
    is_rest: bool,
}

impl Log {
    fn new(stream: &str) -> Self {
        // The evidence of a log is needed until the process ends.
        let announced = Box::leak(Box::new(Announced::default()));
        Self {
            stream: stream.to_owned(),
            text: Lossy::default(),
            evidence: announced.text_of(stream),
            begins: Begins::Anywhere,
            offset: 0,
            lines: 0,
            enough: 0,
            is_rest: false,
        }
    }

    /// Forgets the first `length` bytes of the text.
    fn forget(&mut self, length: usize) {
        let text = self.text.text.as_bytes();
        let read = text.get(..length).unwrap_or_default();
        self.lines += memchr_iter(b'\n', read).count();
        self.offset += length;
        self.text.text.drain(..length);
    }

    /// Leaves out the rest of a record that is too long.
    fn skip_rest(&mut self) {
        let text = self.text.text.as_bytes();
        let end = memchr_iter(b'\n', text)
            .find(|feed| text.get(feed + 1).is_some_and(|next| *next != b'\t'));
        self.is_rest = end.is_none();
        let last_feed = usize::from(text.ends_with(b"\n"));
        self.forget(end.map_or(text.len() - last_feed, |end| end + 1));
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

impl Logs<'_> {
    fn file(&mut self, file: &Path) -> Result<(), Failure> {
        let (at_once, progress) = (self.piece, self.progress);
        self.found.clone_from(&self.given);
        self.first += self.streams.len();
        self.streams.clear();
        input::read(file, at_once, progress, &mut |stream, bytes| {
            self.take(stream, bytes)
        })?;
        self.streams.iter_mut().for_each(|log| log.text.finish());
        self.read_all(Behind::Another)
    }

    fn take(&mut self, stream: &str, bytes: &[u8]) -> Result<(), Failure> {
        let known = self.streams.iter_mut().rfind(|log| log.stream == stream);
        if let Some(log) = known {
            log.text.push(bytes);
        } else {
            let mut log = Log::new(stream);
            log.text.push(bytes);
            self.streams.push(log);
        }
        self.fresh += bytes.len();
        let enough = match self.found {
            Some(_) => self.piece,
            None => self.piece.max(find_prefix::SAMPLE),
        };
        if self.fresh >= enough {
            self.read_all(Behind::More)
        } else {
            Ok(())
        }
    }

    fn read_all(&mut self, behind: Behind) -> Result<(), Failure> {
        self.fresh = 0;
        if self.found.is_none() {
            let texts = self.streams.iter().map(|log| log.text.text.as_str());
            let longest = texts.max_by_key(|text| text.len()).unwrap_or_default();
            self.found = find_prefix::find(longest);
        }
        (0..self.streams.len()).try_for_each(|at| self.read_log(at, behind))
    }

    fn read_log(&mut self, at: usize, behind: Behind) -> Result<(), Failure> {
        let (Some(log), Some(prefix)) = (self.streams.get_mut(at), &self.found) else {
            return Ok(());
        };
        if log.is_rest {
            log.skip_rest();
        }
        let whole = log.text.text.len();
        if log.is_rest || whole == 0 || (behind == Behind::More && whole < log.enough) {
            return Ok(());
        }
        let is_too_long = behind == Behind::More && log.enough > LONGEST_RECORD;
        let behind = if is_too_long { Behind::Another } else { behind };
        let text = Text {
            text: readable(&log.text.text, behind),
            begins: log.begins,
            behind,
        };
        let reading = postgres::read(text, prefix, &mut log.evidence);
        let length = reading.length;
        self.progress.add_lines(reading.counts.lines);
        (self.each)(Piece {
            log: self.first + at,
            stream: &log.stream,
            text: text.text.get(..length).unwrap_or_default(),
            offset: log.offset,
            lines: log.lines,
            reading,
        })?;
        if length > 0 && !is_too_long {
            log.begins = Begins::AtRecord;
        }
        log.is_rest = is_too_long;
        // What cannot be read yet is not tried again before there is twice as much.
        log.enough = if length == 0 { 2 * whole } else { 0 };
        log.forget(length);
        Ok(())
    }
}
