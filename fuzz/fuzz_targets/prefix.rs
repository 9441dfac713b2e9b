//! Any `log_line_prefix` setting, held against any line: the input is the setting, a line feed,
//! and the line.

#![no_main]

use aurora_connection_audit::postgres::{Announced, LogLinePrefix, PrefixError, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (setting, line) = text.split_once('\n').unwrap_or((&text, ""));
    match LogLinePrefix::compile(setting) {
        Ok(prefix) => {
            check_readings(&prefix, line);
            let _ = read(line, &prefix, &mut Announced::default());
        }
        Err(PrefixError::UnknownEscape(letter, at)) => {
            assert!(setting[at..].starts_with(letter), "byte {at} of {setting:?}");
        }
        Err(PrefixError::LoneEscape) => assert!(setting.contains('%')),
        Err(PrefixError::SideBySide(first, second)) => {
            assert!(setting.contains(first) && setting.contains(second), "{setting:?}");
        }
        Err(PrefixError::NoStart(letter)) => assert!(setting.contains(letter), "{setting:?}"),
    }
});

/// Each reading ends in a severity and a message, and takes its fields from the line.
fn check_readings(prefix: &LogLinePrefix, line: &str) {
    let Some(head) = prefix.head(line) else {
        return;
    };
    let mut readings = 0;
    prefix.readings(line, &head, 3, &mut |reading| {
        readings += 1;
        assert!(line.ends_with(reading.message));
        let fields = reading.prefix;
        for field in [
            fields.time,
            fields.remote,
            fields.host,
            fields.user,
            fields.database,
            fields.application_name,
            fields.sql_state,
        ] {
            assert!(line.contains(field.unwrap_or_default()));
        }
        true
    });
    assert!(readings <= 20_000, "{readings} readings");
}
