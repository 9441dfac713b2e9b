//! Bytes become text as they come.

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
fn push<'b>(text: &mut String, bytes: &'b [u8]) -> &'b [u8] {
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let wrong = chunk.invalid();
        let is_cut = chunks.peek().is_none()
            && std::str::from_utf8(wrong).is_err_and(|error| error.error_len().is_none());
        if is_cut {
            return wrong;
        }
        if !wrong.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    &[]
}
