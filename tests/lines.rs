//! Lines of real servers, and what is read from them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write as _;

use aurora_connection_audit::postgres::event::{ConnectionEvent, Encryption, Standing};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
use aurora_connection_audit::sessions;

const RDS: &str = "%t:%r:%u@%d:[%p]:";
const RDS_LONG: &str = "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a";

/// Holds the events of `lines` against `expected`: `kind user@database host:port [pid]` each.
#[track_caller]
fn check(prefix: &str, lines: &str, expected: &str) {
    let prefix = LogLinePrefix::compile(prefix).unwrap();
    let reading = read(lines, &prefix, &mut Announced::default().text_of(""));
    let events: Vec<String> = reading.events.iter().map(render).collect();
    same(&events, expected);
}

/// Holds the connections that the events of `lines` are joined to against `expected`.
#[track_caller]
fn check_joined(lines: &str, expected: &str) {
    let prefix = LogLinePrefix::compile(RDS).unwrap();
    let reading = read(lines, &prefix, &mut Announced::default().text_of(""));
    let connections = sessions::join(reading.events);
    let connections: Vec<String> = connections
        .iter()
        .map(|connection| {
            let mut text = format!("{:?}", connection.outcome);
            names(
                &mut text,
                &connection.facts.user,
                &connection.facts.database,
            );
            facts(
                &mut text,
                &[
                    ("method", connection.facts.auth_method.as_deref()),
                    ("reason", connection.facts.reason.as_deref()),
                    ("detail", connection.detail.as_deref()),
                ],
            );
            if let Some(time) = connection.facts.session_time {
                write!(text, " after={time:?}").unwrap();
            }
            if connection.attempts > 1 {
                write!(text, " attempts={}", connection.attempts).unwrap();
            }
            if !connection.confirmed() {
                text.push_str(" unconfirmed");
            }
            text
        })
        .collect();
    same(&connections, expected);
}

#[track_caller]
fn same(found: &[String], expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(found, expected);
}

fn render(event: &ConnectionEvent<'_>) -> String {
    let mut text = format!("{:?}", event.kind);
    names(&mut text, &event.facts.user, &event.facts.database);
    if let Some(host) = &event.facts.host {
        write!(text, " {host}").unwrap();
    }
    if let Some(port) = event.facts.port {
        write!(text, ":{port}").unwrap();
    }
    if let Some(pid) = event.facts.backend_pid {
        write!(text, " [{pid}]").unwrap();
    }
    if event.facts.replication {
        text.push_str(" replication");
    }
    match &event.facts.encryption {
        Encryption::Unknown => {}
        Encryption::Plain => text.push_str(" plain"),
        Encryption::Tls(tls) | Encryption::TlsAsLogged(tls) => {
            let bits = tls.bits.map_or("?".to_owned(), |bits| bits.to_string());
            write!(text, " {}/{}/{bits}", tls.protocol, tls.cipher).unwrap();
        }
        Encryption::Gss | Encryption::GssAsLogged => text.push_str(" gss"),
    }
    facts(
        &mut text,
        &[
            ("app", event.facts.application_name.as_deref()),
            ("method", event.facts.auth_method.as_deref()),
            ("identity", event.facts.identity.as_deref()),
            ("reason", event.facts.reason.as_deref()),
            ("state", event.facts.sql_state.as_deref()),
        ],
    );
    if let Some(time) = event.facts.session_time {
        write!(text, " after={time:?}").unwrap();
    }
    if event.standing != Standing::Certain {
        write!(text, " {:?}", event.standing).unwrap();
    }
    text
}

type Name<'a> = Option<std::borrow::Cow<'a, str>>;

fn names(text: &mut String, user: &Name<'_>, database: &Name<'_>) {
    let name = |name: &Name<'_>| name.as_deref().unwrap_or("?").escape_debug().to_string();
    if user.is_some() || database.is_some() {
        write!(text, " {}@{}", name(user), name(database)).unwrap();
    }
}

fn facts(text: &mut String, facts: &[(&str, Option<&str>)]) {
    for (name, value) in facts {
        if let Some(value) = value {
            write!(text, " {name}={value:?}").unwrap();
        }
    }
}

