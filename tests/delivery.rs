//! The real `bootstrap` process and what Slack may answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "tests may"
)]

mod support;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use aurora_connection_audit::cli::local::{Local, Reply, WEBHOOK};
use serde_json::json;
use support::{Function, LIMIT, error_type, login, payload, queue, text, webhook, wrong_password};

/// With these answers of Slack, a login is posted once.
#[track_caller]
fn assert_posted(replies: impl IntoIterator<Item = Reply>) -> Function {
    let function = Function::start(|local| local.script_slack(WEBHOOK, replies));
    let outcome = function.invoke(&payload(&login("alice", 1)));
    assert!(!outcome.failed, "{}\n{}", outcome.body, function.log());
    assert_eq!(outcome.body["posted"], 1);
    assert_eq!(function.taken().len(), 1);
    function
}

/// With these answers of Slack, the invocation fails by name within `limit`.
#[track_caller]
fn assert_not_posted(replies: Vec<Reply>, limit: Duration, name: &str) -> Function {
    let function = Function::start(|local| local.script_slack(WEBHOOK, replies));
    let outcome = function.invoke_within(&payload(&login("alice", 1)), limit);
    assert_eq!(error_type(&outcome), name, "{}", outcome.body);
    assert!(function.taken().is_empty());
    function
}

#[test]
fn slack_asks_to_wait() {
    let function = assert_posted([asks_to_wait(429, "1", "rate_limited")]);
    let posts = function.local.posts();
    let waited = posts[1].at - posts[0].at;
    assert!(waited >= Duration::from_secs(1), "waited {waited:?}");
}

#[test]
fn a_window_waits_for_longer_than_a_batch_does() {
    let wait = asks_to_wait(429, "4", "rate_limited");
    let function = Function::start(|local| local.script_slack(WEBHOOK, [wait]));
    let event = payload(&login("alice", 1));
    let start = Instant::now();
    let outcome = function.invoke(&event);
    assert_eq!(error_type(&outcome), "Slack.RateLimited");
    assert!(start.elapsed() < Duration::from_secs(3));
    let throttled = r#""throttled":1"#;
    assert!(function.log_with(throttled).contains(throttled));
    let outcome = function.invoke(&queue(&[event]));
    assert_eq!(outcome.body, json!({ "batchItemFailures": [] }));
    let posts = function.local.posts();
    assert_eq!(posts.len(), 2);
    assert!(posts[1].at - posts[0].at >= Duration::from_secs(4));
}

/// What is sent with no time left for an answer may arrive, and is then sent again.
#[test]
fn nothing_is_posted_too_late_for_an_answer() {
    let function = Function::start(|_| ());
    let event = payload(&login("alice", 1));
    // Half a second of it is kept for the report.
    let outcome = function.invoke_within(&event, Duration::from_millis(600));
    assert_eq!(error_type(&outcome), "Slack.Unreachable");
    assert!(outcome.body.to_string().contains("no time was left"));
    assert!(function.local.posts().is_empty());
    let outcome = function.invoke(&event);
    assert!(!outcome.failed, "{}", outcome.body);
    assert_eq!(function.taken().len(), 1);
}

/// Its record would not fit into a message of the queue.
#[test]
fn a_payload_that_the_queue_may_not_take_is_tried_to_the_end() {
    let wait = asks_to_wait(429, "4", "rate_limited");
    let function = Function::start(|local| local.script_slack(WEBHOOK, [wait]));
    // Nothing that could be compressed.
    let noise: String = std::iter::repeat_with(|| RandomState::new().hash_one(()))
        .map(|random| format!("{random:016x}"))
        .take(120_000)
        .collect();
    let event = payload(&format!("{}\t{noise}\n", login("alice", 1)));
    assert!(event.len() > 1_000_000, "{}", event.len());
    let outcome = function.invoke(&event);
    assert!(!outcome.failed, "{}", outcome.body);
    assert_eq!(function.taken().len(), 1);
}

#[test]
fn a_process_that_has_waited_for_long_fails_at_once() {
    let script = |local: &Local| {
        local.script_slack(WEBHOOK, vec![asks_to_wait(429, "1", "rate_limited"); 99]);
    };
    let function = Function::start(script);
    let first = Instant::now();
    let outcome = function.invoke(&payload(&login("alice", 1)));
    assert_eq!(error_type(&outcome), "Slack.RateLimited");
    assert!(first.elapsed() > Duration::from_secs(1), "it has waited");
    for number in 2..9 {
        let start = Instant::now();
        let outcome = function.invoke(&payload(&login("alice", number)));
        assert_eq!(error_type(&outcome), "Slack.RateLimited");
        assert!(start.elapsed() < Duration::from_millis(900), "{number}");
    }
    // And without asking Slack each time.
    let attempts = function.local.posts().len();
    assert!(attempts <= 5, "{attempts}");
}

