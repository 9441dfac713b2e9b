//! `preview`: log lines as the messages that Slack would get.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::Value;

use super::{Failure, LogFlags, MessageFlags, input};
use crate::cloudwatch::LogBatch;
use crate::memory::Memory;
use crate::pipeline;
use crate::preview;
use crate::window::Window;

pub(super) fn run(
    file: Option<&Path>,
    json: bool,
    html: Option<&Path>,
    log: LogFlags,
    flags: &MessageFlags,
) -> Result<(), Failure> {
    let name = file
        .and_then(Path::file_name)
        .unwrap_or("standard input".as_ref());
    let log_group = log
        .log_group
        .unwrap_or_else(|| name.to_string_lossy().into_owned());
    let mut settings = flags.settings(&log_group)?;
    settings.region = log.region;
    let text = input::read(file)?;
    let batch = LogBatch {
        log_group,
        log_stream: log.log_stream.unwrap_or_default(),
        text,
        ..LogBatch::default()
    };
    let mut memory = Memory::default();
    let mut window = Window::default();
    window.add(0, &batch, &settings, &mut memory);
    let messages = pipeline::compose(&mut window, &settings, &memory);
    let payloads: Vec<Value> = messages
        .into_iter()
        .map(|message| message.payload)
        .collect();
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
        eprintln!("aurora-connection-audit: nothing in this log would be told");
    }
    Ok(())
}

/// A message as Slack shows it, as far as a terminal can.
pub(super) fn drawing(payload: &Value) -> String {
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let width = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    preview::terminal(payload, colour, width.unwrap_or(100))
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failure::Stdout)
}
