//! The JSON of AWS's command line: `aws logs filter-log-events` and `get-log-events`
//! (`{"events": [{"message", "logStreamName", …}, …]}`), and
//! `aws rds download-db-log-file-portion` (`{"LogFileData": "…"}`).
//!
//! Log events are handed on one by one, and `LogFileData` in pieces. Several objects may follow one
//! another: the pages of a long log.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Broken, Failure, Take};

/// Is it JSON, as far as it goes? A log can begin with a line that is, be it one that a client wrote: then
/// what stands behind it is none, and the log is a plain one.
pub(super) fn is_json(head: &[u8]) -> bool {
    let mut objects = serde_json::Deserializer::from_slice(head).into_iter::<Map<String, Value>>();
    head.trim_ascii_start().starts_with(b"{")
        && objects.all(|object| object.map_or_else(|error| error.is_eof(), |_| true))
}

pub(super) fn read(head: &[u8], mut log: impl BufRead, take: &mut Take<'_>) -> Result<(), Broken> {
    let Some(start) = log_file_data(head) else {
        return read_objects(log, take);
    };
    skip(&mut log, start)?;
    read_log_file_data(&mut log, take)?;
    // A marker, whether there is more, and other portions.
    read_objects(br#"{"LogFileData":"""#.chain(log), take)
}

fn read_objects(log: impl Read, take: &mut Take<'_>) -> Result<(), Broken> {
    let mut object = Object {
        taker: Taker {
            take,
            failure: None,
        },
        is_known: false,
    };
    let mut json = serde_json::Deserializer::from_reader(log);
    loop {
        let result = (&mut object).deserialize(&mut json);
        if let Some(failure) = object.taker.failure.take() {
            return Err(Broken::Taker(failure));
        }
        result.map_err(|error| invalid(&error.to_string()))?;
        if json.end().is_ok() {
            break;
        }
    }
    if object.is_known {
        Ok(())
    } else {
        Err(invalid("it has neither `events` nor `LogFileData`"))
    }
}

fn invalid(problem: &str) -> Broken {
    const EXPECTED: &str = "not the JSON of `aws logs filter-log-events` or `aws rds \
                            download-db-log-file-portion`";
    let text = format!("{EXPECTED}: {problem}");
    Broken::Log(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// Where the string of `LogFileData` begins, if that is the first member.
fn log_file_data(head: &[u8]) -> Option<usize> {
    let mut rest = head;
    for token in [b"{".as_slice(), b"\"LogFileData\"", b":", b"\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    Some(head.len() - rest.len())
}

fn skip(log: &mut impl Read, length: usize) -> io::Result<()> {
    io::copy(&mut log.take(length as u64), &mut io::sink()).map(drop)
}

/// As far as the quote that ends the string.
fn read_log_file_data(log: &mut impl BufRead, take: &mut Take<'_>) -> Result<(), Broken> {
    /// Bytes of an escaped pair of surrogates, and more.
    const ENOUGH: usize = 64 << 10;
    let mut escaped = Vec::with_capacity(ENOUGH);
    let mut is_escape = false;
    loop {
        let buffer = log.fill_buf()?;
        if buffer.is_empty() {
            return Err(invalid("it breaks off inside `LogFileData`"));
        }
        let mut length = 0;
        let mut is_end = false;
        for byte in buffer {
            length += 1;
            is_end = *byte == b'"' && !is_escape;
            if is_end {
                break;
            }
            // Behind `\n`: no character is cut there.
            let is_feed = is_escape && *byte == b'n';
            is_escape = *byte == b'\\' && !is_escape;
            escaped.push(*byte);
            if is_feed && escaped.len() >= ENOUGH {
                break;
            }
        }
        log.consume(length);
        let is_piece = escaped.len() >= ENOUGH && escaped.ends_with(b"\\n") && !is_escape;
        if is_end || is_piece {
            hand_on(&escaped, take)?;
            escaped.clear();
        }
        if is_end {
            return Ok(());
        }
    }
}

fn hand_on(escaped: &[u8], take: &mut Take<'_>) -> Result<(), Broken> {
    let string = [b"\"", escaped, b"\""].concat();
    let text: String =
        serde_json::from_slice(&string).map_err(|error| invalid(&error.to_string()))?;
    take("", text.as_bytes()).map_err(Broken::Taker)
}

/// Hands on, and keeps what went wrong: serde's errors hold text alone.
struct Taker<'t, 'f> {
    take: &'t mut Take<'f>,
    failure: Option<Failure>,
}

impl Taker<'_, '_> {
    fn take<E: Error>(&mut self, stream: &str, text: &str) -> Result<(), E> {
        (self.take)(stream, text.as_bytes()).map_err(|failure| {
            self.failure = Some(failure);
            E::custom("not taken")
        })
    }
}

struct Object<'t, 'f> {
    taker: Taker<'t, 'f>,
    /// Has one of the objects a member that is a log?
    is_known: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "events")]
    Events,
    LogFileData,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for &mut Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key()? {
            self.is_known |= !matches!(key, Key::Other);
            match key {
                Key::Events => map.next_value_seed(Events(&mut self.taker))?,
                Key::LogFileData => self.taker.take("", &map.next_value::<String>()?)?,
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// `[{"message", "logStreamName", …}, …]`
struct Events<'e, 't, 'f>(&'e mut Taker<'t, 'f>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    message: String,
    #[serde(default)]
    log_stream_name: String,
}

impl<'de> DeserializeSeed<'de> for Events<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(mut event) = events.next_element::<Event>()? {
            if !event.message.ends_with('\n') {
                event.message.push('\n');
            }
            self.0.take(&event.log_stream_name, &event.message)?;
        }
        Ok(())
    }
}
