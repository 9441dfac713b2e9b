//! What nobody can decide from the log, and how it is told: `docs/threat-model.md` lists it.

use super::replay::{APART, FILTERED};
use super::scene::{HOST, RDS, Scene};

const NAMELESS: &str = "%m [%p] ";

/// The same line is a client of TLS and one in plain text that has chosen a name.
#[test]
fn tls_behind_an_application_name_is_as_logged() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.named(client, "x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)");
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=x tls as logged
            disconnected u@appdb 10.0.1.23:40001 [10101] app=x unconfirmed
        ",
    );
    // More than one: neither the name nor the encryption is known.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.named(
        client,
        "x SSL enabled (protocol=a, cipher=a, bits=1) SSL enabled (protocol=b, cipher=b, bits=1)",
    );
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] encryption=?
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    // Over a socket there is no TLS.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.of(client).host = "[local]";
    scene.named(client, "x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)");
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told("
            authorized u@appdb [local] [10101] app=x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)
            disconnected u@appdb [local] [10101] app=x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1) unconfirmed
        ");
}

/// A prefix without names, and names that hold the words between them.
#[test]
fn names_that_hold_each_other_are_not_known() {
    let mut scene = Scene::new(NAMELESS);
    let client = scene.client("a database=b", "c");
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized ?@? 10.0.1.23:40001 [10101]
            disconnected ?@? 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_promise();
}

