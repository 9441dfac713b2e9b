//! How long a user or database name can be.

use memchr::memmem;

/// PostgreSQL cuts names to `NAMEDATALEN - 1` bytes (`ProcessStartupPacket`). 17.0 to 17.2 do not.
pub(super) const LONGEST_NAME: usize = 63;

/// Is this no longer than a name can be?
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME || longest_name(text) == text.len()
}

/// How many bytes of a text a byte of a name takes up at most.
pub(super) const WIDEST: usize = char::REPLACEMENT_CHARACTER.len_utf8();

/// How many bytes of `text` a byte of a name takes up at most: one that is not UTF-8 has become
/// U+FFFD.
pub(super) fn widest(text: &str) -> usize {
    let has_replacements = memmem::find(text.as_bytes(), "\u{fffd}".as_bytes()).is_some();
    if has_replacements { WIDEST } else { 1 }
}

/// How many bytes of `text` a name can take up. A byte that is not UTF-8 stands here as U+FFFD.
pub(super) fn longest_name(text: &str) -> usize {
    let mut length = 0;
    let ends = text.char_indices().map_while(|(at, character)| {
        length += match character {
            char::REPLACEMENT_CHARACTER => 1,
            other => other.len_utf8(),
        };
        (length <= LONGEST_NAME).then(|| at + character.len_utf8())
    });
    ends.last().unwrap_or(0)
}
