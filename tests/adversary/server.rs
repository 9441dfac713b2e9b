//! A PostgreSQL server, 12 to 18, as far as its log shows it: what it writes in front of a line
//! (`log_line_prefix` in `elog.c`), and how.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

/// 2026-11-23 09:00:00 UTC: when every log begins.
pub(crate) const BEGIN: i64 = 1_795_424_400;

/// Names are cut to `NAMEDATALEN - 1` bytes.
pub(crate) const LONGEST_NAME: usize = 63;

/// A server process, with or without a client.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) pid: u32,
    /// Empty for a process of the server's own, `[local]` for a Unix-domain socket.
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    /// As the client sent them, cut.
    pub(crate) user: Vec<u8>,
    pub(crate) database: Vec<u8>,
    /// As `connection authorized` has it, of any length: `pg_clean_ascii` has been over it.
    pub(crate) application_name: String,
    /// What `SET application_name` made of it.
    pub(crate) later_application_name: Option<String>,
    pub(crate) encryption: Encryption,
    pub(crate) walsender: Walsender,
    /// Of `connection authenticated`.
    pub(crate) method: &'static str,
    pub(crate) identity: Option<Vec<u8>>,
    /// Of ` GSS (…, principal=…)`.
    pub(crate) principal: Option<&'static str>,
    /// Whoever is behind it wants to deceive.
    pub(crate) hostile: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    Plain,
    Tls,
    Gss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walsender {
    No,
    Physical,
    Logical,
}

/// How far a backend has come when it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The startup packet has not been read.
    Nameless,
    /// It has, but the session does not know its application name.
    Named,
    Established,
}

/// A log line: `SEVERITY:  message`.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) severity: &'static str,
    pub(crate) message: Vec<u8>,
}

/// A compiled `log_line_prefix`.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) text: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Text(String),
    Field(char),
}

/// What a prefix says.
pub(crate) struct Moment<'a> {
    pub(crate) backend: &'a Backend,
    /// Milliseconds since the log began.
    pub(crate) at: u32,
    /// When the process began.
    pub(crate) started: u32,
    pub(crate) stage: Stage,
    pub(crate) severity: &'static str,
    /// `%l`
    pub(crate) line: u32,
}

impl Setting {
    pub(crate) fn new(text: &str) -> Self {
        let mut items = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match (letter, items.last_mut()) {
                ('%', _) => items.push(Item::Field(letters.next().unwrap())),
                (_, Some(Item::Text(literal))) => literal.push(letter),
                _ => items.push(Item::Text(letter.to_string())),
            }
        }
        Self {
            text: text.to_owned(),
            items,
        }
    }

    /// The parts before the names of a client, between them, and behind them.
    pub(crate) fn parts(&self) -> [Range<usize>; 3] {
        let is_name = |item: &Item| matches!(item, Item::Field('u' | 'd'));
        let all = self.items.len();
        let first = self.items.iter().position(is_name).unwrap_or(all);
        let last = self.items.iter().rposition(is_name).unwrap_or(all);
        [
            0..first,
            (first + 1).min(last)..last,
            (last + 1).min(all)..all,
        ]
    }

    pub(crate) fn all(&self) -> Range<usize> {
        0..self.items.len()
    }

    pub(crate) fn has(&self, field: char) -> bool {
        self.items.contains(&Item::Field(field))
    }

    /// `log_line_prefix` in `elog.c`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, items: Range<usize>, moment: &Moment<'_>) {
        for item in &self.items[items] {
            match item {
                Item::Text(text) => out.extend_from_slice(text.as_bytes()),
                Item::Field('q') if moment.backend.host.is_empty() => return,
                Item::Field(field) => moment.field(out, *field),
            }
        }
    }
}

