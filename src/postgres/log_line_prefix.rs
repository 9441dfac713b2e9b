//! `log_line_prefix`: what stands in front of every log line.
//!
//! The setting is compiled once. Reading a line is a search, because a prefix can be ambiguous: a
//! user or database name may hold any text, the literals of the setting included. Every reading is
//! offered to the caller, who holds it against the message of the line.

use thiserror::Error;

use super::default_prefix;
use super::lexer::{self, Severity};
use super::names::LONGEST_NAME;
use super::prefix_search::Search;

/// No field but names is longer (`%c`, `%s`, `%b`).
const LONGEST_FIELD: usize = 64;

/// A compiled `log_line_prefix` setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLinePrefix {
    items: Vec<Item>,
    /// Items before the first one that can be read in several ways.
    head: usize,
    /// Is it the one that [`default_prefix`] reads?
    is_default: bool,
}

/// Why a `log_line_prefix` setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrefixError {
    /// PostgreSQL itself ignores such an escape; here it is more likely a slip of the pen.
    #[error("`%{0}` at byte {1} is not an escape of log_line_prefix")]
    UnknownEscape(char, usize),
    /// The setting ends in a lone `%`.
    #[error("it ends in a lone `%`")]
    LoneEscape,
    /// Two texts of any length without a literal between them.
    #[error(
        "`%{0}` and `%{1}` stand side by side, so that nothing tells where the first one ends; \
         put a literal between them"
    )]
    SideBySide(char, char),
    /// Nothing tells where a line begins, and a name with a line feed could begin one.
    #[error(
        "it starts with `%{0}`, which a client chooses, so that nothing tells where a line begins; \
         start it with %t or %m"
    )]
    NoStart(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(Literal),
    Field { field: Field, width: i32 },
}

/// Text of the setting, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) text: String,
    /// The byte that log lines hold least often, and where it stands: it is searched for.
    pub(super) rarest: (usize, u8),
}

/// The escapes of `log_line_prefix` (`log_status_format` in `elog.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// `%t` and, at the start of the session, `%s`: whole seconds.
    Seconds { of_session: bool },
    /// `%m`
    Milliseconds,
    /// `%n`
    Epoch,
    /// `%r`: host and port.
    Remote,
    /// `%h` and `%L` (PostgreSQL 18, the server's address).
    Host { of_server: bool },
    /// `%u`
    User,
    /// `%d`
    Database,
    /// `%a`
    ApplicationName,
    /// `%b`, the kind of backend, and `%i`, what it is doing: words of the server.
    ServerText { of_backend: bool },
    /// `%p`
    ProcessId,
    /// `%l`, `%P`, `%x`, `%Q`: a number, or nothing.
    Number,
    /// `%e`
    SqlState,
    /// `%c`; its second half says no more than a `%p` before it.
    SessionId { behind_process_id: bool },
    /// `%v`
    VirtualTransaction,
    /// `%q`: processes without a client stop here.
    Quit,
}

/// What a prefix says, in one reading of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixFields<'a> {
    /// `%t`, `%m` or `%n`; see [`super::time_stamp`].
    pub time: Option<&'a str>,
    /// `%r` or `%h` as written: what identifies the client.
    pub remote: Option<&'a str>,
    /// Host of `%r` or `%h`; `None` for a process without a client.
    pub host: Option<&'a str>,
    /// Port of `%r`.
    pub port: Option<u16>,
    /// `%u`
    pub user: Option<&'a str>,
    /// `%d`
    pub database: Option<&'a str>,
    /// `%a`
    pub application_name: Option<&'a str>,
    /// `%p`, or the second half of `%c`.
    pub backend_pid: Option<u32>,
    /// `%e`
    pub sql_state: Option<&'a str>,
}

/// One way to read a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine<'a, 'p> {
    /// From the prefix.
    pub prefix: &'p PrefixFields<'a>,
    /// Between prefix and message.
    pub severity: Severity,
    /// Everything behind the severity, continuation lines included.
    pub message: &'a str,
}

/// The part of a line's prefix that has one reading, as [`LogLinePrefix::head`] found it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    fields: PrefixFields<'a>,
    length: usize,
    next_item: usize,
}