#[test]
fn a_whole_connection() {
    check(
        RDS,
        "2026-11-23 09:39:00 UTC:10.0.1.23(53298):[unknown]@[unknown]:[4242]:LOG:  connection received: host=10.0.1.23 port=53298
2026-11-23 09:39:00 UTC:10.0.1.23(53298):app_user@appdb:[4242]:LOG:  connection authenticated: identity=\"app_user\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)
2026-11-23 09:39:00 UTC:10.0.1.23(53298):app_user@appdb:[4242]:LOG:  connection authorized: user=app_user database=appdb application_name=psql SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)
2026-11-23 09:39:00 UTC:10.0.1.23(53298):app_user@appdb:[4242]:LOG:  connection ready: setup total=9.241 ms, fork=0.432 ms, authentication=4.278 ms
2026-11-23 09:39:01 UTC:10.0.1.23(53298):app_user@appdb:[4242]:FATAL:  terminating connection due to idle-session timeout
2026-11-23 09:39:01 UTC:10.0.1.23(53298):app_user@appdb:[4242]:LOG:  disconnection: session time: 1:02:03.013 user=app_user database=appdb host=10.0.1.23 port=53298
",
        r#"
            Received 10.0.1.23:53298 [4242]
            Authenticated app_user@appdb 10.0.1.23:53298 [4242] method="scram-sha-256" identity="app_user"
            Authorized app_user@appdb 10.0.1.23:53298 [4242] TLSv1.3/TLS_AES_256_GCM_SHA384/256 app="psql"
            Disconnected app_user@appdb 10.0.1.23:53298 [4242] after=3723.013s OfItsBackend"#,
    );
}

#[test]
fn both_prefixes_of_rds() {
    let line = "2026-11-23 09:40:47.198 UTC:10.0.1.23(54044):app_user@appdb:[4236]:3:00000:2026-11-23 09:40:47 UTC:2/1:0:6b040a1f.108c:[unknown]";
    let message = "LOG:  connection authorized: user=app_user database=appdb";
    check(
        RDS_LONG,
        &format!("{line}{message}\n"),
        r#"Authorized app_user@appdb 10.0.1.23:54044 [4236] plain state="00000" OfItsBackend"#,
    );
    check(
        &format!("{RDS_LONG}:"),
        &format!("{line}:{message}\n"),
        r#"Authorized app_user@appdb 10.0.1.23:54044 [4236] plain state="00000" OfItsBackend"#,
    );
}

#[test]
fn hosts_of_every_kind() {
    check(
        RDS,
        "2026-11-23 09:38:29 UTC:::1(54936):[unknown]@[unknown]:[1]:LOG:  connection received: host=::1 port=54936
2026-11-23 09:38:29 UTC:fe80::99%lo(40001):[unknown]@[unknown]:[2]:LOG:  connection received: host=fe80::99%lo port=40001
2026-11-23 09:38:29 UTC:[local]:[unknown]@[unknown]:[3]:LOG:  connection received: host=[local]
2026-11-23 09:40:24 UTC:???(???):[unknown]@[unknown]:[4]:LOG:  connection received: host=??? port=???
2026-11-23 06:41:43 -03:db.example(60342):[unknown]@[unknown]:[5]:LOG:  connection received: host=db.example port=60342
2026-11-23 15:26:46 +0545:10.0.1.23(60646):[unknown]@[unknown]:[6]:LOG:  connection received: host=10.0.1.23 port=60646
",
        "
            Received ::1:54936 [1]
            Received fe80::99%lo:40001 [2]
            Received [local] [3]
            Received [4]
            Received db.example:60342 [5]
            Received 10.0.1.23:60646 [6]",
    );
}

#[test]
fn what_stands_behind_the_names() {
    for (behind, expected) in [
        ("", "Authorized u@d 10.0.1.23:1 [7] plain Claimed"),
        (
            " SSL enabled (protocol=TLSv1.2, cipher=ECDHE, bits=256, compression=off)",
            "Authorized u@d 10.0.1.23:1 [7] TLSv1.2/ECDHE/256 OfItsBackend",
        ),
        (
            " application_name=psql GSS (authenticated=yes, encrypted=yes, principal=alice@EXAMPLE.COM)",
            r#"Authorized u@d 10.0.1.23:1 [7] gss app="psql" identity="alice@EXAMPLE.COM" OfItsBackend"#,
        ),
        (
            " application_name=psql GSS (authenticated=no, encrypted=no, delegated_credentials=no)",
            r#"Authorized u@d 10.0.1.23:1 [7] app="psql" OfItsBackend"#,
        ),
        (
            " application_name=a b=c database=d",
            r#"Authorized u@d 10.0.1.23:1 [7] plain app="a b=c database=d" OfItsBackend"#,
        ),
        (
            " application_name=x SSL enabled (protocol=TLSv1.3, cipher=X, bits=1) SSL enabled (protocol=TLSv1.3, cipher=X, bits=1)",
            "Authorized u@d 10.0.1.23:1 [7] OfItsBackend",
        ),
    ] {
        let line = "2026-11-23 09:39:00 UTC:10.0.1.23(1):u@d:[7]:LOG:  connection authorized: user=u database=d";
        check(RDS, &format!("{line}{behind}\n"), expected);
    }
}