impl Moment<'_> {
    fn field(&self, out: &mut Vec<u8>, field: char) {
        let backend = self.backend;
        let has_client = !backend.host.is_empty();
        match field {
            't' => time(out, self.at, false),
            'm' => time(out, self.at, true),
            's' => time(out, self.started, false),
            'n' => {
                let (second, milli) = (BEGIN + i64::from(self.at / 1000), self.at % 1000);
                write!(out, "{second}.{milli:03}").unwrap();
            }
            'r' if has_port(backend) => write!(out, "{}({})", backend.host, backend.port).unwrap(),
            'r' | 'h' => out.extend_from_slice(backend.host.as_bytes()),
            'u' if has_client => out.extend_from_slice(self.name(&backend.user)),
            'd' if has_client => out.extend_from_slice(self.name(self.database())),
            'a' if has_client => out.extend_from_slice(self.application_name()),
            'p' => write!(out, "{}", backend.pid).unwrap(),
            'l' => write!(out, "{}", self.line).unwrap(),
            'e' => out.extend_from_slice(self.sql_state().as_bytes()),
            'v' if self.stage == Stage::Established => out.extend_from_slice(b"3/15"),
            'x' => out.push(b'0'),
            'c' => {
                let start = BEGIN + i64::from(self.started / 1000);
                write!(out, "{start:x}.{:x}", backend.pid).unwrap();
            }
            _ => {}
        }
    }

    /// `if (username == NULL || *username == '\0') username = _("[unknown]");`
    fn name<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        match self.stage {
            Stage::Nameless => b"[unknown]",
            _ if name.is_empty() => b"[unknown]",
            _ => name,
        }
    }

    /// `if (am_walsender && !am_db_walsender) port->database_name[0] = '\0';`
    fn database(&self) -> &[u8] {
        match self.backend.walsender {
            Walsender::Physical => b"",
            _ => &self.backend.database,
        }
    }

    fn application_name(&self) -> &[u8] {
        let backend = self.backend;
        let later = backend.later_application_name.as_ref();
        let name = later.unwrap_or(&backend.application_name).as_bytes();
        match self.stage {
            Stage::Established if !name.is_empty() => &name[..name.len().min(LONGEST_NAME)],
            _ => b"[unknown]",
        }
    }

    fn sql_state(&self) -> &'static str {
        match self.severity {
            "FATAL" => "28P01",
            "ERROR" => "42601",
            "WARNING" => "01000",
            _ => "00000",
        }
    }
}

/// `port->remote_port && port->remote_port[0] != '\0'`
pub(crate) fn has_port(backend: &Backend) -> bool {
    !matches!(backend.host, "" | "[local]")
}

/// `%Y-%m-%d %H:%M:%S %Z`, with milliseconds for `%m`.
fn time(out: &mut Vec<u8>, at: u32, millis: bool) {
    let (second, milli) = (at / 1000, at % 1000);
    let (hour, minute, second) = (9 + second / 3600, second / 60 % 60, second % 60);
    write!(out, "2026-11-23 {hour:02}:{minute:02}:{second:02}").unwrap();
    if millis {
        write!(out, ".{milli:03}").unwrap();
    }
    out.extend_from_slice(b" UTC");
}

/// `append_with_tabs`: a line feed in a message gets a tab behind it.
pub(crate) fn append_with_tabs(out: &mut Vec<u8>, message: &[u8]) {
    for byte in message {
        out.push(*byte);
        if *byte == b'\n' {
            out.push(b'\t');
        }
    }
}

/// `pg_clean_ascii`: `\xNN` since 16, `?` before.
pub(crate) fn clean(name: &[u8], version: u8) -> String {
    let mut clean = String::new();
    for byte in name {
        match byte {
            b' '..=b'~' => clean.push(char::from(*byte)),
            byte if version >= 16 => write!(clean, "\\x{byte:02x}").unwrap(),
            _ => clean.push('?'),
        }
    }
    clean
}

/// `connection received: host=%s port=%s`
pub(crate) fn received(backend: &Backend) -> Vec<u8> {
    format!(
        "connection received: host={}{}",
        backend.host,
        port(backend)
    )
    .into_bytes()
}

fn port(backend: &Backend) -> String {
    if has_port(backend) {
        format!(" port={}", backend.port)
    } else {
        String::new()
    }
}