impl<'a> Head<'a> {
    /// Bytes of the head.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The fields of the head alone.
    #[must_use]
    pub fn fields(&self) -> &PrefixFields<'a> {
        &self.fields
    }
}

impl LogLinePrefix {
    /// Compiles a setting such as `%t:%r:%u@%d:[%p]:`.
    ///
    /// # Errors
    /// When PostgreSQL has no such escape, or when nothing in the setting tells its fields apart.
    pub fn compile(setting: &str) -> Result<Self, PrefixError> {
        let items = items(setting)?;
        if let Some(letter) = items.first().and_then(chosen_by_client) {
            return Err(PrefixError::NoStart(letter));
        }
        let head = items.iter().position(has_readings).unwrap_or(items.len());
        for pair in items.windows(2) {
            if let [first, second] = pair
                && let (Some(first), Some(second)) = (open_ended(first), open_ended(second))
            {
                return Err(PrefixError::SideBySide(first, second));
            }
        }
        Ok(Self {
            items,
            head,
            is_default: setting == default_prefix::DEFAULT_LOG_LINE_PREFIX,
        })
    }

    /// Does the prefix say from which address and port, or from which address, a client came?
    #[must_use]
    pub fn has_remote(&self) -> bool {
        self.has(|field| matches!(field, Field::Remote | Field::Host { of_server: false }))
    }

    /// Does the prefix name the server process?
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.has(|field| matches!(field, Field::ProcessId | Field::SessionId { .. }))
    }

    /// Can a client put line feeds into the prefix?
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.items
            .iter()
            .any(|item| chosen_by_client(item).is_some())
    }

    fn has(&self, wanted: impl Fn(Field) -> bool) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Field { field, .. } if wanted(*field)))
    }

    /// The part of the prefix that has one reading, if `line` starts with it.
    #[must_use]
    pub fn head<'a>(&self, line: &'a str) -> Option<Head<'a>> {
        if self.is_default
            && let Some((fields, length)) = default_prefix::head(line)
        {
            let next_item = self.head;
            return Some(Head {
                fields,
                length,
                next_item,
            });
        }
        if self.items.is_empty() {
            lexer::severity(line)?;
        }
        let items = self.items.get(..self.head)?;
        let mut end = None;
        let mut search = Search::new(line, items, 1, |_, at, next_item| {
            end = Some((at, next_item));
            false
        });
        search.run(0, 0);
        let fields = search.fields;
        end.map(|(length, next_item)| Head {
            fields,
            length,
            next_item,
        })
    }

    /// Offers every reading of `record`, which begins with `head`, until `visit` returns `false`.
    /// A byte of a name takes up at most `widest` bytes: 1, or 3 where there is a U+FFFD, which a byte
    /// that is not UTF-8 has become. Returns where its names end at the latest: if that is the end of
    /// `record`, a longer one could have more readings.
    pub fn readings<'a>(
        &self,
        record: &'a str,
        head: &Head<'a>,
        widest: usize,
        visit: &mut impl FnMut(LogLine<'a, '_>) -> bool,
    ) -> usize {
        if self.is_default
            && widest == 1
            && let Some(only) = default_prefix::only_reading(record, head.length, head.fields)
        {
            visit(only.line());
            return only.names_end;
        }
        let mut search = Search::new(record, &self.items, widest, |prefix, at, _| {
            let Some((severity, message)) = record.get(at..).and_then(lexer::severity) else {
                return true;
            };
            visit(LogLine {
                prefix,
                severity,
                message,
            })
        });
        search.fields = head.fields;
        search.run(head.length, head.next_item);
        search.names_end
    }

    /// Bytes from the end of the head to the end of the last name in which a line feed can stand,
    /// at most, when a byte of a name takes up at most `widest` bytes.
    #[must_use]
    pub fn longest_names(&self, widest: usize) -> usize {
        let holds_line_feeds = |item: &Item| matches!(chosen_by_client(item), Some('u' | 'd'));
        let last = self.items.iter().rposition(holds_line_feeds);
        self.items
            .iter()
            .take(last.map_or(0, |last| last + 1))
            .skip(self.head)
            .map(|item| match item {
                Item::Literal(literal) => literal.text.len(),
                item if chosen_by_client(item) == Some('a') => 4 * LONGEST_NAME,
                item if chosen_by_client(item).is_some() => LONGEST_NAME * widest,
                Item::Field { .. } => LONGEST_FIELD,
            })
            .sum()
    }
}

