//! What is new, and who got in after being refused, against the real `bootstrap`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may"
)]

#[path = "signal/access.rs"]
mod access;
#[path = "signal/day.rs"]
mod day;
#[path = "signal/faults.rs"]
mod faults;
#[path = "signal/learn.rs"]
mod learn;
mod support;

use std::time::{Duration, SystemTime};

use aurora_connection_audit::cli::event;
use aurora_connection_audit::cli::local::{Outcome, Reply, WEBHOOK};
use serde_json::json;
use support::dynamodb::{DynamoDb, Fault};
use support::{Function, PATIENCE, login, wrong_password};

/// A batch like no other: its log events have ids of their own.
fn batch(number: u64, lines: &str) -> String {
    let log_group = "/aws/rds/cluster/orders/postgresql";
    let now = SystemTime::now() + Duration::from_secs(number);
    let data = event::log_data(log_group, "orders-1.0", lines, now);
    event::payload(&data).unwrap()
}

/// Invokes it again and again until Slack has taken the message: it takes one a second.
fn insist(function: &Function, payload: &str) -> Outcome {
    loop {
        let outcome = function.invoke(payload);
        if !outcome.failed {
            return outcome;
        }
        assert_eq!(support::error_type(&outcome), "Slack.RateLimited");
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn guesses(count: u16) -> String {
    (0..count)
        .map(|number| wrong_password("alice", number))
        .collect()
}

const LET_IN: &str = "拒否の後に許可 1件";

#[test]
fn who_got_in_after_five_refusals_stands_first() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&batch(0, &(guesses(5) + &login("alice", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 1);
    let payload = function.taken()[0].payload.clone();
    let told = payload["text"].as_str().unwrap();
    assert!(
        told.starts_with(&format!("🚨 Aurora PostgreSQL: {LET_IN}")),
        "{told}"
    );
    let outcome = function.invoke(&batch(1, &(guesses(4) + &login("bob", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 1, "the same client");
}

#[test]
fn four_refusals_are_none_of_it() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&batch(0, &(guesses(4) + &login("alice", 6))));
    assert_eq!(outcome.body["let_in_after_refusals"], 0);
    assert!(!function.taken()[0].payload.to_string().contains("🚨"));
}

#[test]
fn refusals_of_earlier_batches_count_once_however_often_they_come() {
    let function = Function::start(|_| {});
    for number in [0, 1, 1, 1] {
        insist(&function, &batch(10 * number, &wrong_password("alice", 1)));
    }
    let outcome = insist(&function, &batch(90, &login("alice", 6)));
    assert_eq!(outcome.body["let_in_after_refusals"], 0);
    insist(&function, &batch(100, &guesses(3)));
    let outcome = insist(&function, &batch(110, &login("bob", 7)));
    assert_eq!(outcome.body["let_in_after_refusals"], 1);
}

/// The rules that tell what is new, refusals, and nothing else.
const THREE_LINES: &str = r#"[
    {"when": {"events": ["rejected"]}, "then": {"channel": "security"}},
    {"when": {"refusals_before": 5}, "then": {"channel": "security"}},
    {"when": {"new": false}, "then": "ignore"}
]"#;

fn with_history(table: &DynamoDb, rules: &str) -> Function {
    let url = table.url();
    let variables = [
        ("HISTORY_TABLE", "history"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &url),
        ("MESSAGE_LANGUAGE", "en"),
        ("RULES", rules),
    ];
    Function::start_with(&variables, |_| {})
}

fn texts(function: &Function) -> Vec<String> {
    let posts = function.taken().into_iter();
    let texts = posts.map(|post| post.payload["text"].as_str().unwrap().to_owned());
    texts.collect()
}

fn from(host: &str, lines: &str) -> String {
    lines.replace("10.0.1.23", host)
}

#[test]
fn the_first_of_its_kind_is_told_and_the_same_again_is_silent() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    let days = [
        (login("alice", 1), Some("🆕 *New user: alice*")),
        (login("alice", 2), None),
        (from("10.0.1.99", &login("alice", 3)), None),
        (
            from("10.0.2.23", &login("alice", 4)),
            Some("🆕 *New network for alice*"),
        ),
        (login("bob", 5), Some("🆕 *New user: bob*")),
        (
            login("alice", 6).replace("appdb", "other"),
            Some("🆕 *New database for alice*"),
        ),
        (login("alice", 7).replace("psql", "other"), None),
    ];
    let mut told = 0;
    for (number, (lines, expected)) in (0..).zip(days) {
        let outcome = function.invoke(&batch(number, &lines));
        assert!(!outcome.failed, "{}", outcome.body);
        let texts = texts(&function);
        told += usize::from(expected.is_some());
        assert_eq!(texts.len(), told, "{lines}\n{texts:?}");
        let last = texts.last().unwrap();
        assert!(
            expected.is_none_or(|expected| last.contains(expected)),
            "{last}"
        );
    }
    assert!(!function.log().contains("no history"), "{}", function.log());
}

#[test]
fn another_process_knows_it_too_and_a_warm_one_reads_nothing() {
    let table = DynamoDb::start();
    with_history(&table, THREE_LINES).invoke(&batch(0, &login("alice", 1)));
    assert_eq!(table.state().items.len(), 3);
    assert_eq!(table.calls("UpdateItem").len(), 3);
    let other = with_history(&table, THREE_LINES);
    for number in 1..9 {
        other.invoke(&batch(number, &login("alice", 2)));
    }
    assert!(texts(&other).is_empty());
    let reads = table.calls("BatchGetItem");
    let of_logins = reads
        .iter()
        .filter(|call| call.to_string().contains("#last"));
    assert_eq!(of_logins.count(), 2, "one of each process");
    assert_eq!(
        reads.len() - 2,
        9,
        "one a batch for the refusals that others have seen"
    );
    assert_eq!(
        table.calls("UpdateItem").len(),
        3,
        "one day is written once"
    );
}

#[test]
fn what_slack_did_not_take_is_told_as_new_again() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    function
        .local
        .script_slack(WEBHOOK, [Reply::status(404, "no_service")]);
    let payload = batch(0, &login("alice", 1));
    assert!(function.invoke(&payload).failed);
    assert!(table.state().items.is_empty());
    assert!(!function.invoke(&payload).failed);
    assert!(texts(&function)[0].contains("New user: alice"));
    assert_eq!(table.state().items.len(), 3);
}

#[test]
fn what_is_refused_ended_or_not_certain_teaches_nothing() {
    let table = DynamoDb::start();
    let function = with_history(&table, "[]");
    // Without its beginning this could be the rest of another record.
    let tail = format!(
        "{}:x@y:[1]:LOG:  connection authorized: user=x database=y\n",
        "x".repeat(9)
    );
    for (number, lines) in (0..).zip([
        wrong_password("alice", 1),
        login("alice", 2).replace("connection authorized: user", "connection authorised: user"),
        tail,
    ]) {
        function.invoke(&batch(number, &lines));
    }
    let taught = table.calls("UpdateItem");
    let taught = taught
        .iter()
        .filter(|call| call.to_string().contains(":last"));
    assert_eq!(taught.count(), 0);
}

#[test]
fn what_has_expired_is_new_again() {
    let table = DynamoDb::start();
    with_history(&table, THREE_LINES).invoke(&batch(0, &login("alice", 1)));
    for item in table.state().items.values_mut() {
        item["last"]["S"] = "2026-01-01".into();
        item["first"]["S"] = "2026-01-01".into();
        item["ttl"]["N"] = "1".into();
    }
    let function = with_history(&table, THREE_LINES);
    function.invoke(&batch(1, &login("alice", 2)));
    assert!(texts(&function)[0].contains("New user: alice"));
    let state = table.state();
    for item in state.items.values() {
        assert_eq!(item["first"]["S"], "2026-11-23");
        assert_eq!(item["last"]["S"], "2026-11-23");
    }
}

/// With the table like this, a login of somebody whom the table knows is told; what is new is not.
#[track_caller]
fn assert_told_without_history(fault: Fault, error: &str) {
    let table = DynamoDb::start();
    with_history(&table, THREE_LINES).invoke(&batch(0, &login("alice", 1)));
    let function = with_history(&table, THREE_LINES);
    assert!(function.local.first_poll(PATIENCE));
    table.state().fault = Some(fault);
    for number in 1..3 {
        let outcome = function.invoke(&batch(number, &login("alice", 2)));
        assert!(!outcome.failed, "{}", outcome.body);
    }
    let texts = texts(&function);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(!texts.concat().contains("🆕"), "{texts:?}");
    let log = function.log_with_times("no history", 2);
    assert_eq!(
        log.matches("no history").count(),
        2,
        "one warning a batch: {log}"
    );
    assert!(log.contains(error), "{log}");
    // It is back.
    table.state().fault = None;
    function.invoke(&batch(3, &login("alice", 4)));
    assert_eq!(function.taken().len(), 2);
}

#[test]
fn the_table_is_throttled() {
    let fault = Fault::Refuses(400, "ThrottlingException");
    assert_told_without_history(fault, "DynamoDB.Throttled");
}

#[test]
fn the_table_is_gone() {
    let fault = Fault::Refuses(400, "ResourceNotFoundException");
    assert_told_without_history(fault, "DynamoDB.NotFound");
}

#[test]
fn the_role_may_not_read() {
    let fault = Fault::Refuses(400, "AccessDeniedException");
    assert_told_without_history(fault, "DynamoDB.AccessDenied");
}

#[test]
fn dynamodb_is_broken() {
    assert_told_without_history(
        Fault::Refuses(500, "InternalServerError"),
        "DynamoDB.Refused",
    );
}

#[test]
fn dynamodb_hangs_up() {
    assert_told_without_history(Fault::HangsUp, "DynamoDB.Unreachable");
}

#[test]
fn dynamodb_is_slow() {
    let slow = Fault::Slow(Duration::from_secs(3));
    assert_told_without_history(slow, "DynamoDB.Unreachable");
}

#[test]
fn dynamodb_has_no_capacity_for_any_key() {
    assert_told_without_history(Fault::LeavesAllKeys, "DynamoDB.Throttled");
}

#[test]
fn keys_that_were_left_are_asked_for_again() {
    let table = DynamoDb::start();
    with_history(&table, THREE_LINES).invoke(&batch(0, &login("alice", 1)));
    table.state().fault = Some(Fault::LeavesKeys);
    let function = with_history(&table, THREE_LINES);
    for number in 1..4 {
        function.invoke(&batch(number, &(login("alice", 2) + &login("bob", 3))));
    }
    assert_eq!(texts(&function).len(), 1, "bob is new, once");
    assert!(!function.log().contains("no history"), "{}", function.log());
}

#[test]
fn a_table_that_cannot_be_written_is_no_reason_to_tell_a_login_twice() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    table.state().fault = Some(Fault::RefusesOnly(
        "UpdateItem",
        400,
        "AccessDeniedException",
    ));
    function.invoke(&batch(0, &login("alice", 1)));
    function.invoke(&batch(1, &login("alice", 2)));
    assert_eq!(texts(&function).len(), 1);
    let log = function.log_with_times("no history", 2);
    assert_eq!(log.matches("no history").count(), 2);
    table.state().fault = None;
    function.invoke(&batch(2, &login("alice", 3)));
    assert_eq!(
        table.state().items.len(),
        3,
        "written as soon as that is possible"
    );
}

