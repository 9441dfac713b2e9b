//! Lines that can be read in several ways: nothing false is certain, nothing is hidden, nobody is accused.

use aurora_connection_audit::postgres::event::{ConnectionEvent, Kind, Standing};
use aurora_connection_audit::postgres::{Announced, DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, read};
use aurora_connection_audit::sessions;

use super::check_behind;

fn told<'a>(prefix: &str, batch: &'a str) -> Vec<ConnectionEvent<'a>> {
    let prefix = LogLinePrefix::compile(prefix).unwrap();
    read(batch, &prefix, &mut Announced::default().text_of("log")).events
}

/// Its prefix has neither a client nor names: nobody wrote it, whatever an application could be called.
#[test]
fn the_end_of_a_server_process_accuses_nobody() {
    let batch = "2026-11-23 09:00:01 UTC,db=2,db=[unknown] [unknown]:LOG:  connection received: host=10.0.9.7 port=98\n\
        2026-11-23 09:00:01 UTC,db=6,db= :FATAL:  terminating autovacuum process due to administrator command\n\
        2026-11-23 09:00:02 UTC,db=2,db=[unknown] [unknown]:LOG:  connection received: host=1 port=1\n\
        2026-11-23 0:LOG:  connection authenticated: identity=\"[unknown]\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)\n";
    let events = told("%t,db=%p,db=%a %d:", batch);
    let is_accused = |kind| kind == Kind::Suspicious;
    assert!(!events.iter().any(|event| is_accused(event.kind)));
}