#[test]
fn other_ways_in() {
    check(
        RDS,
        "2026-11-23 09:39:00 UTC:[local]:app_user@appdb:[1]:LOG:  connection authenticated: user=\"app_user\" method=trust (/rdsdbdata/config/pg_hba.conf:7)
2026-11-23 09:39:00 UTC:10.0.1.23(2):cert_user@appdb:[2]:LOG:  connection authenticated: identity=\"CN=cert_user,O=ACME\\, Inc.,C=US\" method=cert (/rdsdbdata/config/pg_hba.conf:8)
2026-11-23 09:39:02 UTC:10.0.1.23(3):repl_user@[unknown]:[3]:LOG:  replication connection authorized: user=repl_user application_name=walreceiver
2026-11-23 09:38:31 UTC:10.0.1.23(3):repl_user@[unknown]:[3]:LOG:  disconnection: session time: 0:00:00.003 user=repl_user database= host=10.0.1.23 port=3
2026-11-23 09:39:00 UTC:10.0.1.23(4):app_user@appdb:[4]:LOG:  00000: connection authorized: user=app_user database=appdb
2026-11-23 09:39:00 UTC:10.0.1.23(4):app_user@appdb:[4]:LOCATION:  PerformAuthentication, postinit.c:292
",
        r#"
            Authenticated app_user@appdb [local] [1] method="trust" Claimed
            Authenticated cert_user@appdb 10.0.1.23:2 [2] method="cert" identity="CN=cert_user,O=ACME\\, Inc.,C=US"
            Authorized repl_user@? 10.0.1.23:3 [3] replication plain app="walreceiver"
            Disconnected repl_user@? 10.0.1.23:3 [3] after=3ms
            Authorized app_user@appdb 10.0.1.23:4 [4] plain OfItsBackend"#,
    );
}

#[test]
fn every_way_to_be_turned_away() {
    for (message, expected) in [
        (
            "password authentication failed for user \"u\"",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="password authentication failed for user \"u\"" Claimed"#,
        ),
        (
            "PAM authentication failed for user \"u\"",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="PAM authentication failed for user \"u\"" Claimed"#,
        ),
        (
            "no pg_hba.conf entry for host \"10.0.1.23\", user \"u\", database \"d\", no encryption",
            r#"Rejected u@d 10.0.1.23:1 [7] plain reason="no pg_hba.conf entry for host \"10.0.1.23\", user \"u\", database \"d\", no encryption""#,
        ),
        (
            "no pg_hba.conf entry for host \"10.0.1.23\", user \"u\", database \"d\", SSL off",
            r#"Rejected u@d 10.0.1.23:1 [7] plain reason="no pg_hba.conf entry for host \"10.0.1.23\", user \"u\", database \"d\", SSL off""#,
        ),
        (
            "pg_hba.conf rejects connection for host \"10.0.1.23\", user \"u\", database \"d\", SSL encryption",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="pg_hba.conf rejects connection for host \"10.0.1.23\", user \"u\", database \"d\", SSL encryption""#,
        ),
        (
            "no pg_hba.conf entry for replication connection from host \"10.0.1.23\", user \"u\", no encryption",
            r#"Rejected u@d 10.0.1.23:1 [7] replication plain reason="no pg_hba.conf entry for replication connection from host \"10.0.1.23\", user \"u\", no encryption" Claimed"#,
        ),
        (
            "role \"u\" is not permitted to log in",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="role \"u\" is not permitted to log in" Claimed"#,
        ),
        (
            "database \"d\" does not exist",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="database \"d\" does not exist" Claimed"#,
        ),
        (
            "too many connections for role \"u\"",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="too many connections for role \"u\"" Claimed"#,
        ),
        (
            "sorry, too many clients already",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="sorry, too many clients already" Claimed"#,
        ),
        (
            "the database system is starting up",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="the database system is starting up" Claimed"#,
        ),
        (
            "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2",
            r#"Rejected u@d 10.0.1.23:1 [7] reason="unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2" Claimed"#,
        ),
        (
            "password authentication failed for user \"eve\"",
            r#"Rejected eve@? [7] reason="password authentication failed for user \"eve\"" Claimed"#,
        ),
        ("terminating connection due to administrator command", ""),
    ] {
        let line = format!("2026-11-23 09:39:00 UTC:10.0.1.23(1):u@d:[7]:FATAL:  {message}\n");
        check(RDS, &line, expected);
    }
}

