use super::*;
use crate::findings::{New, Novelty};
use crate::postgres::event::{Encryption, Facts, Standing, Tls};
use crate::sessions::Outcome;

fn connection() -> Connection<'static> {
    Connection {
        outcome: Outcome::Authorized,
        offset: 0,
        standing: Standing::Certain,
        facts: Facts {
            user: Some("app_user".into()),
            database: Some("appdb".into()),
            host: Some("10.0.1.23".into()),
            application_name: Some("psql".into()),
            encryption: Encryption::Tls(Tls {
                protocol: "TLSv1.3".into(),
                cipher: "X".into(),
                bits: Some(256),
            }),
            ..Facts::default()
        },
        detail: None,
        attempts: 1,
    }
}

/// The connection, with other facts.
fn with(change: impl FnOnce(&mut Facts<'static>)) -> Connection<'static> {
    let mut connection = connection();
    change(&mut connection.facts);
    connection
}

fn place(cluster: &str) -> Place {
    Place {
        account: Some("123456789012".to_owned()),
        account_name: Some("audit".to_owned()),
        cluster: cluster.to_owned(),
        ..Place::default()
    }
}

fn unknown(outcome: Outcome) -> Connection<'static> {
    Connection {
        outcome,
        facts: Facts::default(),
        ..connection()
    }
}

/// Does a rule with this `when` match?
fn is_match(when: &str, connection: &Connection<'_>) -> bool {
    let json = format!(r#"[{{"when": {when}, "then": {{"channel": "matched"}}}}]"#);
    let rules = Rules::from_json(&json).unwrap();
    rules.route(connection, &place("prod-orders"), &Findings::default())
        == Route::Channel("matched")
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
    let host = |host: &'static str| with(|facts| facts.host = Some(host.into()));
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
    let encrypted = |encryption| with(|facts| facts.encryption = encryption);
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
    assert_eq!(
        rules.route(&connection(), &place(""), &Findings::default()),
        Route::Ignore
    );
    let secret = with(|facts| facts.database = Some("secret".into()));
    assert_eq!(
        rules.route(&secret, &place(""), &Findings::default()),
        Route::Channel("a")
    );
    assert_eq!(
        rules.route(
            &unknown(Outcome::Authorized),
            &place(""),
            &Findings::default()
        ),
        Route::Channel("b")
    );
    assert_eq!(rules.channels().collect::<Vec<_>>(), ["a", "b"]);
    let none = Rules::from_json("[]").unwrap();
    assert_eq!(
        none.route(&connection(), &place(""), &Findings::default()),
        Route::Channel("default")
    );
}

#[test]
fn a_suspicion_is_ignored_only_by_name() {
    let suspicion = unknown(Outcome::Suspicious);
    let route = |json| {
        Rules::from_json(json)
            .unwrap()
            .route(&suspicion, &place(""), &Findings::default())
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
fn an_account_goes_by_its_id_or_its_name() {
    matches(r#"{"accounts": ["123456789012"]}"#, &connection());
    matches(r#"{"accounts": ["aud*"]}"#, &connection());
    does_not_match(r#"{"accounts": ["prod", "1234"]}"#, &connection());
}

/// Is this ignored by default?
fn is_quiet(user: &'static str, host: &'static str, outcome: Outcome, standing: Standing) -> bool {
    let named = with(|facts| {
        facts.user = Some(user.into());
        facts.host = Some(host.into());
    });
    let connection = Connection {
        outcome,
        standing,
        ..named
    };
    Rules::default().route(&connection, &place(""), &Findings::default()) == Route::Ignore
}

#[test]
fn by_default_the_users_of_rds_are_quiet_where_they_belong() {
    use Outcome::{Authorized, Disconnected, Rejected, Suspicious};
    use Standing::{Certain, Claimed, OfItsBackend};
    for user in [
        "rdsadmin",
        "rdshm",
        "rdsproxyadmin",
        "rdsrepladmin",
        "rdstopmgr",
    ] {
        assert!(is_quiet(user, "[local]", Authorized, Certain), "{user}");
        // Another process may have read the lines that prove it.
        assert!(is_quiet(user, "[local]", Disconnected, OfItsBackend));
        assert!(!is_quiet(user, "[local]", Authorized, Claimed));
        assert!(!is_quiet(user, "[local]", Rejected, Certain));
        assert!(!is_quiet(user, "[local]", Suspicious, Certain));
        assert!(!is_quiet(user, "203.0.113.9", Authorized, Certain));
    }
    assert!(is_quiet("rdsproxyadmin", "10.0.1.9", Authorized, Certain));
    assert!(!is_quiet("rdsadmin", "10.0.1.9", Authorized, Certain));
    assert!(!is_quiet("rdsadmin2", "[local]", Authorized, Certain));
}

#[test]
fn by_default_rdsadmin_may_be_turned_away_while_the_server_starts() {
    let refused = |host: &'static str, reason: &'static str| {
        let facts = with(|facts| {
            facts.user = Some("rdsadmin".into());
            facts.host = Some(host.into());
            facts.reason = Some(reason.into());
        });
        let connection = Connection {
            outcome: Outcome::Rejected,
            standing: Standing::Claimed,
            ..facts
        };
        Rules::default().route(&connection, &place(""), &Findings::default()) == Route::Ignore
    };
    assert!(refused("[local]", "the database system is starting up"));
    assert!(!refused("10.0.1.9", "the database system is starting up"));
    assert!(!refused("[local]", "sorry, too many clients already"));
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
    rule 3: when.events: entry 1: must be authorized, rejected, disconnected, probed or suspicious
    rule 3: when.tls: must be true or false
    rule 3: when.user: no such key; the keys are users, databases, hosts, applications, clusters, accounts, events, tls, new, refusals_before
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
    insta::assert_snapshot!(faults(twice), @"a key appears twice in its object, near line 1, column 42");
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

fn found(when: &str, findings: Findings) -> Route<'static> {
    let json = format!(r#"[{{"when": {when}, "then": "ignore"}}]"#);
    let rules = Rules::from_json(&json).unwrap();
    match rules.route(&connection(), &place(""), &findings) {
        Route::Channel(_) => Route::Channel("default"),
        Route::Ignore => Route::Ignore,
        Route::Undecided => Route::Undecided,
    }
}

#[test]
fn what_is_new_is_asked_and_unknown_matches_neither() {
    let novelty = |novelty| Findings {
        novelty,
        ..Findings::default()
    };
    let nothing = novelty(Novelty::Known(New::default()));
    let network = novelty(Novelty::Known(New {
        network: true,
        ..New::default()
    }));
    let told = Route::Channel("default");
    assert_eq!(found(r#"{"new": false}"#, nothing), Route::Ignore);
    assert_eq!(found(r#"{"new": false}"#, network), told);
    assert_eq!(found(r#"{"new": true}"#, nothing), told);
    assert_eq!(found(r#"{"new": true}"#, network), Route::Ignore);
    let list = r#"{"new": ["user", "network"]}"#;
    assert_eq!(found(list, network), Route::Ignore);
    assert_eq!(found(r#"{"new": ["user"]}"#, network), told);
    for when in [r#"{"new": false}"#, r#"{"new": true}"#, list] {
        assert_eq!(found(when, novelty(Novelty::Unknown)), told, "{when}");
        assert_eq!(found(when, novelty(Novelty::Asked)), Route::Undecided);
    }
    let other = r#"{"new": true, "users": ["other"]}"#;
    assert_eq!(found(other, novelty(Novelty::Asked)), told);
}

#[test]
fn refusals_before_is_a_least_number() {
    let after = |refusals_before| Findings {
        refusals_before,
        ..Findings::default()
    };
    let when = r#"{"refusals_before": 5}"#;
    assert_eq!(found(when, after(4)), Route::Channel("default"));
    assert_eq!(found(when, after(5)), Route::Ignore);
    assert_eq!(found(when, after(6)), Route::Ignore);
}

#[test]
fn what_cannot_be_asked_is_a_fault() {
    let json = r#"[
        {"when": {"new": "user", "refusals_before": 0}, "then": "ignore"},
        {"when": {"new": [], "refusals_before": "5"}, "then": "ignore"},
        {"when": {"new": ["application"], "refusals_before": 1.5}, "then": "ignore"}
    ]"#;
    insta::assert_snapshot!(faults(json), @r#"
    rule 1: when.new: must be true, false, or a list of user, network, database
    rule 1: when.refusals_before: must be a whole number from 1 on
    rule 2: when.new: is an empty list, which nothing matches
    rule 2: when.refusals_before: must be a whole number from 1 on
    rule 3: when.new: entry 1: must be user, network or database
    rule 3: when.refusals_before: must be a whole number from 1 on
    "#);
}