/// An application name can hold the rest of a prefix: then the line is either of two sessions'.
#[test]
fn who_has_forged_a_line_is_named_as_far_as_its_readings_agree() {
    let batch = "\
2026-11-23 09:00:03.263 UTC|my role|d|10.0.1.23(40004)|98|[unknown]|LOG:  connection authorized: user=my role database=d application_name=psql
2026-11-23 09:00:03.744 UTC|my role|d|10.0.1.23(40004)|98|psql|LOG:  disconnection: session time: 1:37:04.286 user=my role database=d host=10.0.1.23 port=40004
2026-11-23 09:00:04.821 UTC|u|d|10.0.1.9(40008)|100|connection received: host=::1 port=1|10.0.1.23(40004)|98|[unkno|LOG:  pam_authenticate failed: Permission denied
2026-11-23 09:00:04.821 UTC|u|d|10.0.1.9(40008)|100|connection received: host=::1 port=1|10.0.1.23(40004)|98|[unkno|CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE
2026-11-23 09:00:04.821 UTC|u|d|10.0.1.9(40008)|100|connection received: host=::1 port=1|10.0.1.23(40004)|98|[unkno|STATEMENT:  DO $$ BEGIN RAISE LOG 'pam_authenticate failed: Permission denied'; END $$
";
    let events = told("%m|%u|%d|%r|%p|%a|", batch);
    let last = events.last().unwrap();
    let accused = (last.facts.backend_pid, last.facts.host.as_deref());
    assert_eq!((last.kind, accused), (Kind::Suspicious, (None, None)));
}

/// Only the refusal right before it, as it was told.
#[test]
fn a_detail_explains_no_other_reading_of_a_refusal() {
    let names = "日本|2026-11-23 09:00:02.798 UTC|a|my db|10.0.9.7(50001)|9|[unknown]";
    let batch = format!("\
2026-11-23 09:00:00.042 UTC|a|my db|10.0.9.7(50001)|9|[unknown]|LOG:  connection authorized: user=a database=my db SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)
2026-11-23 09:00:00.044 UTC|[unknown]|[unknown]|::1(50003)|12|[unknown]|LOG:  connection received: host=::1 port=50003
2026-11-23 09:00:00.053 UTC|a|my db|10.0.9.7(50001)|9|[unknown]|FATAL:  too many connections for role \"a\"
2026-11-23 09:00:00.123 UTC|{names}|::1(50003)|12|[unknown]|FATAL:  permission denied for database \"{}\"
2026-11-23 09:00:00.123 UTC|{names}|::1(50003)|12|[unknown]|DETAIL:  User does not have CONNECT privilege.
", &names["日本|".len()..]);
    let events = told("%m|%u|%d|%r|%p|%a|", &batch);
    let connections = sessions::join(events);
    let explained: Vec<_> = connections
        .iter()
        .filter(|connection| connection.detail.is_some())
        .map(|connection| (connection.facts.backend_pid, connection.confirmed()))
        .collect();
    assert!(!explained.contains(&(Some(9), true)), "{connections:#?}");
}

/// A field that is padded is blank without a name, and with a name of blanks.
#[test]
fn a_padded_name_of_blanks_is_a_name() {
    let others =
        "2026-11-23 09:00:01.000 UTC [9]           @            LOG:  checkpoint starting: time\n"
            .repeat(3);
    let refused = "2026-11-23 09:00:01.000 UTC [100]           @d          10.0.0.1(1001) FATAL:  password authentication failed for user \" \"\n";
    check_behind(
        "%m [%p] %-10u@%-10d %r ",
        &[&[&others, refused, &others].concat()],
        &[(Kind::Rejected, Some(" "), Standing::Certain)],
    );
    let ended = "2026-11-23 09:00:02.000 UTC [100] 10.0.0.1(1001) bob@d            LOG:  disconnection: session time: 0:00:01.000 user=bob database=d host=10.0.0.1 port=1001\n";
    let others = "2026-11-23 09:00:01.000 UTC [100] 10.0.0.1(1001) bob@d x          LOG:  checkpoint starting: time\n".repeat(3);
    check_behind(
        "%m [%p] %r %u@%d %-10a ",
        &[&[&others, ended, &others].concat()],
        &[(Kind::Disconnected, Some("bob"), Standing::OfItsBackend)],
    );
}

/// A client that was refused is gone: another may come from its port at once.
#[test]
fn who_was_refused_obscures_no_client_that_follows() {
    let batch = r#"2026-11-23 09:00:04 UTC] ::1(115)|[unknown] [unknown]=1] : 4259] LOG:  connection received: host=::1 port=115
2026-11-23 09:00:04 UTC] 10.0.1.23(120)|my db x:y=1] : 4264] LOG:  connection authorized: user=x:y database=my db application_name=app - 10.0.1.23:5
2026-11-23 09:00:04 UTC] ::1(115)|d=7] : 4259] LOG:  no
2026-11-23 09:00:00 A] 1(1)|c e ceo=2] : 4259] FATAL:  sorry, too many clients already
2026-11-23 09:00:04 UTC] 10.0.1.23(120)|my db x:y=2] : 4264] FATAL:  invalid value for parameter "client_encoding": "�CONTEXT:  FATAL:  no2026-11-23 09:00:00 A] 1(1)|" does not exist�@STATEMENT:  =7] : 4264] "
2026-11-23 09:00:06 UTC] ::1(115)|[unknown] [unknown]=1] : 4263] LOG:  connection received: host=::1 port=115
2026-11-23 09:00:06 UTC] ::1(115)|d=7] : 4259] LOG:  no
2026-11-23 09:00:00 A] 1(1)|c e=7] : 4259 
2026-11-23 09:00:05 UTC] 1(1)|ceo=2] : 4263] FATAL:  password authentication failed for user "
	2026-11-23 09:00:05 UTC] 1(1)|ceo"
2026-11-23 09:00:06 UTC] ::1(115)|d=7] : 4259] LOG:  no
2026-11-23 09:00:00 A] 1(1)|c e=7] : 4259 
2026-11-23 09:00:05 UTC] 1(1)|ceo=3] : 4263] DETAIL:  Password does not match for user "
	2026-11-23 09:00:05 UTC] 1(1)|ceo".
