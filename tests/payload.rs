//! What CloudWatch Logs can hand over, and what it should not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

use std::io::Write;

use aurora_connection_audit::cloudwatch::{DecodeError, LogBatch, LogEvent, MAX_JSON, decode};
use aurora_connection_audit::source;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn decode_data(data: impl AsRef<str>) -> Result<Option<LogBatch>, DecodeError> {
    decode(data.as_ref())
}

fn decode_gzip(gzip: &[u8]) -> Result<Option<LogBatch>, DecodeError> {
    decode_data(STANDARD.encode(gzip))
}

fn decode_json(json: &str) -> Result<Option<LogBatch>, DecodeError> {
    decode_gzip(&gzip(json.as_bytes()))
}

/// A batch of which the messages are these, as they stand in JSON.
fn json(messages: &[&str]) -> String {
    let events: Vec<_> = messages
        .iter()
        .zip(0..)
        .map(|(message, id)| format!(r#"{{"id":"{id}","timestamp":{id},"message":"{message}"}}"#))
        .collect();
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{}]}}"#,
        events.join(",")
    )
}

#[track_caller]
fn assert_text(messages: &[&str], expected: &str) {
    assert_eq!(
        decode_json(&json(messages)).unwrap().unwrap().text,
        expected
    );
}

#[test]
fn messages_become_one_text() {
    let batch = decode_json(&json(&["one", "two\\n", "", "\\n"]))
        .unwrap()
        .unwrap();
    let event = |number: u8, start| LogEvent {
        timestamp: number.into(),
        start,
        id: number.into()..usize::from(number) + 1,
    };
    assert_eq!(
        batch,
        LogBatch {
            owner: Some("1".to_owned()),
            log_group: "g".to_owned(),
            log_stream: "s".to_owned(),
            text: "one\ntwo\n\n\n".to_owned(),
            ids: "0123".to_owned(),
            events: vec![event(0, 0), event(1, 4), event(2, 8), event(3, 9)],
        }
    );
    assert_eq!(batch.id(batch.event_at(5).unwrap()), "1");
    assert_eq!(batch.id(batch.event_at(8).unwrap()), "2");
}

