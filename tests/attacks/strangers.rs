//! Without a password: names that look like log lines.

use super::replay::{APART, FILTERED};
use super::scene::{HOST, RDS, Scene};

/// A: the session of a client is told as refused.
#[test]
fn a_login_is_not_told_as_refused() {
    let mut scene = Scene::new(RDS);
    let own = scene.client("u", "appdb");
    scene.logs_in(own);
    let (pid, port) = (scene.of(own).pid, scene.of(own).port);
    let user = format!("\n{}:{HOST}({port}):u", scene.time());
    let database = format!("appdb:[{pid}]:FATAL:  no\n2026-01-01 00:00:00 A:1(1):@");
    let stranger = scene.stranger(user, database);
    scene.wrong_password(stranger);
    scene.assert_told(r#"
            authorized u@appdb 10.0.1.23:40001 [10101]
            rejected \n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u@appdb:[10101]:FATAL:  no\n2026-01-01 00:00:00 A:1(1):@ 10.0.1.23:40002 [10102] reason=password authentication failed for user \"\n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u\" detail=Role \"\n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u\" does not exist.
        "#);
    scene.assert_told_in(&FILTERED, r#"
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
            rejected u@appdb 10.0.1.23:40001 [10101] reason=no unconfirmed
            rejected \n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u@? ? [10102] reason=password authentication failed for user \"\n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u\" unconfirmed
            rejected u@appdb 10.0.1.23:40001 [10101] reason=no unconfirmed
        "#);
    scene.assert_told_in(&APART, r#"
            --
            authorized u@appdb 10.0.1.23:40001 [10101] unconfirmed
            --
            --
            --
            rejected u@appdb 10.0.1.23:40001 [10101] reason=no unconfirmed
            --
            rejected \n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u@? ? [10102] reason=password authentication failed for user \"\n2026-11-23 09:00:00 UTC:10.0.1.23(40001):u\" unconfirmed
            --
            --
            rejected u@appdb 10.0.1.23:40001 [10101] reason=no unconfirmed
            --
        "#);
    scene.assert_promise();
}

/// D: the process that a stranger has guessed is refused for another reason than the true one.
#[test]
fn a_guessed_process_lends_a_refusal_no_false_reason() {
    let forged = |severity_and_message: &str, scene: &Scene| {
        let (pid, _) = scene.next();
        format!("d:[{pid}]:{severity_and_message}\n2026-01-01 00:00:00 A:1(1):c@e")
    };
    // The true message names the user: a longer reading fits.
    let mut scene = Scene::new(RDS);
    let stranger = scene.stranger("ceo", forged("FATAL:  database \"d\"", &scene));
    scene.wrong_password(stranger);
    scene.assert_told(r#"
            rejected ?@d ? [10101] reason=database \"d\" unconfirmed
            rejected ceo@d:[10101]:FATAL:  database \"d\"\n2026-01-01 00:00:00 A:1(1):c@e 10.0.1.23:40001 [10101] reason=password authentication failed for user \"ceo\"
            rejected ?@d ? [10101] reason=database \"d\" unconfirmed
            rejected ceo@d 10.0.1.23:40001 [10101] reason=database \"d\" unconfirmed
        "#);
    scene.assert_promise();
    // It names nobody: nothing decides between the readings.
    let nameless = "expected password response, got message type 90";
    let mut scene = Scene::new(RDS);
    let stranger = scene.stranger("ceo", forged("FATAL:  no", &scene));
    scene.refused(stranger, nameless);
    scene.assert_told("
            rejected ?@? 10.0.1.23:40001 [10101] unconfirmed
            rejected c@e 1:1 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    scene.assert_told_in(&FILTERED, "
            rejected ceo@d 10.0.1.23:40001 [10101] reason=no unconfirmed
            rejected c@e 1:1 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    scene.assert_promise();
    // And the refusal does not vanish behind a LOG.
    let mut scene = Scene::new(RDS);
    let stranger = scene.stranger("ceo", forged("LOG:  no", &scene));
    scene.refused(stranger, nameless);
    scene.assert_told(r"
            rejected ?@d:[10101]:LOG:  no\n2026-01-01 00:00:00 A:1(1):c@e ? [10101] reason=expected password response, got message type 90 unconfirmed
            rejected ceo@d:[10101]:LOG:  no\n2026-01-01 00:00:00 A:1(1):c@e 10.0.1.23:40001 [10101] reason=expected password response, got message type 90 unconfirmed
            rejected c@e 1:1 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    scene.assert_told_in(&FILTERED, "
            rejected c@e 1:1 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    scene.assert_promise();
}

/// F: behind a filter, a refusal is told of a false user, at a false time.
#[test]
fn what_a_filter_has_cut_confirms_no_false_user_or_time() {
    let mut scene = Scene::new(RDS);
    let (_, port) = scene.next();
    let user = format!("x\n2020-02-02 02:02:02 UTC:{HOST}({port}):ceo");
    let stranger = scene.stranger(user, "payroll");
    scene.refused(stranger, "expected password response, got message type 90");
    scene.assert_told(r"
            rejected x\n2020-02-02 02:02:02 UTC:10.0.1.23(40001):ceo@payroll 10.0.1.23:40001 [10101] reason=expected password response, got message type 90
        ");
    scene.assert_told_in(&FILTERED, "
            rejected ceo@payroll 10.0.1.23:40001 [10101] reason=expected password response, got message type 90 unconfirmed
        ");
    scene.assert_promise();
}

/// K: under Debian's prefix, a login that never was.
#[test]
fn a_name_behind_debians_prefix_is_no_login() {
    let login = "LOG:  connection authorized: user=ceo database=payroll";
    let mut scene = Scene::new("%m [%p] %q%u@%d ");
    let nameless = scene.stranger(login, "d");
    scene.refused(nameless, "expected password response, got message type 90");
    scene.wait(100);
    let named = scene.stranger(login, "\n2026-01-01 00:00:00.000 A [7] ");
    scene.wrong_password(named);
    scene.assert_told(r#"
            rejected LOG:  connection authorized: user=ceo database=payroll@d 10.0.1.23:40001 [10101] reason=expected password response, got message type 90
            rejected LOG:  connection authorized: user=ceo database=payroll@\n2026-01-01 00:00:00.000 A [7]  10.0.1.23:40002 [10102] reason=password authentication failed for user \"LOG:  connection authorized: user=ceo database=payroll\" detail=Role \"LOG:  connection authorized: user=ceo database=payroll\" does not exist.
        "#);
    scene.assert_told_in(&APART, r#"
            --
            rejected LOG:  connection authorized: user=ceo database=payroll@d ? [10101] reason=expected password response, got message type 90 unconfirmed
            --
            --
            1 not read
            --
            rejected LOG:  connection authorized: user=ceo database=payroll@? ? reason=password authentication failed for user \"LOG:  connection authorized: user=ceo database=payroll\" unconfirmed
            --
            1 not read
            --
        "#);
    scene.assert_promise();
}

/// L: guesses at a password of which nobody hears.
#[test]
fn a_database_that_ends_the_prefix_silences_no_guess() {
    let mut scene = Scene::new(RDS);
    for _ in 0..4 {
        let (_, port) = scene.next();
        let database = format!("\n{}:{HOST}({port}):@x", scene.time());
        let guess = scene.stranger("ceo", database);
        scene.wrong_password(guess);
        scene.wait(10);
    }
    scene.assert_told(r#"
            rejected ceo@\n2026-11-23 09:00:00 UTC:10.0.1.23(40001):@x 10.0.1.23:40001 [10101] reason=password authentication failed for user \"ceo\" detail=Role \"ceo\" does not exist.
            rejected ceo@\n2026-11-23 09:00:00 UTC:10.0.1.23(40002):@x 10.0.1.23:40002 [10102] reason=password authentication failed for user \"ceo\" detail=Role \"ceo\" does not exist.
            rejected ceo@\n2026-11-23 09:00:00 UTC:10.0.1.23(40003):@x 10.0.1.23:40003 [10103] reason=password authentication failed for user \"ceo\" detail=Role \"ceo\" does not exist.
            rejected ceo@\n2026-11-23 09:00:00 UTC:10.0.1.23(40004):@x 10.0.1.23:40004 [10104] reason=password authentication failed for user \"ceo\" detail=Role \"ceo\" does not exist.
        "#);
    scene.assert_promise();
}

/// M: a name of bytes that are not UTF-8 hides the login behind it.
#[test]
fn a_stranger_hides_nobodys_login() {
    let mut scene = Scene::new(RDS);
    let stranger = scene.stranger("\n2026-01-01 00:00:00 A:1(1):", b"\xff");
    scene.wrong_password(stranger);
    scene.wait(50);
    let other = scene.client("u", "appdb");
    scene.logs_in(other);
    scene.assert_told(r#"
            rejected \n2026-01-01 00:00:00 A:1(1):@� 10.0.1.23:40001 [10101] reason=password authentication failed for user \"\n2026-01-01 00:00:00 A:1(1):\" detail=Role \"\n2026-01-01 00:00:00 A:1(1):\" does not exist.
            authorized u@appdb 10.0.1.23:40002 [10102]
        "#);
    scene.assert_told_in(&FILTERED, r#"
            rejected \n2026-01-01 00:00:00 A:1(1):@� ? [10101] reason=password authentication failed for user \"\n2026-01-01 00:00:00 A:1(1):\" unconfirmed
            authorized u@appdb 10.0.1.23:40002 [10102] unconfirmed
        "#);
    scene.assert_promise();
}
