//! `log_line_prefix`: what stands in front of every log line.
//!
//! The setting is compiled once. A prefix can be ambiguous: a user or database name may hold any
//! text, line feeds and the literals of the setting included. So every reading is found, and the
//! caller holds each against the message of the line.

mod field;
mod items;
mod search;

use super::line::LogLine;
use super::name::LONGEST_NAME;
use super::tokens;
pub use items::PrefixError;
use items::{Field, Item, chosen_by_client, has_readings};
use search::Search;

/// RDS's and Aurora's own setting, unless told otherwise.
pub const DEFAULT_LOG_LINE_PREFIX: &str = "%t:%r:%u@%d:[%p]:";

/// No field but names is longer (`%c`, `%s`, `%b`).
const LONGEST_FIELD: usize = 64;

/// A compiled `log_line_prefix` setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLinePrefix {
    items: Vec<Item>,
    /// Items before the first one that can be read in several ways.
    head: usize,
}

/// Every way to read the start of a text as a prefix and a severity.
#[derive(Debug, Clone, Default)]
pub struct Readings<'a> {
    /// Does the text begin as the prefix does, as far as that has one reading?
    pub begins: bool,
    first: Option<LogLine<'a>>,
    others: Vec<LogLine<'a>>,
    /// Byte offset in the text where names of the prefix end at the latest: it can have more
    /// readings when the text ends before that.
    pub names_end: usize,
}

impl<'a> Readings<'a> {
    /// `line` is made in its place.
    fn add(&mut self, line: impl FnOnce() -> LogLine<'a>) {
        match self.first {
            None => self.first = Some(line()),
            Some(_) => self.others.push(line()),
        }
    }

    /// The reading, where there is only one.
    #[must_use]
    pub fn only(&self) -> Option<&LogLine<'a>> {
        self.first.as_ref().filter(|_| self.others.is_empty())
    }

    /// The readings, each once.
    pub fn iter(&self) -> impl Iterator<Item = &LogLine<'a>> {
        self.first.iter().chain(&self.others)
    }
}

/// A name of the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `%u`
    User,
    /// `%d`
    Database,
}

impl LogLinePrefix {
    /// Compiles a setting such as `%t:%r:%u@%d:[%p]:`.
    ///
    /// # Errors
    /// When PostgreSQL has no such escape, or when nothing in the setting tells its fields apart.
    pub fn compile(setting: &str) -> Result<Self, PrefixError> {
        let items = items::compile(setting)?;
        let head = items.iter().position(has_readings).unwrap_or(items.len());
        Ok(Self { items, head })
    }

    /// Does the prefix say from which address and port, or from which address, a client came?
    #[must_use]
    pub fn has_remote(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item.field, Field::Remote | Field::Host { of_server: false }))
    }

    /// Does the prefix name the server process?
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item.field, Field::ProcessId | Field::SessionId { .. }))
    }

    /// Does the process or the client stand behind the names, where a name cannot forge it?
    #[must_use]
    pub fn is_bound(&self) -> bool {
        let behind = self.items.iter().rev();
        let mut behind =
            behind.take_while(|item| !matches!(chosen_by_client(item), Some('u' | 'd')));
        behind.any(|item| {
            matches!(
                item.field,
                Field::ProcessId | Field::Remote | Field::SessionId { .. }
            )
        })
    }

    /// Do address and port of the client stand before all that can be read in several ways?
    pub(super) fn client_is_first(&self) -> bool {
        let mut head = self.items.iter().take(self.head);
        head.any(|item| item.field == Field::Remote)
    }

    /// Can a client put line feeds into the prefix?
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.items
            .iter()
            .any(|item| chosen_by_client(item).is_some())
    }

    /// Does `line` begin as the prefix does, as far as that has one reading?
    #[must_use]
    pub fn begins(&self, line: &str) -> bool {
        let head = self.items.get(..self.head).unwrap_or_default();
        self.search(line, 0, head, 1).begins
    }

    /// Every reading of the record at the byte `at` of `text`, if one [begins](Readings::begins) there. A byte of a
    /// name takes up at most `widest` bytes: 1, or 3 where there is a U+FFFD, which a byte that is not
    /// UTF-8 has become.
    #[must_use]
    pub fn readings<'a>(&self, text: &'a str, at: usize, widest: usize) -> Readings<'a> {
        self.search(text, at, &self.items, widest)
    }

    fn search<'a>(&self, text: &'a str, at: usize, items: &[Item], widest: usize) -> Readings<'a> {
        let text = text.get(at..).unwrap_or_default();
        if self.items.is_empty() && tokens::severity(text).is_none() {
            return Readings::default();
        }
        Search::new(text, at, items.len() - self.head, widest).all(text, items)
    }

    /// Every reading of what stands at the byte `at` of `text` as the rest of a record that a line
    /// feed in its `name` has cut: the name goes on, and the fields behind it follow.
    #[must_use]
    pub fn rests<'a>(&self, text: &'a str, at: usize, name: Name, widest: usize) -> Readings<'a> {
        let wanted = match name {
            Name::User => Some('u'),
            Name::Database => Some('d'),
        };
        let item = self
            .items
            .iter()
            .position(|item| chosen_by_client(item) == wanted);
        let Some(item) = item.filter(|_| at <= text.len()) else {
            return Readings::default();
        };
        let text = text.get(at..).unwrap_or_default();
        let behind_head = self.items.len() - self.head;
        let items = self.items.get(item..).unwrap_or_default();
        Search::new(text, at, behind_head, widest).rest(text, items)
    }

    /// Bytes from the end of the head to the end of the last name in which a line feed can stand,
    /// at most, when a byte of a name takes up at most `widest` bytes.
    #[must_use]
    pub fn longest_names(&self, widest: usize) -> usize {
        let holds_line_feeds = |item: &Item| matches!(chosen_by_client(item), Some('u' | 'd'));
        let Some(last) = self.items.iter().rposition(holds_line_feeds) else {
            return 0;
        };
        let longest = |item: &Item| match chosen_by_client(item) {
            Some('a') => 4 * LONGEST_NAME,
            Some(_) => LONGEST_NAME * widest,
            None => LONGEST_FIELD,
        };
        let names = self.items.iter().take(last + 1).skip(self.head);
        let literals = self.items.iter().take(last).skip(self.head);
        names.map(longest).sum::<usize>()
            + literals.map(|item| item.literal.text.len()).sum::<usize>()
    }
}