"#;
    let events = told("%t] %r|%d %u=%l] : %p] ", batch);
    let is_cut = |event: &ConnectionEvent<'_>| {
        event.standing == Standing::Certain
            && event.facts.database.as_deref() == Some("c e=7] : 4259")
    };
    assert!(!events.iter().any(is_cut), "{events:#?}");
}

/// Two clients had the process id, and the line that announces the second is in doubt.
#[test]
fn a_refusal_is_not_told_with_the_address_of_a_client_before() {
    let batch = r#"2026-11-23 09:00:00.000 UTC: [unknown]:[unknown]] 23:LOG:  connection received: host=10.0.1.23 port=50019
2026-11-23 09:00:00.001 UTC: [unknown]:[unknown]] 17:LOG:  connection received: host=::1 port=50013
2026-11-23 09:00:00.002 UTC: 
2026-11-23 09:00:00.000 A: ] 17:FATAL:  no
2026-11-23 09:00:00:", database "
x
2026-11-23 09:00:00.763 UTC: u] 23:FATAL:  the database system is starting up
2026-11-23 09:00:00.002 UTC: [unknown]:[unknown]] 23:LOG:  connection received: host=::1 port=50021
2026-11-23 09:00:00.003 UTC: 
2026-11-23 09:00:00.000 A: :x
2026-11-23 09:00:00.763 UTC: u] 17:FATAL:  password authentication failed for user "x
	2026-11-23 09:00:00.763 UTC: u"
2026-11-23 09:00:00.003 UTC: b:bob] 17:LOG:  no
2026-11-23 09:00:00.004 UTC: b:eve] 23:LOG:  no
2026-11-23 09:00:00.004 UTC: b:eve] 23:FATAL:  password authentication failed for user "eve"
2026-11-23 09:00:00.004 UTC: b:eve] 23:DETAIL:  Password does not match for user "eve".
2026-11-23 09:00:00.005 UTC: :] 9:LOG:  checkpoint starting: time
2026-11-23 09:00:00.005 UTC: :] 9:LOG:  checkpoint starting: time
2026-11-23 09:00:00.005 UTC: :] 9:LOG:  checkpoint starting: time
"#;
    let events = told("%m: %d:%u] %p:", batch);
    let connections = sessions::join(events);
    let is_of_eve = |one: &&sessions::Connection<'_>| one.facts.user.as_deref() == Some("eve");
    let eve = connections.iter().find(is_of_eve).unwrap();
    assert_eq!(eve.facts.host, None, "{connections:#?}");
}

/// The line may be the rest of a record that was cut in the name of its user.
#[test]
fn an_authentication_hides_no_refusal_that_its_line_can_end() {
    let batch = "1795424400.000=,4243@: FATAL:  invalid password packet size\n1795424403.841=b=|a=b,4244@: LOG:  connection authenticated: identity=\"a=b\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)\n";
    let events = told("%n=%d=%q|%u,%p@%q: ", batch);
    let is_refusal = |event: &ConnectionEvent<'_>| {
        event.kind == Kind::Rejected && event.facts.backend_pid == Some(4243)
    };
    assert!(events.iter().any(is_refusal), "{events:#?}");
}

/// The line behind a login may be the DETAIL of its backend, or another's login.
#[test]
fn a_line_that_has_another_reading_accuses_nobody() {
    let batch = "\
2026-11-23 09:00:00 UTC/[unknown]=98,db=LOG:  connection received: host=fe80::99%lo port=50004
2026-11-23 09:00:00 UTC/d=98,db=LOG:  connection authorized: user=a=b database=d application_name=psql
2026-11-23 09:00:00 UTC/d=98,db=DETAIL:  connection authorized: user=a=b databa=101,db=LOG:  connection authorized: user=LOG database=d=98,db=DETAIL:  connection authorized: user=a=b databa
";
    let events = told("%t/%d=%p,db=", batch);
    let is_accused = |event: &ConnectionEvent<'_>| event.kind == Kind::Suspicious;
    assert!(!events.iter().any(is_accused), "{events:#?}");
}

