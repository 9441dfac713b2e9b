//! Writes log lines as PostgreSQL does: names raw into the prefix, line feeds with a tab into the
//! message, application names as printable ASCII (`elog.c`, `postinit.c`, `auth.c`, `postgres.c`).

use aurora_connection_audit::postgres::event::Kind;

/// A connection, and what became of it.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) pid: u32,
    /// `[local]` for a Unix-domain socket.
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    /// At most 63 bytes of any value but NUL, as the next one.
    pub(crate) user: Vec<u8>,
    pub(crate) database: Vec<u8>,
    /// As the client sent it.
    pub(crate) application_name: Vec<u8>,
    /// Does the server write what is not printable ASCII as `\xNN`, as 16 does, or as `?`?
    pub(crate) escapes: bool,
    pub(crate) encrypted: bool,
    pub(crate) course: Course,
}

/// The bytes as text.
impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = String::from_utf8_lossy;
        let (user, database) = (name(&self.user), name(&self.database));
        let application_name = name(&self.application_name);
        write!(f, "[{}] {}({}) ", self.pid, self.host, self.port)?;
        write!(
            f,
            "{user:?} @ {database:?} {application_name:?} {:?}",
            self.course
        )
    }
}

/// What became of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// The client went away before it was let in.
    Silent,
    /// Turned away before `connection authorized`.
    Refused(Refusal),
    /// Turned away behind it.
    RefusedAfterAll(Refusal),
    /// Let in; what it made the server write; whether its end is in the log.
    Session(Vec<Written>, bool),
}

/// Why a client is turned away.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Password,
    NoHbaEntry,
    TooManyClients,
    NoSuchDatabase,
    NoLogin,
    /// With a value from the start-up packet.
    BadParameter(Vec<u8>),
}

/// What a session makes the server write.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    /// `RAISE LOG`, with CONTEXT and STATEMENT.
    Raised(Vec<u8>),
    /// A statement that fails.
    Error(Vec<u8>),
    /// `FATAL:  terminating connection due to administrator command`
    Terminated,
}

/// One line and its continuation lines.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) backend: usize,
    pub(crate) severity: &'static str,
    pub(crate) message: Vec<u8>,
    /// The event that this line reports.
    pub(crate) kind: Option<Kind>,
    /// Has the server read the start-up packet? Before, names are `[unknown]` in the prefix.
    pub(crate) named: bool,
    /// Does the session know its application name?
    pub(crate) established: bool,
}

impl Line {
    /// Does the message hold neither user nor database?
    pub(crate) fn names_nobody(&self) -> bool {
        let openings: [&[u8]; 2] = [b"sorry, too many", b"invalid value for parameter"];
        openings
            .iter()
            .any(|opening| self.message.starts_with(opening))
    }
}

/// The lines of a backend; those of one report stand together.
pub(crate) fn reports(index: usize, backend: &Backend) -> Vec<Vec<Line>> {
    let line = |severity, kind: Option<Kind>, message: Vec<u8>| Line {
        backend: index,
        severity,
        message,
        kind,
        named: true,
        established: false,
    };
    let mut reports = vec![vec![Line {
        named: false,
        ..line("LOG", Some(Kind::Received), received(backend))
    }]];
    if !matches!(backend.course, Course::Silent | Course::Refused(_)) {
        let authenticated = bytes(&[
            b"connection authenticated: identity=\"",
            &backend.user,
            b"\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)",
        ]);
        reports.push(vec![line("LOG", Some(Kind::Authenticated), authenticated)]);
        reports.push(vec![line(
            "LOG",
            Some(Kind::Authorized),
            authorized(backend),
        )]);
    }
    match &backend.course {
        Course::Silent => {}
        Course::Refused(refusal) | Course::RefusedAfterAll(refusal) => {
            let mut report = vec![line("FATAL", Some(Kind::Rejected), fatal(backend, refusal))];
            if matches!(refusal, Refusal::Password) {
                let detail = bytes(&[
                    b"Role \"",
                    &backend.user,
                    b"\" does not exist.\nConnection matched pg_hba.conf line 18: \"host all all\"",
                ]);
                report.push(line("DETAIL", Some(Kind::Explanation), detail));
            }
            reports.push(report);
        }
        Course::Session(written, ended) => {
            reports.extend(written.iter().map(|written| session(written, &line)));
            if *ended {
                let message = disconnection(backend);
                reports.push(vec![line("LOG", Some(Kind::Disconnected), message)]);
            }
            for line in reports.iter_mut().skip(3).flatten() {
                line.established = true;
            }
        }
    }
    reports
}

