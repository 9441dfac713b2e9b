//! A CloudWatch Logs subscription payload becomes a [`LogBatch`].
//!
//! ```text
//! "H4sIA…"  ──base64──▶  gzip  ──inflate──▶  JSON  ──▶  LogBatch
//! ```
//!
//! Limits: the JSON may hold [`MAX_JSON`] bytes.

mod json;

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Decompress, FlushDecompress, Status};
use time::OffsetDateTime;

/// The JSON of one payload may not be longer than this when inflated: 32 MiB.
///
/// Lambda accepts 1 MB of payload, which is 786 432 bytes of gzip, and deflate can swell by
/// 1032: unlimited, one payload could ask for 811 MB. CloudWatch takes log events in batches of at
/// most 1 MiB and 10 000 events; with every byte escaped (`\u0001`, six for one) and ids and
/// braces added, that is 8 MiB of JSON. Log text packs 5 to 20 times, so a full payload can carry
/// 16 MiB. Twice that leaves room, and what is inflated and the text taken from it still fit the
/// smallest Lambda, of 128 MB.
pub const MAX_JSON: usize = 32 << 20;

/// The log events of one log stream, as CloudWatch Logs delivered them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    /// The AWS account of the log.
    pub owner: Option<String>,
    /// `/aws/rds/cluster/<id>/postgresql` or `/aws/rds/instance/<id>/postgresql`.
    pub log_group: String,
    /// `<instance>.<n>`.
    pub log_stream: String,
    /// The messages one after the other, each ended by a line feed.
    pub text: String,
    /// The ids of the log events one after the other.
    pub ids: String,
    /// In the order of delivery; at least one log line each.
    pub events: Vec<LogEvent>,
}

/// One log event: a time stamp, and its parts of [`LogBatch::text`] and [`LogBatch::ids`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Byte offset of its message in [`LogBatch::text`].
    pub start: usize,
    /// Where its id stands in [`LogBatch::ids`]: see [`LogBatch::id`].
    pub id: Range<usize>,
}

impl LogBatch {
    /// The log event that the byte at `offset` belongs to.
    #[must_use]
    pub fn event_at(&self, offset: usize) -> Option<&LogEvent> {
        let after = self.events.partition_point(|event| event.start <= offset);
        self.events.get(after.checked_sub(1)?)
    }

    /// The id of `event`, unique in the log group; the same when CloudWatch delivers it again.
    #[must_use]
    pub fn id(&self, event: &LogEvent) -> &str {
        self.ids.get(event.id.clone()).unwrap_or_default()
    }

    /// What the name of its log group says.
    #[must_use]
    pub fn group(&self) -> LogGroup<'_> {
        LogGroup::named(&self.log_group)
    }

    /// The instance in the name of its log stream, `<instance>.<n>`.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        let (instance, _) = self.log_stream.rsplit_once('.')?;
        Some(instance).filter(|instance| !instance.is_empty())
    }

    /// Ends the log event whose message was appended to the text from `start` on. One that comes twice
    /// in a row is one.
    fn finish(&mut self, timestamp: i64, start: usize, id: Range<usize>) {
        if self.text.len() == start || !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        if self.is_last_again(start, &id) {
            self.text.truncate(start);
            self.ids.truncate(id.start);
            return;
        }
        self.events.push(LogEvent {
            timestamp,
            start,
            id,
        });
    }

    /// Has the log event before the same id and message as the one that begins at `start`?
    fn is_last_again(&self, start: usize, id: &Range<usize>) -> bool {
        let id = self.ids.get(id.clone()).unwrap_or_default();
        let last = self.events.last().filter(|last| self.id(last) == id);
        !id.is_empty()
            && last.is_some_and(|last| self.text.get(last.start..start) == self.text.get(start..))
    }
}

/// What the name of a log group says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogGroup<'a> {
    /// The account whose log it is, in the name of a centralised log group.
    pub account: Option<&'a str>,
    /// Its region, likewise.
    pub region: Option<&'a str>,
    /// The cluster's or instance's id; the whole name of a log group that is not RDS's.
    pub id: &'a str,
}

impl<'a> LogGroup<'a> {
    /// `/aws/rds/cluster/<id>/postgresql`, `/aws/rds/instance/<id>/postgresql`, or the name of
    /// either in a central account, `<account>/<region>/aws/rds/…`.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        let (account, region, own) = centralised(name).unwrap_or((None, None, name));
        let rest = own
            .strip_prefix("/aws/rds/cluster/")
            .or_else(|| own.strip_prefix("/aws/rds/instance/"));
        let id = rest.and_then(|rest| rest.strip_suffix("/postgresql"));
        match id {
            Some(id) => Self {
                account,
                region,
                id,
            },
            None => Self {
                account: None,
                region: None,
                id: name,
            },
        }
    }
}

