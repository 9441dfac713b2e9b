//! A real PostgreSQL server, and clients that mean well or ill. What is read from its log is held
//! against the CSV log of the same server, and against what the clients know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use aurora_connection_audit::postgres::event::Standing;
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
use aurora_connection_audit::sessions::{self, Connection, Outcome};

#[path = "live/attacks.rs"]
mod attacks;
#[path = "live/client.rs"]
mod client;
#[path = "live/server.rs"]
mod server;
#[path = "live/stage.rs"]
mod stage;
#[path = "attacks/telling.rs"]
#[allow(dead_code, reason = "each test crate takes in a part of this")]
mod telling;
#[path = "support/truth.rs"]
mod truth;

use client::{Client, Told};
use server::{LOG_LINE_PREFIX, Server};

#[test]
fn agrees_with_a_real_server_and_its_clients() {
    let mut server = Server::start();
    create_roles(&server);
    let mut told = sequential(&server);
    told.extend(concurrent(&server));
    let (text, csv) = server.stop();

    let prefix = LogLinePrefix::compile(LOG_LINE_PREFIX).unwrap();
    let reading = read(
        text.as_str(),
        &prefix,
        &mut Announced::default().text_of("log"),
    );
    let outcome = truth::compare(&reading.events, truth::truth(&csv), LOG_LINE_PREFIX);
    println!(
        "{} lines, {} events in the CSV, {} missing, {} wrong, {} suspicious, not known: {:?}",
        reading.counts.lines,
        outcome.rows,
        outcome.missing.len(),
        outcome.wrong.len(),
        outcome.suspicious,
        outcome.unknown,
    );
    assert!(outcome.rows > 500, "{text}");
    assert!(outcome.wrong.is_empty(), "{:#?}\n{text}", outcome.wrong);
    assert!(outcome.missing.is_empty(), "{:#?}\n{text}", outcome.missing);

    let connections = sessions::join(reading.events);
    let got_in = told.iter().filter(|told| told.got_in).count();
    println!(
        "{} clients, {got_in} let in; {} entries",
        told.len(),
        connections.len()
    );
    agrees_with_clients(&connections, &told);
    let attempts = |user: &str| -> Vec<(Outcome, u32)> {
        connections
            .iter()
            .filter(|connection| connection.facts.user.as_deref() == Some(user))
            .map(|connection| (connection.outcome, connection.attempts))
            .collect()
    };
    for (user, times) in [
        ("no_such_role", 1),
        // libpq tries twice, and each time a password was wrong.
        ("prefer_user", 2),
        ("rejected_user", 1),
        ("nologin_user", 4),
        ("limited_user", 4),
    ] {
        let found = attempts(user);
        let rejected = |(outcome, _): &(Outcome, u32)| *outcome == Outcome::Rejected;
        assert!(found.iter().all(rejected), "{user}: {found:?}");
        let attempts = found.iter().map(|(_, attempts)| attempts);
        assert_eq!(attempts.sum::<u32>(), times, "{user}");
    }
    for user in ["eve", "rdsadmin"] {
        let in_vain = |(outcome, _): &(Outcome, u32)| *outcome == Outcome::Rejected;
        assert!(attempts(user).iter().all(in_vain), "{user} never got in");
    }
}

/// Clients who want nothing but their work done, a few at the same time, in batches as CloudWatch Logs
/// sends them, to one process or several: nobody is accused, and hardly a login is unconfirmed.
#[test]
fn confirms_genuine_clients_however_their_log_is_cut() {
    let mut server = Server::start();
    create_roles(&server);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let server = &server;
            scope.spawn(move || (0..90).for_each(|at| everyday(server, number + at)));
        }
    });
    let (text, _) = server.stop();
    let prefix = LogLinePrefix::compile(LOG_LINE_PREFIX).unwrap();
    let events = truth::log_events(&text, &prefix);
    for processes in 1..=5 {
        for size in [5, 10, 20, 50] {
            // Which line ends a batch is chance: five ways to cut the log count together.
            let (mut logins, mut unconfirmed) = (0, 0);
            for first in (0..size).step_by(size / 5) {
                let told = told_in_batches(events.get(first..).unwrap(), &prefix, processes, size);
                (logins, unconfirmed) = (logins + told.0, unconfirmed + told.1);
            }
            println!("{processes} processes, batches of {size}: {unconfirmed} of {logins}");
            assert!(logins > 1000, "{logins} logins\n{text}");
            assert!(
                unconfirmed * 100 <= logins,
                "{unconfirmed} of {logins}\n{text}"
            );
        }
    }
}

