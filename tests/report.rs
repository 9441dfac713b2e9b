//! `report`, as a person calls it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn call(arguments: &[&str], stdin: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .arg("report")
        .args(arguments)
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    process.wait_with_output().unwrap()
}

#[track_caller]
fn output(arguments: &[&str], stdin: &str) -> String {
    let output = call(arguments, stdin);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(arguments: &[&str], stdin: &str) -> Value {
    serde_json::from_str(&output(&[&["--json"], arguments].concat(), stdin)).unwrap()
}

/// The page that it writes.
fn page(name: &str, stdin: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let shown = output(&["--html", path.to_str().unwrap()], stdin);
    assert_eq!(shown, "");
    std::fs::read_to_string(path).unwrap()
}

/// What a client does at a minute of the day.
struct Client<'c> {
    minute: u32,
    user: &'c str,
    database: &'c str,
    host: &'c str,
}

fn client<'c>(minute: u32, user: &'c str, host: &'c str) -> Client<'c> {
    Client {
        minute,
        user,
        database: "orders",
        host,
    }
}

impl Client<'_> {
    fn line(&self, is_named: bool, message: &str) -> String {
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        let (user, database) = if is_named {
            (self.user, self.database)
        } else {
            ("[unknown]", "[unknown]")
        };
        let (host, pid) = (self.host, 1000 + self.minute);
        format!(
            "2026-11-23 {hour:02}:{minute:02}:00 UTC:{host}(6{pid}):{user}@{database}:[{pid}]:{message}\n"
        )
    }

    fn received(&self) -> String {
        let (host, pid) = (self.host, 1000 + self.minute);
        self.line(
            false,
            &format!("LOG:  connection received: host={host} port=6{pid}"),
        )
    }

    fn logs_in(&self) -> String {
        let Self { user, database, .. } = self;
        let lines = [
            format!(
                "LOG:  connection authenticated: identity=\"{user}\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)"
            ),
            format!(
                "LOG:  connection authorized: user={user} database={database} application_name=psql SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"
            ),
        ];
        self.received() + &lines.map(|line| self.line(true, &line)).concat()
    }

    fn leaves(&self) -> String {
        let Self {
            user,
            database,
            host,
            minute,
        } = self;
        let port = format!("6{}", 1000 + minute);
        self.line(true, &format!("LOG:  disconnection: session time: 0:00:01.000 user={user} database={database} host={host} port={port}"))
    }

    fn is_refused(&self) -> String {
        let user = self.user;
        let message = format!("FATAL:  password authentication failed for user \"{user}\"");
        self.received() + &self.line(true, &message)
    }
}

/// A day: alice and the pool as ever, bob with a wrong password, and a stranger in the evening.
fn day() -> String {
    let mut log = String::new();
    for hour in 0..24 {
        let alice = client(hour * 60, "alice", "10.0.1.23");
        log += &(alice.logs_in() + &alice.leaves());
    }
    let bob = client(600, "bob", "10.0.1.99");
    log += &(bob.is_refused() + &client(601, "bob", "10.0.1.99").is_refused());
    log + &client(1400, "stranger", "203.0.113.7").logs_in()
}

