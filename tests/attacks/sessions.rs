//! What a session can write into the log, and how it ends.

use super::replay::{APART, FILTERED};
use super::scene::{RDS, Scene};
use super::server::Walsender;

/// B: a client makes its own login anonymous by a statement.
#[test]
fn a_statement_makes_no_login_anonymous() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.named(client, "evil");
    scene.logs_in(client);
    let lines: [(&str, &[u8]); 2] = [
        ("ERROR", b"division by zero"),
        ("STATEMENT", b"select 1/0 /* FATAL: */"),
    ];
    scene.says(client, &lines);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=evil
        ",
    );
    scene.assert_told_in(
        &FILTERED,
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=evil unconfirmed
        ",
    );
    scene.assert_promise();
}

/// C: `RAISE LOG 'connection ready'` is a login.
#[test]
fn what_a_session_raises_is_no_login() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    for _ in 0..3 {
        scene.wait(1000);
        scene.raises(
            client,
            "connection ready: setup total=1.000 ms, fork=1.000 ms, authentication=1.000 ms",
        );
    }
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
        ",
    );
    scene.assert_told_cut(
        &[2],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            --
        ",
    );
    scene.assert_told_cut(
        &[2, 3, 4, 5],
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            --
            --
            --
            --
        ",
    );
    // A process that has seen no login of this log, and no CONTEXT, cannot know
    // better; it tells it once.
    scene.assert_told_in(
        &APART,
        "
            --
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
            --
            authorized u@appdb 10.0.1.23:40001 [10101] encryption=? unconfirmed
            --
            --
            --
            --
            --
            --
            --
            --
        ",
    );
    scene.assert_promise();
}

/// C: nor is anything else that it raises, wherever the log is cut.
#[test]
fn what_a_session_raises_is_nobodys_connection() {
    for lie in [
        "connection authorized: user=rdsadmin database=rdsadmin",
        "connection authorized: user=u database=appdb",
        "connection received: host=6.6.6.6 port=666",
        "disconnection: session time: 0:00:00.001 user=u database=appdb host=10.0.1.23 port=1",
        "x\n2026-01-01 00:00:00 UTC:6.6.6.6(6):eve@d:[7]:LOG:  connection authorized: user=eve database=d",
    ] {
        let mut scene = Scene::new(RDS);
        let client = scene.client("u", "appdb");
        scene.logs_in(client);
        scene.raises(client, lie);
        let other = scene.client("app_user", "appdb");
        scene.logs_in(other);
        scene.leaves(client);
        scene.assert_promise();
    }
}

/// E: a session is told as the refusal of another user.
#[test]
fn a_foreign_refusal_hides_no_login() {
    let mut scene = Scene::new(RDS);
    let own = scene.client("u", "appdb");
    scene.received(own);
    for _ in 0..2 {
        let other = scene.client("app_user", "appdb");
        scene.logs_in(other);
    }
    scene.authorized(own);
    let pid = scene.of(own).pid;
    let user = format!("\n{}:10.0.1.24(60102):batch_job", scene.time());
    let database = format!("orders:[{pid}]:FATAL:  no\n2026-01-01 00:00:00 A:1(1):@");
    let stranger = scene.stranger(user, database);
    scene.wrong_password(stranger);
    scene.assert_told_cut(&[1, 3, 5], r#"
            --
            authorized app_user@appdb 10.0.1.23:40002 [10102]
            --
            authorized app_user@appdb 10.0.1.23:40003 [10103]
            --
            authorized u@appdb 10.0.1.23:40001 [10101]
            rejected \n2026-11-23 09:00:00 UTC:10.0.1.24(60102):batch_job@orders:[10101]:FATAL:  no\n2026-01-01 00:00:00 A:1(1):@ 10.0.1.23:40004 [10104] reason=password authentication failed for user \"\n2026-11-23 09:00:00 UTC:10.0.1.24(60102):batch_job\" detail=Role \"\n2026-11-23 09:00:00 UTC:10.0.1.24(60102):batch_job\" does not exist.
        "#);
    scene.assert_told_in(&FILTERED, r#"
            authorized app_user@appdb 10.0.1.23:40002 [10102] unconfirmed
            authorized app_user@appdb 10.0.1.23:40003 [10103] unconfirmed
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
            rejected batch_job@orders 10.0.1.24:60102 [10101] reason=no unconfirmed
            rejected \n2026-11-23 09:00:00 UTC:10.0.1.24(60102):batch_job@? ? [10104] reason=password authentication failed for user \"\n2026-11-23 09:00:00 UTC:10.0.1.24(60102):batch_job\" unconfirmed
            rejected batch_job@orders 10.0.1.24:60102 [10101] reason=no unconfirmed
        "#);
    scene.assert_promise();
}

/// G: a client in plain text is told as encrypted by GSSAPI.
#[test]
fn an_application_name_is_no_encryption() {
    let named = |name: &str| {
        let mut scene = Scene::new(RDS);
        let client = scene.client("u", "appdb");
        scene.named(client, name);
        scene.logs_in(client);
        scene.leaves(client);
        scene.assert_promise();
        scene
    };
    named("psql GSS (authenticated=yes, encrypted=yes)").assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=psql gss as logged
            disconnected u@appdb 10.0.1.23:40001 [10101] app=psql unconfirmed
        ",
    );
    named("healthcheck GSS (authenticated=no, encrypted=no)").assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=healthcheck encryption=?
            disconnected u@appdb 10.0.1.23:40001 [10101] app=healthcheck unconfirmed
        ",
    );
    named("x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)").assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=x tls as logged
            disconnected u@appdb 10.0.1.23:40001 [10101] app=x unconfirmed
        ",
    );
    named("x GSS (authenticated=yes, encrypted=yes, principal=a@B)").assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] app=x identity=a@B gss as logged
            disconnected u@appdb 10.0.1.23:40001 [10101] app=x identity=a@B unconfirmed
        ",
    );
    // Where the log says how the client has proven who it is, it has no such principal.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.named(
        client,
        "x GSS (authenticated=yes, encrypted=yes, principal=a@B)",
    );
    scene.received(client);
    scene.authenticated(client);
    scene.authorized(client);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101] identity=u encryption=?
            disconnected u@appdb 10.0.1.23:40001 [10101] identity=u unconfirmed
        ",
    );
    scene.assert_promise();
}