fn everyday(server: &Server, number: u32) {
    let conninfo = match number % 8 {
        0 => "host=127.0.0.1 dbname=appdb user=app_user sslmode=require",
        1 => "host=127.0.0.1 dbname=appdb user=scram_user sslmode=disable",
        2 => "host=127.0.0.1 dbname=appdb user=good_user sslmode=disable application_name=worker",
        3 => "dbname=appdb user=app_user",
        4 => {
            "host=127.0.0.1 dbname=appdb user=prefer_user application_name='PostgreSQL JDBC Driver'"
        }
        5 => "host=127.0.0.1 dbname=no_such_db user=app_user sslmode=require",
        _ => "host=127.0.0.1 dbname=appdb user=app_user application_name=psql sslmode=require",
    };
    let password = if number.is_multiple_of(11) {
        "wrong"
    } else {
        "right"
    };
    let sql = if number.is_multiple_of(5) {
        "select 1/0"
    } else {
        "select 1"
    };
    server.psql(conninfo, password, sql);
}

/// How many are told as let in, and how many of these are unconfirmed.
fn told_in_batches(
    events: &[&str],
    prefix: &LogLinePrefix,
    processes: usize,
    size: usize,
) -> (usize, usize) {
    let mut memories: Vec<_> = (0..processes).map(|_| Announced::default()).collect();
    let (mut logins, mut unconfirmed) = (0, 0);
    for (at, batch) in events.chunks(size).enumerate() {
        let batch = batch.concat();
        let mut evidence = memories[at % processes].text_of("log");
        let reading = read(batch.as_str(), prefix, &mut evidence);
        for connection in sessions::join(reading.events) {
            assert_ne!(connection.outcome, Outcome::Suspicious, "{batch}");
            // Whom the next batch tells to be refused after all has not logged in.
            let is_refused = connection.facts.database.as_deref() == Some("no_such_db");
            if connection.outcome == Outcome::Authorized && !is_refused {
                logins += 1;
                unconfirmed += usize::from(connection.standing != Standing::Certain);
            }
        }
    }
    (logins, unconfirmed)
}

