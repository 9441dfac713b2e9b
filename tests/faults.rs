//! What goes wrong between PostgreSQL and Slack, and where each connection is afterwards.
//!
//! Each scenario sends connections through the real `bootstrap`, invoking it as Lambda does: after
//! a failure twice more, then the event goes to the failures queue. What Slack showed is then held
//! against what went in. `cargo test --test faults -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aurora_connection_audit::cli::local::{Local, Reply, WEBHOOK};
use serde_json::Value;
use support::{Function, LIMIT, login, payload, webhook, wrong_password};

/// Where the connections of a scenario are in the end.
#[derive(Debug, PartialEq)]
struct Row {
    fault: &'static str,
    /// Connections that went in.
    events: usize,
    /// Shown in Slack.
    delivered: usize,
    /// Shown once more than once.
    duplicates: usize,
    /// Kept by Lambda in the failures queue.
    queued: usize,
    /// Neither shown nor kept.
    lost: usize,
    /// Shown, though they did not happen.
    untrue: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            fault,
            events,
            delivered,
            duplicates,
            queued,
            lost,
            untrue,
        } = self;
        write!(
            f,
            "{fault:<44}{events:>9}{delivered:>11}{duplicates:>12}{queued:>8}{lost:>6}{untrue:>7}"
        )
    }
}

/// Three clients log in.
const USERS: [&str; 3] = ["u001", "u002", "u003"];

fn logins() -> String {
    USERS
        .into_iter()
        .zip(1..)
        .map(|(user, number)| login(user, number))
        .collect()
}

/// How many connections of each user a message tells.
fn told(payload: &Value) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for line in payload["text"].as_str().unwrap().lines() {
        let entry = line
            .strip_prefix("• ")
            .and_then(|line| line.split(" → ").next());
        let entry = entry.or_else(|| line.strip_prefix("User: "));
        let Some(entry) = entry else { continue };
        let (count, user) = match entry.split_once("×* ") {
            Some((count, user)) => (count.trim_start_matches('*').parse().unwrap(), user),
            None => (1, entry),
        };
        *told.entry(user.to_owned()).or_default() += count;
    }
    told
}

/// Compares what went in with what Slack showed.
fn row(
    fault: &'static str,
    expected: &BTreeMap<String, usize>,
    function: &Function,
    is_queued: bool,
) -> Row {
    let mut shown = BTreeMap::<String, usize>::new();
    for post in function.local.posts().into_iter().filter(|post| post.shown) {
        for (user, count) in told(&post.payload) {
            *shown.entry(user).or_default() += count;
        }
    }
    let events = expected.values().sum();
    let count = |user| shown.get(user).copied().unwrap_or(0);
    let delivered = expected.iter().map(|(user, n)| count(user).min(*n)).sum();
    let duplicates = expected
        .iter()
        .map(|(user, n)| count(user).saturating_sub(*n))
        .sum();
    let strangers = shown
        .iter()
        .filter(|(user, _)| !expected.contains_key(*user));
    let queued = if is_queued { events - delivered } else { 0 };
    Row {
        fault,
        events,
        delivered,
        duplicates,
        queued,
        lost: events - delivered - queued,
        untrue: strangers.map(|(_, n)| n).sum(),
    }
}

/// Three logins in one batch, with this script.
fn with_script(fault: &'static str, limit: Duration, script: impl FnOnce(&Local)) -> Row {
    with_batches(fault, limit, &[], &[&logins()], script)
}

/// Three logins in these batches.
fn with_batches(
    fault: &'static str,
    limit: Duration,
    variables: &[(&str, &str)],
    batches: &[&str],
    script: impl FnOnce(&Local),
) -> Row {
    let variables = [&[("MESSAGE_LANGUAGE", "en")], variables].concat();
    let function = Function::start_with(&variables, script);
    let payloads: Vec<_> = batches.iter().map(|batch| payload(batch)).collect();
    let outcomes = payloads
        .iter()
        .map(|payload| function.invoke_as_lambda(payload, limit));
    let is_queued = outcomes.fold(false, |queued, outcome| queued | outcome.failed);
    let expected = USERS.map(|user| (user.to_owned(), 1)).into();
    row(fault, &expected, &function, is_queued)
}

