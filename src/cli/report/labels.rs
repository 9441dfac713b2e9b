//! The few words that a column holds, each a bit.

/// What is one too many shares the last bit.
#[derive(Debug, Default)]
pub(super) struct Labels(Vec<String>);

impl Labels {
    /// The bit of `label`; none is 0.
    pub(super) fn bit(&mut self, label: Option<&str>) -> u32 {
        const LAST: usize = 31;
        let Some(label) = label else {
            return 0;
        };
        let known = self.0.iter().position(|known| known == label);
        let at = known.unwrap_or_else(|| {
            if self.0.len() <= LAST {
                let is_last = self.0.len() == LAST;
                self.0
                    .push(if is_last { "others" } else { label }.to_owned());
            }
            self.0.len() - 1
        });
        1 << at
    }

    pub(super) fn of(&self, bits: u32) -> Vec<&str> {
        let labels = self.0.iter().enumerate();
        let set = labels.filter(|(at, _)| bits & (1 << at) != 0);
        set.map(|(_, label)| label.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_too_many_shares_the_last_bit() {
        let mut labels = Labels::default();
        let bits: Vec<u32> = (0..40)
            .map(|label| labels.bit(Some(&label.to_string())))
            .collect();
        let of = |at: usize| labels.of(bits.get(at).copied().unwrap_or_default());
        assert_eq!(
            [of(0), of(30), of(31), of(39)],
            [["0"], ["30"], ["others"], ["others"]]
        );
        assert_eq!(labels.of(0b11), ["0", "1"]);
        assert_eq!(labels.bit(None), 0);
    }
}