#[test]
fn slack_asks_to_wait_for_longer_than_there_is() {
    let wait = asks_to_wait(429, "60", "rate_limited");
    let function = assert_not_posted(vec![wait], LIMIT, "Slack.RateLimited");
    // The next invocation does not post into the wait either.
    let outcome = function.invoke_within(&payload(&login("bob", 2)), LIMIT);
    assert_eq!(error_type(&outcome), "Slack.RateLimited");
    assert_eq!(function.local.posts().len(), 1);
}

/// An answer with this status and body that asks to wait.
fn asks_to_wait(status: u16, retry_after: &str, body: &str) -> Reply {
    let header = format!("retry-after: {retry_after}\r\n");
    Reply::Answer(status, header, body.to_owned())
}

#[test]
fn no_retry_after_ends_the_process_or_hides_a_message() {
    for seconds in [
        "18446744073709551615",
        "9223372036854775807",
        &"9".repeat(40),
    ] {
        let replies = vec![asks_to_wait(429, seconds, "rate_limited")];
        assert_not_posted(replies, LIMIT, "Slack.RateLimited");
        // Slack took it, so what it asks besides is nonsense.
        let function = assert_posted([asks_to_wait(200, seconds, "ok")]);
        assert!(!function.invoke(&payload(&login("bob", 2))).failed);
    }
    for seconds in ["-5", "0", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        assert_posted([asks_to_wait(500, seconds, "")]);
    }
}

#[test]
fn odd_answers_are_errors_by_name() {
    let odd = |status, headers: &str, body: &str| {
        vec![Reply::Answer(status, headers.to_owned(), body.to_owned())]
    };
    let to_itself = format!("location: {WEBHOOK}\r\n");
    let long = "x".repeat(1 << 20);
    for (replies, name) in [
        (odd(200, "", ""), "Slack.UnexpectedAnswer"),
        (odd(200, "", "OK"), "Slack.UnexpectedAnswer"),
        (odd(201, "", "ok"), "Slack.UnexpectedAnswer"),
        (odd(204, "", ""), "Slack.UnexpectedAnswer"),
        (odd(301, &to_itself, ""), "Slack.UnexpectedAnswer"),
        (odd(307, &to_itself, ""), "Slack.UnexpectedAnswer"),
        (odd(400, "", "surprise"), "Slack.UnexpectedAnswer"),
        (odd(403, "", "action_prohibited"), "Slack.ActionProhibited"),
        (vec![Reply::status(200, &long); 9], "Slack.Unreachable"),
    ] {
        assert_not_posted(replies, Duration::from_secs(4), name);
    }
}

#[test]
fn slack_fails_once() {
    let function = assert_posted([Reply::status(500, "rollup_error")]);
    assert_eq!(function.local.posts().len(), 2);
}

#[test]
fn slack_fails_all_the_time() {
    let replies = vec![Reply::status(503, ""); 20];
    assert_not_posted(replies, Duration::from_secs(4), "Slack.Unavailable");
}

#[test]
fn slack_stalls_once() {
    // Half of what is left is given to the first attempt.
    let function = Function::start(|local| local.script_slack(WEBHOOK, [Reply::Stall]));
    let outcome = function.invoke_within(&payload(&login("alice", 1)), Duration::from_secs(6));
    assert!(!outcome.failed, "{}", outcome.body);
    assert_eq!(function.taken().len(), 1);
}

#[test]
fn slack_stalls_all_the_time() {
    let replies = vec![Reply::Stall; 20];
    assert_not_posted(replies, Duration::from_secs(3), "Slack.Unreachable");
}

#[test]
fn slack_cuts_its_answer() {
    assert_posted([Reply::Cut, Reply::HangUp]);
}

#[test]
fn slack_knows_no_such_webhook() {
    let replies = vec![Reply::status(404, "no_service"); 20];
    let function = assert_not_posted(replies, LIMIT, "Slack.NoService");
    assert_eq!(function.local.posts().len(), 1);
    assert_eq!(
        function.local.secret_requests().len(),
        2,
        "the secret is read once more"
    );
}