fn centralised(name: &str) -> Option<(Option<&str>, Option<&str>, &str)> {
    let (account, rest) = name.split_once('/')?;
    let slash = rest.find('/')?;
    let (region, own) = rest.split_at_checked(slash)?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then_some((Some(account), Some(region), own))
}

impl LogEvent {
    /// Its time stamp; `None` for a time that nobody lives in.
    #[must_use]
    pub fn time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.timestamp) * 1_000_000).ok()
    }
}

/// Why a payload cannot be read. Holds where, never what: log lines are not for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not an event that the function takes.
    #[error(
        "the function does not take this payload: it has no string `awslogs.data`, no `Records` of Kinesis or SQS, no `test` and no `access_summary`"
    )]
    NotAnEvent,
    /// A message in the retry queue that Lambda did not put there.
    #[error(
        "the message of the queue is no failure record of Lambda: it has neither a string `requestPayload.awslogs.data` nor `requestPayload.access_summary`"
    )]
    NotAFailureRecord,
    /// `awslogs.data` is not base64.
    #[error("awslogs.data is not base64: byte {offset}")]
    Base64 {
        /// First byte that cannot be right.
        offset: usize,
    },
    /// The base64 holds no gzip, or damaged gzip: header, data or check sum.
    #[error("awslogs.data is not gzip, or is damaged")]
    GzipDamaged,
    /// The gzip ends too early.
    #[error("awslogs.data is cut off after {length} bytes of compressed data")]
    GzipCutOff {
        /// Compressed bytes that there are.
        length: usize,
    },
    /// More than [`MAX_JSON`].
    #[error("awslogs.data inflates to more than {MAX_JSON} bytes")]
    TooLarge,
    /// The inflated text is not the JSON of a subscription.
    #[error("awslogs.data is not a subscription's JSON: {fault} at line {line}, column {column}")]
    Json {
        /// What is wrong, in `serde_json`'s own classes.
        fault: &'static str,
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
    },
}

/// Reads the base64 of a payload; `None` is a `CONTROL_MESSAGE`, by which CloudWatch checks that somebody listens.
///
/// # Errors
/// When the payload is not one of CloudWatch Logs, or is damaged, or is too large.
pub fn decode(data: &str) -> Result<Option<LogBatch>, DecodeError> {
    let gzip = BASE64
        .decode(data)
        .map_err(|error| base64_fault(&error, data))?;
    let json = inflate(&gzip)?;
    drop(gzip); // before the text needs as much again
    json::read(&json)
}

/// CloudWatch pads; `aws_lambda_events` does not when it writes an event.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn base64_fault(error: &base64::DecodeError, data: &str) -> DecodeError {
    let offset = match *error {
        base64::DecodeError::InvalidByte(offset, _)
        | base64::DecodeError::InvalidLastSymbol(offset, _) => offset,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => data.len(),
    };
    DecodeError::Base64 { offset }
}

/// RFC 1952: a file of one member or more. As gzip(1) does, what follows them is ignored.
fn inflate(gzip: &[u8]) -> Result<Vec<u8>, DecodeError> {
    const MAGIC: [u8; 2] = [0x1f, 0x8b];
    let mut json = Vec::with_capacity(stated_size(gzip).min(MAX_JSON));
    let mut rest = inflate_member(gzip, gzip, &mut json)?;
    while rest.starts_with(&MAGIC) {
        rest = inflate_member(gzip, rest, &mut json)?;
    }
    Ok(json)
}

/// The last four bytes: the size of the last member, modulo 2^32. One byte more lets zlib see
/// the end of the data in the same call. A claim only: nothing but speed depends on it.
fn stated_size(gzip: &[u8]) -> usize {
    gzip.last_chunk()
        .map_or(0, |size| u32::from_le_bytes(*size) as usize)
        .saturating_add(1)
}

fn inflate_member<'a>(
    gzip: &[u8],
    member: &'a [u8],
    json: &mut Vec<u8>,
) -> Result<&'a [u8], DecodeError> {
    let mut inflater = Decompress::new_gzip(15);
    loop {
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let rest = member.get(read..).unwrap_or_default();
        let written = json.len();
        let status = inflater
            .decompress_vec(rest, json, FlushDecompress::Finish)
            .map_err(|_| DecodeError::GzipDamaged)?;
        if json.len() > MAX_JSON {
            return Err(DecodeError::TooLarge);
        }
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        match status {
            Status::StreamEnd => return Ok(member.get(read..).unwrap_or_default()),
            _ if json.len() == json.capacity() => grow(json)?,
            _ if json.len() == written => {
                return Err(DecodeError::GzipCutOff { length: gzip.len() });
            }
            _ => {}
        }
    }
}

/// Doubles the buffer, up to one byte past the limit.
fn grow(json: &mut Vec<u8>) -> Result<(), DecodeError> {
    let more = json
        .len()
        .max(64 << 10)
        .min((MAX_JSON + 1).saturating_sub(json.len()));
    if more == 0 {
        return Err(DecodeError::TooLarge);
    }
    json.reserve_exact(more);
    Ok(())
}
