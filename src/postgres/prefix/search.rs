//! The search for every way to read a prefix.

use std::ops::ControlFlow;

use memchr::memchr2;

use super::Readings;
use super::ends::{Behind, End, end};
use super::field::{begins, longest_application_name, longest_server_text, number, port, unpadded};
use super::items::{Field, Item};
use crate::postgres::line::{LogLine, PrefixFields};
use crate::postgres::name::{self, LONGEST_NAME};
use crate::postgres::{time_stamp, tokens};

/// How many steps a search may take: a hostile name must not cost more than its line.
const MOST_STEPS: u32 = 4_000;

/// `NI_MAXHOST`: no host name is longer.
const LONGEST_HOST: usize = 1025;

/// Goes through the items of a prefix, depth first.
pub(super) struct Search<'a, 'p> {
    text: &'a str,
    /// Where it stands in the text that is read.
    start: usize,
    items: &'p [Item],
    /// Of the items before this one, the first reading is taken.
    head: usize,
    /// Have these been read?
    pub(super) has_head: bool,
    steps: u32,
    /// How many bytes a byte of a name takes up at most.
    widest: usize,
    /// Does the text begin behind a line feed inside the first name?
    is_cut: bool,
    fields: PrefixFields<'a>,
    /// What was found.
    pub(super) readings: Readings<'a>,
}

impl<'a, 'p> Search<'a, 'p> {
    /// A search from the byte `start` of `text` on.
    pub(super) fn new(
        text: &'a str,
        start: usize,
        items: &'p [Item],
        head: usize,
        widest: usize,
    ) -> Self {
        Self {
            text: text.get(start..).unwrap_or_default(),
            start,
            items,
            head,
            has_head: false,
            steps: MOST_STEPS,
            widest,
            is_cut: false,
            fields: PrefixFields::default(),
            readings: Readings {
                names_end: start,
                ..Readings::default()
            },
        }
    }

    /// Reads the text from its start and the first item on.
    pub(super) fn all(&mut self) {
        self.run(0, 0);
    }

    /// Reads the text as the rest of a prefix that is cut behind a line feed inside the name `item`.
    pub(super) fn rest(&mut self, item: usize) {
        (self.has_head, self.is_cut) = (true, true);
        self.run(0, item);
    }

    /// Reads from the byte `at` and the item `next` on; `false` when the search is over.
    fn run(&mut self, mut at: usize, mut next: usize) -> bool {
        self.steps = self.steps.saturating_sub(1);
        if self.steps == 0 {
            return false;
        }
        let items = self.items;
        loop {
            if next == self.head && !self.has_head {
                self.has_head = true;
                self.steps = MOST_STEPS - 1;
            }
            let Some(item) = items.get(next) else {
                break;
            };
            next += 1;
            at = match item {
                Item::Literal(literal) => {
                    if !begins(self.bytes(at), literal.text.as_bytes()) {
                        return true;
                    }
                    at + literal.text.len()
                }
                Item::Field { field, width } => match field {
                    Field::Quit => {
                        self.quit(at);
                        at
                    }
                    Field::Remote => match self.each_remote(at, *width, next) {
                        ControlFlow::Continue((behind, item)) => {
                            next = item;
                            behind
                        }
                        ControlFlow::Break(wants_more) => return wants_more,
                    },
                    Field::Host { of_server } => {
                        return self.each_host(at, *width, next, *of_server);
                    }
                    Field::User
                    | Field::Database
                    | Field::ApplicationName
                    | Field::ServerText { .. } => match self.each_name(at, *field, *width, next) {
                        ControlFlow::Continue((behind, item)) => {
                            next = item;
                            behind
                        }
                        ControlFlow::Break(wants_more) => return wants_more,
                    },
                    fixed => match self.fixed(at, *fixed, *width) {
                        Some(end) => end,
                        None => return true,
                    },
                },
            };
        }
        self.found(at);
        true
    }

    /// The prefix of a process without a client ends here. That of a client goes on, be it with an
    /// application name that begins as a severity.
    fn quit(&mut self, at: usize) {
        if self.fields.remote.is_none_or(str::is_empty) {
            self.fields.is_of_server = true;
            self.found(at);
            self.fields.is_of_server = false;
        }
    }

    /// The prefix ends at the byte `at`, if a severity stands there.
    fn found(&mut self, at: usize) {
        let behind = self.text.get(at..).and_then(tokens::severity);
        if let Some((severity, message)) = behind {
            self.readings.add(LogLine {
                prefix: self.fields,
                severity,
                message: self.start + self.text.len() - message.len(),
            });
        }
    }

