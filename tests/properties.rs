//! Logs written as PostgreSQL writes them, with names of any kind, are read back.
//!
//! Guaranteed for a log whose `connection received` lines are in the text, under a prefix that
//! names client and process:
//! - every event that is reported stands at the start of a line that reports it, and no field of
//!   it is wrong;
//! - every line that reports an event is reported, except that a FATAL that names nobody may be
//!   reported as suspicious, and a DETAIL may be lost, where names imitate records;
//! - a name is unknown only when it is like `[unknown]`, when the message names nobody and the prefix
//!   can be read in several ways, or when the prefix has no names and the message can be.
//! - encryption is as it was, unless an application name on a connection in plain text imitates
//!   ` SSL enabled (…)` or ` GSS (…)`: the line is then the same, to the byte, as that of an
//!   encrypted connection.
//!
//! CloudWatch may cut a log wherever a line begins as the prefix does. Then what is announced is as
//! it was written; a line that a name has forged may be reported, but never as announced.

use aurora_connection_audit::postgres::connection::{ConnectionEvent, Encryption, Kind};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
use aurora_connection_audit::sessions;
use proptest::prelude::*;
use proptest::sample::Index;

#[path = "support/server_log.rs"]
mod server_log;

use server_log::{Backend, Course, Line, Refusal, Written, cut};

const PREFIXES: [&str; 6] = [
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m [%p] %r %q[user=%u,db=%d,app=%a] ",
    "%t [%p] %r ",
    "%m [%p] ",
];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(cases, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_log_is_read_as_it_was_written(log in log()) {
        let prefix = LogLinePrefix::compile(log.setting).unwrap();
        let reading = read(&log.text, &prefix, &mut Announced::default());
        let mut faults = log.faults(0, &reading.events, |_| true);
        faults.extend(log.missing(&reading.events));
        prop_assert!(faults.is_empty(), "{faults:#?}\nin\n{}", log.text);
    }

    #[test]
    fn nothing_false_is_announced_however_the_log_is_cut(log in log(), at in any::<Index>()) {
        let prefix = LogLinePrefix::compile(log.setting).unwrap();
        let ends = log.text.match_indices('\n').map(|(end, _)| end + 1);
        let ends: Vec<usize> = ends
            .filter(|end| prefix.head(&log.text[*end..]).is_some() || *end == log.text.len())
            .collect();
        let cut = *at.get(&ends);
        let mut announced = Announced::default();
        let mut faults = Vec::new();
        for (start, part) in [(0, &log.text[..cut]), (cut, &log.text[cut..])] {
            let reading = read(part, &prefix, &mut announced);
            faults.extend(log.faults(start, &reading.events, |event| event.announced));
        }
        prop_assert!(faults.is_empty(), "{faults:#?}\nin\n{}\ncut at {cut}", log.text);
    }

    #[test]
    fn any_text_is_read_without_panic(
        setting in "(%t|%m|%n|x)?([ :@\\[\\]]?%-?[0-9]{0,2}[tmnrhLudabipelsvxcqPQ%]){0,6}[ :]?",
        text in prop_oneof![any::<String>(), words()],
    ) {
        for setting in PREFIXES.into_iter().chain([setting.as_str()]) {
            let Ok(prefix) = LogLinePrefix::compile(setting) else {
                continue;
            };
            let reading = read(&text, &prefix, &mut Announced::default());
            prop_assert_eq!(reading.counts.lines, text.split_terminator('\n').count());
            let connections = sessions::join(reading.events);
            prop_assert!(connections.len() <= text.len());
        }
    }
}

/// A log, and what each of its lines is.
struct Log {
    setting: &'static str,
    text: String,
    backends: Vec<Backend>,
    /// With the offset of each.
    lines: Vec<(usize, Line)>,
}

/// A failed test tells what matters itself.
impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.setting)
    }
}

