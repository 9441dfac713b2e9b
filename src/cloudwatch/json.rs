//! The JSON of a subscription, read straight into a batch: no message is copied twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{DecodeError, LogBatch};

/// `None` is a `CONTROL_MESSAGE`.
pub(super) fn read(json: &[u8]) -> Result<Option<LogBatch>, DecodeError> {
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
    Owner,
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
                BatchKey::Owner => batch.owner = map.next_value()?,
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
        let (start, id_start) = (batch.text.len(), batch.ids.len());
        let (mut id, mut timestamp, mut message) = (None, 0, None);
        while let Some(key) = map.next_key()? {
            match key {
                EventKey::Id => id = Some(map.next_value_seed(TextSeed(&mut batch.ids))?),
                EventKey::Timestamp => timestamp = map.next_value()?,
                EventKey::Message => {
                    message = Some(map.next_value_seed(TextSeed(&mut batch.text))?);
                }
                EventKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        message.ok_or_else(|| serde::de::Error::missing_field("message"))?;
        id.ok_or_else(|| serde::de::Error::missing_field("id"))?;
        batch.finish(timestamp, start, id_start..batch.ids.len());
        Ok(())
    }
}

/// A message goes straight into the batch's text, an id among its ids.
///
/// A string is asked for as bytes because `serde_json` then accepts `"\ud800"`, half a surrogate pair:
/// a client can have such bytes in a name, and the other events of the batch must not be lost.
struct TextSeed<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for TextSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: serde::de::Error>(self, text: &[u8]) -> Result<(), E> {
        match std::str::from_utf8(text) {
            Ok(text) => self.0.push_str(text),
            Err(_) => self.0.push_str(&String::from_utf8_lossy(text)),
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}
