//! The reading thread: texts become pieces.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::Piece;
use super::stream::{Place, Stream};
use crate::cli::input::texts::{Input, Roomy};
use crate::cli::progress::Progress;
use crate::cli::{Failure, find_prefix};
use crate::postgres::{Announced, Behind, LogLinePrefix};

/// Bytes of a round: its last text may go beyond.
const ROUND_BYTES: usize = 8 << 20;

/// What comes from the input thread.
pub(super) struct Inputs<'i> {
    pub(super) of_files: Receiver<Result<Input, Failure>>,
    /// Does nobody want more?
    pub(super) is_done: &'i AtomicBool,
}

/// Why a round has ended.
pub(super) enum Next {
    /// It is full.
    Round,
    /// There is a new log, which needs [`Logs::announced`].
    Log,
    EndOfFile,
}

/// The logs of a file.
pub(super) struct Logs<'a> {
    prefix: Option<LogLinePrefix>,
    streams: Vec<Stream<'a>>,
    /// For the next new log.
    pub(super) announced: Option<&'a mut Announced>,
    waiting: VecDeque<Fresh>,
    has_ended: bool,
    progress: &'a Progress,
}

/// What is new of a log stream.
struct Fresh {
    stream: String,
    text: Roomy,
    behind: Behind,
}

impl Inputs<'_> {
    /// `None` where nobody wants more, or nothing comes any more.
    fn next(&mut self) -> Result<Option<Input>, Failure> {
        const A_MOMENT: Duration = Duration::from_millis(50);
        loop {
            match self.of_files.recv_timeout(A_MOMENT) {
                Ok(input) => return input.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.is_done.load(Ordering::Relaxed) => {
                    return Ok(None);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl<'a> Logs<'a> {
    pub(super) fn new(prefix: Option<&LogLinePrefix>, progress: &'a Progress) -> Self {
        Self {
            prefix: prefix.cloned(),
            streams: Vec::new(),
            announced: None,
            waiting: VecDeque::new(),
            has_ended: false,
            progress,
        }
    }

    /// Reads until each of the `places` has a text, and sends what it says.
    pub(super) fn round<'t>(
        &mut self,
        inputs: &mut Inputs<'_>,
        places: &'t [Place],
        out: &SyncSender<Piece<'t>>,
    ) -> Result<Next, Failure> {
        let mut bytes = 0;
        for place in places {
            let Some(fresh) = self.next(inputs)? else {
                return Ok(Next::EndOfFile);
            };
            let Some(at) = self.stream(&fresh.stream) else {
                self.waiting.push_front(fresh);
                return Ok(Next::Log);
            };
            let piece = self.read(at, fresh, place);
            if piece.is_some_and(|piece| out.send(piece).is_err()) {
                return Ok(Next::EndOfFile);
            }
            bytes += place.get().map_or(0, |(text, _)| text.as_str().len());
            if bytes >= ROUND_BYTES {
                break;
            }
        }
        Ok(Next::Round)
    }

    fn read<'t>(&mut self, at: usize, fresh: Fresh, place: &'t Place) -> Option<Piece<'t>> {
        let (stream, prefix) = (self.streams.get_mut(at)?, self.prefix.as_ref()?);
        let piece = stream.read(fresh.text, fresh.behind, prefix, place)?;
        self.progress.add_lines(piece.reading.counts.lines);
        Some(Piece { log: at, ..piece })
    }

    /// `None` at the end of the file.
    fn next(&mut self, inputs: &mut Inputs<'_>) -> Result<Option<Fresh>, Failure> {
        while self.waiting.is_empty() && !self.has_ended {
            match inputs.next()? {
                Some(Input::Texts(texts)) => self.take(texts),
                Some(Input::EndOfFile) => self.end(),
                None => return Ok(None),
            }
        }
        Ok(self.waiting.pop_front())
    }

    fn take(&mut self, texts: Vec<(String, Roomy)>) {
        if self.prefix.is_none() {
            let texts = texts.iter().map(|(_, text)| text.as_str());
            let longest = texts.max_by_key(|text| text.len()).unwrap_or_default();
            self.prefix = find_prefix::find(longest);
        }
        let fresh = texts.into_iter().map(|(stream, text)| Fresh {
            stream,
            text,
            behind: Behind::More,
        });
        self.waiting.extend(fresh);
    }

    fn end(&mut self) {
        self.has_ended = true;
        let ends = self.streams.iter().map(|stream| Fresh {
            stream: stream.name.clone(),
            text: Roomy::default(),
            behind: Behind::Another,
        });
        self.waiting.extend(ends);
    }

    /// Where the log stream stands; `None` where it is new and has no place.
    fn stream(&mut self, name: &str) -> Option<usize> {
        let known = self.streams.iter().rposition(|stream| stream.name == name);
        known.or_else(|| {
            let evidence = self.announced.take()?.text_of(name);
            self.streams.push(Stream::new(name.to_owned(), evidence));
            Some(self.streams.len() - 1)
        })
    }
}
