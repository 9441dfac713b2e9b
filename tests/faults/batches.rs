//! What comes, how often and in which order.

use aurora_connection_audit::cli::local::Reply;

use crate::row::{Row, row};
use crate::run::{USERS, logins, with_batches};
use crate::support::{Function, LIMIT, login, payload, webhook, wrong_password};

pub fn second_channel() -> Row {
    let rules = r#"[{"when": {"users": ["u003"]}, "then": {"channel": "security"}}]"#;
    let (fault, logins) = ("second of two channels fails once", logins());
    with_batches(fault, LIMIT, &[("RULES", rules)], &[&logins], |local| {
        let (a, b) = (webhook(local, "/a"), webhook(local, "/b"));
        let secret = serde_json::json!({ "default": a, "security": b });
        local.script_secrets([Reply::secret(&secret.to_string())]);
        local.script_slack("/b", [Reply::status(410, "channel_is_archived")]);
    })
}

pub fn repeated() -> Row {
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let payload = payload(&logins());
    for _ in 0..3 {
        assert!(!function.invoke(&payload).failed);
    }
    let expected = USERS.map(|user| (user.to_owned(), 1)).into();
    row("the same event three times", &expected, &function, false)
}

pub fn reordered() -> Row {
    let logins = logins();
    let (mut received, mut authorized) = (String::new(), String::new());
    for line in logins.split_inclusive('\n') {
        let later = line.contains("authorized");
        if later {
            &mut authorized
        } else {
            &mut received
        }
        .push_str(line);
    }
    let fault = "batches in the wrong order";
    with_batches(fault, LIMIT, &[], &[&authorized, &received], |_| {})
}

pub fn full_batch() -> Row {
    const USERS: usize = 5;
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let lines: String = (0..5000)
        .map(|number| login(&format!("u{:03}", usize::from(number) % USERS), number))
        .collect();
    let is_queued = function.waits_after(&payload(&lines), LIMIT);
    let expected = (0..USERS)
        .map(|user| (format!("u{user:03}"), 5000 / USERS))
        .collect();
    row(
        "10 000 log events in a batch",
        &expected,
        &function,
        is_queued,
    )
}

/// Failed logins whose names imitate log lines, from a real log; nobody got in.
pub fn hostile() -> Row {
    let log = include_bytes!("../fixtures/postgres-logs/15/rds-default/postgresql.log");
    let log = String::from_utf8_lossy(log);
    let lines: Vec<_> = log.split('\n').collect();
    let hostile = lines[4337..4442].join("\n");
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let outcome = function.invoke(&payload(&hostile));
    let count = |name: &str| usize::try_from(outcome.body[name].as_u64().unwrap()).unwrap();
    let posts = function.taken();
    let text = posts[0].payload["text"].as_str().unwrap();
    let headline = text.lines().next().unwrap();
    let (events, rejected) = (18, count("rejected"));
    let delivered = if headline.ends_with(&format!(": {rejected} refused")) {
        rejected
    } else {
        0
    };
    Row {
        fault: "all events hostile: names that forge lines",
        events,
        delivered,
        duplicates: rejected.saturating_sub(events),
        queued: 0,
        lost: events - delivered,
        untrue: count("authorized") + count("disconnected"),
    }
}

/// A wrong password is told, whatever the prefix of the next line.
pub fn mixed() -> Row {
    let logins = login("u001", 1) + &wrong_password("u002", 2) + &login("u003", 3);
    with_batches(
        "refused attempts among connections",
        LIMIT,
        &[],
        &[&logins],
        |_| {},
    )
}
