//! Bytes become text as they come.

use std::str::Utf8Error;

/// Text of bytes that come in pieces, cut anywhere. What is not UTF-8 becomes U+FFFD, as in
/// CloudWatch Logs.
#[derive(Debug, Default)]
pub(in crate::cli) struct Lossy {
    /// What has come so far, but for a character whose end is still to come.
    pub(in crate::cli) text: String,
    /// That character.
    cut: Vec<u8>,
}

impl Lossy {
    pub(in crate::cli) fn push(&mut self, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.cut);
        if joined.is_empty() {
            self.cut = push(&mut self.text, bytes).to_vec();
        } else {
            joined.extend_from_slice(bytes);
            self.cut = push(&mut self.text, &joined).to_vec();
        }
    }

    /// Nothing more comes.
    pub(in crate::cli) fn finish(&mut self) {
        if !self.cut.is_empty() {
            self.cut.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Gives back the bytes of a character that is cut at the end.
fn push<'b>(text: &mut String, mut bytes: &'b [u8]) -> &'b [u8] {
    while let Err(error) = push_valid(text, bytes) {
        let (_, wrong) = bytes.split_at(error.valid_up_to());
        let Some(length) = error.error_len() else {
            return wrong;
        };
        text.push(char::REPLACEMENT_CHARACTER);
        bytes = wrong.get(length..).unwrap_or_default();
    }
    &[]
}

/// As far as `bytes` are text: a check of everything at once, which takes a tenth of the time of a
/// look at each character.
fn push_valid(text: &mut String, bytes: &[u8]) -> Result<(), Utf8Error> {
    let checked = std::str::from_utf8(bytes);
    let valid = match checked {
        Ok(valid) => valid,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    text.push_str(valid);
    checked.map(drop)
}
