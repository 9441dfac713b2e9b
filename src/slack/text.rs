//! Every word a person reads in Slack, in every language.
//!
//! A new language is one more variant of [`Language`] and one more [`Words`] table: the compiler
//! names what is missing from it.

mod en;
mod ja;

use std::time::Duration;

use self::en::EN;
use self::ja::JA;
use crate::findings::New;
use crate::sessions::Outcome;

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Language; 2] = [Language::Ja, Language::En];

    /// `ja` or `en`.
    #[must_use]
    pub fn named(code: &str) -> Option<Language> {
        Language::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// Its ISO 639 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Language::Ja => "ja",
            Language::En => "en",
        }
    }

    /// Its words.
    #[must_use]
    pub fn words(self) -> &'static Words {
        match self {
            Language::Ja => &JA,
            Language::En => &EN,
        }
    }
}

/// One value for each outcome.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the outcomes' own names")]
pub struct ByOutcome<T> {
    pub authorized: T,
    pub rejected: T,
    pub disconnected: T,
    pub probed: T,
    pub suspicious: T,
}

impl<T: Copy> ByOutcome<T> {
    /// The value for `outcome`.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> T {
        match outcome {
            Outcome::Authorized => self.authorized,
            Outcome::Rejected => self.rejected,
            Outcome::Disconnected => self.disconnected,
            Outcome::Probed => self.probed,
            Outcome::Suspicious => self.suspicious,
        }
    }
}

/// What tells outcomes apart at a glance.
pub const EMOJI: ByOutcome<&str> = ByOutcome {
    authorized: "🔗",
    rejected: "🚫",
    disconnected: "👋",
    probed: "🔍",
    suspicious: "⚠️",
};

/// What somebody should look at now.
pub const LET_IN: &str = "🚨";
/// What nobody has seen before.
pub const NEW: &str = "🆕";

/// The words of one language. None of them needs escaping.
#[derive(Debug)]
pub struct Words {
    /// Headline of a message about one connection.
    pub headline: ByOutcome<&'static str>,
    /// Part of a headline about many, and the heading of a list.
    pub counted: ByOutcome<fn(usize) -> String>,
    /// The same for those let in after refusals.
    pub let_in: fn(usize) -> String,
    /// Headline of a message about one who was let in after refusals.
    pub headline_let_in: &'static str,
    /// After how many refusals.
    pub after_refusals: fn(usize) -> String,
    /// What it means, and what to do.
    pub let_in_means: &'static str,
    /// What is new about a login of a user.
    pub new_user: fn(&str) -> String,
    /// Likewise.
    pub new_network: fn(&str) -> String,
    /// Likewise.
    pub new_database: fn(&str) -> String,
    /// In a list, beside the user: a new user, network or database.
    pub new: [&'static str; 3],

    /// Headline of the access summary: how many users, of how many clusters.
    pub access: fn(usize, usize) -> String,
    /// Since the day of the last summary, and until today.
    pub access_since: fn(&str, &str) -> String,
    /// The first summary: until today, and how many days are remembered.
    pub access_first: fn(&str, u16) -> String,
    /// About how many users something is new.
    pub access_new: fn(usize) -> String,
    /// How many have not connected for so many days.
    pub access_idle: fn(usize, u16) -> String,
    /// What that means, and after how many days they are forgotten.
    pub access_idle_means: fn(u16) -> String,
    /// How many others have connected.
    pub access_connected: fn(usize) -> String,
    /// The last day on which one connected.
    pub access_last: fn(&str) -> String,
    /// What a cluster's line had no room for.
    pub access_more: fn(usize) -> String,
    /// What a list had no room for: clusters, and users in them and elsewhere.
    pub access_more_clusters: fn(usize, usize) -> String,

    /// Between the parts of a headline.
    pub comma: &'static str,
    /// Headline when log lines could not be read and nothing else is to be told.
    pub headline_unparsed: &'static str,
    /// Title over the facts of one connection.
    pub facts: ByOutcome<&'static str>,

    /// Label of the role name.
    pub user: &'static str,
    /// Label of the database name.
    pub database: &'static str,
    /// Label of the client's address.
    pub client: &'static str,
    /// Label of the cluster.
    pub cluster: &'static str,
    /// Label of the time.
    pub time: ByOutcome<&'static str>,
    /// Label of the first and last time of many.
    pub period: &'static str,
    /// Label of the instance.
    pub instance: &'static str,
    /// Label of the application name.
    pub application: &'static str,
    /// Label of the authentication method.
    pub auth_method: &'static str,
    /// Label of the identity that the client proved.
    pub identity: &'static str,
    /// Label of the encryption.
    pub encryption: &'static str,
    /// Behind TLS facts that an application name could imitate.
    pub as_logged: &'static str,
    /// Label of the server process.
    pub backend_pid: &'static str,
    /// Label of PostgreSQL's message.
    pub reason: &'static str,
    /// Label of the DETAIL under it.
    pub detail: &'static str,
    /// Label of the length of a session.
    pub session_time: &'static str,

    /// A fact that is not known.
    pub unknown: &'static str,
    /// In place of a database: physical replication has none.
    pub replication: &'static str,
    /// A connection that is not encrypted.
    pub plain_text: &'static str,
    /// After `[local]`.
    pub unix_socket: &'static str,
    /// Strength of a cipher.
    pub bits: fn(u16) -> String,
    /// Length of a session.
    pub duration: fn(Duration) -> String,

    /// Note on a connection whose `connection received` line was not seen.
    pub unconfirmed: &'static str,
    /// The same, in a list.
    pub unconfirmed_short: &'static str,
    /// Note on attempts that libpq made for one user action.
    pub attempts: fn(u32) -> String,
    /// What a suspicion means and what to do.
    pub suspicion: &'static str,
    /// Lines that look like connections and could not be read, and what to check.
    pub unparsed: fn(usize) -> String,

    /// Lines about connections in another language than English, and what to do.
    pub translated: fn(usize) -> String,
    /// Payloads that cannot be read, and the name of the error.
    pub unreadable: fn(usize, &str) -> String,
    /// Label of the AWS account.
    pub account: &'static str,
    /// How many clusters a message is about.
    pub clusters: fn(usize) -> String,
    /// How many clients a line is about.
    pub clients: fn(usize) -> String,
    /// Headline of the message for testing a webhook.
    pub test_headline: &'static str,
    /// What that message says.
    pub test: &'static str,

    /// How often a group of connections was seen.
    pub times: fn(usize) -> String,
    /// What a list had no room for: groups, and connections in them.
    pub more: fn(usize, usize) -> String,
    /// Text of the link to CloudWatch Logs.
    pub open_log: &'static str,
    /// Label of the time in the reader's own zone.
    pub your_time: &'static str,
}

impl Words {
    /// What is new about a login of `user`. Of a new user everything is.
    pub(super) fn new_of(&self, new: New, user: &str) -> String {
        let parts = [
            (new.user, self.new_user),
            (new.network && !new.user, self.new_network),
            (new.database && !new.user, self.new_database),
        ];
        let parts = parts.into_iter().filter(|(is_new, _)| *is_new);
        let parts: Vec<_> = parts.map(|(_, words)| words(user)).collect();
        parts.join(self.comma)
    }