#[test]
fn a_table_made_anew_learns_again() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    function.invoke(&batch(0, &login("alice", 1)));
    table.state().items.clear();
    let other = with_history(&table, THREE_LINES);
    other.invoke(&batch(1, &login("alice", 2)));
    assert_eq!(texts(&other).len(), 1, "nobody knows her any more");
    assert_eq!(table.state().items.len(), 3);
}

#[test]
fn two_processes_at_once_lose_nothing() {
    let table = DynamoDb::start();
    let functions = [
        with_history(&table, THREE_LINES),
        with_history(&table, THREE_LINES),
    ];
    std::thread::scope(|scope| {
        for function in &functions {
            scope.spawn(|| {
                for number in 0..20 {
                    let user = format!("user{number}");
                    insist(function, &batch(number.into(), &login(&user, number)));
                }
            });
        }
    });
    assert_eq!(table.state().items.len(), 3 * 20);
    let told: Vec<_> = functions.iter().flat_map(texts).collect();
    for number in 0..20 {
        let user = format!("New user: user{number}*");
        let count = told.iter().filter(|text| text.contains(&user)).count();
        assert!((1..=2).contains(&count), "{user}: {count}");
    }
}

#[test]
fn who_got_in_after_refusals_that_other_processes_have_seen() {
    let table = DynamoDb::start();
    for number in 0..5 {
        let other = with_history(&table, "[]");
        let payload = batch(number, &wrong_password("alice", 1));
        other.invoke(&payload);
        // Delivered twice, to two processes.
        with_history(&table, "[]").invoke(&payload);
    }
    let function = with_history(&table, "[]");
    let outcome = function.invoke(&batch(9, &login("alice", 9)));
    assert_eq!(outcome.body["let_in_after_refusals"], 1);
    let told = texts(&function).concat();
    assert!(told.contains("after 5 refusals in ten minutes"), "{told}");
    assert_eq!(table.calls("UpdateItem").len(), 10 + 3);
}

