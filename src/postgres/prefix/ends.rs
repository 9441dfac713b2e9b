//! Where a field of a prefix can end.

use std::ops::Range;

use memchr::{Memchr, memchr_iter};

use super::field::begins;
use super::items::Item;

/// Where a search goes on: at a byte, with an item.
pub(super) type Behind = (usize, usize);

/// Where a field can end.
pub(super) struct End {
    pub(super) at: usize,
    /// Behind the literal that follows.
    pub(super) behind: Behind,
}

/// The places where a field can end: where the literal behind it stands; without a literal, every
/// place.
pub(super) enum Ends<'a, 'p> {
    Literal {
        found: Memchr<'a>,
        text: &'a [u8],
        from: usize,
        literal: &'p [u8],
        next: usize,
    },
    Every {
        places: Range<usize>,
        next: usize,
    },
}

impl<'a, 'p> Ends<'a, 'p> {
    /// The places between `from` and `last` of the field before the item `next`.
    pub(super) fn new(
        text: &'a [u8],
        from: usize,
        last: usize,
        items: &'p [Item],
        next: usize,
    ) -> Self {
        let Some(Item::Literal(literal)) = items.get(next) else {
            return Ends::Every {
                places: from..last.min(text.len()) + 1,
                next,
            };
        };
        let (offset, rarest) = literal.rarest;
        let end = (last + offset + 1).min(text.len());
        let window = text.get(from + offset..end).unwrap_or_default();
        Ends::Literal {
            found: memchr_iter(rarest, window),
            text,
            from,
            literal: literal.text.as_bytes(),
            next: next + 1,
        }
    }
}

impl Iterator for Ends<'_, '_> {
    type Item = End;

    fn next(&mut self) -> Option<End> {
        match self {
            Ends::Literal {
                found,
                text,
                from,
                literal,
                next,
            } => loop {
                let at = *from + found.next()?;
                if begins(text.get(at..)?, literal) {
                    let behind = (at + literal.len(), *next);
                    return Some(End { at, behind });
                }
            },
            Ends::Every { places, next } => {
                let at = places.next()?;
                let behind = (at, *next);
                Some(End { at, behind })
            }
        }
    }
}
