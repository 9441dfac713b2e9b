//! Many batches in one invocation: Kinesis and the retry queue, against the real `bootstrap`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod support;

use aurora_connection_audit::cli::local::{Local, Reply};
use serde_json::{Value, json};
use support::{Function, login, payload, queue, webhook, wrong_password};

/// Base64 of gzip, as CloudWatch Logs puts it into a record.
fn data(text: &str) -> String {
    let event: Value = serde_json::from_str(&payload(text)).unwrap();
    event["awslogs"]["data"].as_str().unwrap().to_owned()
}

/// A window of a stream; the sequence numbers count from 1.
fn stream(records: &[String]) -> String {
    let record = |(number, data): (usize, &String)| {
        json!({
            "eventSource": "aws:kinesis",
            "eventID": format!("shardId-000000000000:{number}"),
            "kinesis": { "data": data, "sequenceNumber": number.to_string() },
        })
    };
    let records: Vec<_> = (1..).zip(records).map(record).collect();
    json!({ "Records": records }).to_string()
}

fn failures(identifiers: &[&str]) -> Value {
    let failures: Vec<_> = identifiers
        .iter()
        .map(|id| json!({ "itemIdentifier": id }))
        .collect();
    json!({ "batchItemFailures": failures })
}

fn many_logins(count: u16) -> Vec<String> {
    (1..=count)
        .map(|number| data(&login(&format!("user{number}"), number)))
        .collect()
}

#[test]
fn a_window_is_one_message() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&stream(&many_logins(50)));
    assert!(!outcome.failed);
    assert_eq!(outcome.body, failures(&[]));
    let posts = function.local.posts();
    assert_eq!(posts.len(), 1);
    let text = posts[0].payload["text"].as_str().unwrap();
    assert!(text.contains("新しい接続 50件"), "{text}");
}

#[test]
fn a_record_that_comes_twice_in_a_window_counts_once() {
    let function = Function::start(|_| {});
    let record = data(&wrong_password("alice", 1));
    let records = [record.clone(), data(&login("bob", 2)), record];
    let outcome = function.invoke(&stream(&records));
    assert_eq!(outcome.body, failures(&[]));
    let text = function.taken()[0].payload.to_string();
    assert!(text.contains("拒否 1件"), "{text}");
}

