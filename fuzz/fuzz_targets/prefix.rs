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
            let _ = read(line, &prefix, &mut Announced::default().text_of(""));
        }
        Err(PrefixError::UnknownEscape(letter, at)) => {
            assert!(
                setting[at..].starts_with(letter),
                "byte {at} of {setting:?}"
            );
        }
        Err(PrefixError::LoneEscape) => assert!(setting.contains('%')),
        Err(PrefixError::SideBySide(first, second)) => {
            assert!(
                setting.contains(first) && setting.contains(second),
                "{setting:?}"
            );
        }
        Err(PrefixError::NoStart(letter)) => assert!(setting.contains(letter), "{setting:?}"),
    }
});
