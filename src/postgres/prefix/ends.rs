//! Where a field of a prefix can end.

use memchr::memchr;

use super::field::begins;
use super::items::{Item, Literal};

/// Where a search goes on: at a byte, with an item.
pub(super) type Behind = (usize, usize);

/// Where a field can end.
pub(super) struct End {
    pub(super) at: usize,
    /// Behind the literal that follows.
    pub(super) behind: Behind,
}

/// The first place between `from` and `last` where the field before the item `next` can end: where
/// the literal behind it stands; without a literal, any place.
pub(super) fn end(
    text: &[u8],
    from: usize,
    last: usize,
    items: &[Item],
    next: usize,
) -> Option<End> {
    if let Some(Item::Literal(literal)) = items.get(next) {
        let at = find(text, from, last, literal)?;
        let behind = (at + literal.text.len(), next + 1);
        return Some(End { at, behind });
    }
    let behind = (from, next);
    (from <= last.min(text.len())).then_some(End { at: from, behind })
}

/// Where `literal` begins first in `text`, between `from` and `last`.
fn find(text: &[u8], mut from: usize, last: usize, literal: &Literal) -> Option<usize> {
    let (offset, rarest) = literal.rarest;
    let end = (last + offset + 1).min(text.len());
    loop {
        from += memchr(rarest, text.get(from + offset..end)?)?;
        if begins(text.get(from..)?, literal.text.as_bytes()) {
            return Some(from);
        }
        from += 1;
    }
}