    #[inline]
    fn bytes(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    #[inline]
    fn slice(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(start..end)
    }

    /// A field that has one reading; the byte behind it.
    #[inline]
    fn fixed(&mut self, at: usize, field: Field, width: i32) -> Option<usize> {
        let start = self.left_padding(at, width);
        let bytes = self.bytes(start);
        let run = |belongs: fn(u8) -> bool| bytes.iter().take_while(|byte| belongs(**byte)).count();
        let digits = |byte: u8| byte.is_ascii_digit();
        let length = match field {
            Field::Seconds { .. } | Field::Milliseconds => {
                let length = time_stamp::length(bytes, field == Field::Milliseconds)?;
                if field != (Field::Seconds { of_session: true }) {
                    self.fields.time = self.slice(start, start + length);
                }
                length
            }
            Field::Epoch => {
                let length = run(|byte| byte.is_ascii_digit() || byte == b'.');
                self.fields.time = Some(self.slice(start, start + length)?);
                length
            }
            Field::ProcessId => {
                let (pid, length) = number(bytes)?;
                self.fields.backend_pid = Some(pid);
                length
            }
            Field::Number => match bytes {
                [b'-', rest @ ..] => 1 + rest.iter().take_while(|byte| digits(**byte)).count(),
                _ => run(digits),
            },
            Field::SqlState => {
                let length = run(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
                self.fields.sql_state = Some(self.slice(start, start + length)?);
                if length != 5 {
                    return None;
                }
                length
            }
            Field::SessionId { behind_process_id } => {
                let length = run(|byte| byte.is_ascii_hexdigit() || byte == b'.');
                let (_, pid) = self.slice(start, start + length)?.split_once('.')?;
                let pid = u32::from_str_radix(pid, 16).ok()?;
                if !behind_process_id {
                    self.fields.backend_pid = Some(pid);
                }
                length
            }
            Field::VirtualTransaction => run(|byte| byte.is_ascii_digit() || byte == b'/'),
            _ => 0,
        };
        Some(self.right_padding(at, start + length, width))
    }

    /// Behind the spaces that `%10u` puts in front.
    fn left_padding(&self, at: usize, width: i32) -> usize {
        if width <= 0 {
            return at;
        }
        let spaces = self.bytes(at).iter().take_while(|byte| **byte == b' ');
        at + spaces.count()
    }

    /// Behind the spaces that `%-10u` puts behind a field from `at` to `end`.
    fn right_padding(&self, at: usize, end: usize, width: i32) -> usize {
        if width >= 0 {
            return end;
        }
        let wanted = usize::try_from(width.unsigned_abs()).unwrap_or(0);
        let missing = wanted.saturating_sub(end - at);
        let spaces = self.bytes(end).iter().take(missing);
        end + spaces.take_while(|byte| **byte == b' ').count()
    }

    /// `%r`: `host(port)`, `[local]`, `???(???)`, or nothing for a process without a client. Reads on
    /// behind each that is possible, but behind the one that is taken.
    #[inline]
    fn each_remote(&mut self, at: usize, width: i32, next: usize) -> ControlFlow<bool, Behind> {
        let start = self.left_padding(at, width);
        let bytes = self.bytes(start);
        if begins(bytes, LOCAL.as_bytes()) {
            let end = start + LOCAL.len();
            self.remote(start, end, Some(LOCAL), None);
            return ControlFlow::Continue((self.right_padding(at, end, width), next));
        }
        // With `log_hostname`, a name from the DNS can hold a parenthesis itself; no blank.
        let mut open = 0;
        let ends = |byte: &u8| matches!(byte, b'(' | b' ');
        while let Some(step) = bytes.iter().skip(open).position(ends) {
            open += step;
            let Some([b'(', behind @ ..]) = bytes.get(open..) else {
                break;
            };
            if open > LONGEST_HOST {
                break;
            }
            let host = self.slice(start, start + open);
            open += 1;
            let Some((port, length)) = port(behind) else {
                continue;
            };
            let end = start + open + length;
            self.remote(start, end, host.filter(|host| *host != "???"), port);
            let end = self.right_padding(at, end, width);
            if let Some(behind) = self.end_of_head(end, next) {
                return ControlFlow::Continue(behind);
            }
            let wants_more = self.run(end, next);
            let is_of_head = next <= self.head && self.has_head;
            if !wants_more || is_of_head {
                return ControlFlow::Break(false);
            }
        }
        self.remote(start, start, None, None);
        ControlFlow::Continue((self.right_padding(at, start, width), next))
    }

    fn remote(&mut self, start: usize, end: usize, host: Option<&'a str>, port: Option<u16>) {
        self.fields.remote = self.slice(start, end);
        self.fields.host = host;
        self.fields.port = port;
    }

    /// Behind the literal that ends the head, if `next` is that literal and stands at `at`.
    fn end_of_head(&self, at: usize, next: usize) -> Option<Behind> {
        match self.items.get(next) {
            Some(Item::Literal(literal)) if next + 1 == self.head => {
                let literal = literal.text.as_bytes();
                begins(self.bytes(at), literal).then_some((at + literal.len(), next + 1))
            }
            _ => None,
        }
    }

    /// `%h` and `%L`: an address, a host name, `[local]`, or nothing. An IPv6 address can hold the
    /// literal behind it.
    fn each_host(&mut self, at: usize, width: i32, next: usize, of_server: bool) -> bool {
        let start = self.left_padding(at, width);
        let bytes = self.bytes(start);
        let longest = memchr2(b' ', b'\n', bytes)
            .unwrap_or(bytes.len())
            .min(LONGEST_HOST);
        let before = self.fields.remote;
        let keep = of_server || before.is_some();
        let last = self.last_end(start + longest);
        let mut end = self.end(start, last, next);
        while let Some(found) = end {
            end = self.end(found.at + 1, last, next);
            if !keep {
                let host = self.slice(start, found.at);
                self.fields.remote = host;
                self.fields.host = host.filter(|host| !host.is_empty() && *host != "???");
            }
            let behind = self.right_padding(at, found.at, width);
            if !self.run(behind, next) {
                return false;
            }
            self.fields.remote = before;
        }
        true
    }

    /// `%u`, `%d`, `%a`, `%b`, `%i`: any text. Reads on behind every place where it can end but the
    /// last, which is left to the caller.
    #[inline]
    fn each_name(
        &mut self,
        at: usize,
        field: Field,
        width: i32,
        next: usize,
    ) -> ControlFlow<bool, Behind> {
        let longest = match field {
            Field::ApplicationName => longest_application_name(self.bytes(at)),
            Field::ServerText { .. } => longest_server_text(self.bytes(at)),
            _ => self.longest_name(at) - usize::from(std::mem::take(&mut self.is_cut)),
        };
        let padding = usize::try_from(width.unsigned_abs()).unwrap_or(0);
        let last = self.last_end(at + longest + padding);
        let mut end = self.end(at, last, next);
        while let Some(this) = end {
            end = self.end(this.at + 1, last, next);
            if !self.name(at, this.at, field, width) {
                continue;
            }
            if end.is_none() {
                return ControlFlow::Continue(this.behind);
            }
            let (behind, next) = this.behind;
            if !self.run(behind, next) {
                return ControlFlow::Break(false);
            }
        }
        ControlFlow::Break(true)
    }

    /// How many bytes from `at` on a name can take up, at most: more than there are, where the text
    /// ends before.
    fn longest_name(&self, at: usize) -> usize {
        let text = self.text.get(at..).unwrap_or_default();
        let longest = if self.widest == 1 {
            text.floor_char_boundary(LONGEST_NAME)
        } else {
            name::longest_name(text)
        };
        longest + usize::from(longest == text.len())
    }

    /// Can the text from `at` to `end` be the name?
    fn name(&mut self, at: usize, end: usize, field: Field, width: i32) -> bool {
        let Some(name) = self.slice(at, end).map(|name| unpadded(name, width)) else {
            return false;
        };
        // Of blanks alone nothing tells whether they are a name or stand for none.
        let known = (!name.is_empty() || at == end).then_some(name);
        match field {
            Field::User => self.fields.user = known,
            Field::Database => self.fields.database = known,
            Field::ApplicationName => {
                self.fields.application_name = known;
                return true;
            }
            _ => {}
        }
        name::is_name(name)
    }

    /// Takes note that a name can end at the byte `last`, and no later.
    fn last_end(&mut self, last: usize) -> usize {
        self.readings.names_end = self.readings.names_end.max(self.start + last);
        last
    }

    /// The first place between `from` and `last` where the field before the item `next` can end.
    fn end(&self, from: usize, last: usize, next: usize) -> Option<End> {
        end(self.text.as_bytes(), from, last, self.items, next)
    }
}

const LOCAL: &str = "[local]";
