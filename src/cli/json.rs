//! JSON that a terminal shows as it is: what nobody can see, or moves what stands beside it, is escaped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::slack::mrkdwn::is_invisible;

/// Compact JSON.
struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_plain(fragment) {
            return out.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if is_invisible(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                write!(out, "{character}")?;
            }
        }
        Ok(())
    }
}

/// Is it of ASCII, and all of it to be seen? Without an early end it looks at many bytes at once.
fn is_plain(text: &str) -> bool {
    let visible = |byte| matches!(byte, b' '..=b'~');
    text.bytes().fold(true, |plain, byte| plain & visible(byte))
}

/// Writes `value`.
pub(super) fn write(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaped);
    Ok(value.serialize(&mut serializer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let name = "a\u{9b}31m\u{7f}\u{85}\u{202e}\u{2066}\u{2028}\u{e0001}日本 é";
        let mut out = Vec::new();
        write(&mut out, &name).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#""a\u009b31m\u007f\u0085\u202e\u2066\u2028\udb40\udc01日本 é""#
        );
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