/// Each client finds its connection in the list, and nobody else got in from the network.
fn agrees_with_clients(connections: &[Connection<'_>], told: &[Told]) {
    let mut network: Vec<&Connection<'_>> = connections
        .iter()
        .filter(|connection| connection.facts.port.is_some())
        .filter(|connection| matches!(connection.outcome, Outcome::Authorized | Outcome::Rejected))
        .collect();
    for told in told
        .iter()
        .filter(|told| told.got_in || told.error.is_some())
    {
        let expected = if told.got_in {
            Outcome::Authorized
        } else {
            Outcome::Rejected
        };
        // A port can be used twice.
        let at = network.iter().position(|connection| {
            connection.outcome == expected
                && connection.facts.port == Some(told.port)
                && has_names_of(told, connection)
                && (told.got_in || connection.facts.reason.as_deref() == told.error.as_deref())
        });
        let Some(at) = at else {
            // The same names twice at once are one entry, as of libpq's two attempts.
            let twice = connections.iter().any(|connection| {
                let facts = &connection.facts;
                connection.attempts == 2
                    && facts.user.as_deref() == Some(&told.user)
                    && facts.database.as_deref() == Some(&told.database)
                    && connection.facts.reason == told.error.as_deref().map(Into::into)
            });
            assert!(twice && !told.got_in, "not found: {told:?}");
            continue;
        };
        let connection = network.remove(at);
        // A refusal behind `authorized` is one that a session could have written, too.
        assert!(connection.standing > Standing::Claimed, "{connection:?}");
    }
    let ours = ["app_user", "scram_user"];
    let others = network.iter().filter(|connection| {
        connection.outcome == Outcome::Authorized
            && !connection
                .facts
                .user
                .as_deref()
                .is_some_and(|user| ours.contains(&user))
    });
    assert_eq!(
        others.count(),
        0,
        "somebody got in whom we do not know: {network:#?}"
    );
}

/// Are the names that are known those that the client sent?
fn has_names_of(told: &Told, connection: &Connection<'_>) -> bool {
    let facts = &connection.facts;
    let database = facts.database.as_deref();
    let database = database.filter(|_| !facts.replication);
    facts.user.as_deref().is_none_or(|user| user == told.user)
        && database.is_none_or(|database| database == told.database)
}

const HOSTILE_ROLES: [&str; 8] = [
    "alice database=postgres",
    "bob@postgres:[7]:LOG:  connection authorized: user=bob",
    "carol\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve",
    "dave SSL enabled (protocol=TLSv1.3, cipher=X, bits=256)",
    "  spaces and \"quotes\" ",
    "日本 '; drop table x; --",
    "[unknown]",
    "x\n\t",
];

fn create_roles(server: &Server) {
    let mut sql = String::from(
        "create role trusted nologin;
         create role app_user login password 'right'; create role scram_user login password 'right';
         create role prefer_user login password 'right'; create role nologin_user in role trusted;
         create role rejected_user login; create role replication_user login replication;
         create role limited_user login connection limit 0 in role trusted;
         create role good_user login in role trusted;",
    );
    for role in HOSTILE_ROLES {
        let role = role.replace('"', "\"\"");
        sql += "create role \"";
        sql += &role;
        sql += "\" login in role trusted;";
    }
    for sql in [sql.as_str(), "create database appdb"] {
        let output = server.psql("user=postgres dbname=postgres", "", sql);
        assert!(output.status.success(), "{output:?}");
    }
}

fn sequential(server: &Server) -> Vec<Told> {
    with_libpq(server);
    let mut told = good_and_late(server);
    told.extend(hostile(server));
    told.extend(sessions_that_lie(server));
    not_postgresql(server);
    told
}

/// With libpq, as people connect.
fn with_libpq(server: &Server) {
    let tcp = "host=127.0.0.1 dbname=appdb";
    let socket = "dbname=appdb";
    for (conninfo, password, works) in [
        (
            format!("{tcp} user=app_user sslmode=require"),
            "right",
            true,
        ),
        (
            format!("{tcp} user=app_user application_name='a b=c'"),
            "right",
            true,
        ),
        (
            format!("{tcp} user=scram_user sslmode=disable"),
            "right",
            true,
        ),
        (format!("{socket} user=app_user"), "", true),
        (format!("{socket} user='alice database=postgres'"), "", true),
        (format!("{tcp} user=prefer_user"), "wrong", false),
        (
            format!("{tcp} user=no_such_role sslmode=disable"),
            "wrong",
            false,
        ),
        (
            format!("{tcp} user=rejected_user sslmode=disable"),
            "",
            false,
        ),
        (format!("{tcp} user=stranger sslmode=require"), "", false),
        (
            format!("{tcp} user=app_user sslmode=require dbname=no_such_db"),
            "right",
            false,
        ),
    ] {
        let output = server.psql(&conninfo, password, "select 1");
        assert_eq!(output.status.success(), works, "{conninfo}: {output:?}");
    }
    let ended = "select pg_terminate_backend(pg_backend_pid())";
    assert!(
        !server
            .psql(&format!("{socket} user=postgres"), "", ended)
            .status
            .success()
    );
}

/// By hand: let in, or turned away behind `connection authorized`.
fn good_and_late(server: &Server) -> Vec<Told> {
    let forged = b"X\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve@d:[7]:LOG:  connection authorized: \
        user=eve database=d\n";
    let mut told = Vec::new();
    let mut start = |user: &str, database: &str, more: &[(&str, &[u8])], works: bool| {
        let mut client = Client::open(server.port);
        client.start(user.as_bytes(), database.as_bytes(), more);
        assert_eq!(client.told.got_in, works, "{:?}", client.told);
        told.push(client.end());
    };
    for role in HOSTILE_ROLES.into_iter().chain(["good_user"]) {
        start(role, "appdb", &[], true);
        start(
            role,
            "appdb",
            &[(
                "application_name",
                b"x SSL enabled (protocol=TLSv1.3, cipher=X, bits=1)",
            )],
            true,
        );
        start(role, "appdb", &[("application_name", forged)], true);
        start(role, "no\nsuch database=appdb", &[], false);
        start(role, "appdb", &[("client_encoding", forged)], false);
        start(
            role,
            "appdb",
            &[("options", b"-c nothing.such -c no_such=\\\n1")],
            false,
        );
    }
    start("nologin_user", "appdb", &[], false);
    start("limited_user", "appdb", &[], false);
    start(
        "replication_user",
        "appdb",
        &[("replication", b"true")],
        true,
    );
    start("", "appdb", &[], false);
    told
}

/// By hand: names that forge lines, and a wrong password.
fn hostile(server: &Server) -> Vec<Told> {
    let stamp = "2026-01-01 00:00:00 UTC";
    let mut told = Vec::new();
    let mut pid = 0;
    for ending in ["", "\n", "\n\t", "@", &format!("\n{stamp}:6.6.6.6(6):a@b")] {
        for own in [false, true] {
            // Somebody who connects can tell the next process id, and his own port.
            let mut client = Client::open(server.port);
            client.start(b"good_user", b"appdb", &[]);
            pid = client.backend_pid.max(pid);
            told.push(client.end());
            for ahead in 1..4 {
                let forged = |client: &Client| {
                    if own {
                        (format!("127.0.0.1({})", client.told.port), pid + ahead)
                    } else {
                        ("6.6.6.6(6)".to_owned(), 7)
                    }
                };
                let mut try_names = |user: &str, database: &str| {
                    let mut client = Client::open(server.port);
                    let (remote, pid) = forged(&client);
                    let fill = |name: &str| {
                        name.replace("REMOTE", &remote)
                            .replace("PID", &pid.to_string())
                    };
                    client.start(fill(user).as_bytes(), fill(database).as_bytes(), &[]);
                    assert!(!client.told.got_in);
                    told.push(client.end());
                };
                try_names(
                    &format!("x\n{stamp}:REMOTE:eve"),
                    &format!("d:[PID]:LOG:  connection authorized: user=eve database=d{ending}"),
                );
                try_names(
                    &format!("\n{stamp}:REMOTE:eve"),
                    &format!("d:[PID]:FATAL:  role \"eve\" does not exist{ending}"),
                );
                try_names(
                    "eve",
                    &format!("d:[PID]:LOG:  connection authorized: user=eve database=d{ending}"),
                );
                try_names(
                    "app_user",
                    &format!("p:[9]:LOG:  hi\n{stamp}:REMOTE:a@b{ending}"),
                );
                try_names(
                    &format!("p@p:[9]:LOG:  z\n{stamp}:REMOTE:[unknown]"),
                    &format!(
                        "[unknown]:[PID]:LOG:  connection received: host=6.6.6.6 port=6{ending}"
                    ),
                );
            }
        }
    }
    told
}

/// Sessions that write lines of their own with `RAISE LOG`.
fn sessions_that_lie(server: &Server) -> Vec<Told> {
    let mut told = Vec::new();
    for lie in [
        "connection authorized: user=rdsadmin database=rdsadmin",
        "connection authorized: user=good_user database=appdb",
        "connection received: host=6.6.6.6 port=666",
        "disconnection: session time: 0:00:00.001 user=good_user database=appdb host=127.0.0.1 port=1",
        "x\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve@d:[7]:LOG:  connection authorized: user=eve database=d",
    ] {
        let mut client = Client::open(server.port);
        client.start(b"good_user", b"appdb", &[]);
        client.query(&format!("do $$ begin raise log '{lie}'; end $$"));
        client.query(&format!("select '{lie}' from nothing_of_that_name"));
        told.push(client.end());
    }
    told
}

/// What is not a start-up packet.
fn not_postgresql(server: &Server) {
    let cancel = [
        &16_u32.to_be_bytes()[..],
        &80_877_102_u32.to_be_bytes(),
        &[0; 8],
    ]
    .concat();
    let ssl_then_nonsense = [
        &8_u32.to_be_bytes()[..],
        &80_877_103_u32.to_be_bytes(),
        b"no TLS",
    ];
    for bytes in [
        &b"GET / HTTP/1.0\r\n\r\n"[..],
        b"",
        b"\0\0",
        &[0xff; 64],
        &cancel,
        &ssl_then_nonsense.concat(),
        b"\0\0\0\x09\0\x01\x02\x03x",
    ] {
        Client::open(server.port).send(bytes);
    }
}

/// Many at a time, so that their lines mix.
fn concurrent(server: &Server) -> Vec<Told> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|number| {
                scope.spawn(move || {
                    if number % 2 == 0 {
                        let mut told = good_and_late(server);
                        told.extend(sessions_that_lie(server));
                        told
                    } else {
                        hostile(server)
                    }
                })
            })
            .collect();
        let told = threads.into_iter().map(|thread| thread.join().unwrap());
        told.flatten().collect()
    })
}
