//! What is told of a log that comes in several batches, or in one of which a part is elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "batches/readings.rs"]
mod readings;

use aurora_connection_audit::postgres::event::{Encryption, Kind, Standing};
use aurora_connection_audit::postgres::{Announced, DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, read};
use aurora_connection_audit::sessions;

/// Reads `batches` with one memory, and holds kind, user and standing of what is told against
/// `expected`.
#[track_caller]
fn check(batches: &[&str], expected: &[(Kind, Option<&str>, Standing)]) {
    check_behind(DEFAULT_LOG_LINE_PREFIX, batches, expected);
}

#[track_caller]
fn check_behind(prefix: &str, batches: &[&str], expected: &[(Kind, Option<&str>, Standing)]) {
    let prefix = LogLinePrefix::compile(prefix).unwrap();
    let mut announced = Announced::default();
    let mut told = Vec::new();
    for batch in batches {
        let reading = read(*batch, &prefix, &mut announced.text_of("log"));
        told.extend(reading.events);
    }
    let told: Vec<_> = told
        .iter()
        .map(|event| (event.kind, event.facts.user.as_deref(), event.standing))
        .collect();
    assert_eq!(told, expected);
}

/// A session's own words, which contradict its prefix.
const FORGED: &str = "2026-11-23 09:38:25 UTC:10.0.1.23(40817):eve@appdb:[5588]:LOG:  connection received: host=6.6.6.6 port=666\n";
/// Shows that the log announces its clients.
const ANNOUNCED: &str = "2026-11-23 09:38:20 UTC:10.0.1.9(40001):[unknown]@[unknown]:[5001]:LOG:  connection received: host=10.0.1.9 port=40001\n";
const BEHIND: &str =
    "2026-11-23 09:38:25 UTC:10.0.1.9(40001):[unknown]@[unknown]:[5001]:LOG:  checkpoint\n";

/// Whose `connection received` another process has read.
fn login(time: &str) -> String {
    format!(
        "{time}:10.0.1.50(50001):alice@appdb:[6001]:LOG:  connection authorized: user=alice database=appdb\n"
    )
}

/// Holds what is told of the login at `time`, right behind a forged line, against `expected`.
#[track_caller]
fn check_behind_forged(time: &str, expected: (Kind, Standing)) {
    let batch = [ANNOUNCED, FORGED, &login(time), BEHIND].concat();
    let (kind, standing) = expected;
    check(
        &[&batch],
        &[
            (Kind::Received, None, Standing::Certain),
            (Kind::Suspicious, Some("eve"), Standing::Certain),
            (kind, Some("alice"), standing),
        ],
    );
}

/// In a quiet log the next line comes when somebody does something.
#[test]
fn a_client_behind_a_forged_line_is_not_accused() {
    for time in ["2026-11-23 09:38:25 UTC", "2026-11-23 09:58:25 UTC"] {
        check_behind_forged(time, (Kind::Authorized, Standing::Claimed));
    }
}

/// What a program of `COPY … TO PROGRAM` can write.
#[test]
fn a_whole_line_behind_a_forged_one_at_another_time_is_a_forgery() {
    let accused = (Kind::Suspicious, Standing::Certain);
    check_behind_forged("2026-01-01 00:00:00 UTC", accused);
}

const AUTHORIZED: &str = "2026-11-23 09:38:10 UTC:10.0.0.1(5000):a@b:[7]:LOG:  connection authorized: user=a database=b\n";
const READY: &str = "2026-11-23 09:38:10 UTC:10.0.0.1(5000):a@b:[7]:LOG:  connection ready: setup total=22.348 ms, fork=0.511 ms, authentication=2.111 ms\n";

/// The last line of a batch can go on in one of its names: what it says is only claimed.
#[test]
fn a_session_is_not_told_again_when_it_is_ready() {
    check(
        &[AUTHORIZED, READY],
        &[(Kind::Authorized, Some("a"), Standing::Claimed)],
    );
}

#[test]
fn a_session_of_other_names_than_were_claimed_is_told() {
    let claimed = AUTHORIZED.replace(":a@", ":c@").replace("user=a", "user=c");
    check(
        &[&claimed, READY],
        &[
            (Kind::Authorized, Some("c"), Standing::Claimed),
            (Kind::Ready, Some("a"), Standing::Claimed),
        ],
    );
}