#[test]
fn a_detail_belongs_to_its_rejection() {
    let lines = "2026-11-23 09:38:30 UTC:10.0.1.23(40024):no_such_role@appdb:[4294]:FATAL:  password authentication failed for user \"no_such_role\"
2026-11-23 09:38:30 UTC:10.0.1.23(40024):no_such_role@appdb:[4294]:DETAIL:  Role \"no_such_role\" does not exist.
\tConnection matched file \"/rdsdbdata/config/pg_hba.conf\" line 18: \"host    all          all             10.0.1.0/24      scram-sha-256\"
";
    check(
        RDS,
        lines,
        r#"
            Rejected no_such_role@appdb 10.0.1.23:40024 [4294] reason="password authentication failed for user \"no_such_role\"" Claimed
            Explanation no_such_role@appdb 10.0.1.23:40024 [4294] reason="Role \"no_such_role\" does not exist.\nConnection matched file \"/rdsdbdata/config/pg_hba.conf\" line 18: \"host    all          all             10.0.1.0/24      scram-sha-256\"""#,
    );
    check_joined(
        lines,
        r#"Rejected no_such_role@appdb reason="password authentication failed for user \"no_such_role\"" detail="Role \"no_such_role\" does not exist." unconfirmed"#,
    );
}

#[test]
fn forgeries_are_no_connections() {
    let received = "2026-11-23 09:38:10 UTC:10.0.1.23(40662):[unknown]@[unknown]:[5409]:LOG:  connection received: host=10.0.1.23 port=40662\n";
    for (lines, expected) in [
        (
            "2026-11-23 09:38:10 UTC:10.0.1.23(40662):x
2026-01-01 00:00:00 UTC:6.6.6.6(6):eve@db:[7]:LOG:  connection authorized: user=eve database=db
:[5409]:FATAL:  password authentication failed for user \"x
\t2026-01-01 00:00:00 UTC:6.6.6.6(6):eve\"
",
            r#"Rejected x\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve@db:[7]:LOG:  connection authorized: user=eve database=db\n 10.0.1.23:40662 [5409] reason="password authentication failed for user \"x\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve\"""#,
        ),
        (
            "2026-11-23 09:38:10 UTC:10.0.1.23(40662):app_user@p:[9]:LOG:  hi
2026-01-01 00:00:00 UTC:1.1.1.1(1):a@b:[5409]:FATAL:  password authentication failed for user \"app_user\"
",
            r#"Rejected app_user@p:[9]:LOG:  hi\n2026-01-01 00:00:00 UTC:1.1.1.1(1):a@b 10.0.1.23:40662 [5409] reason="password authentication failed for user \"app_user\"""#,
        ),
        (
            "2026-11-23 09:38:10 UTC:10.0.1.23(40662):eve@d:[5409]:LOG:  connection authorized: user=eve database=d
\t@appdb:[5409]:FATAL:  password authentication failed for user \"eve@d:[5409]:LOG:  connection authorized: user=eve database=d
\t\t\"
",
            r#"Rejected eve@d:[5409]:LOG:  connection authorized: user=eve database=d\n\t@appdb 10.0.1.23:40662 [5409] reason="password authentication failed for user \"eve@d:[5409]:LOG:  connection authorized: user=eve database=d\n\t\"""#,
        ),
        (
            "2026-11-23 09:38:10 UTC:10.0.1.23(40662):app_user@d:[5409]:LOG:  connection authorized: user=app_user database=d:[5409]:FATAL:  password authentication failed for user \"app_user\"
",
            r#"Rejected app_user@d:[5409]:LOG:  connection authorized: user=app_user database=d 10.0.1.23:40662 [5409] reason="password authentication failed for user \"app_user\"""#,
        ),
        (
            "2026-11-23 09:38:10 UTC:10.0.1.23(40662):app_user@appdb:[5409]:LOG:  connection authorized: user=app_user database=appdb
2026-11-23 09:38:25 UTC:10.0.1.23(40662):app_user@appdb:[5409]:LOG:  connection authorized: user=rdsadmin database=rdsadmin application_name=psql
2026-11-23 09:38:25 UTC:10.0.1.23(40662):app_user@appdb:[5409]:CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE
2026-11-23 09:38:25 UTC:10.0.1.23(40662):app_user@appdb:[5409]:STATEMENT:  DO $$ BEGIN RAISE LOG 'connection authorized: user=rdsadmin
\t2026-11-23 09:38:25 UTC:6.6.6.6(6):eve@d:[7]:LOG:  connection authorized: user=eve database=d'; END $$
",
            "
            Authorized app_user@appdb 10.0.1.23:40662 [5409] plain
            Suspicious app_user@appdb 10.0.1.23:40662 [5409]",
        ),
    ] {
        let expected = format!("Received 10.0.1.23:40662 [5409]\n{}", expected.trim());
        check(RDS, &format!("{received}{lines}"), &expected);
    }
}