fn items(setting: &str) -> Result<Vec<Item>, PrefixError> {
    let mut items = Vec::new();
    let mut literal = String::new();
    let mut characters = setting.char_indices().peekable();
    while let Some((_, character)) = characters.next() {
        if character != '%' {
            literal.push(character);
            continue;
        }
        let mut padding = String::new();
        while let Some((_, digit)) =
            characters.next_if(|(_, next)| next.is_ascii_digit() || *next == '-')
        {
            padding.push(digit);
        }
        let (at, letter) = characters.next().ok_or(PrefixError::LoneEscape)?;
        if letter == '%' {
            literal.push('%');
            continue;
        }
        items.extend(literal_item(std::mem::take(&mut literal)));
        let behind_process_id = items.iter().any(is_process_id);
        let field =
            field(letter, behind_process_id).ok_or(PrefixError::UnknownEscape(letter, at))?;
        let width = padding.parse().unwrap_or(0);
        items.push(Item::Field { field, width });
    }
    items.extend(literal_item(literal));
    Ok(items)
}

fn literal_item(text: String) -> Option<Item> {
    let common = |byte: u8| match byte {
        b':' | b' ' | b'=' | b',' | b'.' => 2,
        byte if byte.is_ascii_alphanumeric() => 1,
        _ => 0,
    };
    let bytes = text.bytes().enumerate();
    let rarest = bytes.min_by_key(|(_, byte)| common(*byte))?;
    Some(Item::Literal(Literal { text, rarest }))
}

fn is_process_id(item: &Item) -> bool {
    matches!(
        item,
        Item::Field {
            field: Field::ProcessId,
            ..
        }
    )
}

fn field(letter: char, behind_process_id: bool) -> Option<Field> {
    Some(match letter {
        't' => Field::Seconds { of_session: false },
        's' => Field::Seconds { of_session: true },
        'm' => Field::Milliseconds,
        'n' => Field::Epoch,
        'r' => Field::Remote,
        'h' => Field::Host { of_server: false },
        'L' => Field::Host { of_server: true },
        'u' => Field::User,
        'd' => Field::Database,
        'a' => Field::ApplicationName,
        'b' => Field::ServerText { of_backend: true },
        'i' => Field::ServerText { of_backend: false },
        'p' => Field::ProcessId,
        'l' | 'P' | 'x' | 'Q' => Field::Number,
        'e' => Field::SqlState,
        'c' => Field::SessionId { behind_process_id },
        'v' => Field::VirtualTransaction,
        'q' => Field::Quit,
        _ => return None,
    })
}

fn chosen_by_client(item: &Item) -> Option<char> {
    match item {
        Item::Field { field, .. } => match field {
            Field::User => Some('u'),
            Field::Database => Some('d'),
            Field::ApplicationName => Some('a'),
            _ => None,
        },
        Item::Literal(_) => None,
    }
}

/// Can there be several ways to read the item? An IPv6 address can hold the literal behind `%h`,
/// and the prefix of a process without a client ends at `%q`.
fn has_readings(item: &Item) -> bool {
    chosen_by_client(item).is_some()
        || matches!(
            item,
            Item::Field {
                field: Field::Quit | Field::Host { .. } | Field::ServerText { .. },
                ..
            }
        )
}

/// The letter of a field whose text may be of any length and hold any character.
fn open_ended(item: &Item) -> Option<char> {
    let Item::Field { field, .. } = item else {
        return None;
    };
    match field {
        Field::ServerText { of_backend: true } => Some('b'),
        Field::ServerText { of_backend: false } => Some('i'),
        Field::Host { of_server: true } => Some('L'),
        Field::Host { of_server: false } => Some('h'),
        _ => chosen_by_client(item),
    }
}