impl Log {
    /// What is wrong with those `events` that `concerns` picks, of the text that begins at `start`.
    fn faults(
        &self,
        start: usize,
        events: &[ConnectionEvent<'_>],
        concerns: impl Fn(&ConnectionEvent<'_>) -> bool,
    ) -> Vec<String> {
        events
            .iter()
            .filter(|event| event.kind != Kind::Suspicious && concerns(event))
            .flat_map(|event| {
                let line = self.line_at(start + event.offset);
                match line.filter(|line| line.kind == Some(event.kind)) {
                    None => vec![format!("false: {event:?}")],
                    Some(line) => self.differences(event, line),
                }
            })
            .collect()
    }

    fn line_at(&self, offset: usize) -> Option<&Line> {
        let at = self
            .lines
            .binary_search_by_key(&offset, |(offset, _)| *offset);
        Some(&self.lines[at.ok()?].1)
    }

    fn missing(&self, events: &[ConnectionEvent<'_>]) -> Vec<String> {
        let ends = self.lines.iter().skip(1).map(|(start, _)| *start);
        let ends = ends.chain([self.text.len()]);
        let reported = |line: &Line, start: usize, end: usize| {
            events.iter().any(|event| {
                Some(event.kind) == line.kind && event.offset == start
                    || event.kind == Kind::Suspicious
                        && line.names_nobody()
                        && (start..end).contains(&event.offset)
            })
        };
        self.lines
            .iter()
            .zip(ends)
            .filter(|((_, line), _)| !matches!(line.kind, None | Some(Kind::RejectionDetail)))
            .filter(|((start, line), end)| !reported(line, *start, *end))
            .map(|(line, _)| line)
            .map(|(offset, line)| {
                format!(
                    "missing: {:?} at {offset} of {:?}",
                    line.kind, self.backends[line.backend]
                )
            })
            .collect()
    }

    /// Can the names of the prefix be read in several ways?
    fn is_ambiguous(&self, backend: &Backend) -> bool {
        ["%u", "%d"].iter().any(|escape| {
            let literal = literal_behind(self.setting, escape).unwrap_or_default();
            [&backend.user, &backend.database].iter().any(|name| {
                let literal = literal.as_bytes();
                name.windows(literal.len()).any(|part| part == literal)
            })
        })
    }

    fn differences(&self, event: &ConnectionEvent<'_>, line: &Line) -> Vec<String> {
        let backend = &self.backends[line.backend];
        let prefix_names = self.setting.contains("%u");
        let ambiguous = !prefix_names || line.names_nobody() && self.is_ambiguous(backend);
        let mut faults = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{what}: {event:?} of {backend:?}"));
            }
        };
        check(event.backend_pid == Some(backend.pid), "pid");
        if self.setting.contains("%r") {
            let port = (backend.host != "[local]").then_some(backend.port);
            check(
                (event.host, event.port) == (Some(backend.host), port),
                "client",
            );
        }
        for (ours, name, what) in [
            (&event.user, &backend.user, "user"),
            (&event.database, &backend.database, "database"),
        ] {
            let name = String::from_utf8_lossy(name);
            let expected = line.named && line.kind != Some(Kind::RejectionDetail);
            match ours {
                Some(ours) => check(expected && *ours == name, what),
                None => check(
                    !expected || ambiguous || is_bracketed(&name),
                    &format!("{what} not known"),
                ),
            }
        }
        let written = server_log::clean(&backend.application_name, backend.escapes);
        let imitates = written.contains(" SSL enabled (") || written.contains(" GSS (");
        if event.kind == Kind::Authorized {
            match event.encryption {
                Encryption::Tls(_) => check(backend.encrypted || imitates, "tls"),
                Encryption::Plain => check(!backend.encrypted, "plain"),
                Encryption::Gss => check(imitates, "gss"),
                Encryption::Unknown => check(imitates || !prefix_names, "tls not known"),
            }
            match event.application_name {
                Some(name) => check(
                    name == written || imitates && written.starts_with(name),
                    "application name",
                ),
                None => check(
                    written.is_empty() || imitates || !prefix_names,
                    "application name not known",
                ),
            }
        }
        if event.kind == Kind::Rejected || event.kind == Kind::RejectionDetail {
            let message = String::from_utf8_lossy(&line.message);
            check(event.reason.as_deref() == Some(&*message), "reason");
        }
        faults
    }
}

fn log() -> impl Strategy<Value = Log> {
    (
        prop::sample::select(&PREFIXES[..]),
        prop::collection::vec(plan(), 1..5),
        prop::collection::vec(any::<Index>(), 40),
        prop::sample::select(&[1_u32, 95, 4242][..]),
        prop::sample::select(&[1_u16, 95, 40001][..]),
    )
        .prop_map(|(setting, plans, order, first_pid, first_port)| {
            let mut backends: Vec<Backend> = Vec::new();
            for (at, plan) in (0..).zip(&plans) {
                backends.push(Backend {
                    pid: first_pid + u32::from(at),
                    port: first_port + at,
                    ..plan.backend.clone()
                });
            }
            for (at, plan) in plans.iter().enumerate() {
                if let Some(forgery) = &plan.forgery {
                    let (user, database) = forgery.names(setting, &backends, at);
                    (backends[at].user, backends[at].database) = (user, database);
                }
            }
            write(setting, backends, &order)
        })
}

/// The reports of the backends, mixed in `order`.
fn write(setting: &'static str, backends: Vec<Backend>, order: &[Index]) -> Log {
    let mut waiting: Vec<std::vec::IntoIter<Vec<Line>>> = backends
        .iter()
        .enumerate()
        .map(|(at, backend)| server_log::reports(at, backend).into_iter())
        .collect();
    let mut log = Log {
        setting,
        text: String::new(),
        backends,
        lines: Vec::new(),
    };
    for (second, index) in (0..).zip(order.iter().cycle()) {
        waiting.retain(|reports| reports.len() > 0);
        if waiting.is_empty() {
            break;
        }
        for line in index.get_mut(&mut waiting).next().unwrap() {
            let backend = &log.backends[line.backend];
            let bytes = server_log::print(setting, &line, backend, second);
            log.lines.push((log.text.len(), line));
            log.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    log
}

#[derive(Debug, Clone)]
struct Plan {
    backend: Backend,
    forgery: Option<Forgery>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let backend = (
        prop::sample::select(
            &[
                "10.0.1.23",
                "::1",
                "[local]",
                "fe80::99%lo",
                "db(1).example",
            ][..],
        ),
        name(),
        name(),
        prop_oneof![
            Just(Vec::new()),
            name(),
            words().prop_map(String::into_bytes)
        ],
        any::<(bool, bool)>(),
        course(),
    )
        .prop_map(
            |(host, user, database, application_name, (encrypted, escapes), course)| Backend {
                pid: 0,
                host,
                port: 0,
                user: cut(&user).to_vec(),
                database: cut(&database).to_vec(),
                application_name,
                escapes,
                encrypted: encrypted && host != "[local]",
                course,
            },
        );
    (backend, prop::option::of(forgery())).prop_map(|(backend, forgery)| Plan { backend, forgery })
}

fn course() -> impl Strategy<Value = Course> {
    let early = prop_oneof![
        4 => Just(Refusal::Password),
        2 => Just(Refusal::NoHbaEntry),
        1 => Just(Refusal::TooManyClients),
    ];
    let late = prop_oneof![
        Just(Refusal::NoSuchDatabase),
        Just(Refusal::NoLogin),
        words().prop_map(|words| Refusal::BadParameter(words.into_bytes())),
    ];
    let written = prop_oneof![
        words().prop_map(|words| Written::Raised(words.into_bytes())),
        words().prop_map(|words| Written::Error(words.into_bytes())),
        Just(Written::Terminated),
    ];
    prop_oneof![
        1 => Just(Course::Silent),
        4 => early.prop_map(Course::Refused),
        2 => late.prop_map(Course::RefusedAfterAll),
        2 => (prop::collection::vec(written, 0..3), any::<bool>())
            .prop_map(|(written, ended)| Course::Session(written, ended)),
    ]
}

/// Any name of at least one byte, none of them NUL.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => "[a-z]{1,8}".prop_map(String::into_bytes),
        1 => prop::collection::vec(1_u8..=255, 1..70),
        3 => words().prop_map(String::into_bytes),
    ]
    .prop_map(|name| {
        if name.is_empty() {
            b"app_user".to_vec()
        } else {
            name
        }
    })
}

/// What log lines are made of, in any order.
fn words() -> impl Strategy<Value = String> {
    const WORDS: [&str; 42] = [
        "a",
        "b",
        "日本",
        "\u{fffd}",
        " ",
        "\t",
        "\n",
        "\n\t",
        "\r",
        "@",
        ":",
        "[",
        "]",
        "(",
        ")",
        "=",
        "\"",
        "'",
        "%",
        "[unknown]",
        "[local]",
        "2026-11-23 09:00:01 UTC",
        ":::1(1):",
        "a@b",
        ":[1]:",
        ":[4242]:",
        "LOG:  ",
        "FATAL:  ",
        "DETAIL:  ",
        "STATEMENT:  ",
        "00000: ",
        "connection received: host=::1 port=1",
        "connection authorized: user=a",
        "disconnection: session time: 0:00:00.001 user=a",
        " user=",
        " database=",
        " database=b",
        " host=",
        " application_name=",
        " SSL enabled (protocol=TLSv1.3, cipher=X, bits=256)",
        " GSS (authenticated=yes, encrypted=yes)",
        "\", database \"",
    ];
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..12).prop_map(|words| words.concat())
}

