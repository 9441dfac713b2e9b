//! How far it is, for a person who waits.

use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// A line on standard error while logs are read.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: AtomicU64,
}

/// Counts the bytes that are read.
pub(super) struct Watch(ProgressBar);

impl Progress {
    /// Of `length` bytes. Nothing is shown where nobody looks, or where it would stand among
    /// results (`among_results`).
    pub(super) fn new(length: Option<u64>, among_results: bool) -> Self {
        let shows = io::stderr().is_terminal() && !(among_results && io::stdout().is_terminal());
        let bar = match (shows, length) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(length)) => ProgressBar::new(length).with_style(style(
                "{bar:24} {bytes} of {total_bytes}, {msg}, {eta} left",
            )),
            (true, None) => ProgressBar::no_length().with_style(style("{spinner} {bytes}, {msg}")),
        };
        bar.set_message("0 lines/s");
        Self {
            bar,
            lines: AtomicU64::new(0),
        }
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(self.bar.clone())
    }

    /// Counts lines.
    pub(super) fn add_lines(&self, lines: usize) {
        let lines = lines as u64 + self.lines.fetch_add(lines as u64, Ordering::Relaxed);
        if !self.bar.is_hidden() {
            let milliseconds = self.bar.elapsed().as_millis().max(1);
            let a_second = u128::from(lines) * 1000 / milliseconds;
            let a_second = HumanCount(u64::try_from(a_second).unwrap_or(u64::MAX));
            self.bar.set_message(format!("{a_second} lines/s"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch {
    pub(super) fn over(&self, log: impl Read) -> impl Read {
        self.0.wrap_read(log)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