/// V: PostgreSQL 18 tells a login twice.
#[test]
fn connection_ready_is_no_second_login() {
    let scene = |is_authorized: bool| {
        let mut scene = Scene::new(RDS).of_version(18);
        let client = scene.client("a", "b");
        scene.received(client);
        scene.authenticated(client);
        if is_authorized {
            scene.authorized(client);
        }
        scene.ready(client);
        scene
    };
    scene(true).assert_told(
        "
            authorized a@b 10.0.1.23:40001 [10101] identity=a
        ",
    );
    scene(true).assert_told_cut(
        &[2],
        "
            --
            authorized a@b 10.0.1.23:40001 [10101]
        ",
    );
    // The login is the last of its batch and only claimed; `ready` says nothing more.
    scene(true).assert_told_cut(
        &[3],
        "
            authorized a@b 10.0.1.23:40001 [10101] identity=a unconfirmed
            --
        ",
    );
    // A process that has seen no login of this log cannot know.
    scene(true).assert_told_in(
        &APART,
        "
            --
            --
            authorized a@b 10.0.1.23:40001 [10101] unconfirmed
            --
            authorized a@b 10.0.1.23:40001 [10101] encryption=? unconfirmed
        ",
    );
    scene(true).assert_promise();
    // Without `connection authorized` in the log, `ready` is the login.
    scene(false).assert_told(
        "
            authorized a@b 10.0.1.23:40001 [10101] identity=a encryption=?
        ",
    );
    scene(false).assert_told_cut(
        &[2],
        "
            --
            authorized a@b 10.0.1.23:40001 [10101] encryption=? unconfirmed
        ",
    );
}

/// V: a session whose login another process was given ends by a FATAL.
#[test]
fn the_end_of_a_session_is_no_refusal() {
    let mut scene = Scene::new(RDS).of_version(18);
    let other = scene.client("a", "b");
    scene.logs_in(other);
    scene.leaves(other);
    let client = scene.client("a", "b");
    scene.received(client);
    scene.ends(
        client,
        &[(
            "FATAL",
            b"terminating connection due to administrator command",
        )],
    );
    scene.assert_told_cut(
        &[3, 4],
        "
            authorized a@b 10.0.1.23:40001 [10101]
            disconnected a@b 10.0.1.23:40001 [10101] unconfirmed
            --
            --
        ",
    );
}

/// V, W: a session that ends by a FATAL of its client's making was no refusal.
#[test]
fn a_session_that_a_fatal_ends_was_let_in() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("repl", "");
    scene.of(client).walsender = Walsender::Physical;
    scene.logs_in(client);
    scene.wait(1500);
    let lines: [(&str, &[u8]); 2] = [
        ("FATAL", b"invalid standby message type \"z\""),
        ("STATEMENT", b"START_REPLICATION PHYSICAL 0/1D40668"),
    ];
    scene.ends(client, &lines);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized repl@? 10.0.1.23:40001 [10101]
            disconnected repl@? 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_in(
        &FILTERED,
        "
            authorized repl@? 10.0.1.23:40001 [10101] unconfirmed
            disconnected repl@? 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_told_in(
        &APART,
        "
            --
            authorized repl@? 10.0.1.23:40001 [10101] unconfirmed
            --
            --
            --
            disconnected repl@? 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    scene.assert_promise();
    // Nor is a FATAL that no session is known to end by.
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    scene.ends(client, &[("FATAL", b"something new")]);
    scene.leaves(client);
    scene.assert_told(
        "
            authorized u@appdb 10.0.1.23:40001 [10101]
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
    // By itself it may be a refusal: so it is told as one, unconfirmed.
    scene.assert_told_in(
        &APART,
        "
            --
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
            --
            rejected u@appdb 10.0.1.23:40001 [10101] reason=something new unconfirmed
            --
            disconnected u@appdb 10.0.1.23:40001 [10101] unconfirmed
        ",
    );
}