/// The first line may be the rest of a record, and is then shorter than the record that it begins.
#[test]
fn a_login_hides_no_refusal_that_its_first_line_can_end() {
    let batch = "1795424401.842] a FATAL:  sorry, too many clients already\n1795424400.043] d user=98 [3: a=b LOG:  replication connection authorized: user=a=b application_name=psql\n";
    let events = told("%n] %q%d user=%q%p [%q%l: %u ", batch);
    let is_refusal = |event: &ConnectionEvent<'_>| event.kind == Kind::Rejected;
    assert!(events.iter().any(is_refusal), "{events:#?}");
}

/// An application name can imitate a CONTEXT line.
#[test]
fn what_may_be_context_is_told_for_what_else_it_may_be() {
    let batch = "\
2026-11-23 09:00:04.392 UTC:10.0.9.7(50007):u@appdb:[32010]:6:28P01:2026-11-23 09:00:01 UTC:3/15:0:6b040091.7d0a:LOG:  connection received: host=::1 port=1CONTEXT:  2026-01-01 FATAL:  terminating connection due to idle-session timeout
2026-11-23 09:00:05.439 UTC:10.0.9.7(50007):u@appdb:[32010]:7:00000:2026-11-23 09:00:01 UTC:3/15:0:6b040091.7d0a:LOG:  connection received: host=::1 port=1CONTEXT:  2026-01-01 LOG:  disconnection: session time: 1:16:44.556 user=u database=appdb host=10.0.9.7 port=50007
";
    let events = told("%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a", batch);
    let is_end = |event: &ConnectionEvent<'_>| event.kind == Kind::Disconnected;
    assert!(events.iter().any(is_end), "{events:#?}");
}

const CHECKPOINTS: &str = "\
2026-11-23 09:38:20 UTC::@:[9]:LOG:  checkpoint starting: time
2026-11-23 09:38:20 UTC::@:[9]:LOG:  checkpoint starting: time
2026-11-23 09:38:20 UTC::@:[9]:LOG:  checkpoint starting: time
";

/// A client whose database is `message` behind a guess of its names and process, and a line feed.
fn forged(names: &str, message: &str, pid: u32) -> String {
    let user = names.split_once('@').unwrap().0;
    format!(
        "2026-11-23 09:38:20 UTC:10.0.0.9(99):{names}:[7]:{message}\n:[{pid}]:FATAL:  password authentication failed for user \"{user}\"\n"
    )
}

fn forged_announcement() -> String {
    let message = "LOG:  connection received: host=10.0.0.9 port=99";
    forged("[unknown]@[unknown]", message, 5409)
}

fn forged_login(pid: u32) -> String {
    let message = "LOG:  connection authorized: user=admin database=prod";
    forged("admin@prod", message, pid)
}

/// Holds the logins and refusals that are told of `batches` for certain, and whether anything is told of
/// `refused` at all, against what happened: one refusal of each process.
#[track_caller]
fn check_refused(batches: &[&str], refused: &[u32]) {
    let prefix = LogLinePrefix::compile(DEFAULT_LOG_LINE_PREFIX).unwrap();
    let mut announced = Announced::default();
    let mut told = Vec::new();
    for batch in batches {
        told.extend(read(*batch, &prefix, &mut announced.text_of("log")).events);
    }
    for event in &told {
        let is_false = event.kind == Kind::Authorized || event.kind == Kind::Suspicious;
        let is_certain = event.standing == Standing::Certain;
        assert!(!(is_false && is_certain), "{event:#?}");
    }
    for pid in refused {
        let is_told = |event: &ConnectionEvent<'_>| {
            event.kind == Kind::Rejected && event.facts.backend_pid == Some(*pid)
        };
        assert!(told.iter().any(is_told), "{pid}: {told:#?}");
    }
}

