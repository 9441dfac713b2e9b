//! `log_line_prefix`: what stands in front of every log line.
//!
//! The setting is compiled once. Reading a line is a search, because a prefix can be ambiguous: a
//! user or database name may hold any text, the literals of the setting included. Every reading is
//! offered to the caller, who holds it against the message of the line.

use thiserror::Error;

use super::lexer::{self, Severity};
use super::time_stamp;

/// PostgreSQL cuts names to `NAMEDATALEN - 1` bytes (`ProcessStartupPacket`).
pub const LONGEST_NAME: usize = 63;

/// `\xNN` for each byte.
const LONGEST_APPLICATION_NAME: usize = 4 * LONGEST_NAME;

/// No field but names is longer (`%c`, `%s`, `%b`).
const LONGEST_FIELD: usize = 64;

/// A reading is given up after so many steps: a hostile name must not cost more than its line.
const MOST_STEPS: usize = 20_000;

/// A compiled `log_line_prefix` setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLinePrefix {
    items: Vec<Item>,
    /// Items before the first one whose text a client chooses.
    head: usize,
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
enum Item {
    Literal(String),
    Field { field: Field, width: i32 },
}

/// The escapes of `log_line_prefix` (`log_status_format` in `elog.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
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
    /// `%b` and `%i`: words of the server.
    ServerText,
    /// `%p`
    ProcessId,
    /// `%l`, `%P`, `%x`, `%Q`: a number, or nothing.
    Number,
    /// `%e`
    SqlState,
    /// `%c`
    SessionId,
    /// `%v`
    VirtualTransaction,
    /// `%q`: processes without a client stop here.
    Quit,
}

/// What a prefix says, in one reading of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixFields<'a> {
    /// `%t`, `%m` or `%n`; see [`time_stamp`].
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
pub struct LogLine<'a> {
    /// From the prefix.
    pub prefix: PrefixFields<'a>,
    /// Between prefix and message.
    pub severity: Severity,
    /// Everything behind the severity, continuation lines included.
    pub message: &'a str,
}

/// Where a search through the items stands.
#[derive(Clone, Copy)]
struct State<'a> {
    fields: PrefixFields<'a>,
    rest: &'a str,
}

/// The part of a line's prefix that no client chooses, as [`LogLinePrefix::head`] found it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    fields: PrefixFields<'a>,
    rest: &'a str,
    length: usize,
    next_item: usize,
}

impl<'a> Head<'a> {
    /// The client that the head names, as written: `%r` or `%h`.
    #[must_use]
    pub fn remote(&self) -> Option<&'a str> {
        self.fields.remote
    }

    /// Bytes of the head.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The fields of the head alone.
    #[must_use]
    pub fn fields(&self) -> PrefixFields<'a> {
        self.fields
    }
}

impl LogLinePrefix {
    /// Compiles a setting such as `%t:%r:%u@%d:[%p]:`.
    ///
    /// # Errors
    /// When PostgreSQL has no such escape, or when nothing in the setting tells its fields apart.
    pub fn compile(setting: &str) -> Result<Self, PrefixError> {
        let items = items(setting)?;
        let head = items
            .iter()
            .position(|item| chosen_by_client(item).is_some())
            .unwrap_or(items.len());
        if let (0, Some(letter)) = (head, items.first().and_then(chosen_by_client)) {
            return Err(PrefixError::NoStart(letter));
        }
        for pair in items.windows(2) {
            if let [first, second] = pair
                && let (Some(first), Some(second)) = (open_ended(first), open_ended(second))
            {
                return Err(PrefixError::SideBySide(first, second));
            }
        }
        Ok(Self { items, head })
    }

    /// Does the prefix say from which address and port, or from which address, a client came?
    #[must_use]
    pub fn has_remote(&self) -> bool {
        self.has(|field| matches!(field, Field::Remote | Field::Host { of_server: false }))
    }

    /// Does the prefix say the port of a client (`%r`), so that it names one connection?
    #[must_use]
    pub fn has_port(&self) -> bool {
        self.has(|field| field == Field::Remote)
    }

