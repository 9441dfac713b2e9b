//! User and database names: in a message as in the prefix, or taken from the message alone.
//!
//! A message does not quote names in a way that tells where they end: `user=a database=b
//! database=c` has two readings. The prefix decides, or what earlier lines of the same backend
//! said; where neither does, the names are not known. The names of the prefix itself are held
//! against what is known by [`super::reader`], once for every line.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use memchr::{memchr, memmem};

use super::log_line_prefix::PrefixFields;

/// PostgreSQL cuts names to `NAMEDATALEN - 1` bytes (`ProcessStartupPacket`).
pub(super) const LONGEST_NAME: usize = 63;

/// The names of a line, as the client sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names<'a> {
    /// Role name.
    pub(super) user: Option<Cow<'a, str>>,
    /// Database name.
    pub(super) database: Option<Cow<'a, str>>,
}

/// Fingerprints of the names that earlier lines of a backend gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// Of the role name.
    pub(super) user: Option<u64>,
    /// Of the database name.
    pub(super) database: Option<u64>,
}

impl Known {
    /// Could a backend with these fingerprints have these names?
    #[must_use]
    pub(super) fn allows(self, user: Option<&str>, database: Option<&str>) -> bool {
        let agrees = |known: Option<u64>, name: Option<&str>| match (known, name) {
            (Some(known), Some(name)) => known == fingerprint(name),
            _ => true,
        };
        agrees(self.user, user) && agrees(self.database, database)
    }
}

/// A hash with a key of this process: nobody outside can aim at two names with the same one. It is
/// no cryptographic hash.
#[must_use]
pub(super) fn fingerprint(name: &str) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    KEYS.hash_one(name)
}

/// Undoes `append_with_tabs`.
#[must_use]
pub(super) fn without_tabs(text: &str) -> Cow<'_, str> {
    if memchr(b'\n', text.as_bytes()).is_some() {
        Cow::Owned(text.replace("\n\t", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands behind `name` in `message`, where each line feed of a name has a tab behind it.
fn behind<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    if let Some(rest) = message.strip_prefix(name)
        && memchr(b'\n', name.as_bytes()).is_none()
    {
        return Some(rest);
    }
    let mut rest = message;
    for (index, line) in name.split('\n').enumerate() {
        if index > 0 {
            rest = rest.strip_prefix("\n\t")?;
        }
        rest = rest.strip_prefix(line)?;
    }
    Some(rest)
}

/// What PostgreSQL writes for a name that it does not know.
pub(super) const UNKNOWN: &str = "[unknown]";

/// A name of the prefix that no message confirms: `[unknown]`, which `lc_messages` translates,
/// stands for none, though a role or database could be called so; the server's own processes have
/// an empty one.
pub(super) fn known_name(name: Option<&str>) -> Option<Cow<'_, str>> {
    let is_bracketed = |name: &str| name.starts_with('[') && name.ends_with(']');
    name.filter(|name| !name.is_empty() && !is_bracketed(name))
        .map(Cow::Borrowed)
}

/// For messages that name nobody.
pub(super) fn of_prefix<'a>(prefix: &PrefixFields<'a>) -> Names<'a> {
    Names {
        user: known_name(prefix.user),
        database: known_name(prefix.database),
    }
}

/// Is this no longer than a name can be?
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME || longest_name(text) == text.len()
}

/// How many bytes of `text` a byte of a name takes up at most: one that is not UTF-8 has become
/// U+FFFD.
pub(super) fn widest(text: &str) -> usize {
    const REPLACEMENT: &str = "\u{fffd}";
    let has_replacements = memmem::find(text.as_bytes(), REPLACEMENT.as_bytes()).is_some();
    if has_replacements {
        REPLACEMENT.len()
    } else {
        1
    }
}

/// How many bytes of `text` a name can take up. A byte that is not UTF-8 stands here as U+FFFD.
pub(super) fn longest_name(text: &str) -> usize {
    let mut length = 0;
    let ends = text.char_indices().map_while(|(at, character)| {
        length += match character {
            char::REPLACEMENT_CHARACTER => 1,
            other => other.len_utf8(),
        };
        (length <= LONGEST_NAME).then(|| at + character.len_utf8())
    });
    ends.last().unwrap_or(0)
}

/// `%s`: the message names the user and nothing else; the database stands in the prefix.
pub(super) fn user_only<'a>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<Names<'a>> {
    let nothing = |rest: &str| rest.is_empty().then_some(());
    user_then(text, prefix, known, &nothing).map(|(names, _)| names)
}

/// `%s` and a tail: the message names the user; the database stands in the prefix.
pub(super) fn user_then<'a, T: PartialEq>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    tail: &impl Fn(&'a str) -> Option<T>,
) -> Option<(Names<'a>, Option<T>)> {
    if let Some(user) = prefix.user {
        let tail = tail(behind(text, user)?)?;
        let database = known_name(prefix.database);
        let user = Some(Cow::Borrowed(user));
        return Some((Names { user, database }, Some(tail)));
    }
    let mut readings = Readings::new(known);
    for (user, rest) in splits(text, None) {
        if let Some(tail) = tail(rest) {
            readings.add(Some(user), known_name(prefix.database), tail);
        }
    }
    readings.outcome()
}

