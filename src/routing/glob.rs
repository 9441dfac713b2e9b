//! Globs on whole names: `*` is any run of characters, `?` any one.

/// Does the whole of `name` match `pattern`?
///
/// Only the last `*` is ever tried again, so the time is at most the product of both lengths.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut name = name.chars();
    // After the last `*`: the rest of the pattern, and where the name is to be tried next.
    let mut retry = None;
    loop {
        let (expected, found) = (pattern.next(), name.clone().next());
        match (expected, found) {
            (Some('*'), _) => retry = Some((pattern.clone(), name.clone())),
            (None, None) => return true,
            (Some('?'), Some(_)) => {
                name.next();
            }
            (Some(expected), Some(found)) if expected == found => {
                name.next();
            }
            _ => {
                let Some((after_star, from)) = &mut retry else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                name = from.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_glob_matches_whole_names_only() {
        assert!(matches("app", "app"));
        assert!(!matches("app", "app2"));
        assert!(!matches("pp", "app"));
        assert!(!matches("app", "APP"));
        assert!(matches("app_?", "app_1"));
        assert!(!matches("app_?", "app_"));
        assert!(matches("*", ""));
        assert!(matches("", ""));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-b-b-"));
        assert!(matches("利用?", "利用者"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=name.len()).any(|at| naive(rest, &name[at..])),
            (['?', rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            ([c, rest @ ..], [d, tail @ ..]) => c == d && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", name in "[abc]{0,10}") {
            let expected = naive(
                &pattern.chars().collect::<Vec<_>>(),
                &name.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }
}
