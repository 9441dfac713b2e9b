//! Reads a log, from a file or from standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use super::Failure;

/// Reading less than this takes no time worth telling.
const LONG: u64 = 64 << 20;

/// The whole text; what is not UTF-8 becomes U+FFFD, as in CloudWatch Logs.
pub(super) fn read(path: Option<&Path>) -> Result<String, Failure> {
    let bytes = match path {
        Some(path) if path != Path::new("-") => {
            read_file(path).map_err(|error| Failure::File(path.to_owned(), error))?
        }
        _ => read_stdin().map_err(Failure::Stdin)?,
    };
    let text = String::from_utf8(bytes);
    Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    read_all(file, Some(length))
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let stdin = io::stdin();
    if stdin.is_terminal() && io::stderr().is_terminal() {
        eprintln!("reading log lines from standard input; Ctrl-D ends them");
    }
    read_all(stdin.lock(), None)
}

/// Shows on a terminal how far it is.
fn read_all(reader: impl Read, length: Option<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.unwrap_or(0)).unwrap_or(0));
    let mut reader = reader;
    let shows = io::stderr().is_terminal();
    while (&mut reader).take(LONG).read_to_end(&mut bytes)? > 0 {
        if shows && bytes.len() as u64 >= LONG {
            let megabytes = bytes.len() >> 20;
            match length {
                Some(length) => eprint!("\rreading: {megabytes} of {} MiB", length >> 20),
                None => eprint!("\rreading: {megabytes} MiB"),
            }
        }
    }
    if shows && bytes.len() as u64 >= LONG {
        eprint!("\r\x1b[K");
        io::stderr().flush()?;
    }
    Ok(bytes)
}