#[test]
fn slack_does_not_like_the_message() {
    let function = assert_not_posted(
        vec![Reply::status(400, "invalid_blocks")],
        LIMIT,
        "Slack.InvalidBlocks",
    );
    assert_eq!(function.local.secret_requests().len(), 1);
}

#[test]
fn only_ok_is_success() {
    let replies = vec![Reply::status(200, "<html>Welcome to the hotel</html>")];
    assert_not_posted(replies, LIMIT, "Slack.UnexpectedAnswer");
}

#[test]
fn the_secret_was_rotated() {
    let function = Function::start(|local| {
        local.script_slack("/old", [Reply::status(403, "invalid_token")]);
        local.script_secrets(["/old", "/new"].map(|path| Reply::secret(&webhook(local, path))));
    });
    assert!(!function.invoke(&payload(&login("alice", 1))).failed);
    assert!(!function.invoke(&payload(&login("bob", 2))).failed);
    let paths: Vec<_> = function
        .local
        .posts()
        .into_iter()
        .map(|post| post.path)
        .collect();
    assert_eq!(paths, ["/old", "/new", "/new"]);
}

#[test]
fn the_secret_was_deleted_with_the_webhook() {
    let function = Function::start(|local| {
        local.script_slack(WEBHOOK, [Reply::status(404, "no_service")]);
        let gone = r#"{"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."}"#;
        local.script_secrets([
            Reply::secret(&webhook(local, WEBHOOK)),
            Reply::status(400, gone),
        ]);
    });
    let outcome = function.invoke(&payload(&login("alice", 1)));
    assert_eq!(error_type(&outcome), "Slack.NoService");
    assert!(
        function
            .log_with("SecretsManager")
            .contains("SecretsManager.NotFound"),
        "{}",
        function.log()
    );
}

/// One channel for refusals, one for the rest.
fn two_channels(script: impl FnOnce(&Local)) -> Function {
    let rules = r#"[{"when": {"events": ["rejected"]}, "then": {"channel": "security"}}]"#;
    Function::start_with(&[("RULES", rules)], |local| {
        let urls = json!({ "default": webhook(local, "/a"), "security": webhook(local, "/b") });
        local.script_secrets([Reply::secret(&urls.to_string())]);
        script(local);
    })
}

#[test]
fn the_second_of_two_channels_fails_and_the_first_gets_nothing_twice() {
    let function = two_channels(|local| {
        local.script_slack("/b", [Reply::status(410, "channel_is_archived")]);
    });
    let event = payload(&(login("alice", 1) + &wrong_password("bob", 2)));
    assert_eq!(
        error_type(&function.invoke(&event)),
        "Slack.ChannelIsArchived"
    );
    assert!(!function.invoke(&event).failed);
    let paths: Vec<_> = function.taken().into_iter().map(|post| post.path).collect();
    assert_eq!(paths, ["/a", "/b"]);
}

#[test]
fn a_channel_that_the_secret_lacks_is_the_default() {
    let rules = r#"[{"when": {"events": ["rejected"]}, "then": {"channel": "security"}}]"#;
    let function = Function::start_with(&[("RULES", rules)], |_| {});
    assert!(!function.invoke(&payload(&wrong_password("bob", 1))).failed);
    assert_eq!(function.taken().len(), 1);
    assert!(
        function
            .log_with("no such channel")
            .contains("the secret has no such channel"),
        "{}",
        function.log()
    );
}

#[test]
fn an_event_that_lambda_repeats_is_posted_once() {
    let function = Function::start(|_| {});
    let event = payload(&login("alice", 1));
    function.invoke(&event);
    let outcome = function.invoke(&event);
    assert_eq!(outcome.body["already_delivered"], 1, "{}", outcome.body);
    assert_eq!(outcome.body["posted"], 0, "{}", outcome.body);
    assert_eq!(function.taken().len(), 1);
}

#[test]
fn a_prefix_that_does_not_fit_is_told_once() {
    let function = Function::start_with(&[("LOG_LINE_PREFIX", "%m [%p] ")], |_| {});
    let event = payload(&login("alice", 1));
    let outcome = function.invoke(&event);
    assert!(
        outcome.body["unparsed"].as_u64() > Some(0),
        "{}",
        outcome.body
    );
    function.invoke(&event);
    let taken = function.taken();
    assert_eq!(taken.len(), 1);
    assert!(
        text(&taken[0].payload).contains("log_line_prefix"),
        "{}",
        taken[0].payload
    );
}
