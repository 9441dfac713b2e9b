//! A thread of its own reads the files, and makes text of them.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::lossy::Lossy;
use crate::cli::progress::Watch;
use crate::cli::{Failure, LogFiles};

/// What comes next of the logs.
pub(in crate::cli) enum Input {
    /// Of the file that is read: log streams, and what is new of each.
    Texts(Vec<(String, Roomy)>),
    EndOfFile,
}

/// Texts that wait for their reader, at most.
const WAITING: usize = 4;

/// As much room is before a text: what its reader puts there is seldom more.
const ROOM: usize = 16 << 10;

/// What stands there.
const BLANKS: &str = match std::str::from_utf8(&[b' '; ROOM]) {
    Ok(blanks) => blanks,
    Err(_) => "",
};

/// A text with room before it, so that what is left of the text before can be put there without
/// moving this one.
#[derive(Default)]
pub(in crate::cli) struct Roomy {
    text: String,
    start: usize,
}

impl From<String> for Roomy {
    fn from(text: String) -> Self {
        Self { text, start: 0 }
    }
}

impl Roomy {
    pub(in crate::cli) fn as_str(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    pub(in crate::cli) fn into_string(self) -> String {
        match self.start {
            0 => self.text,
            _ => self.as_str().to_owned(),
        }
    }

    /// With `before` in front.
    pub(in crate::cli) fn behind(mut self, mut before: String) -> Self {
        if let Some(start) = self.start.checked_sub(before.len()) {
            self.text.replace_range(start..self.start, &before);
            return Self { start, ..self };
        }
        before.push_str(self.as_str());
        Self::from(before)
    }
}

/// Begins to read `files`. What comes first of each file has at least `first` bytes, if the file has.
pub(in crate::cli) fn start(
    files: &LogFiles,
    first: usize,
    watch: Watch,
) -> Receiver<Result<Input, Failure>> {
    let (out, inputs) = sync_channel(WAITING);
    let (paths, at_once) = (files.paths(), files.chunk_bytes);
    // Nobody waits for it to end: it may hang in a pipe when nobody wants the results any more.
    thread::spawn(move || {
        let file = |path| read(path, (first, at_once), &watch, &out);
        if let Err(failure) = paths.iter().try_for_each(|path| file(path)) {
            // If nobody receives, there is nobody left to report to.
            let _ = out.send(Err(failure));
        }
    });
    inputs
}

fn read(
    path: &Path,
    (first, at_once): (usize, usize),
    watch: &Watch,
    out: &SyncSender<Result<Input, Failure>>,
) -> Result<(), Failure> {
    let mut texts = Texts::default();
    let mut enough = first;
    super::read(path, at_once, watch, &mut |stream, bytes| {
        texts.push(stream, bytes);
        if texts.fresh < enough {
            return Ok(());
        }
        enough = at_once;
        send(out, Input::Texts(texts.take()))
    })?;
    texts.finish();
    send(out, Input::Texts(texts.take()))?;
    send(out, Input::EndOfFile)
}

fn send(out: &SyncSender<Result<Input, Failure>>, input: Input) -> Result<(), Failure> {
    let sent = out.send(Ok(input));
    sent.map_err(|_| Failure::Stdout(std::io::ErrorKind::BrokenPipe.into()))
}

/// What has come of a file and is not sent yet.
#[derive(Default)]
struct Texts {
    streams: Vec<Stream>,
    /// How many bytes that is.
    fresh: usize,
}

struct Stream {
    name: String,
    /// Before its text. Log streams may be many, and then there is little of each: they have none.
    room: usize,
    text: Lossy,
}

impl Texts {
    fn push(&mut self, stream: &str, bytes: &[u8]) {
        self.fresh += bytes.len();
        let known = self.streams.iter_mut().rfind(|known| known.name == stream);
        if let Some(known) = known {
            known.text.push(bytes);
        } else {
            let mut new = Stream::new(stream);
            new.text.push(bytes);
            self.streams.push(new);
        }
    }

    /// Nothing more comes.
    fn finish(&mut self) {
        let streams = self.streams.iter_mut();
        streams.for_each(|stream| stream.text.finish());
    }

    fn take(&mut self) -> Vec<(String, Roomy)> {
        self.fresh = 0;
        let streams = self.streams.iter_mut();
        let taken = streams.filter_map(|stream| Some((stream.name.clone(), stream.take()?)));
        taken.collect()
    }
}

impl Stream {
    fn new(name: &str) -> Self {
        let mut new = Self {
            name: name.to_owned(),
            room: if name.is_empty() { ROOM } else { 0 },
            text: Lossy::default(),
        };
        new.make_room();
        new
    }

    fn make_room(&mut self) {
        let room = BLANKS.get(..self.room).unwrap_or_default();
        self.text.text.push_str(room);
    }

    fn take(&mut self) -> Option<Roomy> {
        let text = &mut self.text.text;
        if text.len() == self.room {
            return None;
        }
        let empty = String::with_capacity(text.capacity());
        let text = std::mem::replace(text, empty);
        self.make_room();
        let start = self.room;
        Some(Roomy { text, start })
    }
}
