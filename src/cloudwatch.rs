//! A CloudWatch Logs subscription payload becomes a [`LogBatch`].
//!
//! ```text
//! {"awslogs": {"data": "H4sIA…"}}  ──base64──▶  gzip  ──inflate──▶  JSON  ──▶  LogBatch
//! ```
//!
//! Limits: the JSON may hold [`MAX_JSON`] bytes.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The JSON of one payload may not be longer than this when inflated: 32 MiB.
///
/// Lambda accepts 1 MB of payload, which is 786 432 bytes of gzip, and deflate can swell by
/// 1032: unlimited, one payload could ask for 811 MB. CloudWatch takes log events in batches of at
/// most 1 MiB and 10 000 events; with every byte escaped (`\u0001`, six for one) and ids and
/// braces added, that is 8 MiB of JSON. Log text packs 5 to 20 times, so a full payload can carry
/// 16 MiB. Twice that leaves room, and what is inflated and the text taken from it still fit the
/// smallest Lambda, of 128 MB.
pub const MAX_JSON: usize = 32 << 20;

/// What Lambda hands to the function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum SubscriptionPayload {
    /// From a CloudWatch Logs subscription filter.
    Logs {
        /// `awslogs`.
        awslogs: AwsLogs,
    },
    /// Any other JSON. It is refused by [`decode`], not by serde, whose error would quote it.
    Other(IgnoredAny),
}

/// The only member of a subscription payload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AwsLogs {
    /// Base64 of gzip of JSON.
    pub data: String,
}

/// The log events of one log stream, as CloudWatch Logs delivered them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    /// `/aws/rds/cluster/<id>/postgresql` or `/aws/rds/instance/<id>/postgresql`.
    pub log_group: String,
    /// `<instance>.<n>`.
    pub log_stream: String,
    /// The messages one after the other, each ended by a line feed.
    pub text: String,
    /// In the order of delivery; at least one log line each.
    pub events: Vec<LogEvent>,
}

/// One log event: a time stamp, an id, and its part of [`LogBatch::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Unique in the log group; the same when CloudWatch delivers the event again.
    pub id: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Byte offset of its message in [`LogBatch::text`].
    pub start: usize,
}

impl LogBatch {
    /// The log event that the byte at `offset` belongs to.
    #[must_use]
    pub fn event_at(&self, offset: usize) -> Option<&LogEvent> {
        let after = self.events.partition_point(|event| event.start <= offset);
        self.events.get(after.checked_sub(1)?)
    }

    /// Appends a log event. Its message gets the line feed that it lacks.
    pub fn push(&mut self, id: String, timestamp: i64, message: &str) {
        let start = self.text.len();
        self.text.push_str(message);
        self.finish(id, timestamp, start);
    }

    fn finish(&mut self, id: String, timestamp: i64, start: usize) {
        if self.text.len() == start || !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.events.push(LogEvent {
            id,
            timestamp,
            start,
        });
    }
}

/// Why a payload cannot be read. Holds where, never what: log lines are not for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Something else than a subscription filter called the function.
    #[error("the payload is not a CloudWatch Logs subscription's: it has no string `awslogs.data`")]
    NotASubscription,
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

/// Reads a payload; `None` is a `CONTROL_MESSAGE`, by which CloudWatch checks that somebody listens.
///
/// # Errors
/// When the payload is not one of CloudWatch Logs, or is damaged, or is too large.
pub fn decode(payload: &SubscriptionPayload) -> Result<Option<LogBatch>, DecodeError> {
    let SubscriptionPayload::Logs { awslogs } = payload else {
        return Err(DecodeError::NotASubscription);
    };
    let gzip = BASE64
        .decode(&awslogs.data)
        .map_err(|error| base64_fault(&error, &awslogs.data))?;
    let json = inflate(&gzip)?;
    read(&json)
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

fn read(json: &[u8]) -> Result<Option<LogBatch>, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    // A message is no longer than its JSON: the text is allocated once.
    let batch = LogBatch {
        text: String::with_capacity(json.len()),
        ..LogBatch::default()
    };
    let batch = BatchSeed(batch)
        .deserialize(&mut deserializer)
        .and_then(|batch| deserializer.end().map(|()| batch));
    batch.map_err(|error| json_fault(&error))
}

fn json_fault(error: &serde_json::Error) -> DecodeError {
    use serde_json::error::Category;
    let fault = match error.classify() {
        Category::Syntax | Category::Io => "syntax error",
        Category::Eof => "unexpected end",
        Category::Data => "missing member or unexpected type",
    };
    DecodeError::Json {
        fault,
        line: error.line(),
        column: error.column(),
    }
}

/// `{"messageType", "owner", "logGroup", "logStream", "subscriptionFilters", "logEvents"}`.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum BatchKey {
    MessageType,
    LogGroup,
    LogStream,
    LogEvents,
    #[serde(other)]
    Other,
}

/// `{"id", "timestamp", "message"}`.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EventKey {
    Id,
    Timestamp,
    Message,
    #[serde(other)]
    Other,
}

struct BatchSeed(LogBatch);

impl<'de> DeserializeSeed<'de> for BatchSeed {
    type Value = Option<LogBatch>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BatchSeed {
    type Value = Option<LogBatch>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a subscription's JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(mut batch) = self;
        let mut message_type = None;
        while let Some(key) = map.next_key()? {
            match key {
                BatchKey::MessageType => message_type = Some(map.next_value::<String>()?),
                BatchKey::LogGroup => batch.log_group = map.next_value()?,
                BatchKey::LogStream => batch.log_stream = map.next_value()?,
                BatchKey::LogEvents => map.next_value_seed(EventsSeed(&mut batch))?,
                BatchKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match message_type.as_deref() {
            Some("CONTROL_MESSAGE") => Ok(None),
            Some(_) => Ok(Some(batch)),
            None => Err(serde::de::Error::missing_field("messageType")),
        }
    }
}

/// `[{"id", "timestamp", "message"}, …]`, appended to the batch one by one.
struct EventsSeed<'b>(&'b mut LogBatch);

impl<'de> DeserializeSeed<'de> for EventsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EventsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while events.next_element_seed(EventSeed(self.0))?.is_some() {}
        Ok(())
    }
}

struct EventSeed<'b>(&'b mut LogBatch);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a log event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(batch) = self;
        let start = batch.text.len();
        let (mut id, mut timestamp, mut message) = (None, 0, None);
        while let Some(key) = map.next_key()? {
            match key {
                EventKey::Id => id = Some(map.next_value()?),
                EventKey::Timestamp => timestamp = map.next_value()?,
                EventKey::Message => {
                    message = Some(map.next_value_seed(MessageSeed(&mut batch.text))?);
                }
                EventKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        message.ok_or_else(|| serde::de::Error::missing_field("message"))?;
        let id = id.ok_or_else(|| serde::de::Error::missing_field("id"))?;
        batch.finish(id, timestamp, start);
        Ok(())
    }
}

/// A message goes straight into the batch's text.
///
/// It is asked for as bytes because `serde_json` then accepts `"\ud800"`, half a surrogate pair:
/// a client can have such bytes in a name, and the other events of the batch must not be lost.
struct MessageSeed<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_bytes<E: serde::de::Error>(self, message: &[u8]) -> Result<(), E> {
        match std::str::from_utf8(message) {
            Ok(message) => self.0.push_str(message),
            Err(_) => self.0.push_str(&String::from_utf8_lossy(message)),
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, message: &str) -> Result<(), E> {
        self.0.push_str(message);
        Ok(())
    }
}
