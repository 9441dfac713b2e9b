//! Logs of any kind, whose clients choose names that imitate what PostgreSQL writes.

use proptest::prelude::*;
use proptest::sample::Index;

use super::server_log::{self, Backend, Course, Line, Refusal, Written, cut};
use super::{Log, PREFIXES};

pub(crate) fn log() -> impl Strategy<Value = Log> {
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
pub(crate) fn words() -> impl Strategy<Value = String> {
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
        let impostor = Backend {
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
            &server_log::prefix(setting, &line, &impostor, 1),
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

/// What ends the value of `escape` in the prefix.
pub(crate) fn literal_behind<'a>(setting: &'a str, escape: &str) -> Option<&'a str> {
    let (_, behind) = setting.split_once(escape)?;
    behind.split('%').next()
}