    /// Does the prefix name the server process?
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.has(|field| matches!(field, Field::ProcessId | Field::SessionId))
    }

    /// Can a client put line feeds into the prefix?
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.head < self.items.len()
    }

    fn has(&self, wanted: impl Fn(Field) -> bool) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Field { field, .. } if wanted(*field)))
    }

    /// The part of the prefix in front of every name, if `line` starts with it.
    #[must_use]
    pub fn head<'a>(&self, line: &'a str) -> Option<Head<'a>> {
        if self.items.is_empty() {
            lexer::severity(line)?;
        }
        let mut found = None;
        let start = State {
            fields: PrefixFields::default(),
            rest: line,
        };
        let mut steps = MOST_STEPS;
        self.search(start, 0, self.head, &mut steps, &mut |state, next_item| {
            found = Some(Head {
                fields: state.fields,
                rest: state.rest,
                length: line.len() - state.rest.len(),
                next_item,
            });
            false
        });
        // What the server itself writes holds no line feed.
        found.filter(|head| {
            line.get(..head.length)
                .is_some_and(|head| !head.contains('\n'))
        })
    }

    /// Offers every reading of the record that begins with `head`, up to the byte `end` of the
    /// text behind the head, until `visit` returns `false`.
    pub fn readings<'a>(
        &self,
        head: &Head<'a>,
        end: usize,
        visit: &mut impl FnMut(LogLine<'a>) -> bool,
    ) {
        let Some(rest) = head.rest.get(..end) else {
            return;
        };
        let start = State {
            fields: head.fields,
            rest,
        };
        let mut steps = MOST_STEPS;
        self.search(
            start,
            head.next_item,
            self.items.len(),
            &mut steps,
            &mut |state, _| {
                let Some((severity, message)) = lexer::severity(state.rest) else {
                    return true;
                };
                visit(LogLine {
                    prefix: state.fields,
                    severity,
                    message,
                })
            },
        );
    }

    /// Bytes from the end of the head to the end of the last name in which a line feed can stand,
    /// at most, when a byte of a name can be `widest` bytes long.
    #[must_use]
    pub fn longest_names(&self, widest: usize) -> usize {
        let holds_line_feeds = |item: &Item| matches!(chosen_by_client(item), Some('u' | 'd'));
        let last = self.items.iter().rposition(holds_line_feeds);
        self.items
            .iter()
            .take(last.map_or(0, |last| last + 1))
            .skip(self.head)
            .map(|item| match item {
                Item::Literal(literal) => literal.len(),
                item if chosen_by_client(item) == Some('a') => LONGEST_APPLICATION_NAME,
                item if chosen_by_client(item).is_some() => LONGEST_NAME * widest,
                Item::Field { .. } => LONGEST_FIELD,
            })
            .sum()
    }

    /// Depth first; returns `false` when `found` wants no more.
    fn search<'a>(
        &self,
        state: State<'a>,
        from: usize,
        to: usize,
        steps: &mut usize,
        found: &mut impl FnMut(State<'a>, usize) -> bool,
    ) -> bool {
        *steps = steps.saturating_sub(1);
        if *steps == 0 {
            return false;
        }
        if from >= to {
            return found(state, from);
        }
        let Some(item) = self.items.get(from) else {
            return true;
        };
        match item {
            Item::Literal(literal) => match state.rest.strip_prefix(literal.as_str()) {
                Some(rest) => self.search(State { rest, ..state }, from + 1, to, steps, found),
                None => true,
            },
            Item::Field { field, width } => {
                let next = self.items.get(from + 1);
                let mut wants_more = true;
                each_value(*field, *width, next, state, &mut |state| {
                    // `%q` ends the prefix of a process without a client: a severity follows. An
                    // application name can begin as one.
                    let quits = *field == Field::Quit
                        && state.fields.remote.is_none_or(str::is_empty)
                        && lexer::severity(state.rest).is_some();
                    wants_more = (!quits || found(state, self.items.len()))
                        && self.search(state, from + 1, to, steps, found);
                    wants_more && *steps > 0
                });
                wants_more
            }
        }
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
        if !literal.is_empty() {
            items.push(Item::Literal(std::mem::take(&mut literal)));
        }
        let field = field(letter).ok_or(PrefixError::UnknownEscape(letter, at))?;
        let width = padding.parse().unwrap_or(0);
        items.push(Item::Field { field, width });
    }
    if !literal.is_empty() {
        items.push(Item::Literal(literal));
    }
    Ok(items)
}