/// Where the prefix tells neither process nor port, two clients of one host look alike.
#[test]
fn a_detail_of_other_names_explains_no_refusal() {
    const PREFIX: &str = "%t %h user=%u,db=%d,app=%a ";
    let line = |user: &str, what: &str| {
        format!("2026-11-23 09:00:01 UTC 10.0.9.7 user={user},db=d,app=[unknown] {what}\n")
    };
    let others = line("x", "LOG:  y").repeat(9);
    let refused = line("eve", "FATAL:  sorry, too many clients already");
    let batch = |detail: String| [&*others, &refused, &detail, &others].concat();
    let told = |kind| (kind, Some("eve"), Standing::Certain);
    let rejected = told(Kind::Rejected);
    check_behind(PREFIX, &[&batch(line("bob", "DETAIL:  z"))], &[rejected]);
    let own = batch(line("eve", "DETAIL:  z"));
    check_behind(PREFIX, &[&own], &[rejected, told(Kind::Explanation)]);
}

/// The line may be the session's own: what it says of the encryption is not certain.
#[test]
fn what_is_certain_learns_nothing_from_what_is_not() {
    let prefix = LogLinePrefix::compile(DEFAULT_LOG_LINE_PREFIX).unwrap();
    let line = |message: &str| {
        format!("2026-11-23 09:38:10 UTC:10.0.0.1(5000):alice@appdb:[7]:LOG:  {message}\n")
    };
    let authorized = line("connection authorized: user=alice database=appdb application_name=x");
    let ended = line(
        "disconnection: session time: 0:01:00.000 user=alice database=appdb host=10.0.0.1 port=5000",
    );
    let ended = BEHIND.repeat(3) + &ended + &BEHIND.repeat(3);
    let mut announced = Announced::default();
    let mut events = read(&*authorized, &prefix, &mut announced.text_of("log")).events;
    events.extend(read(&*ended, &prefix, &mut announced.text_of("log")).events);
    let standings: Vec<_> = events.iter().map(|event| event.standing).collect();
    assert_eq!(standings, [Standing::OfItsBackend, Standing::Certain]);
    let connections = sessions::join(events);
    let [_, disconnected] = &connections[..] else {
        panic!("{connections:?}");
    };
    assert_eq!(disconnected.facts.encryption, Encryption::Unknown);
}

const FORGED_LOGIN: &str = "2026-11-23 09:38:20 UTC:10.0.0.9(4000):eve@d:[9]:LOG:  connection authorized: user=eve database=d SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)\n";
const CONTEXT: &str = "2026-11-23 09:38:20 UTC:10.0.0.9(4000):eve@d:[9]:CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n";
const EVE_RECEIVED: &str = "2026-11-23 09:38:19 UTC:10.0.0.9(4000):[unknown]@[unknown]:[9]:LOG:  connection received: host=10.0.0.9 port=4000\n";
const READY_EVENT: (Kind, Option<&str>, Standing) = (Kind::Ready, Some("a"), Standing::Claimed);

/// Where the log has `connection ready` alone (PostgreSQL 18), a forged authorization shows nothing.
#[test]
fn one_forged_authorization_hides_no_later_login() {
    let forged = [BEHIND, BEHIND, BEHIND, FORGED_LOGIN, CONTEXT, BEHIND].concat();
    check(
        &[&forged, READY],
        &[
            (Kind::Suspicious, Some("eve"), Standing::Certain),
            READY_EVENT,
        ],
    );
}

