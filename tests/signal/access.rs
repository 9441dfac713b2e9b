//! The access summary.

use std::time::SystemTime;

use aurora_connection_audit::history::table::date;
use serde_json::{Map, Value, json};

use super::support::dynamodb::{DynamoDb, Fault};
use super::support::{Function, error_type, login};
use super::{THREE_LINES, batch, texts, with_history};
use aurora_connection_audit::cli::local::{Reply, WEBHOOK};

const SUMMARY: &str = r#"{"access_summary": true}"#;

pub(crate) fn days_ago(days: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap();
    date(now - days * 86_400)
}

/// Puts into the table what the history would have written.
fn know(table: &DynamoDb, cluster: &str, user: &str, first: i64, last: i64) {
    let log_group = format!("/aws/rds/cluster/{cluster}/postgresql");
    let item = json!({
        "what": { "S": "user" }, "cluster": { "S": cluster }, "log_group": { "S": log_group },
        "user": { "S": user }, "account": { "S": "123456789012" },
        "first": { "S": days_ago(first) }, "last": { "S": days_ago(last) },
        "ttl": { "N": if last < 30 { "99999999999" } else { "1700000000" } },
    });
    let item: Map<String, Value> = item.as_object().unwrap().clone();
    let key = format!("{cluster}/{user}");
    table.state().items.insert(key, item);
}

#[test]
fn what_the_table_holds_is_told_once_a_summary() {
    let table = DynamoDb::start();
    table.state().page = 2;
    for (user, first, last) in [
        ("alice", 20, 0),
        ("dave", 29, 25),
        ("gone", 60, 40),
        ("eve", 9, 9),
    ] {
        know(&table, "orders", user, first, last);
    }
    know(&table, "billing", "alice", 20, 3);
    let function = with_history(&table, THREE_LINES);
    let first = function.invoke(SUMMARY);
    assert!(!first.failed, "{}", first.body);
    let told = texts(&function).concat();
    assert!(told.contains("The first summary"), "{told}");
    assert!(
        told.contains("*💤 No login for 20 days or longer: 1 user*"),
        "{told}"
    );
    assert!(told.contains("*🔗 Connected: 3 users*"), "{told}");
    assert!(!told.contains("gone"), "{told}");

    know(&table, "orders", "carol", 0, 0);
    let second = function.invoke(SUMMARY);
    let told = texts(&function)[1].clone();
    assert!(
        told.contains("*🆕 New: 1 user*\n• *orders*: carol (new user)"),
        "{told}"
    );
    assert!(
        told.contains("*🔗 Connected: 2 users*\n• *orders*: alice, carol"),
        "{told}"
    );
    let summary = &second.body["access_summary"];
    assert_eq!(summary["since"], days_ago(0));
    let clusters = summary["clusters"].as_array().unwrap();
    let orders = clusters
        .iter()
        .find(|it| it["cluster"] == "orders")
        .unwrap();
    assert_eq!(
        orders["connected"][1],
        json!({ "user": "carol", "first": days_ago(0), "last": days_ago(0) })
    );
    assert_eq!(orders["idle"][0]["user"], "dave");
    assert_eq!(orders["new"]["carol"]["user"], true);
}

#[test]
fn what_logins_have_taught_is_in_the_summary_and_refusals_are_not() {
    let table = DynamoDb::start();
    let function = with_history(&table, "[]");
    let now = days_ago(0);
    function.invoke(&batch(0, &login("alice", 1).replace("2026-11-23", &now)));
    function.invoke(&batch(1, &super::guesses(9).replace("2026-11-23", &now)));
    let outcome = function.invoke(SUMMARY);
    let clusters = &outcome.body["access_summary"]["clusters"];
    assert_eq!(clusters.as_array().unwrap().len(), 1, "{clusters}");
    assert_eq!(clusters[0]["cluster"], "orders");
    assert_eq!(
        clusters[0]["connected"],
        json!([{ "user": "alice", "first": now, "last": now }])
    );
}

#[test]
fn what_slack_does_not_take_is_told_again() {
    let table = DynamoDb::start();
    know(&table, "orders", "alice", 20, 5);
    let function = with_history(&table, THREE_LINES);
    function
        .local
        .script_slack(WEBHOOK, [Reply::status(404, "no_service")]);
    assert_eq!(error_type(&function.invoke(SUMMARY)), "Slack.NoService");
    assert!(table.calls("UpdateItem").is_empty());
    // From the retry queue, where Lambda puts it.
    let body = json!({ "requestPayload": { "access_summary": true } }).to_string();
    let record = |id: &str| json!({ "messageId": id, "eventSource": "aws:sqs", "body": body });
    let queue = json!({ "Records": [record("a"), record("b")] }).to_string();
    function
        .local
        .script_slack(WEBHOOK, [Reply::status(404, "no_service")]);
    let failed =
        json!({ "batchItemFailures": [{ "itemIdentifier": "a" }, { "itemIdentifier": "b" }] });
    assert_eq!(function.invoke(&queue).body, failed);
    assert_eq!(
        function.invoke(&queue).body,
        json!({ "batchItemFailures": [] })
    );
    assert_eq!(texts(&function).len(), 1);
    assert!(texts(&function)[0].contains("alice"));
}

#[test]
fn without_a_table_it_says_what_to_set() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(SUMMARY);
    assert_eq!(error_type(&outcome), "Config.NoHistory");
    let message = outcome.body["errorMessage"].as_str().unwrap();
    assert!(message.contains("set HISTORY_TABLE"), "{message}");
    assert!(function.taken().is_empty());
}

#[test]
fn a_table_that_may_not_be_read_whole_fails_the_summary() {
    let table = DynamoDb::start();
    table.state().fault = Some(Fault::RefusesOnly("Scan", 400, "AccessDeniedException"));
    let function = with_history(&table, THREE_LINES);
    let outcome = function.invoke(SUMMARY);
    assert_eq!(error_type(&outcome), "DynamoDB.AccessDenied");
    assert!(
        outcome.body["errorMessage"]
            .as_str()
            .unwrap()
            .contains("dynamodb:Scan")
    );
    assert!(function.taken().is_empty());
    assert!(table.calls("UpdateItem").is_empty());
}