/// `%s`: the message names the database and nothing else; the user stands in the prefix.
pub(super) fn database_only<'a>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<Names<'a>> {
    let mut readings = Readings::new(known);
    for (database, rest) in splits(text, prefix.database) {
        if rest.is_empty() {
            readings.add(known_name(prefix.user), Some(database), ());
        }
    }
    readings.outcome().map(|(names, _)| names)
}

/// `%s database=%s` and a tail.
pub(super) fn user_and_database<'a, T: PartialEq>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
    tail: &impl Fn(&'a str) -> Option<T>,
) -> Option<(Names<'a>, Option<T>)> {
    pair(text, " database=", prefix, known, tail)
}

/// `%s", database "%s`
pub(super) fn quoted_pair<'a>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    known: Known,
) -> Option<Names<'a>> {
    let nothing = |rest: &str| rest.is_empty().then_some(());
    pair(text, "\", database \"", prefix, known, &nothing).map(|(names, _)| names)
}

fn pair<'a, T: PartialEq>(
    text: &'a str,
    between: &str,
    prefix: &PrefixFields<'a>,
    known: Known,
    tail: &impl Fn(&'a str) -> Option<T>,
) -> Option<(Names<'a>, Option<T>)> {
    if let (Some(user), Some(database)) = (prefix.user, prefix.database) {
        let rest = behind(text, user)?.strip_prefix(between)?;
        let tail = tail(behind(rest, database)?)?;
        let short = is_name(user) && is_name(database);
        let names = Names {
            user: Some(Cow::Borrowed(user)),
            database: Some(Cow::Borrowed(database)),
        };
        return short.then_some((names, Some(tail)));
    }
    let mut readings = Readings::new(known);
    for (user, rest) in splits_at(text, between, prefix.user) {
        for (database, rest) in splits(rest, prefix.database) {
            if let Some(tail) = tail(rest) {
                readings.add(Some(user.clone()), Some(database), tail);
            }
        }
    }
    readings.outcome()
}

/// Every way to cut `text` into a name, `between`, and a rest; one at most when the name is known.
fn splits_at<'a>(
    text: &'a str,
    between: &str,
    name: Option<&'a str>,
) -> Vec<(Cow<'a, str>, &'a str)> {
    if let Some(name) = name {
        let rest = behind(text, name).and_then(|rest| rest.strip_prefix(between));
        return rest
            .map(|rest| (Cow::Borrowed(name), rest))
            .into_iter()
            .collect();
    }
    // `", database "` can overlap itself, which `match_indices` passes over.
    text.char_indices()
        .filter_map(|(at, _)| text.split_at_checked(at))
        .filter_map(|(name, rest)| Some((without_tabs(name), rest.strip_prefix(between)?)))
        .collect()
}

/// Every way to cut `text` into a name and what can stand behind a name.
fn splits<'a>(text: &'a str, name: Option<&'a str>) -> Vec<(Cow<'a, str>, &'a str)> {
    if let Some(name) = name {
        let rest = behind(text, name);
        return rest
            .map(|rest| (Cow::Borrowed(name), rest))
            .into_iter()
            .collect();
    }
    let openings = [" application_name=", " SSL enabled (", " GSS ("];
    openings
        .iter()
        .flat_map(|opening| text.match_indices(opening))
        .map(|(at, _)| at)
        .chain([text.len()])
        .filter_map(|at| text.split_at_checked(at))
        .map(|(name, rest)| (without_tabs(name), rest))
        .collect()
}

/// The readings of one message: what all of them share is known, the rest is not.
struct Readings<'a, T> {
    known: Known,
    first: Option<(Names<'a>, Option<T>)>,
}

impl<'a, T: PartialEq> Readings<'a, T> {
    fn new(known: Known) -> Self {
        Self { known, first: None }
    }

    fn add(&mut self, user: Option<Cow<'a, str>>, database: Option<Cow<'a, str>>, tail: T) {
        let short = |name: &Option<Cow<'a, str>>| name.as_deref().is_none_or(is_name);
        let allowed = self.known.allows(user.as_deref(), database.as_deref());
        if !allowed || !short(&user) || !short(&database) {
            return;
        }
        match &mut self.first {
            None => self.first = Some((Names { user, database }, Some(tail))),
            Some((names, first_tail)) => {
                names.user.take_if(|first| user.as_ref() != Some(first));
                names
                    .database
                    .take_if(|first| database.as_ref() != Some(first));
                first_tail.take_if(|first| *first != tail);
            }
        }
    }

    fn outcome(self) -> Option<(Names<'a>, Option<T>)> {
        self.first
    }
}