/// Whoever is ready, or has run SQL, may write lines.
#[test]
fn who_is_in_does_not_only_begin() {
    let received = (Kind::Received, None, Standing::Certain);
    let ready = READY
        .replace("10.0.0.1(5000):a@b:[7]", "10.0.0.9(4000):eve@d:[9]")
        .replace(":10 UTC", ":20 UTC");
    check(
        &[&[BEHIND, BEHIND, EVE_RECEIVED, &ready, &ready, BEHIND, BEHIND].concat()],
        &[
            received,
            (Kind::Ready, Some("eve"), Standing::Certain),
            (Kind::Ready, Some("eve"), Standing::Claimed),
        ],
    );
    let line = "2026-11-23 09:38:20 UTC:10.0.0.9(4000):eve@d:[9]:";
    let sql = format!("{line}ERROR:  division by zero\n{line}STATEMENT:  select 1/0\n");
    let forged = (Kind::Authorized, Some("eve"), Standing::OfItsBackend);
    check(
        &[&[BEHIND, BEHIND, EVE_RECEIVED, &ready, FORGED_LOGIN].concat()],
        &[
            received,
            (Kind::Ready, Some("eve"), Standing::Certain),
            forged,
        ],
    );
    check(
        &[&[BEHIND, BEHIND, EVE_RECEIVED, &sql, FORGED_LOGIN].concat()],
        &[received, forged],
    );
}

/// The next session of a process id is another one.
#[test]
fn a_session_is_told_again_when_the_one_before_has_ended() {
    let ended = "2026-11-23 09:38:30 UTC:10.0.0.1(5000):a@b:[7]:LOG:  disconnection: session time: 0:00:20.000 user=a database=b host=10.0.0.1 port=5000\n";
    let ended = [BEHIND, BEHIND, ended, BEHIND, BEHIND].concat();
    check(
        &[READY, &ended, READY],
        &[
            READY_EVENT,
            (Kind::Disconnected, Some("a"), Standing::Certain),
            READY_EVENT,
        ],
    );
}

/// The client's own words can name the port of one that was refused.
#[test]
fn who_was_refused_is_no_evidence_for_who_follows() {
    const PREFIX: &str = "%t|%r %d|%u,db=%p] ";
    let line = |names: &str, message: &str| {
        format!("2026-11-23 09:00:00 UTC|10.0.1.23(97) {names},db=3] {message}\n")
    };
    let behind = "2026-11-23 09:00:00 UTC| |,db=9] LOG:  checkpoint starting: time\n".repeat(4);
    let received = line(
        "[unknown]|[unknown]",
        "LOG:  connection received: host=10.0.1.23 port=97",
    );
    let refused = line(
        "d|eve",
        "FATAL:  password authentication failed for user \"eve\"",
    );
    // Perhaps behind the line feed in the name of a database.
    let second = [&*refused, &behind].concat();
    let told = |standing| (Kind::Rejected, Some("eve"), standing);
    let announced = (Kind::Received, None, Standing::Certain);
    check_behind(
        PREFIX,
        &[&[&*received, &behind].concat(), &second],
        &[announced, told(Standing::Certain)],
    );
    check_behind(
        PREFIX,
        &[&[&*received, &refused, &behind].concat(), &second],
        &[announced, told(Standing::Certain), told(Standing::Claimed)],
    );
}

/// The next session of a process id is another client's.
#[test]
fn a_login_is_not_told_with_the_address_of_a_session_that_ended() {
    let batch = "\
2026-11-23 09:00:00 UTC [14] bob@d LOG:  connection authorized: user=bob database=d application_name=psql
2026-11-23 09:00:01 UTC [14] bob@d LOG:  disconnection: session time: 0:00:01.000 user=bob database=d host=10.0.0.1 port=5000
2026-11-23 09:00:02 UTC [14] amy@d LOG:  connection authorized: user=amy database=d
2026-11-23 09:00:03 UTC [9] @ LOG:  checkpoint starting: time
";
    let prefix = LogLinePrefix::compile("%t [%p] %u@%d ").unwrap();
    let mut announced = Announced::default();
    let reading = read(batch, &prefix, &mut announced.text_of("log"));
    let connections = sessions::join(reading.events);
    let amy = &connections.last().unwrap().facts;
    let facts = (&amy.host, amy.port, &amy.application_name);
    assert_eq!(facts, (&None, None, &None), "{connections:#?}");
}