fn field(letter: char) -> Option<Field> {
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
        'b' | 'i' => Field::ServerText,
        'p' => Field::ProcessId,
        'l' | 'P' | 'x' | 'Q' => Field::Number,
        'e' => Field::SqlState,
        'c' => Field::SessionId,
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

/// The letter of a field whose text may be of any length and hold any character.
fn open_ended(item: &Item) -> Option<char> {
    chosen_by_client(item).or(match item {
        Item::Field {
            field: Field::ServerText,
            ..
        } => Some('b'),
        Item::Field {
            field: Field::Host { .. },
            ..
        } => Some('h'),
        _ => None,
    })
}

/// Calls `visit` with the state behind each possible value of `field` at the start of the text,
/// until it returns `false`.
fn each_value<'a>(
    field: Field,
    width: i32,
    next: Option<&Item>,
    state: State<'a>,
    visit: &mut impl FnMut(State<'a>) -> bool,
) {
    let padded = state.rest;
    let text = if width > 0 {
        padded.trim_start_matches(' ')
    } else {
        padded
    };
    let skipped = padded.len() - text.len();
    let mut take = |length: usize, fields: PrefixFields<'a>| {
        let mut end = length;
        if width < 0 {
            let wanted = usize::try_from(-width).unwrap_or(0);
            let spaces = text.get(length..).unwrap_or_default();
            let spaces = spaces.len() - spaces.trim_start_matches(' ').len();
            end += spaces.min(wanted.saturating_sub(length + skipped));
        }
        text.get(end..)
            .is_none_or(|rest| visit(State { fields, rest }))
    };
    let value = |length: usize| text.get(..length);
    let fields = state.fields;
    match field {
        Field::Quit => {
            take(0, fields);
        }
        Field::Seconds { .. } | Field::Milliseconds => {
            if let Some((stamp, _)) = time_stamp::split(text, field == Field::Milliseconds) {
                let of_session = field == Field::Seconds { of_session: true };
                let time = if of_session { fields.time } else { Some(stamp) };
                take(stamp.len(), PrefixFields { time, ..fields });
            }
        }
        Field::Epoch => {
            let length = run(text, |byte| byte.is_ascii_digit() || byte == b'.');
            if length > 0 {
                take(
                    length,
                    PrefixFields {
                        time: value(length),
                        ..fields
                    },
                );
            }
        }
        Field::ProcessId => {
            let length = run(text, |byte| byte.is_ascii_digit());
            if let Some(pid) = value(length).and_then(|pid| pid.parse().ok()) {
                take(
                    length,
                    PrefixFields {
                        backend_pid: Some(pid),
                        ..fields
                    },
                );
            }
        }
        Field::Number => {
            let sign = usize::from(text.starts_with('-'));
            let digits = run(text.get(sign..).unwrap_or_default(), |byte| {
                byte.is_ascii_digit()
            });
            take(if digits > 0 { sign + digits } else { 0 }, fields);
        }
        Field::SqlState => {
            let length = run(text, |byte| {
                byte.is_ascii_digit() || byte.is_ascii_uppercase()
            });
            if length == 5 {
                take(
                    length,
                    PrefixFields {
                        sql_state: value(length),
                        ..fields
                    },
                );
            }
        }
        Field::SessionId => {
            let length = run(text, |byte| byte.is_ascii_hexdigit() || byte == b'.');
            let pid = value(length)
                .and_then(|id| id.split_once('.'))
                .and_then(|(_, pid)| u32::from_str_radix(pid, 16).ok());
            if pid.is_some() {
                let backend_pid = fields.backend_pid.or(pid);
                take(
                    length,
                    PrefixFields {
                        backend_pid,
                        ..fields
                    },
                );
            }
        }
        Field::VirtualTransaction => {
            take(
                run(text, |byte| byte.is_ascii_digit() || byte == b'/'),
                fields,
            );
        }
        Field::Remote => each_remote(text, &mut |length, host, port| {
            let remote = value(length);
            take(
                length,
                PrefixFields {
                    remote,
                    host,
                    port,
                    ..fields
                },
            )
        }),
        Field::Host { of_server } => each_end(text, next, host_run(text), &mut |length| {
            let host = value(length).filter(|host| !host.is_empty() && *host != "???");
            let fields = if of_server || fields.remote.is_some() {
                fields
            } else {
                PrefixFields {
                    remote: value(length),
                    host,
                    ..fields
                }
            };
            take(length, fields)
        }),
        Field::User | Field::Database | Field::ApplicationName | Field::ServerText => {
            let longest = if field == Field::ApplicationName {
                longest_application_name(text)
            } else {
                longest_name(text)
            };
            let longest = longest + usize::try_from(width.abs()).unwrap_or(0);
            each_end(text, next, longest, &mut |length| {
                let name = value(length).map(|name| unpadded(name, width));
                let fields = match field {
                    Field::User => PrefixFields {
                        user: name,
                        ..fields
                    },
                    Field::Database => PrefixFields {
                        database: name,
                        ..fields
                    },
                    Field::ApplicationName => PrefixFields {
                        application_name: name,
                        ..fields
                    },
                    _ => fields,
                };
                text.get(length..)
                    .is_none_or(|rest| visit(State { fields, rest }))
            });
        }
    }
}