/// Two names that put a line of their own into the log.
#[derive(Debug, Clone)]
struct Forgery {
    before: &'static str,
    /// Whose client and process the forged line names: of which backend.
    client: Index,
    process: Index,
    message: &'static str,
    after: &'static str,
    /// At which of the places where the prefix's own text stands the names part.
    part: Index,
}

fn forgery() -> impl Strategy<Value = Forgery> {
    const MESSAGES: [&str; 6] = [
        "LOG:  connection authorized: user=a database=b",
        "LOG:  connection authenticated: identity=\"a\" method=md5 (f:1)",
        "LOG:  connection received: host=CLIENT",
        "LOG:  disconnection: session time: 0:00:00.001 user=a database=b host=CLIENT",
        "FATAL:  password authentication failed for user \"a\"",
        "LOG:  hi",
    ];
    let select = |choices: &'static [&'static str]| prop::sample::select(choices);
    (
        select(&["", "\n", "x\n", "x\n\t", "p@p:[9]:LOG:  z\n"]),
        any::<Index>(),
        any::<Index>(),
        select(&MESSAGES),
        select(&[
            "",
            "\n",
            "\n\t",
            "x",
            "@",
            ":",
            "\n2026-11-23 09:00:01 UTC:::1(1):a@b",
        ]),
        any::<Index>(),
    )
        .prop_map(|(before, client, process, message, after, part)| Forgery {
            before,
            client,
            process,
            message,
            after,
            part,
        })
}