/// What follows tells that a line is no part of somebody's name, and that no session wrote it.
#[test]
fn a_record_with_nothing_behind_it_is_unconfirmed() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "d");
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told_cut(
        &[1],
        "
            --
            authorized u@d 10.0.1.23:40001 [10101]
            disconnected u@d 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_by_others(
        &[1],
        "
            --
            authorized u@d 10.0.1.23:40001 [10101]
            disconnected u@d 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_cut(
        &[2],
        "
            authorized u@d 10.0.1.23:40001 [10101] unconfirmed
            --
            disconnected u@d 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_in(
        &APART,
        "
            --
            authorized u@d 10.0.1.23:40001 [10101] unconfirmed
            --
            disconnected u@d 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_promise();
}

/// PostgreSQL 18 can leave `connection received` out.
#[test]
fn without_connection_received_what_stands_alone_is_unconfirmed() {
    let mut scene = Scene::new(RDS).of_version(18);
    for user in ["u", "v"] {
        let client = scene.client(user, "d");
        scene.authorized(client);
        scene.wait(1000);
        scene.leaves(client);
        let refused = scene.client(user, "d");
        let message = format!("password authentication failed for user \"{user}\"");
        scene.is_refused(refused, &message);
        let refused = scene.client(user, "d");
        scene.is_refused(refused, "sorry, too many clients already");
    }
    scene.assert_told(r#"
            authorized u@d 10.0.1.23:40001 [10101]
            disconnected u@d 10.0.1.23:40001 [10101]
            rejected u@d 10.0.1.23:40002 [10102] reason=password authentication failed for user \"u\"
            rejected u@d 10.0.1.23:40003 [10103] reason=sorry, too many clients already
            authorized v@d 10.0.1.23:40004 [10104]
            disconnected v@d 10.0.1.23:40004 [10104]
            rejected v@d 10.0.1.23:40005 [10105] reason=password authentication failed for user \"v\"
            rejected v@d 10.0.1.23:40006 [10106] reason=sorry, too many clients already unconfirmed
        "#);
    scene.assert_told_in(&APART, r#"
            authorized u@d 10.0.1.23:40001 [10101] unconfirmed
            --
            disconnected u@d 10.0.1.23:40001 [10101] unconfirmed
            --
            rejected u@d 10.0.1.23:40002 [10102] reason=password authentication failed for user \"u\" unconfirmed
            --
            rejected u@d 10.0.1.23:40003 [10103] reason=sorry, too many clients already unconfirmed
            --
            authorized v@d 10.0.1.23:40004 [10104] unconfirmed
            --
            disconnected v@d 10.0.1.23:40004 [10104] unconfirmed
            --
            rejected v@d 10.0.1.23:40005 [10105] reason=password authentication failed for user \"v\" unconfirmed
            --
            rejected v@d 10.0.1.23:40006 [10106] reason=sorry, too many clients already unconfirmed
        "#);
    scene.assert_promise();
}

/// A filter of which the function does not know makes a piece of a record a record, and a STATEMENT the end of a login.
#[test]
fn a_filter_that_is_not_declared_confirms_what_is_false() {
    let mut scene = Scene::new(RDS);
    let (_, port) = scene.next();
    let user = format!("x\n2020-02-02 02:02:02 UTC:{HOST}({port}):ceo");
    let stranger = scene.stranger(user, "payroll");
    scene.refused(stranger, "expected password response, got message type 90");
    scene.assert_told_behind_an_undeclared_filter("
            rejected ceo@payroll 10.0.1.23:40001 [10101] reason=expected password response, got message type 90
        ");
    scene.assert_told_in(&FILTERED, "
            rejected ceo@payroll 10.0.1.23:40001 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    let lines: [(&str, &[u8]); 2] = [
        ("ERROR", b"division by zero"),
        ("STATEMENT", b"select 1/0 /* FATAL: */"),
    ];
    scene.says(client, &lines);
    scene.assert_told_behind_an_undeclared_filter(
        "
            suspicious u@appdb 10.0.1.23:40001 [10101]
        ",
    );
    scene.assert_told_in(
        &FILTERED,
        "
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
}

/// A LOG line without CONTEXT and STATEMENT is PostgreSQL's own to the byte.
#[test]
fn a_session_that_writes_a_bare_line_forges_one_of_its_own() {
    // Its end; whose CONTEXT the batch may not hold, either.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    let port = scene.of(client).port;
    let end = format!(
        "disconnection: session time: 0:00:00.001 user=u database=appdb host={HOST} port={port}"
    );
    scene.says(client, &[("LOG", end.as_bytes())]);
    scene.assert_told_cut(
        &[3],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
            --
        ",
    );
    let other = scene.client("app_user", "appdb");
    scene.logs_in(other);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            disconnected u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40002 [10102]
        ",
    );
    // Its login, in a batch that does not hold the true one: under its own name.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    let other = scene.client("app_user", "appdb");
    scene.logs_in(other);
    scene.says(
        client,
        &[("LOG", b"connection authorized: user=u database=appdb")],
    );
    let other = scene.client("app_user", "appdb");
    scene.logs_in(other);
    scene.assert_told_cut(
        &[4],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40002 [10102]
            --
            authorized u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40003 [10103]
        ",
    );
    // Under any name, where the prefix has none.
    let mut scene = Scene::new(NAMELESS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    let other = scene.client("app_user", "appdb");
    scene.logs_in(other);
    scene.says(
        client,
        &[("LOG", b"connection authorized: user=ceo database=payroll")],
    );
    let other = scene.client("app_user", "appdb");
    scene.logs_in(other);
    scene.assert_told_cut(
        &[4],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40002 [10102]
            --
            authorized ceo@payroll ? [10101]
            authorized app_user@appdb 10.0.1.23:40003 [10103]
        ",
    );
}

/// PL/Tcl's `elog FATAL` ends a session in the words of a failed login.
#[test]
fn a_session_that_ends_itself_is_refused_until_its_disconnection() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    scene.says(
        client,
        &[("FATAL", b"password authentication failed for user \"u\"")],
    );
    scene.assert_told(r#"
            rejected u@appdb 10.0.1.23:40001 [10101] reason=password authentication failed for user \"u\"
        "#);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
}

/// PostgreSQL 17.0 to 17.2 do not cut names.
#[test]
fn a_name_that_is_too_long_is_no_certain_fact() {
    let mut scene = Scene::new(RDS).of_version(17);
    let user = format!(
        "x\n{}:6.6.6.6(6):eve@db:[7]:LOG:  connection authorized: user=eve database=db\n{}",
        scene.time(),
        scene.time()
    );
    let stranger = scene.stranger("", "appdb");
    scene.of(stranger).user = user.into_bytes();
    scene.wrong_password(stranger);
    scene.assert_told(
        r"
            suspicious x\n2026-11-23 09:00:00 UTC:6.6.6.6(6):eve@db 10.0.1.23:40001 [7]
            suspicious x\n2026-11-23 09:00:00 UTC:6.6.6.6(6):eve@db 10.0.1.23:40001 [7]
            1 not read
        ",
    );
}

/// PostgreSQL writes `[unknown]` for a name that it does not know.
#[test]
fn a_user_called_unknown_is_known_only_where_a_message_names_it() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("[unknown]", "[unknown]");
    scene.logs_in(client);
    scene.leaves(client);
    let refused = scene.client("[unknown]", "[unknown]");
    scene.refused(refused, "sorry, too many clients already");
    scene.assert_told(
        "
            authorized [unknown]@[unknown] 10.0.1.23:40001 [10101]
            disconnected [unknown]@[unknown] 10.0.1.23:40001 [10101]
            rejected ?@? 10.0.1.23:40002 [10102] reason=sorry, too many clients already unconfirmed
        ",
    );
    scene.assert_promise();
}

/// `log_hostname = on`: the client's DNS names it.
#[test]
fn a_host_name_is_told_as_it_stands() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.of(client).host = "localhost.attacker.example";
    scene.logs_in(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb localhost.attacker.example:40001 [10101]
            disconnected u@appdb localhost.attacker.example:40001 [10101] unconfirmed
        ",
    );
    scene.assert_promise();
}

/// `lc_messages`
#[test]
fn another_language_is_told_as_such() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    let lines: [(&str, &str); 2] = [
        ("LOG", "Verbindung autorisiert: Benutzer=u Datenbank=appdb"),
        ("日志", "联接已获授权: 用户=u, 数据库=appdb"),
    ];
    for (severity, message) in lines {
        scene.ends(client, &[(severity, message.as_bytes())]);
    }
    scene.assert_told(
        "
            2 translated
        ",
    );
    let message = scene.message();
    assert!(message.contains("lc_messages"), "{message}");
}

/// A line that no session of that name could have written by `RAISE LOG`, and the login of another right behind it.
/// Whoever wrote the one may have written the other, and only `connection received` tells.
#[test]
fn a_login_right_behind_a_bare_forgery_is_unconfirmed_where_its_beginning_is_elsewhere() {
    let mut scene = Scene::new(RDS);
    let own = scene.client("u", "appdb");
    let (other, third) = (scene.client("app_user", "appdb"), scene.client("v", "d"));
    scene.logs_in(own);
    scene.received(other);
    scene.received(third);
    let forged: &[u8] = b"connection authorized: user=ceo database=payroll";
    scene.says(own, &[("LOG", forged)]);
    scene.authorized(other);
    scene.leaves(own);
    scene.assert_told_cut(
        &[3],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            --
            suspicious u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40002 [10102]
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_by_others(
        &[3],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            --
            suspicious u@appdb 10.0.1.23:40001 [10101]
            authorized app_user@appdb 10.0.1.23:40002 [10102] unconfirmed
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
}

/// What was written into the log group twice, as two log events, is a second login of one backend.
#[test]
fn a_line_that_stands_in_one_batch_twice_accuses() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.received(client);
    scene.authorized(client);
    scene.authorized(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            suspicious u@appdb 10.0.1.23:40001 [10101]
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
}