    /// The same beside the user.
    pub(super) fn new_short(&self, new: New) -> String {
        let [user, network, database] = self.new;
        let parts = [
            (new.user, user),
            (new.network && !new.user, network),
            (new.database && !new.user, database),
        ];
        let parts = parts.into_iter().filter(|(is_new, _)| *is_new);
        let parts: Vec<_> = parts.map(|(_, words)| words).collect();
        parts.join(self.comma)
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The two largest units that are not zero: `1 h 2 min`, `3 s`, `7 ms`.
fn duration(length: Duration, units: &[&str; 5], space: &str) -> String {
    let seconds = length.as_secs();
    let amounts = [
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        // Milliseconds only where there is nothing longer.
        if seconds == 0 {
            u64::from(length.subsec_millis())
        } else {
            0
        },
    ];
    let parts: Vec<String> = amounts
        .iter()
        .zip(units)
        .skip_while(|(amount, _)| **amount == 0)
        .take(2)
        .filter(|(amount, _)| **amount != 0)
        .map(|(amount, unit)| format!("{amount}{unit}"))
        .collect();
    if parts.is_empty() {
        format!("0{}", units[4])
    } else {
        parts.join(space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_its_code() {
        for language in Language::ALL {
            assert_eq!(Language::named(language.code()), Some(language));
        }
        assert_eq!(Language::named("JA"), None);
        assert_eq!(Language::default(), Language::Ja);
    }

    #[test]
    fn a_duration_is_its_two_largest_units() {
        #[track_caller]
        fn check(length: Duration, en: &str, ja: &str) {
            assert_eq!((EN.duration)(length), en);
            assert_eq!((JA.duration)(length), ja);
        }
        check(Duration::ZERO, "0 ms", "0ミリ秒");
        check(Duration::from_millis(7), "7 ms", "7ミリ秒");
        check(Duration::from_millis(1900), "1 s", "1秒");
        check(Duration::from_secs(3723), "1 h 2 min", "1時間2分");
        check(Duration::from_secs(3603), "1 h", "1時間");
        check(Duration::from_secs(90_061), "1 d 1 h", "1日1時間");
    }
}