/// `connection authenticated: identity="%s" method=%s (%s:%d)`, since 14; since 17 for `trust`, too.
pub(crate) fn authenticated(backend: &Backend, version: u8) -> Option<Vec<u8>> {
    let (word, who) = match &backend.identity {
        Some(identity) if version >= 14 => ("identity", identity),
        None if version >= 17 => ("user", &backend.user),
        _ => return None,
    };
    Some(
        [
            b"connection authenticated: ",
            word.as_bytes(),
            b"=\"",
            who,
            b"\" method=",
            backend.method.as_bytes(),
            b" (/rdsdbdata/config/pg_hba.conf:18)",
        ]
        .concat(),
    )
}

/// `connection authorized: user=%s database=%s[ application_name=%s][ SSL enabled (…)][ GSS (…)]`
pub(crate) fn authorized(backend: &Backend, version: u8) -> Vec<u8> {
    let mut message = Vec::new();
    if backend.walsender != Walsender::No {
        message.extend_from_slice(b"replication ");
    }
    message.extend_from_slice(b"connection authorized: user=");
    message.extend_from_slice(&backend.user);
    if backend.walsender == Walsender::No {
        message.extend_from_slice(b" database=");
        message.extend_from_slice(&backend.database);
    }
    message.extend_from_slice(behind_names(backend, version).as_bytes());
    message
}

pub(crate) fn behind_names(backend: &Backend, version: u8) -> String {
    let mut text = String::new();
    if !backend.application_name.is_empty() {
        text = format!(" application_name={}", backend.application_name);
    }
    match (backend.encryption, version) {
        (Encryption::Tls, 12 | 13) => text.push_str(" SSL enabled (protocol=TLSv1.2, cipher=ECDHE-RSA-AES256-GCM-SHA384, bits=256, compression=off)"),
        (Encryption::Tls, _) => text.push_str(" SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"),
        _ => {}
    }
    if backend.encryption == Encryption::Gss || backend.principal.is_some() {
        let yes = |yes| if yes { "yes" } else { "no" };
        let authenticated = yes(backend.principal.is_some());
        let encrypted = yes(backend.encryption == Encryption::Gss);
        write!(
            text,
            " GSS (authenticated={authenticated}, encrypted={encrypted}"
        )
        .unwrap();
        if version >= 16 {
            text.push_str(", delegated_credentials=no");
        }
        if let Some(principal) = backend.principal {
            write!(text, ", principal={principal}").unwrap();
        }
        text.push(')');
    }
    text
}

/// `disconnection: session time: %d:%02d:%02d.%03d user=%s database=%s host=%s%s%s`
pub(crate) fn disconnection(backend: &Backend, millis: u32) -> Vec<u8> {
    let seconds = millis / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut message = format!(
        "disconnection: session time: {hours}:{minutes:02}:{rest:02}.{:03} user=",
        millis % 1000
    )
    .into_bytes();
    message.extend_from_slice(&backend.user);
    message.extend_from_slice(b" database=");
    if backend.walsender != Walsender::Physical {
        message.extend_from_slice(&backend.database);
    }
    message.extend_from_slice(format!(" host={}{}", backend.host, port(backend)).as_bytes());
    message
}

/// `no pg_hba.conf entry for host "%s", user "%s", database "%s", %s` and its kin.
pub(crate) fn hba(opening: &str, backend: &Backend, version: u8) -> Vec<u8> {
    let encryption = match (backend.encryption, version) {
        (Encryption::Tls, 12 | 13) => "SSL on",
        (Encryption::Plain | Encryption::Gss, 12 | 13) => "SSL off",
        (Encryption::Tls, _) => "SSL encryption",
        (Encryption::Gss, _) => "GSS encryption",
        (Encryption::Plain, _) => "no encryption",
    };
    let replication = backend.walsender == Walsender::Physical;
    let mut message = opening.as_bytes().to_vec();
    message.extend_from_slice(if replication {
        if opening.starts_with("no") {
            b" replication connection from"
        } else {
            b" replication connection for"
        }
    } else if opening.starts_with("no") {
        b""
    } else {
        b" connection for"
    });
    message.extend_from_slice(format!(" host \"{}\", user \"", backend.host).as_bytes());
    message.extend_from_slice(&backend.user);
    if !replication {
        message.extend_from_slice(b"\", database \"");
        message.extend_from_slice(&backend.database);
    }
    message.extend_from_slice(b"\", ");
    message.extend_from_slice(encryption.as_bytes());
    message
}
