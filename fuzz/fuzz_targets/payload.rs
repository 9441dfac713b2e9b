//! What Lambda hands over. The first byte of the input chooses how deep the rest goes: as JSON of
//! the invocation, as base64, as gzip, or as the JSON inside.

#![no_main]

use std::io::Write as _;

use aurora_connection_audit::cloudwatch::{LogBatch, MAX_JSON, decode};
use aurora_connection_audit::source;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [depth, data @ ..] = data else {
        return;
    };
    let decoded = match depth % 4 {
        0 => {
            let event = std::str::from_utf8(data).map(source::read);
            // What is wrong is told without quoting any of it.
            if let Ok(Err(error)) = event {
                assert!(error.to_string().len() < 200);
            }
            return;
        }
        1 => match std::str::from_utf8(data) {
            Ok(data) => decode(data),
            Err(_) => return,
        },
        2 => decode(&BASE64_STANDARD.encode(data)),
        _ => decode(&BASE64_STANDARD.encode(gzip(data))),
    };
    match decoded {
        Ok(Some(batch)) => check(&batch),
        Ok(None) => {}
        Err(error) => assert!(error.to_string().len() < 200),
    }
});

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data).unwrap();
    gzip.finish().unwrap()
}

/// The messages stand one after the other, each ended by a line feed.
fn check(batch: &LogBatch) {
    assert!(batch.text.len() <= MAX_JSON);
    let mut end = 0;
    for event in &batch.events {
        assert!(event.start == 0 || event.start > end, "an empty message");
        assert!(event.start == 0 || batch.text.as_bytes()[event.start - 1] == b'\n');
        assert_eq!(batch.event_at(event.start), Some(event));
        end = event.start;
    }
    assert_eq!(batch.events.is_empty(), batch.text.is_empty());
    assert!(batch.text.is_empty() || batch.text.ends_with('\n'));
}
