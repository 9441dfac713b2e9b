//! `preview`: log lines as the messages that Slack would get.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::Value;
use terminal_size::terminal_size;

use super::logs::{self, Common, Step};
use super::progress::Progress;
use super::{Failure, LogFiles, LogFlags, MessageFlags, input};
use crate::cloudwatch::LogBatch;
use crate::config::Settings;
use crate::entry::Place;
use crate::memory::Memory;
use crate::pipeline;
use crate::preview;
use crate::window::{OpenBatch, Window};

pub(super) fn run(
    files: &LogFiles,
    json: bool,
    html: Option<&Path>,
    log: LogFlags,
    flags: &MessageFlags,
) -> Result<(), Failure> {
    let log_group = log.log_group.unwrap_or_else(|| files.name());
    let mut settings = flags.settings(&log_group)?;
    settings.region = log.region;
    let payloads = payloads(
        files,
        &log_group,
        log.log_stream.as_deref(),
        flags,
        &settings,
    )?;
    if let Some(page) = html {
        return std::fs::write(page, preview::html(&payloads))
            .map_err(|error| Failure::File(page.to_owned(), error));
    }
    for payload in &payloads {
        print(&if json {
            format!("{payload}\n")
        } else {
            drawing(payload) + "\n"
        })?;
    }
    if payloads.is_empty() {
        eprintln!("aurora-connection-audit: nothing in this log would be posted");
    }
    Ok(())
}

/// One message a channel, as if everything came in one window.
fn payloads(
    files: &LogFiles,
    log_group: &str,
    log_stream: Option<&str>,
    flags: &MessageFlags,
    settings: &Settings,
) -> Result<Vec<Value>, Failure> {
    let prefix = flags.prefix.given()?;
    let progress = Progress::new(input::total_length(&files.paths()), false);
    let (mut window, mut memory) = (Window::default(), Memory::default());
    let mut common = Common::default();
    let mut logs = BTreeMap::<usize, OpenBatch<'_, 'static>>::new();
    logs::read(files, prefix.as_ref(), &progress, &mut |step| {
        let Step::Piece(piece) = step else {
            for log in std::mem::take(&mut logs).into_values() {
                window.close(log, &mut memory.past);
            }
            return Ok(());
        };
        let log = logs.entry(piece.log).or_insert_with(|| {
            let batch = LogBatch {
                log_group: log_group.to_owned(),
                log_stream: log_stream.unwrap_or(piece.stream).to_owned(),
                ..LogBatch::default()
            };
            OpenBatch::of_log(Place::of(&batch, settings), settings)
        });
        log.counts.add(piece.reading.counts);
        piece.add_to(&mut log.sessions, &mut common);
        window.take_settled(log, &mut memory.past);
        Ok(())
    })?;
    let messages = pipeline::compose(&mut window, settings, &memory);
    Ok(messages
        .into_iter()
        .map(|message| message.payload)
        .collect())
}

/// A message as Slack shows it, as far as a terminal can.
pub(super) fn drawing(payload: &Value) -> String {
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    preview::terminal(payload, colour, width().unwrap_or(100))
}

/// Columns of the terminal, if there is one.
pub(super) fn width() -> Option<usize> {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|columns| columns.parse().ok());
    let asked = || terminal_size().map(|(columns, _)| usize::from(columns.0));
    told.or_else(asked)
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failure::Stdout)
}