/// A padded name, without the spaces that `%10u` puts in front and `%-10u` behind.
fn unpadded(name: &str, width: i32) -> &str {
    let exact = usize::try_from(width.abs()).is_ok_and(|width| name.chars().count() == width);
    match (exact, width < 0) {
        (false, _) => name,
        (true, true) => name.trim_end_matches(' '),
        (true, false) => name.trim_start_matches(' '),
    }
}

/// Length of the run of bytes at the start of `text` that `belongs` accepts.
fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

/// Bytes of an address or host name: blanks end it, and a parenthesis where no port follows.
fn host_run(text: &str) -> usize {
    run(text, |byte| !byte.is_ascii_whitespace())
}

/// `%r`: `host(port)`, `[local]`, `???(???)`, or nothing for a process without a client.
fn each_remote<'a>(
    text: &'a str,
    visit: &mut impl FnMut(usize, Option<&'a str>, Option<u16>) -> bool,
) {
    if text.starts_with("[local]") {
        visit("[local]".len(), text.get(.."[local]".len()), None);
        return;
    }
    // With `log_hostname`, a name from the DNS can hold a parenthesis itself.
    let host_and_port = text.get(..host_run(text)).unwrap_or_default();
    for (open, _) in host_and_port.match_indices('(') {
        let behind = host_and_port.get(open + 1..).unwrap_or_default();
        let length = run(behind, |byte| byte.is_ascii_digit() || byte == b'?');
        let Some((port, rest)) = behind.split_at_checked(length) else {
            continue;
        };
        let number = port.parse().ok();
        if !rest.starts_with(')') || number.is_none() && port != "???" {
            continue;
        }
        let host = text.get(..open).filter(|host| *host != "???");
        if !visit(open + length + 2, host, number) {
            return;
        }
    }
    visit(0, None, None);
}

/// Every place, at most `longest` bytes on, where the literal behind a field stands; without a
/// literal, the one place where a severity or the next field can begin.
fn each_end(
    text: &str,
    next: Option<&Item>,
    longest: usize,
    visit: &mut impl FnMut(usize) -> bool,
) {
    let Some(Item::Literal(literal)) = next else {
        for (end, _) in text.char_indices().take_while(|(at, _)| *at <= longest) {
            if !visit(end) {
                return;
            }
        }
        return;
    };
    let window = window(text, longest + literal.len());
    let mut from = 0;
    while let Some(at) = window
        .get(from..)
        .and_then(|rest| rest.find(literal.as_str()))
    {
        let end = from + at;
        if !visit(end) {
            return;
        }
        let step = window.get(end..).and_then(|rest| rest.chars().next());
        from = end + step.map_or(1, char::len_utf8);
    }
}

/// The first `longest` bytes of `text`, cut at a character.
fn window(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.get(..end).unwrap_or(text)
}

/// How many bytes at the start of `text` a name of [`LONGEST_NAME`] bytes can take up. A byte that
/// is not UTF-8 stands in the text as U+FFFD, which is three bytes long.
fn longest_name(text: &str) -> usize {
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += name_bytes(character);
        if bytes > LONGEST_NAME {
            return at;
        }
    }
    text.len()
}

/// The same for an application name, which is printable ASCII. PostgreSQL 16 and newer write any
/// other byte as `\xNN` (`pg_clean_ascii`), after cutting the name.
fn longest_application_name(text: &str) -> usize {
    let mut rest = text;
    for _ in 0..LONGEST_NAME {
        let written = match rest.as_bytes() {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                4
            }
            [b' '..=b'~', ..] => 1,
            _ => break,
        };
        rest = rest.get(written..).unwrap_or_default();
    }
    text.len() - rest.len()
}

fn name_bytes(character: char) -> usize {
    if character == char::REPLACEMENT_CHARACTER {
        1
    } else {
        character.len_utf8()
    }
}
