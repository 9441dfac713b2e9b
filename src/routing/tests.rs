use std::borrow::Cow;

use super::*;
use crate::postgres::event::{Encryption, Tls};
use crate::sessions::Outcome;

fn connection() -> Connection<'static> {
    Connection {
        outcome: Outcome::Authorized,
        offset: 0,
        confirmed: true,
        time: None,
        backend_pid: None,
        user: Some(Cow::Borrowed("app_user")),
        database: Some(Cow::Borrowed("appdb")),
        host: Some("10.0.1.23"),
        port: None,
        application_name: Some("psql"),
        replication: false,
        encryption: Encryption::Tls(Tls {
            protocol: "TLSv1.3",
            cipher: "X",
            bits: 256,
        }),
        auth_method: None,
        identity: None,
        session_time: None,
        reason: None,
        detail: None,
        attempts: 1,
    }
}

fn unknown(outcome: Outcome) -> Connection<'static> {
    Connection {
        outcome,
        user: None,
        database: None,
        host: None,
        application_name: None,
        encryption: Encryption::Unknown,
        ..connection()
    }
}

/// Does a rule with this `when` match?
fn is_match(when: &str, connection: &Connection<'_>) -> bool {
    let json = format!(r#"[{{"when": {when}, "then": {{"channel": "matched"}}}}]"#);
    let rules = Rules::from_json(&json).unwrap();
    rules.route(connection, "prod-orders") == Route::Channel("matched")
}

#[track_caller]
fn matches(when: &str, connection: &Connection<'_>) {
    assert!(is_match(when, connection), "{when}");
}

#[track_caller]
fn does_not_match(when: &str, connection: &Connection<'_>) {
    assert!(!is_match(when, connection), "{when}");
}

#[test]
fn each_key_asks_for_its_own_field() {
    let connection = connection();
    matches("{}", &connection);
    matches(r#"{"users": ["other", "app_*"]}"#, &connection);
    does_not_match(r#"{"users": ["app"]}"#, &connection);
    matches(r#"{"databases": ["appd?"]}"#, &connection);
    does_not_match(r#"{"databases": ["app_user"]}"#, &connection);
    matches(r#"{"applications": ["psql"]}"#, &connection);
    does_not_match(r#"{"applications": ["PSQL"]}"#, &connection);
    matches(r#"{"clusters": ["prod-*"]}"#, &connection);
    does_not_match(r#"{"clusters": ["dev-*"]}"#, &connection);
    matches(r#"{"events": ["rejected", "authorized"]}"#, &connection);
    does_not_match(r#"{"events": ["disconnected"]}"#, &connection);
}

#[test]
fn every_key_must_match() {
    matches(
        r#"{"users": ["app_user"], "databases": ["appdb"], "tls": true}"#,
        &connection(),
    );
    does_not_match(
        r#"{"users": ["app_user"], "databases": ["other"]}"#,
        &connection(),
    );
}

#[test]
fn hosts_are_addresses_and_blocks_of_them() {
    let host = |host| Connection {
        host: Some(host),
        ..connection()
    };
    matches(r#"{"hosts": ["10.0.1.23"]}"#, &host("10.0.1.23"));
    matches(
        r#"{"hosts": ["192.168.0.0/16", "10.0.0.0/8"]}"#,
        &host("10.0.1.23"),
    );
    does_not_match(r#"{"hosts": ["10.0.1.22"]}"#, &host("10.0.1.23"));
    matches(r#"{"hosts": ["fe80::/10"]}"#, &host("fe80::1%eth0"));
    matches(r#"{"hosts": ["2001:db8::/32"]}"#, &host("2001:db8:1::23"));
    matches(r#"{"hosts": ["10.0.0.0/8"]}"#, &host("::ffff:10.0.1.23"));
    for mapped in ["::ffff:10.0.0.0/104", "::ffff:10.0.1.23", "::ffff:0:0/96"] {
        let when = format!(r#"{{"hosts": ["{mapped}"]}}"#);
        matches(&when, &host("10.0.1.23"));
        matches(&when, &host("::ffff:10.0.1.23"));
        does_not_match(&when, &host("2001:db8:1::23"));
    }
    does_not_match(r#"{"hosts": ["::ffff:10.0.0.0/104"]}"#, &host("11.0.1.23"));
    does_not_match(r#"{"hosts": ["0.0.0.0/0"]}"#, &host("2001:db8:1::23"));
    matches(r#"{"hosts": ["[local]"]}"#, &host("[local]"));
    does_not_match(r#"{"hosts": ["0.0.0.0/0", "::/0"]}"#, &host("[local]"));
    does_not_match(
        r#"{"hosts": ["0.0.0.0/0", "::/0", "[local]"]}"#,
        &host("db.example.com"),
    );
    does_not_match(
        r#"{"hosts": ["0.0.0.0/0", "::/0", "[local]"]}"#,
        &host("???"),
    );
}

#[test]
fn tls_is_neither_when_it_is_not_known() {
    let encrypted = |encryption| Connection {
        encryption,
        ..connection()
    };
    matches(r#"{"tls": true}"#, &connection());
    does_not_match(r#"{"tls": false}"#, &connection());
    matches(r#"{"tls": false}"#, &encrypted(Encryption::Plain));
    matches(r#"{"tls": false}"#, &encrypted(Encryption::Gss));
    does_not_match(r#"{"tls": false}"#, &encrypted(Encryption::Unknown));
    does_not_match(r#"{"tls": true}"#, &encrypted(Encryption::Unknown));
}

#[test]
fn what_is_not_known_matches_no_list() {
    let unknown = unknown(Outcome::Rejected);
    for key in ["users", "databases", "applications"] {
        does_not_match(&format!(r#"{{"{key}": ["*"]}}"#), &unknown);
    }
    does_not_match(r#"{"hosts": ["0.0.0.0/0", "::/0", "[local]"]}"#, &unknown);
    matches(r#"{"events": ["rejected"]}"#, &unknown);
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rules = Rules::from_json(
        r#"[
            {"when": {"users": ["app_user"], "databases": ["secret"]}, "then": {"channel": "a"}},
            {"when": {"users": ["app_user"]}, "then": "ignore"},
            {"when": {}, "then": {"channel": "b"}}
        ]"#,
    )
    .unwrap();
    assert_eq!(rules.route(&connection(), ""), Route::Ignore);
    let secret = Connection {
        database: Some(Cow::Borrowed("secret")),
        ..connection()
    };
    assert_eq!(rules.route(&secret, ""), Route::Channel("a"));
    assert_eq!(
        rules.route(&unknown(Outcome::Authorized), ""),
        Route::Channel("b")
    );
    assert_eq!(rules.channels().collect::<Vec<_>>(), ["a", "b"]);
    let none = Rules::from_json("[]").unwrap();
    assert_eq!(none.route(&connection(), ""), Route::Channel("default"));
}

#[test]
fn a_suspicion_is_ignored_only_by_name() {
    let suspicion = unknown(Outcome::Suspicious);
    let route = |json| {
        Rules::from_json(json)
            .unwrap()
            .route(&suspicion, "")
            .eq(&Route::Ignore)
    };
    assert!(!route(r#"[{"when": {}, "then": "ignore"}]"#));
    assert!(!route(
        r#"[{"when": {"events": ["rejected"]}, "then": "ignore"}]"#
    ));
    assert!(route(
        r#"[{"when": {"events": ["suspicious"]}, "then": "ignore"}]"#
    ));
    matches(r#"{"clusters": ["prod-*"]}"#, &suspicion);
}

#[test]
fn by_default_the_users_of_rds_are_ignored_once_they_are_really_connected() {
    let rules = Rules::default();
    for user in [
        "rdsadmin",
        "rdsrepladmin",
        "rdsproxyadmin",
        "rdstopmgr",
        "rdswriteforwarduser",
        "rdshm",
    ] {
        let named = Connection {
            user: Some(Cow::Borrowed(user)),
            ..connection()
        };
        let is_ignored = |outcome, confirmed| {
            let connection = Connection {
                outcome,
                confirmed,
                ..named.clone()
            };
            rules.route(&connection, "") == Route::Ignore
        };
        assert!(is_ignored(Outcome::Authorized, true));
        assert!(is_ignored(Outcome::Disconnected, true));
        assert!(!is_ignored(Outcome::Authorized, false));
        assert!(!is_ignored(Outcome::Disconnected, false));
        assert!(!is_ignored(Outcome::Rejected, true));
        assert!(!is_ignored(Outcome::Suspicious, true));
    }
    let similar = Connection {
        user: Some(Cow::Borrowed("rdsadmin2")),
        ..connection()
    };
    assert_eq!(rules.route(&similar, ""), Route::Channel("default"));
}

#[track_caller]
fn faults(json: &str) -> String {
    let faults = Rules::from_json(json).unwrap_err();
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_fault_is_reported_with_its_rule() {
    let json = r#"[
        {"when": {"users": []}, "then": "ignore"},
        {"when": {"hosts": ["10.0.0.0/8", "10.0.0.0/33", "db.example.com"]}, "then": "drop"},
        {"when": {"user": ["x"], "tls": "yes", "events": ["login"]}, "then": {"channel": ""}},
        {"whem": {}},
        "ignore",
        {"when": [], "then": {"channel": "a", "also": "b"}},
        {"when": {"databases": "x", "clusters": [1]}, "then": {"channel": 1}}
    ]"#;
    insta::assert_snapshot!(faults(json), @r#"
    rule 1: when.users: is an empty list, which nothing matches
    rule 2: when.hosts: entry 2: must be an IP address or CIDR block
    rule 2: when.hosts: entry 3: must be an IP address or CIDR block
    rule 2: then: must be "ignore" or {"channel": name}, a name of at most 80 letters, digits, spaces and any of -_.#
    rule 3: when.events: entry 1: must be authorized, rejected, disconnected or suspicious
    rule 3: when.tls: must be true or false
    rule 3: when.user: no such key; the keys are users, databases, hosts, applications, clusters, events, tls
    rule 3: then: must be "ignore" or {"channel": name}, a name of at most 80 letters, digits, spaces and any of -_.#
    rule 4: whem: no such key; the keys are when, then
    rule 4: when: is missing
    rule 4: then: is missing
    rule 5: must be a JSON object
    rule 6: when: must be a JSON object
    rule 6: then: must be "ignore" or {"channel": name}, a name of at most 80 letters, digits, spaces and any of -_.#
    rule 7: when.clusters: entry 1: must be a string
    rule 7: when.databases: must be a list of strings
    rule 7: then: must be "ignore" or {"channel": name}, a name of at most 80 letters, digits, spaces and any of -_.#
    "#);
}

#[test]
fn what_holds_no_rules_is_one_fault() {
    insta::assert_snapshot!(faults("[{]"), @"not JSON at line 1, column 3");
    insta::assert_snapshot!(faults("{}"), @"must be a JSON array of rules");
    let twice = r#"[{"when": {"users": ["a"], "users": ["b"]}, "then": "ignore"}]"#;
    insta::assert_snapshot!(faults(twice), @"a key stands twice in its object, near line 1, column 42");
}

#[test]
fn nothing_that_could_be_a_webhook_is_in_a_fault() {
    const HOOK: &str = "https://hooks.slack.com/services/T0/B0/x";
    let places = [
        format!(r#"[{{"{HOOK}": 1, "when": {{}}, "then": "ignore"}}]"#),
        format!(r#"[{{"when": {{"{HOOK}": []}}, "then": "ignore"}}]"#),
        format!(r#"[{{"when": {{"events": ["{HOOK}"]}}, "then": "ignore"}}]"#),
        format!(r#"[{{"when": {{}}, "then": "{HOOK}"}}]"#),
        format!(r#"[{{"when": {{}}, "then": {{"channel": "{HOOK}"}}}}]"#),
        format!(r#"[{{"when": {{}}, "then": {{"{HOOK}": "channel"}}}}]"#),
        HOOK.to_owned(),
        format!("{{\"{HOOK}\": {{}}}}"),
    ];
    for json in places {
        let faults = Rules::from_json(&json).expect_err(&json);
        for fault in faults {
            assert!(!format!("{fault} {fault:?}").contains("slack"), "{fault}");
        }
    }
}
