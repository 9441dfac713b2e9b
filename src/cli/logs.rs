//! Logs of any length, read piece by piece, by three threads.
//!
//! ```text
//! input ──texts──▶ reading ──pieces──▶ output
//! bytes to text    records to events   JSON, tables, messages
//! ```
//!
//! A log stream's text is read as far as the reader can tell what it says; the rest waits for more. So
//! memory holds a few pieces, however long the log is and however many there are.
//!
//! Events borrow the text that they were read from. So pieces are read and put out in rounds, and the
//! texts of a round stay until both are done with it.

mod common;
mod reading;
mod stream;

use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use typed_arena::Arena;

use super::input::texts;
use super::progress::Progress;
use super::{Failure, LogFiles, find_prefix};
use crate::postgres::event::ConnectionEvent;
use crate::postgres::{Announced, LogLinePrefix, Reading};
use crate::sessions::Sessions;
pub(super) use common::Common;
use reading::{Inputs, Logs, Next};

/// Texts of a round.
const ROUND: usize = 32;

/// Pieces that wait to be put out, at most.
const WAITING: usize = 2;

/// What is put out next.
pub(super) enum Step<'p> {
    Piece(Piece<'p>),
    /// The logs of a file have ended.
    EndOfFile,
}

/// What is read next of a log: whole records.
pub(super) struct Piece<'p> {
    /// The number of the log in its file, from 0; and the name of its log stream.
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
    pub(super) fn add_to(self, sessions: &mut Sessions<'static>, common: &mut Common) {
        for event in self.reading.events {
            sessions.add(ConnectionEvent {
                kind: event.kind,
                offset: self.offset + event.offset,
                standing: event.standing,
                backend: event.backend,
                facts: common.owned(event.facts),
            });
        }
    }
}

/// Puts out what was read.
type Each<'e> = dyn FnMut(Step<'_>) -> Result<(), Failure> + 'e;

/// Reads all `files` and hands what they say to `each`. Without a `prefix` it is found by itself.
pub(super) fn read(
    files: &LogFiles,
    prefix: Option<&LogLinePrefix>,
    progress: &Progress,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    let first = match prefix {
        Some(_) => files.chunk_bytes,
        None => files.chunk_bytes.max(find_prefix::SAMPLE),
    };
    let is_done = AtomicBool::new(false);
    let mut inputs = Inputs {
        of_files: texts::start(files, first, progress.watch()),
        is_done: &is_done,
    };
    let mut file = |_| read_file(&mut inputs, prefix, progress, each);
    files.paths().iter().try_for_each(&mut file)
}

fn read_file(
    inputs: &mut Inputs<'_>,
    prefix: Option<&LogLinePrefix>,
    progress: &Progress,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    let announced = Arena::new();
    let mut logs = Logs::new(prefix, progress);
    loop {
        match round(&mut logs, inputs, each)? {
            Next::Round => {}
            Next::Log => logs.announced = Some(announced.alloc(Announced::default())),
            Next::EndOfFile => return each(Step::EndOfFile),
        }
    }
}

/// Reads and puts out at the same time.
fn round(
    logs: &mut Logs<'_>,
    inputs: &mut Inputs<'_>,
    each: &mut Each<'_>,
) -> Result<Next, Failure> {
    let texts = [const { OnceLock::new() }; ROUND];
    let texts = texts.as_slice();
    let is_done = inputs.is_done;
    thread::scope(|scope| {
        let (out, pieces) = sync_channel(WAITING);
        let reading = scope.spawn(move || logs.round(inputs, texts, &out));
        let put_out = pieces
            .into_iter()
            .try_for_each(|piece| each(Step::Piece(piece)));
        is_done.store(put_out.is_err(), Ordering::Relaxed);
        let next = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        put_out.and(next)
    })
}
