//! The escapes and literals of a `log_line_prefix` setting.

use memchr::{memchr, memchr_iter};
use thiserror::Error;

use super::field::begins;

/// Why a `log_line_prefix` setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrefixError {
    /// PostgreSQL itself ignores such an escape; here it is more likely a typo.
    #[error("`%{0}` at byte {1} is not an escape of log_line_prefix")]
    UnknownEscape(char, usize),
    /// The setting ends in a lone `%`.
    #[error("it ends in a lone `%`")]
    LoneEscape,
    /// Two texts of any length without a literal between them.
    #[error(
        "`%{0}` and `%{1}` are next to each other, so nothing tells where the first one ends; \
         put a literal between them"
    )]
    SideBySide(char, char),
    /// Nothing tells where a line begins, and a name with a line feed could begin one.
    #[error(
        "it starts with `%{0}`, which a client chooses, so nothing tells where a line begins; \
         start it with %t or %m"
    )]
    NoStart(char),
}

/// A field of the setting, and the text up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) field: Field,
    pub(super) width: i32,
    pub(super) literal: Literal,
}

/// Text of the setting, perhaps empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) text: String,
    /// The byte that log lines hold least often, and where it stands: it is searched for.
    rarest: (usize, u8),
}

impl Literal {
    fn new(text: String) -> Self {
        let common = |byte: u8| match byte {
            b':' | b' ' | b'=' | b',' | b'.' => 2,
            byte if byte.is_ascii_alphanumeric() => 1,
            _ => 0,
        };
        let bytes = text.bytes().enumerate();
        let rarest = bytes.min_by_key(|(_, byte)| common(*byte));
        Self {
            text,
            rarest: rarest.unwrap_or_default(),
        }
    }

    /// What stands behind the literal at the start of `text`.
    #[inline]
    pub(super) fn strip<'a>(&self, text: &'a str) -> Option<&'a str> {
        let is_here = begins(text.as_bytes(), self.text.as_bytes());
        text.get(self.text.len()..).filter(|_| is_here)
    }

    /// Where the literal begins first in `text`.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        let (offset, rarest) = self.rarest;
        let literal = match self.text.as_bytes() {
            [] => return Some(0),
            [_] => return memchr(rarest, text),
            more => more,
        };
        let mut places = memchr_iter(rarest, text.get(offset..)?);
        places.find(|at| text.get(*at..).is_some_and(|text| begins(text, literal)))
    }
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
    /// Nothing, before a text that the setting begins with.
    Nothing,
}

/// Reads a setting.
///
/// # Errors
/// When PostgreSQL has no such escape, or when nothing in the setting tells its fields apart.
pub(super) fn compile(setting: &str) -> Result<Vec<Item>, PrefixError> {
    let items = items(setting)?;
    if let Some(letter) = items.first().and_then(chosen_by_client) {
        return Err(PrefixError::NoStart(letter));
    }
    for pair in items.windows(2) {
        if let [first, second] = pair
            && first.literal.text.is_empty()
            && let (Some(first), Some(second)) = (open_ended(first), open_ended(second))
        {
            return Err(PrefixError::SideBySide(first, second));
        }
    }
    Ok(items)
}

fn items(setting: &str) -> Result<Vec<Item>, PrefixError> {
    let mut items = Vec::new();
    let (mut field, mut width) = (Field::Nothing, 0);
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
        items.extend(item(field, width, std::mem::take(&mut literal)));
        let behind_process_id = items.iter().any(is_process_id);
        field =
            self::field(letter, behind_process_id).ok_or(PrefixError::UnknownEscape(letter, at))?;
        width = padding.parse().unwrap_or(0);
    }
    items.extend(item(field, width, literal));
    Ok(items)
}

fn item(field: Field, width: i32, text: String) -> Option<Item> {
    let is_item = field != Field::Nothing || !text.is_empty();
    is_item.then(|| Item {
        field,
        width,
        literal: Literal::new(text),
    })
}

fn is_process_id(item: &Item) -> bool {
    item.field == Field::ProcessId
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

pub(super) fn chosen_by_client(item: &Item) -> Option<char> {
    match item.field {
        Field::User => Some('u'),
        Field::Database => Some('d'),
        Field::ApplicationName => Some('a'),
        _ => None,
    }
}

/// Can there be several ways to read the item? An IPv6 address can hold the literal behind `%h`,
/// and the prefix of a process without a client ends at `%q`.
pub(super) fn has_readings(item: &Item) -> bool {
    chosen_by_client(item).is_some()
        || matches!(
            item.field,
            Field::Quit | Field::Host { .. } | Field::ServerText { .. }
        )
}

/// The letter of a field whose text may be of any length and hold any character.
fn open_ended(item: &Item) -> Option<char> {
    match item.field {
        Field::ServerText { of_backend: true } => Some('b'),
        Field::ServerText { of_backend: false } => Some('i'),
        Field::Host { of_server: true } => Some('L'),
        Field::Host { of_server: false } => Some('h'),
        _ => chosen_by_client(item),
    }
}