#[test]
fn refusals_teach_nobody() {
    let table = DynamoDb::start();
    let function = with_history(&table, "[]");
    function.invoke(&batch(0, &guesses(9)));
    let items = table.state().items.clone();
    assert_eq!(items.len(), 1);
    for item in items.values() {
        assert_eq!(item["what"]["S"], "refusals");
        let members = item["refused"]["SS"].as_array().unwrap();
        assert_eq!(members.len(), 10, "five of the client, five of the user");
        assert!(!json!(members).to_string().contains("alice"));
    }
    function.invoke(&batch(1, &login("alice", 20)));
    assert!(texts(&function)[1].contains("alice"));
    assert_eq!(table.state().items.len(), 4);
}

#[test]
fn a_full_shelf_takes_no_more_refusals() {
    let table = DynamoDb::start();
    let function = with_history(&table, "[]");
    function.invoke(&batch(0, &wrong_password("alice", 1)));
    {
        let mut state = table.state();
        let item = state.items.values_mut().next().unwrap();
        let members: Vec<_> = (0..8000).map(|number| format!("c{number:x}.1.1")).collect();
        item.insert("refused".to_owned(), json!({ "SS": members }));
    }
    function.invoke(&batch(1, &wrong_password("alice", 2)));
    function.invoke(&batch(2, &login("bob", 3)));
    let items = table.state().items.clone();
    let held = items.values().find_map(|item| item.get("refused"));
    assert_eq!(held.unwrap()["SS"].as_array().unwrap().len(), 8000);
    assert_eq!(items.len(), 1 + 3, "bob is remembered");
    assert!(!function.log().contains("no history"), "{}", function.log());
}
