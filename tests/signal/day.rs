//! A busy day through the real function: how many messages, with the three rules and without, and how
//! often the table is asked and written.
//!
//! ```text
//! cargo test --release --test signal -- --ignored --nocapture day
//! ```

use std::time::{Duration, Instant, SystemTime};

use aurora_connection_audit::cli::event;

use super::access::days_ago;
use super::learn::learn;
use super::support::Function;
use super::support::dynamodb::DynamoDb;
use super::{THREE_LINES, with_history};

const LOG_GROUP: &str = "/aws/rds/cluster/orders/postgresql";

/// One client: who, from where, to what; `number` tells it from others.
struct Client<'c> {
    user: &'c str,
    host: &'c str,
    database: &'c str,
    number: u32,
}

impl Client<'_> {
    fn line(&self, day: &str, names: &str, message: &str) -> String {
        let Self { host, number, .. } = self;
        let port = 10_000 + number % 50_000;
        let pid = 1000 + number;
        let second = number % 60;
        format!("{day} 09:37:{second:02} UTC:{host}({port}):{names}:[{pid}]:{message}\n")
    }

    fn received(&self, day: &str) -> String {
        let Self { host, number, .. } = self;
        let port = 10_000 + number % 50_000;
        let message = format!("LOG:  connection received: host={host} port={port}");
        self.line(day, "[unknown]@[unknown]", &message)
    }

    fn login(&self, day: &str) -> String {
        let Self { user, database, .. } = self;
        let message = format!("LOG:  connection authorized: user={user} database={database}");
        self.received(day) + &self.line(day, &format!("{user}@{database}"), &message)
    }

    fn refused(&self, day: &str) -> String {
        let Self { user, database, .. } = self;
        let message = format!("FATAL:  password authentication failed for user \"{user}\"");
        self.received(day) + &self.line(day, &format!("{user}@{database}"), &message)
    }
}

fn login(user: &str, host: &str, database: &str, number: u32, day: &str) -> String {
    Client {
        user,
        host,
        database,
        number,
    }
    .login(day)
}

/// A minute of pools: two logins a second, of twenty users from five hosts.
fn pools(window: u32, day: &str) -> String {
    let logins = (0..120).map(|at| {
        let number = window * 200 + at;
        let user = format!("app_{}", number % 20);
        let host = format!("10.0.{}.{}", number % 5, 10 + number % 40);
        login(
            &user,
            &host,
            ["orders", "billing"][(number % 2) as usize],
            number,
            day,
        )
    });
    logins.collect()
}

/// What else happens in a day of `windows` minutes, and how many messages that is worth: 30 wrong
/// passwords, a guessed one, a new user, and a known one from elsewhere.
fn incident(window: u32, windows: u32, day: &str) -> (String, usize) {
    let number = window * 200 + 150;
    let refused = |user: &str, count: u32| -> String {
        let refusals = (0..count).map(|at| {
            let host = "10.0.9.9";
            Client {
                user,
                host,
                database: "orders",
                number: number + at,
            }
            .refused(day)
        });
        refusals.collect()
    };
    if window == windows / 2 {
        let guessed = login("app_1", "10.0.9.9", "orders", number + 9, day);
        (refused("app_1", 6) + &guessed, 1)
    } else if window == windows / 3 {
        (login("carol", "10.0.1.10", "orders", number, day), 1)
    } else if window == 2 * windows / 3 {
        (login("app_2", "203.0.113.7", "orders", number, day), 1)
    } else if window % windows.div_ceil(30) == 1 {
        (refused(&format!("app_{}", window % 20), 1), 1)
    } else {
        (String::new(), 0)
    }
}

struct Day {
    messages: usize,
    worth: usize,
    logins: usize,
}

/// The windows of a day through a stream, a minute each.
fn run(function: &Function, windows: u32) -> Day {
    let day = days_ago(0);
    let mut worth = 0;
    let mut logins = 0;
    for window in 0..windows {
        let (incident, messages) = incident(window, windows, &day);
        worth += messages;
        let text = pools(window, &day) + &incident;
        logins += text.matches("connection authorized").count();
        let time = SystemTime::now() + Duration::from_secs(u64::from(window) * 60);
        let data = event::log_data(LOG_GROUP, "orders-1.0", &text, time);
        let outcome = function.invoke(&event::window(&[data]).unwrap());
        assert_eq!(outcome.body.to_string(), r#"{"batchItemFailures":[]}"#);
    }
    Day {
        messages: function.taken().len(),
        worth,
        logins,
    }
}

/// With the log of the day before learned.
fn with_three_rules(windows: u32) -> (Day, [usize; 2]) {
    let table = DynamoDb::start();
    let yesterday = days_ago(1);
    let log: String = (0..windows)
        .map(|window| pools(window, &yesterday))
        .collect();
    assert!(learn(&table, &[], log.as_bytes()).status.success());
    let before = ["BatchGetItem", "UpdateItem"].map(|name| table.calls(name).len());
    let day = run(&with_history(&table, THREE_LINES), windows);
    let after = ["BatchGetItem", "UpdateItem"].map(|name| table.calls(name).len());
    (day, [after[0] - before[0], after[1] - before[1]])
}

#[test]
fn a_busy_time_is_silent_but_for_what_matters() {
    let (day, _) = with_three_rules(20);
    assert_eq!(day.messages, day.worth);
    assert!(day.worth < 20, "{}", day.worth);
    let everything = run(&Function::start(|_| {}), 3);
    assert_eq!(everything.messages, 3);
}

#[test]
#[ignore = "takes half an hour, for Slack takes a message a second"]
fn a_day() {
    const MINUTES: u32 = 24 * 60;
    let (day, [reads, writes]) = with_three_rules(MINUTES);
    println!(
        "three rules: {} messages of {} logins; {reads} reads and {writes} writes of the table",
        day.messages, day.logins
    );
    assert_eq!(day.messages, day.worth);
    let everything = run(&Function::start(|_| {}), MINUTES);
    println!("no rules: {} messages", everything.messages);
    assert_eq!(everything.messages, MINUTES as usize);
}

/// The floor: at most 30 000 reads and as many writes.
#[test]
#[ignore = "takes minutes without --release"]
fn a_million_logins_of_a_thousand_kinds_in_a_day() {
    let table = DynamoDb::start();
    let function = with_history(&table, THREE_LINES);
    let day = days_ago(0);
    let start = Instant::now();
    for batch in 0..40 {
        let logins = (0..25_000).map(|at| {
            let number = batch * 25_000 + at;
            let user = format!("app_{}", number % 100);
            let host = format!("10.0.{}.{}", number / 100 % 10, number % 200);
            login(&user, &host, "orders", number, &day)
        });
        let text: String = logins.collect();
        let time = SystemTime::now() + Duration::from_secs(u64::from(batch));
        let data = event::log_data(LOG_GROUP, "orders-1.0", &text, time);
        let outcome = function.invoke(&event::payload(&data).unwrap());
        assert_eq!(outcome.body["authorized"], 25_000, "{}", outcome.body);
    }
    let keys = |call: &serde_json::Value| {
        call["RequestItems"]["history"]["Keys"]
            .as_array()
            .map_or(0, Vec::len)
    };
    let reads: usize = table.calls("BatchGetItem").iter().map(keys).sum();
    let writes = table.calls("UpdateItem").len();
    println!(
        "a million logins: {reads} items read, {writes} written, {} messages, {:?}",
        function.taken().len(),
        start.elapsed()
    );
    assert!(reads <= 30_000 && writes <= 30_000, "{reads} {writes}");
}
