//! However a log is cut into parts, they say together what the whole log says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use aurora_connection_audit::postgres::event::ConnectionEvent;
use aurora_connection_audit::postgres::{
    Announced, Begins, Behind, DEFAULT_LOG_LINE_PREFIX, LineCounts, LogLinePrefix, Text, read,
};

struct Log {
    name: PathBuf,
    text: String,
    prefix: LogLinePrefix,
}

impl Log {
    fn of(path: &Path) -> Self {
        let settings = std::fs::read_to_string(path.with_file_name("settings.conf"));
        let settings = settings.unwrap_or_default();
        let setting = settings
            .lines()
            .find_map(|line| line.strip_prefix("log_line_prefix = '")?.strip_suffix('\''));
        Self {
            name: path.to_owned(),
            text: String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned(),
            prefix: LogLinePrefix::compile(setting.unwrap_or(DEFAULT_LOG_LINE_PREFIX)).unwrap(),
        }
    }

    /// Reads it in parts of about `size` bytes, more where that is too little to read a record.
    fn in_parts(&self, size: usize) -> (Vec<ConnectionEvent<'_>>, LineCounts) {
        let mut announced = Announced::default();
        let mut evidence = announced.text_of("");
        let (mut events, mut counts) = (Vec::new(), LineCounts::default());
        let (mut at, mut length) = (0, size);
        while at < self.text.len() {
            let end = self.text.floor_char_boundary(at + length);
            let part = Text {
                text: &self.text[at..end],
                begins: if at == 0 {
                    Begins::Anywhere
                } else {
                    Begins::AtRecord
                },
                behind: if end < self.text.len() {
                    Behind::More
                } else {
                    Behind::Another
                },
            };
            let reading = read(part, &self.prefix, &mut evidence);
            counts.add(reading.counts);
            events.extend(reading.events.into_iter().map(|mut event| {
                event.offset += at;
                // A keyed hash, of another key each time.
                event.backend = None;
                event
            }));
            at += reading.length;
            length = if reading.length > 0 { size } else { 2 * length };
        }
        (events, counts)
    }

    fn assert_cuts_change_nothing(&self, sizes: impl Iterator<Item = usize>) {
        let (whole, counts) = self.in_parts(self.text.len());
        for size in sizes {
            let (events, counted) = self.in_parts(size);
            for (one, other) in events.iter().zip(&whole) {
                assert_eq!(one, other, "{} by {size}", self.name.display());
            }
            assert_eq!(events.len(), whole.len(), "{}", self.name.display());
            assert_eq!(counted, counts, "{} by {size}", self.name.display());
        }
    }
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            logs.extend(self::logs(&path));
        } else if path.extension().is_some_and(|extension| extension == "log") {
            logs.push(path);
        }
    }
    logs
}

#[test]
fn real_logs() {
    let logs = logs(Path::new("tests/fixtures"));
    assert!(logs.len() > 20, "{logs:?}");
    for path in logs {
        let log = Log::of(&path);
        log.assert_cuts_change_nothing([777, 4133, 5000, 12_345, 65_536].into_iter());
    }
}
