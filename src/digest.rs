//! Hashes that are the same in every process, for what processes share.

use sha2::{Digest as _, Sha256};

/// Changed when what is hashed changes: what was written before is then forgotten.
const VERSION: u8 = 1;

/// SHA-256 of fields, each behind its length: nobody can move a byte from one field to the next.
#[must_use]
pub fn digest(fields: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([VERSION]);
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// The first eight bytes of [`digest`], for what is forgotten within the hour.
#[must_use]
pub fn short(fields: &[&str]) -> u64 {
    let digest = digest(fields);
    digest
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
        assert_eq!(short(&["a", "b"]), short(&["a", "b"]));
    }
}
