//! The attacks of `tests/attacks.rs` on a real server, by their letters: what happened is told, and nothing else
//! is confirmed, wherever its log is cut.

use super::client::Client;
use super::stage::{Stage, ended, now, refused};

const LONG_AGO: &str = "2026-01-01 00:00:00 A:1(1):";

#[test]
fn attacks_change_nothing_that_is_told() {
    let mut stage = Stage::new();
    a_refusal_in_anothers_name(&mut stage);
    b_statement_with_a_term_of_the_filter(&mut stage);
    c_raised_lines(&mut stage);
    d_guessed_process(&mut stage, "FATAL:  database \"d\"", b"p", [3, 2, 0]);
    d_guessed_process(&mut stage, "FATAL:  no", b"Z", [2, 2, 0]);
    d_guessed_process(&mut stage, "LOG:  no", b"Z", [2, 3, 0]);
    e_refusal_from_elsewhere(&mut stage);
    g_application_names(&mut stage);
    h_guesses(&mut stage);
    l_silent_guesses(&mut stage);
    m_bytes_that_are_no_text(&mut stage);
    w_session_that_a_fatal_ends(&mut stage);
    k_name_behind_debians_prefix(&mut stage);
}

fn a_refusal_in_anothers_name(stage: &mut Stage) {
    let own = stage.log_in("");
    let (pid, port) = (own.backend_pid, own.told.port);
    let user = format!("\n{}:127.0.0.1({port}):good_user", now());
    let database = format!("appdb:[{pid}]:FATAL:  no\n{LONG_AGO}@");
    let mut facts = vec![stage.refused(user, database, b"p")];
    facts.extend(ended(own));
    stage.assert_told(&facts, Some([3, 0, 0]));
}

fn b_statement_with_a_term_of_the_filter(stage: &mut Stage) {
    let mut own = stage.log_in("evil");
    own.query("select 1/0 /* FATAL: */");
    stage.assert_told(&ended(own), Some([2, 0, 0]));
}

fn c_raised_lines(stage: &mut Stage) {
    let mut own = stage.log_in("");
    for lie in [
        "connection ready: setup total=1.000 ms, fork=1.000 ms, authentication=1.000 ms",
        "connection authorized: user=rdsadmin database=rdsadmin",
        "connection authorized: user=good_user database=appdb",
        "connection received: host=6.6.6.6 port=666",
    ] {
        own.query(&format!("do $$ begin raise log '%', '{lie}'; end $$"));
    }
    let mut facts = ended(own);
    for fact in &mut facts {
        fact.is_hostile = true;
    }
    stage.assert_told(&facts, Some([2, 0, 3]));
}

/// Tries until the server gives the client the process that it has guessed.
fn d_guessed_process(stage: &mut Stage, forged: &str, answer: &'static [u8], told: [usize; 3]) {
    for _ in 0..30 {
        let own = stage.log_in("");
        let guess = own.backend_pid + 1;
        let mut facts = ended(own);
        let database = format!("d:[{guess}]:{forged}\n{LONG_AGO}c@e");
        facts.push(stage.refused("ceo", database, answer));
        let received = format!(":[{guess}]:LOG:  connection received");
        let is_right = stage.assert_told_if(&facts, |log| log.contains(&received).then_some(told));
        if is_right {
            return;
        }
    }
    panic!("no process was guessed");
}

fn e_refusal_from_elsewhere(stage: &mut Stage) {
    let mut own = Client::open(stage.server.port);
    let mut facts = Vec::new();
    for _ in 0..2 {
        facts.extend(ended(stage.log_in("")));
    }
    own.start(b"good_user", b"appdb", &[]);
    let pid = own.backend_pid;
    let user = format!("\n{}:10.0.1.23(60102):batch_job", now());
    let database = format!("orders:[{pid}]:FATAL:  no\n{LONG_AGO}@");
    facts.push(stage.refused(user, database, b"p"));
    facts.extend(ended(own));
    stage.assert_told(&facts, Some([7, 0, 0]));
}