#[test]
fn a_table_for_people() {
    insta::assert_snapshot!(output(&["--cluster", "orders"], &day()), @"
    USER      DATABASE  CLIENT       APPLICATION  LOGINS  REFUSED  LEFT  FIRST                LAST                 AUTH           TLS      CONFIRMED
    bob       orders    10.0.1.99    -                 0        2     0  2026-11-23 10:00:00  2026-11-23 10:01:00                          yes
    stranger  orders    203.0.113.7  psql              1        0     0  2026-11-23 23:20:00  2026-11-23 23:20:00  scram-sha-256  TLSv1.3  yes
    alice     orders    10.0.1.23    psql             24        0    24  2026-11-23 00:00:00  2026-11-23 23:00:00  scram-sha-256  TLSv1.3  yes

    3 rows: 25 logins, 2 refused, 24 left
    from 2026-11-23 00:00:00 to 2026-11-23 23:20:00 UTC
    1 new in the last tenth of the period; --html and --json tell which
    ");
}

#[test]
fn a_narrow_terminal_leaves_out_what_matters_least() {
    let name = "a_user_name_that_is_longer_than_anybody_would_like_to_read";
    let log = client(1, name, "2001:db8:85a3:1234:5678:8a2e:370:7334").logs_in();
    let shown = Command::new(env!("CARGO_BIN_EXE_aurora-connection-audit"))
        .args(["report", "-"])
        .env("COLUMNS", "80")
        .stdin(Stdio::from(
            std::fs::File::open(file("narrow.log", &log)).unwrap(),
        ))
        .output()
        .unwrap();
    let table = String::from_utf8(shown.stdout).unwrap();
    for line in table.lines().take(2) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(table.contains("a_user") && table.contains('…'), "{table}");
}

fn file(name: &str, content: &str) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn rows_for_programs() {
    let report = json_of(&["--cluster", "orders"], &day());
    assert_eq!(report["cluster"], "orders");
    assert_eq!(
        report["rows"][0],
        json!({
            "user": "bob", "database": "orders", "host": "10.0.1.99",
            "logins": 0, "refusals": 2, "disconnections": 0, "probes": 0, "suspicions": 0, "unconfirmed": 0,
            "first": "2026-11-23T10:00:00Z", "last": "2026-11-23T10:01:00Z",
            "auth_methods": [], "tls": [], "confirmed": true,
        })
    );
    let alice = &report["rows"][2];
    assert_eq!(
        (
            &alice["logins"],
            &alice["disconnections"],
            &alice["application_name"]
        ),
        (&json!(24), &json!(24), &json!("psql"))
    );
    assert_eq!(alice["auth_methods"], json!(["scram-sha-256"]));
    assert_eq!(alice["tls"], json!(["TLSv1.3"]));
    let new = &report["new"];
    assert_eq!(
        (&new[0]["what"], &new[0]["user"]),
        (&json!("new user"), &json!("stranger"))
    );
    assert_eq!(new.as_array().unwrap().len(), 1);
    assert_eq!(report["totals"]["connections"]["logins"], 25);
}

#[test]
fn csv_that_a_spreadsheet_does_not_calculate() {
    let mut log = String::new();
    for (minute, user) in [
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(1)",
        "a\"b",
        "\u{202e}evil",
        "plain",
    ]
    .iter()
    .enumerate()
    {
        log += &client(u32::try_from(minute).unwrap(), user, "10.0.1.23").is_refused();
    }
    let csv = output(&["--csv"], &log);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut users: Vec<String> = reader
        .records()
        .map(|record| record.unwrap()[0].to_owned())
        .collect();
    users.sort();
    assert_eq!(
        users,
        [
            "'+1",
            "'-1",
            "'=HYPERLINK(1)",
            "'@SUM(1)",
            "\\u{202e}evil",
            "a\"b",
            "plain"
        ]
    );
}

#[test]
fn a_page_that_hostile_names_cannot_change() {
    let mut log = day();
    for (minute, user) in [
        "<script>alert(1)</script>",
        "\" onload=\"x",
        "'><img src=x>",
        "\u{202e}evil\u{7}",
        "&amp;",
    ]
    .iter()
    .enumerate()
    {
        log += &client(1410 + u32::try_from(minute).unwrap(), user, "10.0.1.23").logs_in();
    }
    let page = page("hostile.html", &log);
    for hostile in [
        "<script",
        "<img",
        "onload=\"",
        "\u{202e}",
        "\u{7}",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    for harmless in [
        "&lt;script&gt;alert(1)",
        "&quot; onload=&quot;x",
        "\\u{202e}evil",
        "&amp;amp;",
    ] {
        assert!(page.contains(harmless), "{harmless}");
    }
}

#[test]
fn a_page_tells_who_is_new_and_when() {
    let page = page("day.html", &day());
    for part in [
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "width=device-width",
        "<b>25</b> logins",
        "<b>2</b> refused",
        "<b>new user</b> <span><bdi>stranger</bdi>",
        "<svg",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
}

#[test]
fn a_period() {
    let logins =
        |arguments: &[&str]| json_of(arguments, &day())["totals"]["connections"]["logins"].clone();
    assert_eq!(logins(&["--since", "2026-11-23T12:00:00Z"]), 13);
    assert_eq!(
        logins(&["--since", "2026-11-23", "--until", "2026-11-23T06:00:00Z"]),
        6
    );
    assert_eq!(logins(&["--until", "2026-11-23T13:00:00+09:00"]), 4);
    assert_eq!(logins(&["--since", "2026-11-24"]), 0);
    let output = call(&["--since", "yesterday"], "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "aurora-connection-audit: invalid value 'yesterday' for '--since <TIME>': must be a date, as 2026-11-23, or a time, as 2026-11-23T09:00:00Z (see --help)\n"
    );
}

#[test]
fn rules_leave_connections_out() {
    let rules = r#"[{"when": {"users": ["alice"], "clusters": ["orders"]}, "then": "ignore"}]"#;
    let report = json_of(&["--rules", rules, "--cluster", "orders"], &day());
    assert_eq!(report["totals"]["ignored"], 48);
    assert_eq!(report["rows"].as_array().unwrap().len(), 2);
    let rdsadmin = client(1, "rdsadmin", "127.0.0.1");
    let report = json_of(&[], &(rdsadmin.logs_in() + &day()));
    assert_eq!(report["totals"]["ignored"], 1);
}

#[test]
fn a_rule_may_ask_what_was_before() {
    let rules = r#"[{"when": {"refusals_before": 5}, "then": "ignore"}]"#;
    let bob = |minute| client(minute, "bob", "10.0.1.99");
    let refused: String = (600..605).map(|minute| bob(minute).is_refused()).collect();
    let log = refused + &bob(605).logs_in() + &bob(640).logs_in();
    let report = json_of(&["--rules", rules], &log);
    assert_eq!(report["totals"]["ignored"], 1);
    assert_eq!(report["totals"]["connections"]["logins"], 1);
}

#[test]
fn each_file_is_a_log_of_its_own() {
    let path = file("day.log", &day());
    let path = path.to_str().unwrap();
    let report = json_of(&[path, path], "");
    assert_eq!(report["totals"]["connections"]["logins"], 50);
    assert_eq!(report["rows"].as_array().unwrap().len(), 3);
}

/// Only `connection received` and `disconnection` tell the client's address then.
#[test]
fn a_prefix_without_the_client() {
    const PREFIX: &str = "%t:%u@%d:[%p]:";
    let alice = client(1, "alice", "10.0.1.23");
    let log = alice.logs_in() + &alice.leaves() + &client(2, "bob", "10.0.1.99").is_refused();
    let log = log.replace("10.0.1.23(61001):", "");
    let log = log.replace("10.0.1.99(61002):", "");
    let report = json_of(&["--log-line-prefix", PREFIX], &log);
    let rows = report["rows"].as_array().unwrap().iter().map(|row| {
        json!([
            row["user"],
            row["host"],
            row["logins"],
            row["refusals"],
            row["disconnections"]
        ])
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            json!(["bob", "10.0.1.99", 0, 1, 0]),
            json!(["alice", "10.0.1.23", 1, 0, 1]),
        ]
    );
}

#[test]
fn nobody() {
    assert_eq!(
        output(&[], ""),
        "standard input: nobody connected\n0 rows: 0 logins, 0 refused, 0 left\n"
    );
    assert!(page("nobody.html", "").contains("No connection has a time."));
}

#[test]
fn sessions_end_far_behind_their_beginning() {
    let alice = client(1, "alice", "10.0.1.23");
    let mut log = alice.logs_in();
    // More than can still change.
    for minute in 2..16_000 {
        let pool = client(minute % 1440, "pool", "10.0.2.2");
        let pool = Client {
            host: &format!("10.0.{}.2", minute / 1440 + 2),
            ..pool
        };
        log += &(pool.logs_in() + &pool.leaves());
    }
    log += &alice.leaves();
    let report = json_of(&[], &log);
    let rows = report["rows"].as_array().unwrap();
    let alice: Vec<_> = rows.iter().filter(|row| row["user"] == "alice").collect();
    assert_eq!(alice.len(), 1, "{alice:?}");
    assert_eq!(alice[0]["disconnections"], 1);
    assert_eq!(report["totals"]["connections"]["logins"], 15_999);
}