/// A session can say of itself that it has ended.
#[test]
fn a_session_is_not_gone_because_its_last_words_say_so() {
    let line =
        |message: &str| format!("2026-11-23 09:38:25 UTC:10.0.0.9(4000):eve@d:[9]:{message}\n");
    let ended = line(
        "LOG:  disconnection: session time: 0:00:20.000 user=eve database=d host=10.0.0.9 port=4000",
    );
    let fatal = line("FATAL:  out of memory");
    let first = [BEHIND, BEHIND, EVE_RECEIVED, FORGED_LOGIN, &ended].concat();
    let second = [CONTEXT, &fatal, BEHIND, BEHIND].concat();
    check(
        &[&first, &second],
        &[
            (Kind::Received, None, Standing::Certain),
            (Kind::Authorized, Some("eve"), Standing::Certain),
            (Kind::Disconnected, Some("eve"), Standing::OfItsBackend),
            (Kind::Rejected, Some("eve"), Standing::OfItsBackend),
        ],
    );
}

/// What is known of it does not tell whether it is in.
#[test]
fn where_no_login_is_told_a_session_can_forge_its_own() {
    let batch = "\
2026-11-23 09:38:25.000 UTC [7] LOG:  connection received: host=1.2.3.4 port=12345
2026-11-23 09:38:25.000 UTC [9] LOG:  checkpoint starting: time
2026-11-23 09:38:26.000 UTC [7] LOG:  connection authorized: user=admin database=prod
";
    let context =
        "2026-11-23 09:38:26.000 UTC [7] CONTEXT:  PL/pgSQL function x() line 1 at RAISE\n";
    let received = (Kind::Received, None, Standing::Certain);
    let told = |kind, standing| [received, (kind, Some("admin"), standing)];
    let forged = told(Kind::Authorized, Standing::Certain);
    check_behind("%m [%p] ", &[batch, context], &forged);
    let whole = [batch, context].concat();
    let prefix = LogLinePrefix::compile("%m [%p] ").unwrap();
    let reading = read(&*whole, &prefix, &mut Announced::default().text_of("log"));
    assert_eq!(reading.events.last().unwrap().kind, Kind::Suspicious);
}

/// That a client was announced stays known when it was refused, as far as is known.
#[test]
fn who_was_announced_and_is_gone_is_not_accused_behind_a_forged_line() {
    let line = |time: &str, message: &str| {
        format!("2026-11-23 {time} UTC:10.0.0.9(4000):bob@d:[9]:{message}\n")
    };
    let fatal = line("09:38:24", "FATAL:  out of memory");
    // The clock has gone back.
    let ended = line(
        "09:36:00",
        "LOG:  disconnection: session time: 0:00:20.000 user=bob database=d host=10.0.0.9 port=4000",
    );
    let batch = [
        EVE_RECEIVED,
        BEHIND,
        &fatal,
        BEHIND,
        FORGED,
        &ended,
        BEHIND,
        BEHIND,
    ];
    check(
        &[&batch.concat()],
        &[
            (Kind::Received, None, Standing::Certain),
            (Kind::Rejected, Some("bob"), Standing::Certain),
            (Kind::Suspicious, Some("eve"), Standing::Certain),
            (Kind::Disconnected, Some("bob"), Standing::Certain),
        ],
    );
}

/// Only what is more than a claim shows that another client has a process id.
#[test]
fn a_claimed_line_between_a_fatal_and_its_end_leaves_the_login() {
    let line =
        |message: &str| format!("2026-11-23 09:38:24 UTC:10.0.0.9(4000):bob@d:[9]:{message}\n");
    let batch = [
        line("LOG:  connection authorized: user=bob database=d"),
        line("FATAL:  out of memory"),
        line("LOG:  connection authenticated: identity=\"bob\" method=md5 (/pg_hba.conf:1)"),
        line("LOG:  disconnection: session time: 0:00:20.000 user=bob database=d host=10.0.0.9 port=4000"),
        BEHIND.repeat(2),
    ]
    .concat();
    let prefix = LogLinePrefix::compile(DEFAULT_LOG_LINE_PREFIX).unwrap();
    let mut announced = Announced::default();
    let mut events = read(&*batch, &prefix, &mut announced.text_of("log")).events;
    for event in &mut events {
        if event.kind == Kind::Authenticated {
            event.standing = Standing::Claimed;
        }
    }
    let outcomes: Vec<_> = sessions::join(events)
        .iter()
        .map(|connection| connection.outcome)
        .collect();
    let expected = [
        sessions::Outcome::Authorized,
        sessions::Outcome::Disconnected,
    ];
    assert_eq!(outcomes, expected);
}