fn session(
    written: &Written,
    line: &impl Fn(&'static str, Option<Kind>, Vec<u8>) -> Line,
) -> Vec<Line> {
    match written {
        Written::Raised(text) => vec![
            line("LOG", None, text.clone()),
            line(
                "CONTEXT",
                None,
                b"PL/pgSQL function inline_code_block line 1 at RAISE".to_vec(),
            ),
            line(
                "STATEMENT",
                None,
                bytes(&[b"DO $$ BEGIN RAISE LOG '", text, b"'; END $$"]),
            ),
        ],
        Written::Error(text) => vec![
            line(
                "ERROR",
                None,
                b"syntax error at or near \"x\" at character 1".to_vec(),
            ),
            line("STATEMENT", None, text.clone()),
        ],
        Written::Terminated => vec![line(
            "FATAL",
            None,
            b"terminating connection due to administrator command".to_vec(),
        )],
    }
}

/// `connection received: host=%s port=%s`
fn received(backend: &Backend) -> Vec<u8> {
    format!(
        "connection received: host={}{}",
        backend.host,
        port(backend)
    )
    .into_bytes()
}

fn port(backend: &Backend) -> String {
    match backend.host {
        "[local]" => String::new(),
        _ => format!(" port={}", backend.port),
    }
}

/// `connection authorized: user=%s database=%s[ application_name=%s][ SSL enabled (…)]`
fn authorized(backend: &Backend) -> Vec<u8> {
    let application = match clean(&backend.application_name, backend.escapes) {
        name if name.is_empty() => name,
        name => format!(" application_name={name}"),
    };
    let tls = if backend.encrypted {
        " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"
    } else {
        ""
    };
    bytes(&[
        b"connection authorized: user=",
        &backend.user,
        b" database=",
        &backend.database,
        application.as_bytes(),
        tls.as_bytes(),
    ])
}

/// `disconnection: session time: %d:%02d:%02d.%03d user=%s database=%s host=%s[ port=%s]`
fn disconnection(backend: &Backend) -> Vec<u8> {
    bytes(&[
        b"disconnection: session time: 0:00:01.250 user=",
        &backend.user,
        b" database=",
        &backend.database,
        format!(" host={}{}", backend.host, port(backend)).as_bytes(),
    ])
}

fn fatal(backend: &Backend, refusal: &Refusal) -> Vec<u8> {
    let Backend { user, database, .. } = backend;
    let encryption: &[u8] = if backend.encrypted {
        b"SSL encryption"
    } else {
        b"no encryption"
    };
    match refusal {
        Refusal::Password => bytes(&[b"password authentication failed for user \"", user, b"\""]),
        Refusal::NoHbaEntry => bytes(&[
            b"no pg_hba.conf entry for host \"",
            backend.host.as_bytes(),
            b"\", user \"",
            user,
            b"\", database \"",
            database,
            b"\", ",
            encryption,
        ]),
        Refusal::TooManyClients => b"sorry, too many clients already".to_vec(),
        Refusal::NoSuchDatabase => bytes(&[b"database \"", database, b"\" does not exist"]),
        Refusal::NoLogin => bytes(&[b"role \"", user, b"\" is not permitted to log in"]),
        Refusal::BadParameter(value) => bytes(&[
            b"invalid value for parameter \"client_encoding\": \"",
            value,
            b"\"",
        ]),
    }
}

/// `line` as it stands in the log, with its line feed.
pub(crate) fn print(setting: &str, line: &Line, backend: &Backend, second: u32) -> Vec<u8> {
    let mut text = prefix(setting, line, backend, second);
    text.extend_from_slice(line.severity.as_bytes());
    text.extend_from_slice(b":  ");
    for byte in &line.message {
        text.push(*byte);
        if *byte == b'\n' {
            text.push(b'\t');
        }
    }
    text.push(b'\n');
    text
}

/// `log_status_format` in `elog.c`, for a backend with a client.
pub(crate) fn prefix(setting: &str, line: &Line, backend: &Backend, second: u32) -> Vec<u8> {
    let unknown: &[u8] = b"[unknown]";
    let time = format!("2026-11-23 09:{:02}:{:02}", second / 60, second % 60);
    let remote = match backend.host {
        "[local]" => "[local]".to_owned(),
        host => format!("{host}({})", backend.port),
    };
    let mut text = Vec::new();
    let mut letters = setting.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let value: Vec<u8> = match letters.next().unwrap() {
            't' | 's' => format!("{time} UTC").into_bytes(),
            'm' => format!("{time}.250 UTC").into_bytes(),
            'n' => format!("{}.250", 1_795_424_400 + second).into_bytes(),
            'r' => remote.clone().into_bytes(),
            'h' => backend.host.as_bytes().to_vec(),
            'u' if line.named => backend.user.clone(),
            'd' if line.named => backend.database.clone(),
            'a' if line.established && !backend.application_name.is_empty() => {
                clean(cut(&backend.application_name), backend.escapes).into_bytes()
            }
            'u' | 'd' | 'a' => unknown.to_vec(),
            'p' => backend.pid.to_string().into_bytes(),
            'l' => b"7".to_vec(),
            'e' if line.severity == "FATAL" => b"28P01".to_vec(),
            'e' => b"00000".to_vec(),
            'v' => b"3/15".to_vec(),
            'x' => b"0".to_vec(),
            'c' => format!("6b040a1f.{:x}", backend.pid).into_bytes(),
            'q' => Vec::new(),
            other => panic!("%{other}"),
        };
        text.extend_from_slice(&value);
    }
    text
}

/// `pg_clean_ascii`
pub(crate) fn clean(name: &[u8], escapes: bool) -> String {
    let clean = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        byte if escapes => format!("\\x{byte:02x}"),
        _ => "?".to_owned(),
    };
    name.iter().map(clean).collect()
}

/// PostgreSQL cuts names to 63 bytes.
pub(crate) fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(63)]
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
