//! Reads logs of any length: files, standard input, gzip, and what AWS's command line writes.
//!
//! ```text
//! file ──▶ bytes ──gzip?──▶ plain text, or JSON, or `aws logs tail` ──▶ (log stream, bytes)
//! ```

mod json;
mod lossy;
mod tail;
pub(super) mod texts;

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::progress::Watch;
use super::{Failure, LogFiles};
pub(super) use lossy::Lossy;

/// Takes the next bytes of a log, and the name of its log stream; empty where there is none.
pub(super) type Take<'t> = dyn FnMut(&str, &[u8]) -> Result<(), Failure> + 't;

/// How many bytes at the start of a file are enough to recognize its format.
const HEAD: usize = 4096;

/// Bytes that are asked for at once.
const MOST_AT_ONCE: usize = 256 << 10;

impl LogFiles {
    /// The files; standard input where none is given.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        match self.files.as_slice() {
            [] => vec![PathBuf::from("-")],
            files => files.to_vec(),
        }
    }

    /// The name of the first file.
    pub(super) fn name(&self) -> String {
        let first = self.files.first().filter(|file| !is_stdin(file));
        let name = first.and_then(|file| file.file_name());
        name.unwrap_or("standard input".as_ref())
            .to_string_lossy()
            .into_owned()
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Bytes of all files together; `None` where one is a pipe.
pub(super) fn total_length(paths: &[PathBuf]) -> Option<u64> {
    let length = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    };
    paths.iter().map(length).sum()
}

/// Hands the log at `path` to `take`, in pieces of at most `at_once` bytes where it is plain text.
pub(super) fn read(
    path: &Path,
    at_once: usize,
    watch: &Watch,
    take: &mut Take<'_>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        if is_stdin(path) {
            Failure::Stdin(error)
        } else {
            Failure::File(path.to_owned(), error)
        }
    };
    let opened = open(path).map_err(failed)?;
    let (head, log) = with_head(watch.over(opened)).map_err(failed)?;
    let result = if head.starts_with(&[0x1f, 0x8b]) {
        let inflated = MultiGzDecoder::new(log);
        with_head(inflated)
            .map_err(Broken::Log)
            .and_then(|(head, log)| read_text(&head, log, at_once, take))
    } else {
        read_text(&head, log, at_once, take)
    };
    result.map_err(|broken| match broken {
        Broken::Log(error) => failed(error),
        Broken::Taker(failure) => failure,
    })
}

/// What stopped the reading of a log.
#[derive(Debug)]
enum Broken {
    /// The log itself.
    Log(io::Error),
    /// Who takes what is read.
    Taker(Failure),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Log(error)
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if !is_stdin(path) {
        return Ok(Box::new(File::open(path)?));
    }
    let stdin = io::stdin();
    if stdin.is_terminal() && io::stderr().is_terminal() {
        eprintln!("reading log lines from standard input; Ctrl-D ends them");
    }
    Ok(Box::new(stdin.lock()))
}

/// The first bytes, and a reader of everything, those included.
fn with_head(mut log: impl Read) -> io::Result<(Vec<u8>, impl Read)> {
    let mut head = Vec::with_capacity(HEAD);
    log.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(log)))
}

fn read_text(
    head: &[u8],
    log: impl Read,
    at_once: usize,
    take: &mut Take<'_>,
) -> Result<(), Broken> {
    let log = BufReader::with_capacity(64 << 10, log);
    if json::is_json(head) {
        json::read(head, log, take)
    } else if let Some(layout) = tail::layout(head) {
        tail::read(layout, log, take)
    } else {
        read_plain(log, at_once, take)
    }
}

fn read_plain(mut log: impl Read, at_once: usize, take: &mut Take<'_>) -> Result<(), Broken> {
    let mut buffer = vec![0; at_once.clamp(1, MOST_AT_ONCE)];
    loop {
        let length = match log.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Log(error)),
        };
        take("", buffer.get(..length).unwrap_or_default()).map_err(Broken::Taker)?;
    }
}
