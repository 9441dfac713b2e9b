//! Names, each held once: the rows hold their numbers.

use std::collections::HashMap;
use std::rc::Rc;

/// Names by numbers. 0 is a name that is not known.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Rc<str>, u32>,
    /// That of the number 1 comes first.
    texts: Vec<Rc<str>>,
}

impl Texts {
    /// `None` where the name has no number yet.
    pub(super) fn find(&self, text: Option<&str>) -> Option<u32> {
        text.map_or(Some(0), |text| self.numbers.get(text).copied())
    }

    /// Its number, be it new. Rows are counted in `u32`, too: there is always one left.
    pub(super) fn number(&mut self, text: Option<&str>) -> u32 {
        self.find(text).unwrap_or_else(|| {
            let text = Rc::from(text.unwrap_or_default());
            self.texts.push(Rc::clone(&text));
            let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
            self.numbers.insert(text, number);
            number
        })
    }

    pub(super) fn get(&self, number: u32) -> Option<&str> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.texts.get(at).map(|text| &**text)
    }

    /// Of each number, its place in the order of the names.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<(&str, usize)> = (1..)
            .zip(&self.texts)
            .map(|(at, text)| (&**text, at))
            .collect();
        order.sort_unstable();
        let mut ranks = vec![0; self.texts.len() + 1];
        for ((_, number), rank) in order.into_iter().zip(1..) {
            if let Some(place) = ranks.get_mut(number) {
                *place = rank;
            }
        }
        ranks
    }
}
