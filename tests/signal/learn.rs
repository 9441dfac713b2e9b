//! `learn`: a log's logins are known before the first event comes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::access::days_ago;
use super::support::dynamodb::{DynamoDb, Fault};
use super::support::{login, wrong_password};
use super::{THREE_LINES, batch, from, texts, with_history};

const LOG_GROUP: &str = "/aws/rds/cluster/orders/postgresql";

pub(crate) fn learn(table: &DynamoDb, arguments: &[&str], log: &[u8]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .args(["learn", "--table", "history", "--log-group", LOG_GROUP])
        .args(["--account", "123456789012"])
        .args(arguments)
        .envs([
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_DEFAULT_REGION", "ap-northeast-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &table.url()),
            ("NO_PROXY", "127.0.0.1"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = process.stdin.take().unwrap().write_all(log);
    process.wait_with_output().unwrap()
}

/// What it says when all goes well.
#[track_caller]
fn told(table: &DynamoDb, arguments: &[&str], log: &[u8]) -> (String, String) {
    let output = learn(table, arguments, log);
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{stderr}");
    (stdout.into_owned(), stderr.into_owned())
}

fn on(days_ago_: i64, lines: &str) -> String {
    lines.replace("2026-11-23", &days_ago(days_ago_))
}

#[test]
fn what_was_learned_is_not_new() {
    let table = DynamoDb::start();
    let log = on(2, &login("alice", 1)) + &on(1, &login("alice", 2)) + &on(1, &login("bob", 3));
    let (stdout, stderr) = told(&table, &[], log.as_bytes());
    assert_eq!(
        stdout,
        "orders: 2 users, 2 networks, 2 databases; 6 written, 0 known already\n"
    );
    assert_eq!(stderr, "");
    let function = with_history(&table, THREE_LINES);
    function.invoke(&batch(0, &on(0, &(login("alice", 4) + &login("bob", 5)))));
    assert_eq!(texts(&function).len(), 0);
    function.invoke(&batch(1, &on(0, &login("carol", 6))));
    assert!(texts(&function)[0].contains("New user: carol"));
}

#[test]
fn again_nothing_is_written_and_what_is_newer_stays() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    function.invoke(&batch(0, &on(0, &login("alice", 1))));
    let log = on(9, &login("alice", 2)) + &on(3, &login("alice", 3));
    let (stdout, _) = told(&table, &[], log.as_bytes());
    assert_eq!(
        stdout,
        "orders: 1 users, 1 networks, 1 databases; 0 written, 3 known already\n"
    );
    let items = table.state().items.clone();
    assert_eq!(items.len(), 3);
    for item in items.values() {
        let days = [&item["first"]["S"], &item["last"]["S"]];
        assert_eq!(days, [&json!(days_ago(9)), &json!(days_ago(0))]);
    }
    for log in [log, on(0, &login("alice", 4))] {
        told(&table, &[], log.as_bytes());
        assert_eq!(table.state().items, items);
    }
}

#[test]
fn files_in_the_wrong_order_teach_the_same() {
    let table = DynamoDb::start();
    for days in [3, 9, 1, 5] {
        told(&table, &[], on(days, &login("alice", 2)).as_bytes());
    }
    for item in table.state().items.values() {
        let days = [&item["first"]["S"], &item["last"]["S"]];
        assert_eq!(days, [&json!(days_ago(9)), &json!(days_ago(1))]);
    }
}

#[test]
fn only_certain_logins_that_are_not_too_old_teach() {
    let table = DynamoDb::start();
    // Without its beginning the first line could be the rest of another record.
    let tail = format!(
        "{}:eve@y:[1]:LOG:  connection authorized: user=eve database=y\n",
        "x".repeat(9)
    );
    let log = tail + &on(0, &wrong_password("mallory", 1)) + &on(40, &login("dave", 2));
    let (stdout, stderr) = told(&table, &[], log.as_bytes());
    assert_eq!(
        stdout,
        "orders: 0 users, 0 networks, 0 databases; 0 written, 0 known already\n"
    );
    assert!(
        stderr.contains("3 users, networks or databases were seen too long ago"),
        "{stderr}"
    );
    assert!(table.state().items.is_empty());
    let (stdout, _) = told(&table, &["--history-days", "90"], log.as_bytes());
    assert!(stdout.starts_with("orders: 1 users"), "{stdout}");
}

#[test]
fn gzip_and_what_the_aws_cli_writes_teach_too() {
    let lines = on(
        1,
        &(login("alice", 1) + &from("10.1.2.3", &login("alice", 2))),
    );
    let events = lines
        .lines()
        .map(|line| json!({ "logStreamName": "orders-1.0", "message": line, "timestamp": 1 }));
    let json = json!({ "events": events.collect::<Vec<_>>() }).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    for log in [json.into_bytes(), gzip.finish().unwrap()] {
        let table = DynamoDb::start();
        let (stdout, _) = told(&table, &[], &log);
        assert_eq!(
            stdout,
            "orders: 1 users, 2 networks, 1 databases; 4 written, 0 known already\n"
        );
        let table = DynamoDb::start();
        let (stdout, _) = told(&table, &["--history-networks", r#"["10.0.0.0/8"]"#], &log);
        assert_eq!(
            stdout,
            "orders: 1 users, 1 networks, 1 databases; 3 written, 0 known already\n"
        );
    }
}

#[test]
fn many_kinds_of_login_are_written_in_several_goes() {
    let table = DynamoDb::start();
    let of = |n: u16| {
        let host = format!("10.{}.{}.9", n / 250, n % 250);
        from(&host, &login("alice", n))
    };
    let log: String = (0..10_050).map(of).collect();
    let (stdout, _) = told(&table, &[], on(1, &log).as_bytes());
    assert_eq!(
        stdout,
        "orders: 1 users, 10050 networks, 1 databases; 10052 written, 0 known already\n"
    );
    assert_eq!(table.state().items.len(), 10_052);
}

#[test]
fn a_dry_run_prints_what_would_be_written() {
    let table = DynamoDb::start();
    let (stdout, stderr) = told(
        &table,
        &["--dry-run", "--cluster", "prod"],
        on(1, &login("alice", 1)).as_bytes(),
    );
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let day = days_ago(1);
    let expected = |what: &str| {
        let mut item = json!({
            "what": what, "account": "123456789012", "log_group": LOG_GROUP, "cluster": "prod",
            "user": "alice", "first": day, "last": day,
        });
        match what {
            "network" => item[what] = "10.0.1.0/24".into(),
            "database" => item[what] = "appdb".into(),
            _ => {}
        }
        item
    };
    assert_eq!(lines, ["database", "network", "user"].map(expected));
    assert_eq!(
        stderr,
        "prod: 1 users, 1 networks, 1 databases; 3 to write, 0 known already\n"
    );
    assert!(table.state().calls.is_empty());
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, error: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr, format!("aurora-connection-audit: {error}\n"));
}

#[test]
fn a_table_that_does_not_take_it_is_an_error() {
    let log = on(1, &login("alice", 1));
    let refusals = [
        (
            "ResourceNotFoundException",
            "there is no such --table in this account and region",
        ),
        (
            "AccessDeniedException",
            "your credentials may not use the table: they need dynamodb:BatchGetItem and dynamodb:UpdateItem on it, and its KMS key where it has one",
        ),
        (
            "UnrecognizedClientException",
            "DynamoDB: the AWS credentials in the environment are not valid: UnrecognizedClientException",
        ),
    ];
    for (code, error) in refusals {
        let table = DynamoDb::start();
        table.state().fault = Some(Fault::Refuses(400, code));
        let error =
            format!("{error} (what was written stays; the same command goes on from there)");
        assert_fails(&learn(&table, &[], log.as_bytes()), 1, &error);
    }
    let table = DynamoDb::start();
    table.state().fault = Some(Fault::LeavesKeys);
    assert!(told(&table, &[], log.as_bytes()).0.contains("3 written"));
}

#[test]
fn what_is_missing_is_named() {
    let call = |arguments: &[&str], variables: &[(&str, &str)]| {
        Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
            .arg("learn")
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let named = ["--table", "history", "--log-group", LOG_GROUP];
    let account = "the log group's name does not tell its account: give --account, as `aws sts get-caller-identity` tells it";
    assert_fails(&call(&named, &[]), 2, account);
    let owned = [&named[..], &["--account", "123456789012"]].concat();
    let credentials = "there are no AWS credentials in the environment: eval \"$(aws configure export-credentials --format env)\" puts yours there";
    assert_fails(&call(&owned, &[]), 2, credentials);
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    assert_fails(
        &call(&owned, &keys),
        2,
        "there is no AWS region: set AWS_REGION",
    );
    // A centralised log group tells its account itself.
    let central = [
        "--table",
        "history",
        "--log-group",
        "123456789012/eu-west-1/aws/rds/cluster/orders/postgresql",
    ];
    assert_fails(&call(&central, &[]), 2, credentials);
}