/// Where clients are not announced: the names of refused ones hold whole lines of a process that never was.
#[test]
fn a_process_that_only_names_have_shown_lets_nobody_in() {
    let batch = [
        CHECKPOINTS,
        &forged_announcement(),
        CHECKPOINTS,
        &forged_login(5500),
        CHECKPOINTS,
    ];
    check_refused(&[&batch.concat()], &[5409, 5500]);
}

#[test]
fn a_process_that_only_names_have_shown_hides_no_refusal() {
    let received = "2026-11-23 09:38:20 UTC:10.0.0.9(99):[unknown]@[unknown]:[5409]:LOG:  connection received: host=10.0.0.9 port=99\n";
    let forged_announcement = [CHECKPOINTS, &forged_announcement(), CHECKPOINTS].concat();
    let announced = [received, CHECKPOINTS].concat();
    check_refused(&[&announced, &forged_announcement], &[5409]);
    let guess = forged("admin@prod", "LOG:  x", 5501);
    check_refused(
        &[&[&*forged_announcement, &guess, CHECKPOINTS].concat()],
        &[5409, 5501],
    );
}

/// The port is used again, and the client has guessed its process.
#[test]
fn a_detail_in_a_name_hides_no_refusal() {
    let refused = "2026-11-23 09:38:20 UTC:10.0.0.9(99):admin@prod:[7]:FATAL:  password authentication failed for user \"admin\"\n";
    let guess = |pid| forged("admin@prod", "DETAIL:  x", pid);
    let batch = [
        CHECKPOINTS,
        refused,
        &guess(5500),
        &guess(5501),
        CHECKPOINTS,
    ];
    check_refused(&[&batch.concat()], &[7, 5500, 5501]);
}

/// A login of one's own shows a process; the port is used again.
#[test]
fn an_own_login_before_lets_nobody_else_in() {
    let own = "2026-11-23 09:38:20 UTC:10.0.0.9(99):eve@d:[7]:LOG:  connection authorized: user=eve database=d\n";
    let batch = [
        CHECKPOINTS,
        own,
        CHECKPOINTS,
        &forged_login(5500),
        CHECKPOINTS,
    ]
    .concat();
    let events = told(DEFAULT_LOG_LINE_PREFIX, &batch);
    let is_admin = |event: &ConnectionEvent<'_>| {
        event.kind == Kind::Authorized
            && event.standing == Standing::Certain
            && event.facts.user.as_deref() == Some("admin")
    };
    assert!(!events.iter().any(is_admin), "{events:#?}");
}

/// The name of a function can imitate a line.
#[test]
fn a_line_is_not_certain_before_what_may_be_its_context() {
    let batch = "\
2026-11-23 09:38:24.000 UTC [9]  LOG:  checkpoint starting: time
2026-11-23 09:38:25.000 UTC [7] [unknown] LOG:  connection received: host=1.2.3.4 port=12345
2026-11-23 09:38:25.000 UTC [9]  LOG:  checkpoint starting: time
2026-11-23 09:38:26.000 UTC [7] [unknown] LOG:  connection authorized: user=admin database=prod
2026-11-23 09:38:26.000 UTC [7] [unknown] CONTEXT:  PL/pgSQL function pg_temp_3.\"x FATAL:  terminating connection due to a\"() line 1 at RAISE
2026-11-23 09:38:26.000 UTC [7] [unknown] STATEMENT:  execute x
2026-11-23 09:38:27.000 UTC [9]  LOG:  checkpoint starting: time
";
    let events = told("%m [%p] %a ", batch);
    let is_login = |event: &ConnectionEvent<'_>| {
        event.kind == Kind::Authorized && event.standing == Standing::Certain
    };
    assert!(!events.iter().any(is_login), "{events:#?}");
}