fn slack(replies: Vec<Reply>) -> impl FnOnce(&Local) {
    move |local| local.script_slack(WEBHOOK, replies)
}

fn wait(seconds: u8) -> Reply {
    Reply::Answer(
        429,
        format!("retry-after: {seconds}\r\n"),
        "rate_limited".to_owned(),
    )
}

fn refusal(code: &str) -> Reply {
    Reply::status(400, &format!(r#"{{"__type": "{code}", "Message": ""}}"#))
}

const SHORT: Duration = Duration::from_secs(4);

fn nothing_wrong() -> Row {
    with_script("nothing", LIMIT, |_| {})
}

fn rate_limited() -> Row {
    with_script(
        "429 storm: five times, Retry-After 1",
        LIMIT,
        slack(vec![wait(1); 5]),
    )
}

fn rate_limited_for_good() -> Row {
    with_script(
        "429 storm without end, Retry-After 60",
        LIMIT,
        slack(vec![wait(60); 9]),
    )
}

fn server_errors() -> Row {
    let burst = [500, 502, 503]
        .map(|status| Reply::status(status, ""))
        .to_vec();
    with_script("5xx burst: three times", LIMIT, slack(burst))
}

fn server_errors_for_good() -> Row {
    with_script(
        "5xx without end",
        SHORT,
        slack(vec![Reply::status(503, ""); 99]),
    )
}

fn slow() -> Row {
    with_script(
        "slow answer: shown, but not said in time",
        SHORT,
        slack(vec![Reply::Stall]),
    )
}

fn cut() -> Row {
    with_script(
        "cut answer: shown, but not said",
        LIMIT,
        slack(vec![Reply::Cut]),
    )
}

fn hung_up() -> Row {
    with_script(
        "connection closed twice",
        LIMIT,
        slack(vec![Reply::HangUp; 2]),
    )
}

fn refused() -> Row {
    with_script("connection refused", SHORT, |local| {
        local.script_secrets([Reply::secret("http://127.0.0.1:1/services")]);
    })
}

fn no_name() -> Row {
    with_script("DNS failure", SHORT, |local| {
        local.script_secrets([Reply::secret("https://hooks.slack.invalid/services")]);
    })
}

fn webhook_gone() -> Row {
    with_script(
        "404 no_service",
        LIMIT,
        slack(vec![Reply::status(404, "no_service"); 9]),
    )
}

fn message_refused() -> Row {
    with_script(
        "400 invalid_blocks",
        LIMIT,
        slack(vec![Reply::status(400, "invalid_blocks"); 9]),
    )
}

fn rotated() -> Row {
    with_script("secret rotated mid-way", LIMIT, |local| {
        local.script_slack("/old", vec![Reply::status(403, "invalid_token"); 9]);
        local.script_secrets(["/old", "/new"].map(|path| Reply::secret(&webhook(local, path))));
    })
}

fn deleted() -> Row {
    with_script("secret deleted mid-way, webhook too", LIMIT, |local| {
        local.script_slack(WEBHOOK, vec![Reply::status(404, "no_service"); 9]);
        let gone = refusal("ResourceNotFoundException");
        local.script_secrets([Reply::secret(&webhook(local, WEBHOOK)), gone]);
    })
}

fn expired() -> Row {
    with_script(
        "credentials expired mid-way, webhook gone",
        LIMIT,
        |local| {
            local.script_slack(WEBHOOK, vec![Reply::status(403, "invalid_token"); 9]);
            let expired = refusal("ExpiredTokenException");
            local.script_secrets([Reply::secret(&webhook(local, WEBHOOK)), expired]);
        },
    )
}

fn secrets_manager_down() -> Row {
    with_script(
        "Secrets Manager: throttled, 500, cut, then well",
        LIMIT,
        |local| {
            local.script_secrets([
                refusal("ThrottlingException"),
                Reply::status(500, ""),
                Reply::Cut,
                Reply::secret(&webhook(local, WEBHOOK)),
            ]);
        },
    )
}

fn second_channel() -> Row {
    let rules = r#"[{"when": {"users": ["u003"]}, "then": {"channel": "security"}}]"#;
    let (fault, logins) = ("second of two channels fails once", logins());
    with_batches(fault, LIMIT, &[("RULES", rules)], &[&logins], |local| {
        let (a, b) = (webhook(local, "/a"), webhook(local, "/b"));
        let secret = serde_json::json!({ "default": a, "security": b });
        local.script_secrets([Reply::secret(&secret.to_string())]);
        local.script_slack("/b", [Reply::status(410, "channel_is_archived")]);
    })
}

fn repeated() -> Row {
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let payload = payload(&logins());
    for _ in 0..3 {
        assert!(!function.invoke(&payload).failed);
    }
    let expected = USERS.map(|user| (user.to_owned(), 1)).into();
    row("the same event three times", &expected, &function, false)
}

fn reordered() -> Row {
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

fn full_batch() -> Row {
    const USERS: usize = 5;
    let function = Function::start_with(&[("MESSAGE_LANGUAGE", "en")], |_| {});
    let lines: String = (0..5000)
        .map(|number| login(&format!("u{:03}", usize::from(number) % USERS), number))
        .collect();
    let is_queued = function.invoke_as_lambda(&payload(&lines), LIMIT).failed;
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
fn hostile() -> Row {
    let log = include_bytes!("fixtures/postgres-logs/15/rds-default/postgresql.log");
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
fn mixed() -> Row {
    let logins = login("u001", 1) + &wrong_password("u002", 2) + &login("u003", 3);
    with_batches(
        "refused attempts among connections",
        LIMIT,
        &[],
        &[&logins],
        |_| {},
    )
}

type Scenario = fn() -> Row;

#[test]
fn nothing_is_lost_and_nothing_is_untrue() {
    // Fault, and the expected: events, delivered, duplicates, in the failures queue.
    let scenarios: [(Scenario, [usize; 4]); 22] = [
        (nothing_wrong, [3, 3, 0, 0]),
        (rate_limited, [3, 3, 0, 0]),
        (rate_limited_for_good, [3, 0, 0, 3]),
        (server_errors, [3, 3, 0, 0]),
        (server_errors_for_good, [3, 0, 0, 3]),
        // Slack has shown them, and nobody can know.
        (slow, [3, 3, 3, 0]),
        (cut, [3, 3, 3, 0]),
        (hung_up, [3, 3, 0, 0]),
        (refused, [3, 0, 0, 3]),
        (no_name, [3, 0, 0, 3]),
        (webhook_gone, [3, 0, 0, 3]),
        (message_refused, [3, 0, 0, 3]),
        (rotated, [3, 3, 0, 0]),
        (deleted, [3, 0, 0, 3]),
        (expired, [3, 0, 0, 3]),
        (secrets_manager_down, [3, 3, 0, 0]),
        (second_channel, [3, 3, 0, 0]),
        (repeated, [3, 3, 0, 0]),
        (reordered, [3, 3, 0, 0]),
        (full_batch, [5000, 5000, 0, 0]),
        (hostile, [18, 18, 0, 0]),
        (mixed, [3, 3, 0, 0]),
    ];
    let running = scenarios.map(|(scenario, expected)| (std::thread::spawn(scenario), expected));
    let rows = running.map(|(row, expected)| (row.join().unwrap(), expected));
    println!(
        "{:<44}{:>9}{:>11}{:>12}{:>8}{:>6}{:>7}",
        "fault", "events in", "delivered", "duplicates", "queued", "lost", "false"
    );
    for (row, _) in &rows {
        println!("{row}");
    }
    for (row, [events, delivered, duplicates, queued]) in rows {
        let fault = row.fault;
        let (lost, untrue) = (0, 0);
        assert_eq!(
            row,
            Row {
                fault,
                events,
                delivered,
                duplicates,
                queued,
                lost,
                untrue
            }
        );
    }
}