#[test]
fn a_line_beyond_the_longest_names_is_no_part_of_what_cannot_be_read() {
    let unread = "2026-11-23 09:38:10 UTC:10.0.1.23(40662):日本語ユーザー@appdb:[5409]:ログ:  ";
    let line = "2026-11-23 09:38:11 UTC:10.0.1.24(5):alice@appdb:[6]:LOG:  connection authorized: user=alice database=appdb\n";
    for (text, expected) in [
        (
            format!("{unread}{}\n{line}", "接続".repeat(16)),
            "Authorized alice@appdb 10.0.1.24:5 [6] plain OfItsBackend",
        ),
        (
            format!("{unread}接続\n{line}"),
            "Authorized alice@appdb 10.0.1.24:5 [6] plain Claimed",
        ),
        // A byte that is not UTF-8 takes up three here.
        (
            format!("{unread}{}\n{line}", "\u{fffd}".repeat(32)),
            "Authorized alice@appdb 10.0.1.24:5 [6] plain Claimed",
        ),
    ] {
        check(RDS, &text, expected);
    }
}

#[test]
fn the_lines_of_a_backend_are_one_connection() {
    let received = "2026-11-23 09:39:00 UTC:10.0.1.23(1):[unknown]@[unknown]:[7]:LOG:  connection received: host=10.0.1.23 port=1\n";
    let authenticated = "2026-11-23 09:39:00 UTC:10.0.1.23(1):u@d:[7]:LOG:  connection authenticated: identity=\"u\" method=md5 (pg_hba.conf:1)\n";
    let authorized = "2026-11-23 09:39:00 UTC:10.0.1.23(1):u@d:[7]:LOG:  connection authorized: user=u database=d\n";
    let refused =
        "2026-11-23 09:39:00 UTC:10.0.1.23(1):u@d:[7]:FATAL:  database \"d\" does not exist\n";
    let gone = "2026-11-23 09:39:05 UTC:10.0.1.23(1):u@d:[7]:LOG:  disconnection: session time: 0:00:05.000 user=u database=d host=10.0.1.23 port=1\n";
    let wrong = |port: u16, pid: u32| {
        format!(
            "2026-11-23 09:39:01 UTC:10.0.1.23({port}):[unknown]@[unknown]:[{pid}]:LOG:  connection received: host=10.0.1.23 port={port}
2026-11-23 09:39:01 UTC:10.0.1.23({port}):u@d:[{pid}]:FATAL:  password authentication failed for user \"u\"\n"
        )
    };
    for (lines, expected) in [
        (
            format!("{received}{authenticated}{authorized}"),
            r#"Authorized u@d method="md5" unconfirmed"#,
        ),
        (
            format!("{received}{authenticated}{authorized}{refused}"),
            r#"
            Authorized u@d method="md5" unconfirmed
            Rejected u@d reason="database \"d\" does not exist" unconfirmed"#,
        ),
        (
            format!("{received}{authorized}{gone}"),
            "
            Authorized u@d
            Disconnected u@d after=5s unconfirmed",
        ),
        (received.to_owned(), ""),
        (gone.to_owned(), "Disconnected u@d after=5s unconfirmed"),
        (
            refused.to_owned(),
            r#"Rejected u@d reason="database \"d\" does not exist" unconfirmed"#,
        ),
        // libpq's `sslmode=prefer`.
        (
            wrong(2, 8) + &wrong(3, 9),
            r#"
            Rejected u@d reason="password authentication failed for user \"u\""
            Rejected u@d reason="password authentication failed for user \"u\"" unconfirmed"#,
        ),
        // The same process id twice.
        (
            format!("{received}{authorized}{gone}") + &wrong(2, 7),
            r#"
            Authorized u@d
            Disconnected u@d after=5s
            Rejected u@d reason="password authentication failed for user \"u\"" unconfirmed"#,
        ),
    ] {
        check_joined(&lines, expected);
    }
}