#[test]
fn a_log_event_that_comes_twice_in_a_row_is_one() {
    let json = json(&["a", "b"]);
    let (start, event) = json.split_once(r#""logEvents":["#).unwrap();
    let first = &event[..=event.find('}').unwrap()];
    let twice = format!(r#"{start}"logEvents":[{first},{event}"#);
    let batch = decode_json(&twice).unwrap().unwrap();
    assert_eq!((batch.text.as_str(), batch.events.len()), ("a\nb\n", 2));
    // The same words under another id, and other words under the same, are events of their own.
    let other_id = first.replacen("\"id\":\"", "\"id\":\"other", 1);
    let other_text = first.replace(r#""a""#, r#""c""#);
    let json = format!(r#"{start}"logEvents":[{other_id},{first},{other_text},{event}"#);
    let batch = decode_json(&json).unwrap().unwrap();
    assert_eq!(batch.text, "a\na\nc\na\nb\n");
}

#[test]
fn every_character_is_kept() {
    assert_text(&[r#"\"\\\/\u0000\t\u001f\r"#], "\"\\/\0\t\u{1f}\r\n");
    assert_text(&["日本語 \\ud83d\\ude00"], "日本語 😀\n");
}

#[test]
fn half_a_surrogate_pair_does_not_lose_the_batch() {
    let batch = decode_json(&json(&["a\\ud800b", "c"])).unwrap().unwrap();
    assert!(batch.text.starts_with("a\u{fffd}"), "{:?}", batch.text);
    assert!(batch.text.ends_with("b\nc\n"), "{:?}", batch.text);
}

#[test]
fn members_in_any_order_and_unknown_ones() {
    let json = r#"{"new":{"a":[1]},"logEvents":[{"message":"m","extractedFields":{"a":"b"},"timestamp":7,"id":"i"}],"logGroup":"g","messageType":"DATA_MESSAGE"}"#;
    let batch = decode_json(json).unwrap().unwrap();
    assert_eq!((batch.text.as_str(), batch.events.len()), ("m\n", 1));
}

#[test]
fn base64_with_and_without_padding() {
    for length in 0..3 {
        let gzip = gzip(json(&["m".repeat(length).as_str()]).as_bytes());
        assert_eq!(
            decode_data(STANDARD.encode(&gzip)),
            decode_data(STANDARD_NO_PAD.encode(&gzip))
        );
    }
}

#[test]
fn gzip_of_several_members_and_with_something_behind() {
    let json = json(&["one", "two"]);
    let (first, second) = json.split_at(50);
    let two = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    assert_eq!(decode_gzip(&two), decode_json(&json));
    for behind in [&b"\0\0\0\0"[..], b"garbage"] {
        let gzip = [&gzip(json.as_bytes()), behind].concat();
        assert_eq!(decode_gzip(&gzip), decode_json(&json));
    }
}

#[test]
fn a_wrong_size_in_the_trailer_is_found_and_asks_for_no_memory() {
    let mut gzip = gzip(json(&["one"]).as_bytes());
    let end = gzip.len();
    gzip[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode_gzip(&gzip), Err(DecodeError::GzipDamaged));
}

#[test]
fn the_limit_is_exact() {
    let frame = json(&[""]).len();
    let message = "m".repeat(MAX_JSON - frame);
    let full = json(&[&message]);
    assert_eq!(full.len(), MAX_JSON);
    assert_eq!(
        decode_json(&full).unwrap().unwrap().text.len(),
        message.len() + 1
    );
    assert_eq!(decode_json(&(full + " ")), Err(DecodeError::TooLarge));
}

#[track_caller]
fn assert_json_fault(json: &str, fault: &'static str, column: usize) {
    assert_eq!(
        decode_json(json),
        Err(DecodeError::Json {
            fault,
            line: 1,
            column
        })
    );
}

#[test]
fn json_faults_say_where_and_not_what() {
    assert_json_fault("", "unexpected end", 0);
    assert_json_fault("[]", "missing member or unexpected type", 0);
    assert_json_fault("{}", "missing member or unexpected type", 2);
    assert_json_fault(
        r#"{"messageType":1}"#,
        "missing member or unexpected type",
        16,
    );
    assert_json_fault(
        r#"{"logEvents":[{"id":"i"}]}"#,
        "missing member or unexpected type",
        24,
    );
    assert_json_fault("{} {}", "missing member or unexpected type", 2);
    let secret = decode_json(r#"{"messageType":"DATA_MESSAGE","logEvents":"hunter2"}"#);
    assert!(!secret.unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn a_payload_of_another_service_is_not_quoted() {
    for json in [
        "{}",
        "[1]",
        "7",
        r#"{"awslogs":{}}"#,
        r#"{"awslogs":{"data":7}}"#,
    ] {
        assert_eq!(source::read(json), Err(DecodeError::NotAnEvent), "{json}");
    }
}

proptest! {
    #[test]
    fn a_cut_payload_is_never_read(at in 0_usize..200) {
        let gzip = gzip(json(&["one", "two"]).as_bytes());
        let cut = gzip.get(..at.min(gzip.len() - 1)).unwrap();
        prop_assert!(decode_gzip(cut).is_err());
    }

    #[test]
    fn a_flipped_bit_is_found_or_means_nothing(at in 10_usize..200, bit in 0_u8..8) {
        let mut gzip = gzip(json(&["one", "two"]).as_bytes());
        let whole = decode_gzip(&gzip);
        let at = at.min(gzip.len() - 1);
        gzip[at] ^= 1_u8 << bit;
        let flipped = decode_gzip(&gzip);
        prop_assert!(flipped.is_err() || flipped == whole);
    }

    #[test]
    fn any_messages_come_back(messages in prop::collection::vec(".*", 0..8)) {
        let escaped: Vec<_> = messages
            .iter()
            .map(|message| serde_json::to_string(message).unwrap())
            .map(|quoted| quoted[1..quoted.len() - 1].to_owned())
            .collect();
        let escaped: Vec<_> = escaped.iter().map(String::as_str).collect();
        let expected: String = messages
            .iter()
            .map(|message| message.strip_suffix('\n').unwrap_or(message).to_owned() + "\n")
            .collect();
        prop_assert_eq!(decode_json(&json(&escaped)).unwrap().unwrap().text, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_gzip(&bytes);
        let _ = decode_gzip(&gzip(&bytes));
    }
}
