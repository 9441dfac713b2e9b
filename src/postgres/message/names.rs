//! User and database names: in a message as in the prefix, or taken from the message alone.
//!
//! A message does not quote names in a way that tells where they end: `user=a database=b
//! database=c` has two readings. The prefix decides; where it has no names, what the readings
//! share is known.

use std::borrow::Cow;

use memchr::memchr;

use crate::postgres::line::PrefixFields;
use crate::postgres::name::{LONGEST_NAME, is_name};

/// The names of a line, as the client sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names<'a> {
    /// Role name.
    pub(super) user: Option<Cow<'a, str>>,
    /// Database name.
    pub(super) database: Option<Cow<'a, str>>,
}

/// Undoes `append_with_tabs`.
#[must_use]
pub(in crate::postgres) fn without_tabs(text: &str) -> Cow<'_, str> {
    if memchr(b'\n', text.as_bytes()).is_some() {
        Cow::Owned(text.replace("\n\t", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands behind `name` in `message`, where each line feed of a name has a tab behind it.
pub(super) fn behind<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    if let Some(rest) = message.strip_prefix(name)
        && !name.as_bytes().contains(&b'\n')
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

/// `%s`: the message names the user and nothing else; the database stands in the prefix.
pub(super) fn user_only<'a>(text: &'a str, prefix: &PrefixFields<'a>) -> Option<Names<'a>> {
    let (user, rest) = match prefix.user {
        Some(user) => (Cow::Borrowed(user), behind(text, user)?),
        None => (without_tabs(text), ""),
    };
    (rest.is_empty() && is_name(&user)).then(|| Names {
        user: Some(user),
        database: known_name(prefix.database),
    })
}

/// `%s`: the message names the database and nothing else; the user stands in the prefix.
pub(super) fn database_only<'a>(text: &'a str, prefix: &PrefixFields<'a>) -> Option<Names<'a>> {
    let (database, rest) = match prefix.database {
        Some(database) => (Cow::Borrowed(database), behind(text, database)?),
        None => (without_tabs(text), ""),
    };
    (rest.is_empty() && is_name(&database)).then(|| Names {
        user: known_name(prefix.user),
        database: Some(database),
    })
}

/// `%s` and a tail: the message names the user; the database stands in the prefix.
pub(super) fn user_then<'a, T: PartialEq>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
    tail: impl Fn(&'a str) -> Option<T>,
) -> Option<(Names<'a>, Option<T>)> {
    let database = known_name(prefix.database);
    if let Some(user) = prefix.user {
        let tail = tail(behind(text, user)?)?;
        let user = Some(Cow::Borrowed(user));
        return Some((Names { user, database }, Some(tail)));
    }
    let readings = name_ends(text).filter_map(|(user, rest)| {
        let names = Names {
            user: Some(user),
            database: database.clone(),
        };
        Some((names, Some(tail(rest)?)))
    });
    readings.reduce(shared)
}

/// `%s`, `between`, `%s` and a tail: the message names both.
pub(super) fn both_then<'a, T: PartialEq>(
    text: &'a str,
    between: &'static str,
    prefix: &PrefixFields<'a>,
    tail: impl Fn(&'a str) -> Option<T>,
) -> Option<(Names<'a>, Option<T>)> {
    if let (Some(user), Some(database)) = (prefix.user, prefix.database) {
        let rest = behind(text, user)?.strip_prefix(between)?;
        let tail = tail(behind(rest, database)?)?;
        let names = Names {
            user: Some(Cow::Borrowed(user)),
            database: Some(Cow::Borrowed(database)),
        };
        return Some((names, Some(tail)));
    }
    let users = ends_of(text, prefix.user);
    let pairs = users.filter_map(|(user, rest)| Some((user, rest.strip_prefix(between)?)));
    let readings = pairs.flat_map(|(user, rest)| {
        let tail = &tail;
        ends_of(rest, prefix.database).filter_map(move |(database, rest)| {
            let names = Names {
                user: Some(user.clone()),
                database: Some(database),
            };
            Some((names, Some(tail(rest)?)))
        })
    });
    readings.reduce(shared)
}

/// Two readings are equally good: what both say is known.
fn shared<'a, T: PartialEq>(
    (names, tail): (Names<'a>, Option<T>),
    (other, other_tail): (Names<'a>, Option<T>),
) -> (Names<'a>, Option<T>) {
    let names = Names {
        user: names.user.filter(|user| other.user.as_ref() == Some(user)),
        database: names
            .database
            .filter(|name| other.database.as_ref() == Some(name)),
    };
    let tail = tail.filter(|tail| other_tail.as_ref() == Some(tail));
    (names, tail)
}

/// The place where `text` has `name`, or every place where a name can end.
fn ends_of<'a>(
    text: &'a str,
    name: Option<&'a str>,
) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
    let known = name.and_then(|name| Some((Cow::Borrowed(name), behind(text, name)?)));
    let unknown = name.is_none().then(|| name_ends(text));
    known.into_iter().chain(unknown.into_iter().flatten())
}

/// Every way to cut a name off `text`: it has at most 63 bytes, of which each can be a line feed,
/// which the message follows with a tab, or have become U+FFFD.
fn name_ends(text: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    const LONGEST: usize = 3 * LONGEST_NAME;
    (0..=text.len().min(LONGEST))
        .filter_map(|at| text.split_at_checked(at))
        .filter(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '"', ',']))
        .map(|(name, rest)| (without_tabs(name), rest))
        .filter(|(name, _)| is_name(name))
}
