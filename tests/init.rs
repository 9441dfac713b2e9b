//! The real `bootstrap` process before its first event: environment and secret.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "tests may"
)]

mod support;

use std::time::Duration;

use aurora_connection_audit::cli::local::{Local, Reply, WEBHOOK};
use serde_json::json;
use support::{Function, error_type, login, payload, webhook};

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
        "Secrets Manager: the AWS credentials in the environment have expired",
    );
}

#[test]
fn the_secret_is_no_webhook() {
    assert_init_fails(
        |local| local.script_secrets([Reply::secret("xoxb-0123456789-secret")]),
        "SecretsManager.NotAUrl",
        "the secret is not an https URL, nor a JSON object of channel names and webhook URLs",
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
            "NOTIFY_ON: must be a comma-separated list of authorized, rejected, disconnected, probed (entry 2 is not one of them)",
            "RULES: rule 1: when.hosts: entry 1: must be an IP address or CIDR block",
            "MESSAGE_LANGUAGE: must be one of ja, en",
            "MESSAGE_TIME_ZONE: must be an IANA time zone name, such as Asia/Tokyo",
            "METRICS_NAMESPACE: must be 1 to 255 letters, digits, spaces or any of .-_/#: and must not begin with AWS/ or a colon",
            "SLACK_WEBHOOK_SECRET_ID: holds a URL (it must be the ARN or name of the secret that holds the webhook's URL)",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER: must be an https URL without a path, or an http URL on this machine",
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

const HOOK: &str = "https://hooks.slack.com/services/T0CANARY/B0CANARY/canary";

/// Whatever becomes of the function, and of an event for it: the webhook is nowhere in its log, nor
/// in what it tells Lambda.
#[track_caller]
fn assert_no_webhook_in_the_log(variables: &[(&str, &str)], secret: Option<&str>) {
    let mut function = Function::start_with(variables, |local| {
        local.script_secrets(secret.map(Reply::secret));
    });
    let local = &function.local;
    let id = local.invoke(&payload(&login("alice", 1)), Duration::from_millis(1500));
    let outcome = (0..60).find_map(|_| {
        let moment = Duration::from_millis(25);
        let failed = local.init_error(moment);
        failed.or_else(|| local.outcome(&id, moment))
    });
    let said = format!("{}{outcome:?}", function.stop()).to_lowercase();
    assert!(!said.contains("canary"), "{variables:?} {secret:?}: {said}");
    assert!(!said.contains("hooks.slack"), "{variables:?}: {said}");
}

#[test]
fn a_webhook_in_any_variable_reaches_no_log() {
    let escaped = HOOK.replace('/', "\\/");
    let json = [
        (
            "CLUSTERS",
            json!({ "/aws/rds/cluster/orders/postgresql": HOOK }),
        ),
        ("CLUSTERS", json!({ HOOK: "orders" })),
        (
            "RULES",
            json!([{ "when": { "users": ["x"] }, "then": { "channel": HOOK } }]),
        ),
        (
            "RULES",
            json!([{ "when": { "users": [HOOK] }, "then": { "channel": "a" } }]),
        ),
        (
            "RULES",
            json!([{ "when": { HOOK: [] }, HOOK: "x", "then": HOOK }]),
        ),
    ]
    .map(|(variable, value)| (variable, value.to_string()));
    let plain = [
        "SLACK_WEBHOOK_SECRET_ID",
        "LOG_LINE_PREFIX",
        "CLUSTERS",
        "NOTIFY_ON",
        "RULES",
        "MESSAGE_LANGUAGE",
        "MESSAGE_TIME_ZONE",
        "METRICS_NAMESPACE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_LOG_LEVEL",
        "AWS_LAMBDA_LOG_FORMAT",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "_X_AMZN_TRACE_ID",
    ];
    let schemeless = HOOK.trim_start_matches("https://");
    let places = plain
        .iter()
        .flat_map(|variable| [HOOK, schemeless].map(|value| (*variable, value.to_owned())));
    for (variable, value) in places.chain(json) {
        assert_no_webhook_in_the_log(&[(variable, &value)], None);
        let value = value.replace(HOOK, &escaped);
        if value.contains(&escaped) && matches!(variable, "CLUSTERS" | "RULES") {
            assert_no_webhook_in_the_log(&[(variable, &value)], None);
        }
    }
}

#[test]
fn a_webhook_in_any_place_of_the_secret_reaches_no_log() {
    let places = [
        json!({ HOOK: "default" }),
        json!({ "default": HOOK, format!("{HOOK}2"): "security" }),
        json!({ "default": HOOK, HOOK: HOOK }),
        json!({ "security": HOOK }),
        json!({ "default": [HOOK] }),
        json!({ "default": { "url": HOOK } }),
        json!([HOOK]),
        json!(HOOK),
    ]
    .map(|secret| secret.to_string());
    let rules = json!([{ "when": {}, "then": { "channel": "security" } }]).to_string();
    let plain = [&HOOK["https://".len()..], "http://hooks.slack.com/canary"].map(str::to_owned);
    for secret in places.into_iter().chain(plain) {
        assert_no_webhook_in_the_log(&[("RULES", &rules)], Some(&secret));
    }
}
