//! Names of channels, and what may be printed of what somebody configured.
//!
//! A webhook's URL is its password, and people put it in the wrong place: as a key of the secret, as
//! a channel of a rule, as a namespace. So nothing configured is printed unless it has the shape of
//! a name, and a URL, or the part of one behind its scheme, has a character that no name has.

use std::borrow::Cow;

/// The channel of what no rule sends elsewhere.
pub const DEFAULT_CHANNEL: &str = "default";

/// A longer name is not shown.
const LONGEST_NAME: usize = 80;

/// Printed instead of anything that does not look like a name.
const NOT_SHOWN: &str = "(a name that is not shown: it is too long, or has characters other than letters, digits, spaces and -_.#)";

/// The name if it looks like one, else words that say why it is not shown.
///
/// ```
/// use aurora_connection_audit::channel::shown;
///
/// assert_eq!(shown("db-security"), "db-security");
/// assert!(!shown("https://hooks.slack.com/services/T0/B0/x").contains("hooks"));
/// ```
#[must_use]
pub fn shown(name: &str) -> &str {
    if is_name(name) { name } else { NOT_SHOWN }
}

/// The name if it looks like one, else its number among the others, from 1, so that names that may
/// not be shown can still be told apart.
///
/// ```
/// use aurora_connection_audit::channel::label;
///
/// assert_eq!(label("db-security", 1), "db-security");
/// assert_eq!(label("https://hooks.slack.com/services/T0/B0/x", 2), "(channel 2)");
/// ```
#[must_use]
pub fn label(name: &str, number: usize) -> Cow<'_, str> {
    if is_name(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("(channel {number})"))
    }
}

/// At most 80 characters, each a letter or digit of any script, a space or one of `-_.#`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '#' | ' ');
    (1..=LONGEST_NAME).contains(&text.chars().count()) && text.chars().all(is_part)
}

/// Could it be a webhook's URL, or the part of one that matters? For values that may hold slashes
/// and are shown to people: names of clusters, a namespace of metrics.
#[must_use]
pub fn could_be_webhook(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["://", "%3a%2f", "hooks.", "/services/", "services/t"]
        .iter()
        .any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown() {
        for name in ["default", "db_security", "#audit", "監査", "on call 2.0"] {
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn no_part_of_a_webhook_is_a_name() {
        let webhook = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX";
        for start in [0, "https://".len(), "https://hooks.slack.com/".len()] {
            let part = webhook.get(start..).unwrap();
            assert_eq!(shown(part), NOT_SHOWN);
            assert!(could_be_webhook(part), "{part}");
        }
        assert_eq!(shown(""), NOT_SHOWN);
        assert_eq!(shown(&"x".repeat(81)), NOT_SHOWN);
        assert_eq!(shown("a\nb"), NOT_SHOWN);
    }

    #[test]
    fn names_that_have_slashes_are_no_webhooks() {
        for name in [
            "Audit/Connections",
            "orders (prod/eu)",
            "services",
            "webhooks",
        ] {
            assert!(!could_be_webhook(name), "{name}");
        }
    }
}