impl Forgery {
    fn names(&self, setting: &str, backends: &[Backend], own: usize) -> (Vec<u8>, Vec<u8>) {
        let client = self.client.get(backends);
        let message = self.message.replace(
            "CLIENT",
            &match client.host {
                "[local]" => "[local]".to_owned(),
                host => format!("{host} port={}", client.port),
            },
        );
        let forger = Backend {
            pid: self.process.get(backends).pid,
            user: b"a".to_vec(),
            database: b"b".to_vec(),
            ..client.clone()
        };
        let line = Line {
            backend: own,
            severity: "",
            message: Vec::new(),
            kind: None,
            named: !self.message.contains("received"),
            established: false,
        };
        let forged = [
            self.before.as_bytes(),
            &server_log::prefix(setting, &line, &forger, 1),
            message.as_bytes(),
            self.after.as_bytes(),
        ]
        .concat();
        let forged = String::from_utf8(forged).unwrap();
        let between = literal_behind(setting, "%u").unwrap_or("@");
        let parts: Vec<usize> = forged.match_indices(between).map(|(at, _)| at).collect();
        let (user, database) = if parts.is_empty() {
            (forged.as_str(), "appdb")
        } else {
            let at = *self.part.get(&parts);
            (&forged[..at], &forged[at + between.len()..])
        };
        let name = |name: &str| cut(if name.is_empty() { "x" } else { name }.as_bytes()).to_vec();
        (name(user), name(database))
    }
}

/// `[unknown]` and its translations stand for no name, though a name can be such.
fn is_bracketed(name: &str) -> bool {
    name.starts_with('[') && name.ends_with(']')
}

/// What ends the value of `escape` in the prefix.
fn literal_behind<'a>(setting: &'a str, escape: &str) -> Option<&'a str> {
    let (_, behind) = setting.split_once(escape)?;
    behind.split('%').next()
}