fn g_application_names(stage: &mut Stage) {
    let mut facts = Vec::new();
    for name in [
        "psql GSS (authenticated=yes, encrypted=yes)",
        "healthcheck GSS (authenticated=no, encrypted=no)",
        "x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)",
    ] {
        facts.extend(ended(stage.log_in(name)));
    }
    stage.assert_told(&facts, Some([6, 0, 0]));
}

fn h_guesses(stage: &mut Stage) {
    let guess = |_| stage.refused("ceo", "payroll", b"p");
    let facts: Vec<_> = (0..20).map(guess).collect();
    stage.assert_told(&facts, Some([20, 0, 0]));
}

fn l_silent_guesses(stage: &mut Stage) {
    let guess = |_| {
        let client = Client::open(stage.server.port);
        let port = client.told.port;
        let database = format!("\n{}:127.0.0.1({port}):@x", now());
        refused(client, "ceo", database, b"p")
    };
    let facts: Vec<_> = (0..20).map(guess).collect();
    stage.assert_told(&facts, Some([20, 0, 0]));
}

fn m_bytes_that_are_no_text(stage: &mut Stage) {
    let mut facts = vec![stage.refused(format!("\n{LONG_AGO}"), b"\xff", b"p")];
    for _ in 0..2 {
        facts.extend(ended(stage.log_in("")));
    }
    stage.assert_told(&facts, Some([5, 0, 0]));
}

fn w_session_that_a_fatal_ends(stage: &mut Stage) {
    let mut own = Client::open(stage.server.port);
    own.start(b"replication_user", b"", &[("replication", b"true")]);
    own.send_with_length(b"Q", b"START_REPLICATION PHYSICAL 0/1000000\0");
    // CopyBothResponse
    own.wait_for(b'W');
    own.send_with_length(b"z", b"");
    stage.assert_told(&ended(own), Some([2, 0, 0]));
}

fn k_name_behind_debians_prefix(stage: &mut Stage) {
    stage.write_with("%m [%p] %q%u@%d ");
    let login = "LOG:  connection authorized: user=ceo database=payroll";
    let facts = [
        stage.refused(login, "d", b"Z"),
        stage.refused(login, "\n2026-01-01 00:00:00.000 A [7] ", b"p"),
    ];
    stage.assert_told(&facts, Some([2, 0, 0]));
}

/// A session that calls a function by the fast path writes no STATEMENT, and with terse messages no CONTEXT. What can
/// be known of such a line `tests/attacks/limits.rs` says.
#[test]
fn a_session_can_write_a_bare_line_where_messages_are_terse() {
    let stage = Stage::new();
    let ask = |conninfo: &str, sql: &str| {
        let output = stage.server.psql(conninfo, "", sql);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let forged = "connection authorized: user=ceo database=payroll";
    let sql = format!(
        "create function f() returns void language plpgsql as $$ begin raise log '{forged}'; end $$"
    );
    let superuser = "user=postgres dbname=appdb";
    ask(superuser, &sql);
    let oid = ask(superuser, "select 'f'::regproc::oid");
    let oid: u32 = oid.trim().parse().unwrap();
    for (verbosity, follows) in [
        ("default", "CONTEXT:  "),
        ("terse", "LOG:  disconnection: "),
    ] {
        let sql = format!("alter role good_user set log_error_verbosity = {verbosity}");
        ask(superuser, &sql);
        let mut client = stage.log_in("");
        let pid = client.backend_pid;
        // FunctionCall, without arguments.
        client.send_with_length(b"F", &[&oid.to_be_bytes()[..], &[0; 6]].concat());
        client.wait_for(b'Z');
        client.leave();
        let log = stage
            .server
            .text_with(&format!(":[{pid}]:LOG:  disconnection: "));
        let is_of_it = |line: &&str| line.contains(&format!(":[{pid}]:LOG:  {forged}"));
        let mut behind = log.lines().skip_while(|line| !is_of_it(line)).skip(1);
        let line = behind.next().unwrap();
        assert!(
            line.contains(&format!(":[{pid}]:{follows}")),
            "{verbosity}: {line}\n{log}"
        );
    }
}
