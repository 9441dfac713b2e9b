//! The real `bootstrap` process among local servers: each thing that can happen, once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "tests may"
)]

mod support;

use std::time::Duration;

use aurora_connection_audit::cli::event;
use aurora_connection_audit::cli::local::{Local, Reply, WEBHOOK};
use aws_lambda_events::cloudwatch_logs::LogData;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Function, LIMIT, error_type, login, payload, text, webhook, wrong_password};

/// A payload of which `data` is this.
fn awslogs(data: &str) -> String {
    json!({ "awslogs": { "data": data } }).to_string()
}

/// The gzip inside a good payload.
fn gzip() -> Vec<u8> {
    let payload: Value = serde_json::from_str(&payload(&login("alice", 1))).unwrap();
    STANDARD
        .decode(payload["awslogs"]["data"].as_str().unwrap())
        .unwrap()
}

/// gzip(1) of anything.
fn gzipped(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

/// The payload fails by name, nothing reaches Slack, and the next event is handled as ever.
#[track_caller]
fn assert_payload_fails(payload: &str, name: &str, message: &str) {
    let function = Function::start(|_| {});
    let outcome = function.invoke(payload);
    assert_eq!(error_type(&outcome), name);
    assert_eq!(outcome.body["errorMessage"], message);
    assert!(function.taken().is_empty());
    assert!(
        !function
            .invoke(&support::payload(&login("alice", 1)))
            .failed
    );
    assert_eq!(function.taken().len(), 1);
}

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

/// Init fails by name; Lambda is told, and the log has one line about it.
#[track_caller]
fn assert_init_fails(script: impl FnOnce(&Local), name: &str, message: &str) {
    let mut function = Function::start(script);
    let report = function
        .local
        .init_error(support::PATIENCE)
        .expect("no report of the init");
    assert_eq!(error_type(&report), name);
    assert_eq!(report.body["errorMessage"], message);
    assert_eq!(function.exit_code(), Some(1));
    assert_eq!(
        function.log().matches("init failed").count(),
        1,
        "{}",
        function.log()
    );
}

#[test]
fn a_login_becomes_a_message() {
    let function = assert_posted([]);
    let payload = &function.taken()[0].payload;
    for fact in [
        "alice",
        "appdb",
        "10.0.1.23",
        "orders",
        "2026-11-23 18:37:53 JST",
        "psql",
    ] {
        assert!(text(payload).contains(fact), "{fact} is not in {payload}");
    }
}

#[test]
fn an_invocation_writes_one_line_with_its_counts() {
    let function = Function::start(|_| {});
    let lines = login("alice", 1) + &wrong_password("bob", 2) + &login("rdsadmin", 3);
    function.invoke(&payload(&lines));
    let log = function.log_with("posted");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    let counts = json!({
        "message": "batch", "cluster": "orders", "log_events": 6, "lines": 6, "continuations": 0,
        "unparsed": 0, "authorized": 2, "rejected": 1, "disconnected": 0, "suspicious": 0,
        "ignored": 1, "not_notified": 0, "already_delivered": 0, "posted": 1,
    });
    assert_eq!(lines[0]["fields"], counts);
    assert_eq!(lines[0]["span"]["requestId"], "invocation-1");
}

#[test]
fn metrics_are_a_line_of_embedded_metric_format() {
    let function = Function::start_with(&[("METRICS_NAMESPACE", "Audit")], |_| {});
    function.invoke(&payload(&login("alice", 1)));
    let log = function.log_with("_aws");
    let line = log.lines().find(|line| line.contains("_aws")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["cluster"], "orders");
    assert_eq!(line["authorized"], 1);
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Audit");
}

#[test]
fn a_control_message_is_accepted_and_ignored() {
    let function = Function::start(|_| {});
    let mut data = LogData::default();
    data.message_type = "CONTROL_MESSAGE".to_owned();
    let outcome = function.invoke(&event::payload(&data).unwrap());
    assert!(!outcome.failed);
    assert!(function.local.posts().is_empty());
}

#[test]
fn a_payload_of_something_else() {
    assert_payload_fails(
        r#"{"Records": [{"body": "hello"}]}"#,
        "Payload.NotASubscription",
        "the payload is not a CloudWatch Logs subscription's: it has no string `awslogs.data`",
    );
}

#[test]
fn bad_base64() {
    assert_payload_fails(
        &awslogs("H4sI!AAA"),
        "Payload.Base64",
        "awslogs.data is not base64: byte 4",
    );
}

#[test]
fn bad_gzip() {
    let mut damaged = gzip();
    let check_sum = damaged.len() - 8;
    damaged[check_sum] ^= 1;
    let message = "awslogs.data is not gzip, or is damaged";
    assert_payload_fails(&awslogs(&STANDARD.encode(damaged)), "Payload.Gzip", message);
}

#[test]
fn gzip_that_is_cut_off() {
    let gzip = gzip();
    let half = &gzip[..gzip.len() / 2];
    let message = format!(
        "awslogs.data is cut off after {} bytes of compressed data",
        half.len()
    );
    assert_payload_fails(&awslogs(&STANDARD.encode(half)), "Payload.Gzip", &message);
}

#[test]
fn a_gzip_bomb() {
    assert_payload_fails(
        &awslogs(&gzipped(&vec![b' '; 64 << 20])),
        "Payload.TooLarge",
        "awslogs.data inflates to more than 33554432 bytes",
    );
}

#[test]
fn bad_json() {
    assert_payload_fails(
        &awslogs(&gzipped(
            br#"{"messageType": "DATA_MESSAGE", "logEvents": [}"#,
        )),
        "Payload.Json",
        "awslogs.data is not a subscription's JSON: syntax error at line 1, column 47",
    );
}

#[test]
fn slack_asks_to_wait() {
    let wait = Reply::Answer(
        429,
        "retry-after: 3\r\n".to_owned(),
        "rate_limited".to_owned(),
    );
    let function = assert_posted([wait]);
    let posts = function.local.posts();
    let waited = posts[1].at - posts[0].at;
    assert!(waited >= Duration::from_secs(3), "waited {waited:?}");
}

#[test]
fn slack_asks_to_wait_for_longer_than_there_is() {
    let wait = Reply::Answer(
        429,
        "retry-after: 60\r\n".to_owned(),
        "rate_limited".to_owned(),
    );
    let function = assert_not_posted(vec![wait], LIMIT, "Slack.RateLimited");
    // The next invocation does not post into the wait either.
    let outcome = function.invoke_within(&payload(&login("bob", 2)), LIMIT);
    assert_eq!(error_type(&outcome), "Slack.RateLimited");
    assert_eq!(function.local.posts().len(), 1);
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

#[test]
fn the_request_for_the_secret_is_signed() {
    let function = Function::start_with(
        &[(
            "SLACK_WEBHOOK_SECRET_ID",
            "arn:aws:secretsmanager:eu-west-1:1:secret:a",
        )],
        |_| {},
    );
    assert!(function.local.first_poll(support::PATIENCE));
    let request = &function.local.secret_requests()[0];
    assert!(
        request.contains("AWS4-HMAC-SHA256 Credential=local/"),
        "{request}"
    );
    assert!(
        request.contains("/eu-west-1/secretsmanager/aws4_request"),
        "{request}"
    );
    assert!(
        request.contains(
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        ),
        "{request}"
    );
    assert!(request.ends_with(r#"{"SecretId":"arn:aws:secretsmanager:eu-west-1:1:secret:a"}"#));
}

#[test]
fn there_is_no_secret() {
    assert_init_fails(
        |local| {
            let refusal = r#"{"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."}"#;
            local.script_secrets([Reply::status(400, refusal)]);
        },
        "SecretsManager.NotFound",
        "there is no secret of the name or ARN in SLACK_WEBHOOK_SECRET_ID in this account and region",
    );
}

#[test]
fn the_secret_is_not_filled_yet() {
    assert_init_fails(
        |local| {
            let refusal = r#"{"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"}"#;
            local.script_secrets([Reply::status(400, refusal)]);
        },
        "SecretsManager.Empty",
        "the secret holds no value yet; fill it with `aws secretsmanager put-secret-value --secret-id \"$SLACK_WEBHOOK_SECRET_ID\" --secret-string \"$WEBHOOK_URL\"`",
    );
}

#[test]
fn the_secret_is_not_ours_to_read() {
    assert_init_fails(
        |local| {
            let refusal = r#"{"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "User: x is not authorized to perform: secretsmanager:GetSecretValue"}"#;
            local.script_secrets([Reply::status(400, refusal)]);
        },
        "SecretsManager.AccessDenied",
        "the function's role may not call secretsmanager:GetSecretValue on the secret",
    );
}

#[test]
fn the_secret_cannot_be_decrypted() {
    assert_init_fails(
        |local| {
            let refusal =
                r#"{"__type": "AccessDeniedException", "Message": "Access to KMS is not allowed"}"#;
            local.script_secrets([Reply::status(400, refusal)]);
        },
        "SecretsManager.Kms",
        "the secret cannot be decrypted: the function's role needs kms:Decrypt on its KMS key, and the key must be enabled",
    );
}

#[test]
fn the_credentials_have_expired() {
    assert_init_fails(
        |local| {
            let refusal = r#"{"__type": "ExpiredTokenException", "Message": "The security token included in the request is expired"}"#;
            local.script_secrets([Reply::status(400, refusal)]);
        },
        "SecretsManager.ExpiredCredentials",
        "the AWS credentials in the environment have expired",
    );
}

#[test]
fn the_secret_is_no_webhook() {
    assert_init_fails(
        |local| local.script_secrets([Reply::secret("xoxb-0123456789-secret")]),
        "SecretsManager.NotAUrl",
        "the secret's webhook for channel \"default\" is not an https URL",
    );
}

#[test]
fn secrets_manager_is_busy_and_then_not() {
    let function = Function::start(|local| {
        let busy = r#"{"__type": "ThrottlingException", "Message": "Rate exceeded"}"#;
        local.script_secrets([
            Reply::status(400, busy),
            Reply::status(500, "{}"),
            Reply::HangUp,
            Reply::secret(&webhook(local, WEBHOOK)),
        ]);
    });
    assert!(!function.invoke(&payload(&login("alice", 1))).failed);
}

#[test]
fn the_environment_is_not_valid() {
    const CANARY: &str = "https://hooks.slack.com/services/T0/B0/canary";
    let rules = format!(r#"[{{"when": {{"hosts": ["{CANARY}"]}}, "then": "ignore"}}]"#);
    let variables = [
        ("SLACK_WEBHOOK_SECRET_ID", CANARY),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "ftp://canary"),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("LOG_LINE_PREFIX", "%t canary%!"),
        ("CLUSTERS", r#"{"/aws/rds/cluster/a/postgresql": canary}"#),
        ("NOTIFY_ON", "authorized,canary"),
        ("RULES", &rules),
        ("MESSAGE_LANGUAGE", "canary"),
        ("MESSAGE_TIME_ZONE", "Canary/Island"),
        ("METRICS_NAMESPACE", "AWS/canary"),
    ];
    let mut function = Function::start_with(&variables, |_| {});
    let report = function
        .local
        .init_error(support::PATIENCE)
        .expect("no report of the init");
    assert_eq!(error_type(&report), "Config.Invalid");
    assert_eq!(function.exit_code(), Some(1));
    let message = report.body["errorMessage"].as_str().unwrap();
    assert_eq!(
        message.split("; ").collect::<Vec<_>>(),
        [
            "the environment is not valid",
            "LOG_LINE_PREFIX: `%!` at byte 10 is not an escape of log_line_prefix",
            "CLUSTERS: must be a JSON object of strings, from log group to the name to show (it is not at line 1, column 35)",
            "NOTIFY_ON: must be a comma list of authorized, rejected, disconnected (entry 2 is none of them)",
            "RULES: rule 1: when.hosts: entry 1: must be an IP address or CIDR block",
            "MESSAGE_LANGUAGE: must be one of ja, en",
            "MESSAGE_TIME_ZONE: must be a name of the IANA time zone database, as Asia/Tokyo",
            "METRICS_NAMESPACE: must be 1 to 255 letters, digits, spaces or any of .-_/#: and begin with neither AWS/ nor a colon",
            "SLACK_WEBHOOK_SECRET_ID: holds a URL (it must be the ARN or name of the secret that holds the webhook's URL)",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER: must be an https URL, or an http URL of this machine",
            "AWS_SECRET_ACCESS_KEY: is not set (it must be the function's credentials, which Lambda sets)",
        ]
    );
    let log = function.log();
    assert!(!log.to_lowercase().contains("canary"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn no_secret_reaches_the_log() {
    let path = "/services/T0/B0/canary";
    for log_level in ["TRACE", "DEBUG"] {
        let variables = [
            ("AWS_LAMBDA_LOG_LEVEL", log_level),
            ("RUST_LOG", "trace"),
            ("AWS_SECRET_ACCESS_KEY", "canary-key"),
            ("AWS_SESSION_TOKEN", "canary-token"),
        ];
        let function = Function::start_with(&variables, |local| {
            local.script_secrets([Reply::secret(&webhook(local, path))]);
            local.script_slack(path, [Reply::status(500, ""), Reply::HangUp]);
            local.script_slack(path, [Reply::status(404, "no_service")]);
        });
        assert!(function.invoke(&payload(&login("alice", 1))).failed);
        let log = function.log_with("Slack.NoService");
        assert!(log.contains("Slack.NoService"), "{log}");
        assert!(!log.contains("canary"), "{log}");
    }
}
