//! `event`: log lines as CloudWatch Logs would hand them to the function.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use aws_lambda_events::cloudwatch_logs::{LogData, LogEntry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::input::{self, Lossy};
use super::preview::print;
use super::progress::Progress;
use super::{Failure, LogFiles};
use crate::cloudwatch::MAX_JSON;

/// The longest payload that Lambda takes in an asynchronous invocation.
pub const MAX_PAYLOAD: usize = 1_000_000;

pub(super) fn run(files: &LogFiles, log_group: &str, log_stream: &str) -> Result<(), Failure> {
    let text = text(files)?;
    let data = log_data(log_group, log_stream, &text, SystemTime::now());
    let payload = payload(&data).map_err(Failure::Stdout)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(Failure::EventTooLong(payload.len()));
    }
    print(&format!("{payload}\n"))
}

/// The whole log, if the function would take it.
fn text(files: &LogFiles) -> Result<String, Failure> {
    let progress = Progress::new(input::total_length(&files.paths()), false);
    let mut log = Lossy::default();
    for file in files.paths() {
        input::read(
            &file,
            files.chunk_bytes,
            &progress.watch(),
            &mut |_, bytes| {
                log.push(bytes);
                if log.text.len() > MAX_JSON {
                    Err(Failure::LogTooLong(MAX_JSON))
                } else {
                    Ok(())
                }
            },
        )?;
        log.finish();
    }
    Ok(log.text)
}

/// The log events of one stream, one for each line of `text`, all of the time `now`.
#[must_use]
pub fn log_data(log_group: &str, log_stream: &str, text: &str, now: SystemTime) -> LogData {
    let since_epoch = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let timestamp = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let mut data = LogData::default();
    "123456789012".clone_into(&mut data.owner);
    log_group.clone_into(&mut data.log_group);
    log_stream.clone_into(&mut data.log_stream);
    data.subscription_filters = vec!["aurora-connection-audit".to_owned()];
    "DATA_MESSAGE".clone_into(&mut data.message_type);
    data.log_events = text
        .split_terminator('\n')
        .zip(0_u32..)
        .map(|(line, number)| {
            let mut entry = LogEntry::default();
            // CloudWatch's ids have 56 digits, too, and begin with the time.
            entry.id = format!("{timestamp:020}{number:036}");
            entry.timestamp = timestamp;
            line.clone_into(&mut entry.message);
            entry
        })
        .collect();
    data
}

/// The payload of an invocation. `aws_lambda_events` would leave out base64's padding, which
/// CloudWatch writes.
///
/// # Errors
/// Never in practice: nothing but memory is written to.
pub fn payload(data: &LogData) -> io::Result<String> {
    Ok(json!({ "awslogs": { "data": encoded(data)? } }).to_string())
}

/// The payload of a window of a stream.
///
/// # Errors
/// As [`payload`].
pub fn window(batches: &[LogData]) -> io::Result<String> {
    let records = batches.iter().zip(1..).map(|(data, number)| {
        let kinesis = json!({ "data": encoded(data)?, "sequenceNumber": number.to_string() });
        Ok(json!({ "eventSource": "aws:kinesis", "kinesis": kinesis }))
    });
    let records: io::Result<Vec<_>> = records.collect();
    Ok(json!({ "Records": records? }).to_string())
}

fn encoded(data: &LogData) -> io::Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&serde_json::to_vec(data)?)?;
    Ok(STANDARD.encode(gzip.finish()?))
}
