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
    Texts(Vec<(String, String)>),
    EndOfFile,
}

/// Texts that wait for their reader, at most.
const WAITING: usize = 4;

/// Begins to read `files`. What comes first of each file has at least `first` bytes, if the file has.
pub(in crate::cli) fn start(
    files: &LogFiles,
    first: usize,
    watch: Watch,
) -> Receiver<Result<Input, Failure>> {
    let (out, inputs) = sync_channel(WAITING);
    let (paths, at_once) = (files.paths(), files.chunk_bytes);
    // Nobody waits for its end: it may hang in a pipe when the results are wanted no more.
    thread::spawn(move || {
        let file = |path| read(path, (first, at_once), &watch, &out);
        if let Err(failure) = paths.iter().try_for_each(|path| file(path)) {
            // Gone is who would be told, where that is the failure.
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
    streams: Vec<(String, Lossy)>,
    /// How many bytes that is.
    fresh: usize,
}

impl Texts {
    fn push(&mut self, stream: &str, bytes: &[u8]) {
        self.fresh += bytes.len();
        let known = self.streams.iter_mut().rfind(|(name, _)| name == stream);
        if let Some((_, text)) = known {
            text.push(bytes);
        } else {
            let mut text = Lossy::default();
            text.push(bytes);
            self.streams.push((stream.to_owned(), text));
        }
    }

    /// Nothing more comes.
    fn finish(&mut self) {
        self.streams.iter_mut().for_each(|(_, text)| text.finish());
    }

    fn take(&mut self) -> Vec<(String, String)> {
        self.fresh = 0;
        let fresh = self.streams.iter_mut();
        let fresh = fresh.filter(|(_, text)| !text.text.is_empty());
        let taken = fresh.map(|(name, text)| (name.clone(), std::mem::take(&mut text.text)));
        taken.collect()
    }
}
