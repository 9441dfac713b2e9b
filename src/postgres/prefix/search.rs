//! The search for every way to read a prefix.

use memchr::memchr2;

use super::Readings;
use super::field::{
    behind_left_padding, behind_right_padding, longest_application_name, longest_server_text,
    number, port, unpadded,
};
use super::items::{Field, Item, Literal};
use crate::postgres::line::{LogLine, PrefixFields};
use crate::postgres::name::{self, LONGEST_NAME};
use crate::postgres::{time_stamp, tokens};

/// How many steps a search may take: a hostile name must not cost more than its line.
const MOST_STEPS: u32 = 4_000;

/// `NI_MAXHOST`: no host name is longer.
const LONGEST_HOST: usize = 1025;

/// Goes through the items of a prefix, depth first.
pub(super) struct Search<'a> {
    /// How many bytes the whole text has.
    end: usize,
    /// How many items stand behind the head, of which the first reading is taken.
    behind_head: usize,
    /// How many are left: the search ends at the last.
    steps: u32,
    /// How many bytes a byte of a name takes up at most.
    widest: usize,
    /// Does the text begin behind a line feed inside the first name?
    is_cut: bool,
    fields: PrefixFields<'a>,
    /// What was found.
    readings: Readings<'a>,
}

impl<'a> Search<'a> {
    /// A search in `text`, which stands at the byte `start` of a whole text.
    pub(super) fn new(text: &str, start: usize, behind_head: usize, widest: usize) -> Self {
        Self {
            end: start + text.len(),
            behind_head,
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

    /// What `text` says for all `items`, from its start on.
    pub(super) fn all(mut self, text: &'a str, items: &[Item]) -> Readings<'a> {
        self.run(Some(text), items);
        self.readings
    }

    /// What `text` says as the rest of a prefix that is cut behind a line feed inside the first of the
    /// `items`, a name.
    pub(super) fn rest(mut self, text: &'a str, items: &[Item]) -> Readings<'a> {
        (self.readings.begins, self.is_cut) = (true, true);
        self.run(Some(text), items);
        self.readings
    }

    /// Reads the `items` from the start of `text` on, if the item before them ends there.
    fn run(&mut self, text: Option<&'a str>, mut items: &[Item]) {
        self.steps = self.steps.saturating_sub(1);
        let Some(mut text) = text.filter(|_| self.steps > 0) else {
            return;
        };
        loop {
            if items.len() == self.behind_head && !self.readings.begins {
                self.readings.begins = true;
                self.steps = MOST_STEPS - 1;
            }
            let [item, others @ ..] = items else {
                return self.found(text);
            };
            let Some(behind) = self.behind(item, text, others) else {
                return;
            };
            (text, items) = (behind, others);
        }
    }

    /// The text behind the item, where it ends last; reads on behind every other end.
    fn behind(&mut self, item: &Item, text: &'a str, others: &[Item]) -> Option<&'a str> {
        let start = behind_left_padding(text, item.width);
        let behind = match item.field {
            Field::User | Field::Database | Field::ApplicationName | Field::ServerText { .. } => {
                return self.each_name(item, text, others);
            }
            Field::Remote => return self.each_remote(item, text, others),
            Field::Host { of_server } => return self.each_host(item, text, others, of_server),
            Field::Quit => {
                self.quit(text);
                return item.literal.strip(text);
            }
            Field::Seconds { .. } | Field::Milliseconds => self.time(start, item.field)?,
            Field::ProcessId => self.process_id(start)?,
            fixed => self.fixed(start, fixed)?,
        };
        item.literal
            .strip(behind_right_padding(text, behind, item.width))
    }

    /// The prefix of a process without a client ends here. That of a client goes on, be it with an
    /// application name that begins as a severity.
    fn quit(&mut self, text: &'a str) {
        if self.fields.remote.is_none_or(str::is_empty) {
            self.fields.is_of_server = true;
            self.found(text);
            self.fields.is_of_server = false;
        }
    }

    /// The prefix ends where `text` begins, if a severity stands there.
    fn found(&mut self, text: &'a str) {
        if let Some((severity, message)) = tokens::severity(text) {
            self.readings.add(|| LogLine {
                prefix: self.fields,
                severity,
                message: self.end - message.len(),
            });
        }
    }

    /// `%t`, `%m`, `%s`; the text behind it.
    fn time(&mut self, text: &'a str, field: Field) -> Option<&'a str> {
        let length = time_stamp::length(text.as_bytes(), field == Field::Milliseconds)?;
        let (time, behind) = text.split_at_checked(length)?;
        if field != (Field::Seconds { of_session: true }) {
            self.fields.time = Some(time);
        }
        Some(behind)
    }

    /// `%p`; the text behind it.
    fn process_id(&mut self, text: &'a str) -> Option<&'a str> {
        let (pid, digits) = number(text.as_bytes())?;
        self.fields.backend_pid = Some(pid);
        text.get(digits..)
    }

    /// Any other field that has one reading; the text behind it.
    fn fixed(&mut self, text: &'a str, field: Field) -> Option<&'a str> {
        let bytes = text.as_bytes();
        let run = |belongs: fn(u8) -> bool| bytes.iter().take_while(|byte| belongs(**byte)).count();
        let digits = |byte: u8| byte.is_ascii_digit();
        let length = match field {
            Field::Epoch => {
                let length = run(|byte| byte.is_ascii_digit() || byte == b'.');
                self.fields.time = text.get(..length);
                length
            }
            Field::Number => match bytes {
                [b'-', rest @ ..] => 1 + rest.iter().take_while(|byte| digits(**byte)).count(),
                _ => run(digits),
            },
            Field::SqlState => {
                let length = run(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
                self.fields.sql_state = text.get(..length);
                if length != 5 {
                    return None;
                }
                length
            }
            Field::SessionId { behind_process_id } => {
                let length = run(|byte| byte.is_ascii_hexdigit() || byte == b'.');
                let (_, pid) = text.get(..length)?.split_once('.')?;
                let pid = u32::from_str_radix(pid, 16).ok()?;
                if !behind_process_id {
                    self.fields.backend_pid = Some(pid);
                }
                length
            }
            Field::VirtualTransaction => run(|byte| byte.is_ascii_digit() || byte == b'/'),
            _ => 0,
        };
        text.get(length..)
    }

    /// `%r`: `host(port)`, `[local]`, `???(???)`, or nothing for a process without a client.
    fn each_remote(&mut self, item: &Item, text: &'a str, others: &[Item]) -> Option<&'a str> {
        let start = behind_left_padding(text, item.width);
        if let Some(behind) = start.strip_prefix(LOCAL) {
            self.remote(LOCAL, Some(LOCAL), None);
            return item
                .literal
                .strip(behind_right_padding(text, behind, item.width));
        }
        // With `log_hostname`, a name from the DNS can hold a parenthesis itself; no blank.
        let mut open = 0;
        while let Some(at) = parenthesis(start, open) {
            open = at + 1;
            let bytes = start.as_bytes().get(open..)?;
            let Some((port, length)) = port(bytes) else {
                continue;
            };
            let (remote, behind) = start.split_at_checked(open + length)?;
            let host = remote.get(..at).filter(|host| *host != "???");
            self.remote(remote, host, port);
            let behind = behind_right_padding(text, behind, item.width);
            let behind = item.literal.strip(behind);
            if behind.is_some() && others.len() == self.behind_head {
                return behind;
            }
            self.run(behind, others);
            if self.readings.begins && others.len() >= self.behind_head {
                self.steps = 0;
            }
            if self.steps == 0 {
                return None;
            }
        }
        self.remote("", None, None);
        item.literal
            .strip(behind_right_padding(text, start, item.width))
    }

    fn remote(&mut self, remote: &'a str, host: Option<&'a str>, port: Option<u16>) {
        self.fields.remote = Some(remote);
        self.fields.host = host;
        self.fields.port = port;
    }

    /// `%h` and `%L`: an address, a host name, `[local]`, or nothing. An IPv6 address can hold the
    /// literal behind it.
    fn each_host(
        &mut self,
        item: &Item,
        text: &'a str,
        others: &[Item],
        of_server: bool,
    ) -> Option<&'a str> {
        let start = behind_left_padding(text, item.width);
        let bytes = start.as_bytes();
        let longest = memchr2(b' ', b'\n', bytes)
            .unwrap_or(bytes.len())
            .min(LONGEST_HOST);
        let before = self.fields.remote;
        let keep = of_server || before.is_some();
        self.names_end(start, longest);
        let window = window(start, longest, &item.literal);
        let mut next = item.literal.find(window);
        while let Some(end) = next {
            next = next_end(window, end, &item.literal);
            let Some((host, behind)) = start.split_at_checked(end) else {
                continue;
            };
            if !keep {
                self.fields.remote = Some(host);
                self.fields.host = Some(host).filter(|host| !host.is_empty() && *host != "???");
            }
            let behind = behind_right_padding(text, behind, item.width);
            self.run(item.literal.strip(behind), others);
            if self.steps == 0 {
                return None;
            }
            self.fields.remote = before;
        }
        None
    }

    /// `%u`, `%d`, `%a`, `%b`, `%i`: any text.
    fn each_name(&mut self, item: &Item, text: &'a str, others: &[Item]) -> Option<&'a str> {
        let bytes = text.as_bytes();
        let longest = match item.field {
            Field::ApplicationName => longest_application_name(bytes),
            Field::ServerText { .. } => longest_server_text(bytes),
            _ => self.longest_name(text) - usize::from(std::mem::take(&mut self.is_cut)),
        };
        let padding = usize::try_from(item.width.unsigned_abs()).unwrap_or(0);
        let last = longest + padding;
        self.names_end(text, last);
        let window = window(text, last, &item.literal);
        let mut next = item.literal.find(window);
        while let Some(this) = next {
            next = next_end(window, this, &item.literal);
            let behind = text.get(this + item.literal.text.len()..);
            let name = text.get(..this);
            if !name.is_some_and(|name| self.name(name, item)) {
                continue;
            }
            if next.is_none() {
                return behind;
            }
            self.run(behind, others);
            if self.steps == 0 {
                return None;
            }
        }
        None
    }

    /// How many bytes a name at the start of `text` can take up, at most: more than there are, where
    /// the text ends before.
    fn longest_name(&self, text: &str) -> usize {
        let longest = if self.widest == 1 {
            text.floor_char_boundary(LONGEST_NAME)
        } else {
            name::longest_name(text)
        };
        longest + usize::from(longest == text.len())
    }

    /// Can `written` be the name?
    fn name(&mut self, written: &'a str, item: &Item) -> bool {
        let name = unpadded(written, item.width);
        // Of blanks alone nothing tells whether they are a name or stand for none.
        let known = (!name.is_empty() || written.is_empty()).then_some(name);
        match item.field {
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

    /// Takes note that a name can end at the byte `last` of `text`, and no later.
    fn names_end(&mut self, text: &str, last: usize) {
        let last = self.end - text.len() + last;
        self.readings.names_end = self.readings.names_end.max(last);
    }
}

/// Where `%r` has its next parenthesis, from the byte `from` on.
fn parenthesis(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes().get(from..)?;
    let ends = |byte: &u8| matches!(byte, b'(' | b' ');
    let at = from + bytes.iter().position(ends)?;
    (at <= LONGEST_HOST && text.as_bytes().get(at) == Some(&b'(')).then_some(at)
}

/// What is looked through for the literal behind a field that ends at the byte `last` or before.
fn window<'a>(text: &'a str, last: usize, literal: &Literal) -> &'a [u8] {
    let text = text.as_bytes();
    text.get(..last + literal.text.len()).unwrap_or(text)
}

/// The place behind `end` where the literal stands next; without a literal, any place.
fn next_end(window: &[u8], end: usize, literal: &Literal) -> Option<usize> {
    let from = end + 1;
    Some(from + literal.find(window.get(from..)?)?)
}

const LOCAL: &str = "[local]";