#[test]
fn a_poison_record_is_told_and_passed() {
    let function = Function::start(|_| {});
    let records = ["!".to_owned(), data(&login("alice", 1)), "H4sI".to_owned()];
    let outcome = function.invoke(&stream(&records));
    assert_eq!(outcome.body, failures(&[]));
    let text = function.taken()[0].payload.to_string();
    for part in ["alice", "Payload.Base64", "Payload.Gzip"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_message_about_nothing_but_poison_has_no_empty_block() {
    let function = Function::start(|_| {});
    let outcome = function.invoke(&stream(&["!".to_owned()]));
    assert_eq!(outcome.body, failures(&[]));
    let payload = &function.taken()[0].payload;
    for block in payload["blocks"].as_array().unwrap() {
        assert_ne!(block["text"]["text"], "", "{payload}");
    }
}

#[test]
fn what_slack_did_not_take_fails_from_its_first_record_on() {
    let rules = r#"[{"when": {"events": ["rejected"]}, "then": {"channel": "security"}}]"#;
    let script = |local: &Local| {
        let secret = json!({
            "default": webhook(local, "/services/default"),
            "security": webhook(local, "/services/security"),
        });
        local.script_secrets([Reply::secret(&secret.to_string())]);
        local.script_slack("/services/security", [Reply::status(404, "no_service")]);
    };
    let function = Function::start_with(&[("RULES", rules)], script);
    let records = [
        data(&login("alice", 1)),
        data(&wrong_password("eve", 2)),
        data(&login("bob", 3)),
        data(&wrong_password("eve", 4)),
    ];
    let outcome = function.invoke(&stream(&records));
    assert!(!outcome.failed, "{}", outcome.body);
    assert_eq!(outcome.body, failures(&["2"]));
    // Kinesis delivers the rest again: nothing is told twice.
    let outcome = function.invoke(&stream(&records[1..]));
    assert_eq!(outcome.body, failures(&[]));
    let posts = function.taken();
    assert_eq!(posts.len(), 2);
    assert!(posts[0].payload.to_string().contains("新しい接続 2件"));
    assert!(posts[1].payload.to_string().contains("拒否 2件"));
}

#[test]
fn the_retry_queue_is_one_message_and_answers_each() {
    let function = Function::start(|_| {});
    let mut events: Vec<_> = (1..=5)
        .map(|number| payload(&login(&format!("user{number}"), number)))
        .collect();
    events.push(json!({ "something": "else" }).to_string());
    let outcome = function.invoke(&queue(&events));
    assert_eq!(outcome.body, failures(&[]));
    assert_eq!(function.local.posts().len(), 1);
    let text = function.taken()[0].payload.to_string();
    assert!(text.contains("新しい接続 5件"), "{text}");
    assert!(text.contains("Payload.NotAFailureRecord"), "{text}");
}

#[test]
fn a_window_s_worth_of_throttled_posts_is_told_in_the_log() {
    let function = Function::start(|_| {});
    let events: Vec<_> = (1..=30)
        .map(|number| payload(&login("alice", number)))
        .collect();
    let hint = "stream mode posts them sooner";
    assert_eq!(function.invoke(&queue(&events[1..])).body, failures(&[]));
    assert!(!function.log_with("log_events").contains(hint));
    assert_eq!(function.invoke(&queue(&events)).body, failures(&[]));
    let log = function.log_with(hint);
    assert!(log.contains(hint), "{log}");
}

#[test]
fn a_queue_goes_back_whole_when_slack_is_away() {
    let away = [
        Reply::status(404, "no_service"),
        Reply::status(404, "no_service"),
    ];
    let function = Function::start(|local| {
        local.script_slack(aurora_connection_audit::cli::local::WEBHOOK, away);
    });
    let events = [payload(&login("alice", 1)), payload(&login("bob", 2))];
    let outcome = function.invoke(&queue(&events));
    assert_eq!(outcome.body, failures(&["m1", "m2"]));
    let outcome = function.invoke(&queue(&events));
    assert_eq!(outcome.body, failures(&["m1", "m2"]));
    assert_eq!(function.invoke(&queue(&events)).body, failures(&[]));
    assert_eq!(function.taken().len(), 1);
}

#[test]
fn the_test_event_answers_for_every_channel() {
    let script = |local: &Local| {
        let secret = json!({
            "default": webhook(local, "/services/default"),
            "security": webhook(local, "/services/security"),
        });
        local.script_secrets([Reply::secret(&secret.to_string())]);
        local.script_slack(
            "/services/security",
            [Reply::status(410, "channel_is_archived")],
        );
    };
    let function = Function::start(script);
    let outcome = function.invoke(r#"{"test": true}"#);
    assert!(outcome.failed);
    let message = outcome.body["errorMessage"].as_str().unwrap();
    assert!(
        message.contains(r#"{"channels":{"default":"ok","security":"Slack.ChannelIsArchived"}}"#),
        "{message}"
    );
    let outcome = function.invoke(r#"{"test": true}"#);
    assert!(!outcome.failed);
    assert_eq!(
        outcome.body,
        json!({ "channels": { "default": "ok", "security": "ok" } })
    );
}

/// Each login of 100 instances stands in two batches: `connection received` ends one, `connection
/// authorized` begins the next of the same instance.
#[test]
fn no_login_is_unconfirmed_for_lack_of_memory() {
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let line = |number: u16, at: usize| {
        let login = login(&format!("user{number}"), number);
        format!("{}\n", login.lines().nth(at).unwrap())
    };
    let rounds = 3;
    for round in 0..=rounds {
        let batch = |instance: u16| {
            let before = (round > 0).then(|| line(1000 * round + instance, 1));
            let next = line(1000 * (round + 1) + instance, 0);
            data(&(before.unwrap_or_default() + &next))
        };
        let records: Vec<_> = (1..=100).map(batch).collect();
        assert_eq!(function.invoke(&stream(&records)).body, failures(&[]));
    }
    let posts = function.taken();
    assert_eq!(posts.len(), usize::from(rounds));
    for post in posts {
        let message = post.payload.to_string();
        assert!(message.contains("100 new connections"), "{message}");
        assert!(!message.contains("nconfirmed"), "{message}");
    }
}

/// 64 MiB of text are read at once; the rest of the records goes back.
#[test]
fn a_window_of_too_much_text_is_read_in_several_goes() {
    let function = Function::start(|_| {});
    let long = |letter: &str| data(&letter.repeat(25 << 20));
    let (alice, bob) = (data(&login("alice", 1)), data(&login("bob", 2)));
    let records = [long("x"), alice, long("y"), long("z"), bob];
    let outcome = function.invoke(&stream(&records));
    assert_eq!(outcome.body, failures(&["4"]));
    let text = function.taken()[0].payload.to_string();
    assert!(text.contains("alice") && !text.contains("bob"), "{text}");
}
