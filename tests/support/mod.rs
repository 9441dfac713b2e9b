//! Starts the real `bootstrap` among local servers.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate takes in a part of this"
)]

pub mod dynamodb;

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use aurora_connection_audit::cli::event;
use aurora_connection_audit::cli::local::{Local, Outcome, Post};
use serde_json::{Value, json};

/// The machine may be busy; nothing waits this long unless a test fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What Lambda gives an invocation, unless a test is about running out of it.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A running `bootstrap` and the servers around it.
pub struct Function {
    pub local: Local,
    process: Child,
    log: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
}

impl Function {
    /// Starts it with what `script` makes the servers answer.
    pub fn start(script: impl FnOnce(&Local)) -> Self {
        Self::start_with(&[], script)
    }

    /// Starts it with further variables; an empty value takes a variable away.
    pub fn start_with(variables: &[(&str, &str)], script: impl FnOnce(&Local)) -> Self {
        let local = Local::start().unwrap();
        script(&local);
        let mut process = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs(local.environment())
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let collectors = vec![
            collect(process.stdout.take().unwrap(), &log),
            collect(process.stderr.take().unwrap(), &log),
        ];
        Self {
            local,
            process,
            log,
            collectors,
        }
    }

    /// Invokes it and waits for what it makes of the event.
    #[track_caller]
    pub fn invoke(&self, payload: &str) -> Outcome {
        self.invoke_within(payload, LIMIT)
    }

    /// Invokes it as if Lambda ended the invocation after `limit`.
    #[track_caller]
    pub fn invoke_within(&self, payload: &str, limit: Duration) -> Outcome {
        let id = self.local.invoke(payload, limit);
        let outcome = self.local.outcome(&id, PATIENCE);
        outcome.unwrap_or_else(|| panic!("no answer; the log:\n{}", self.log()))
    }

    /// Invokes it as Lambda does: a batch that fails comes once more, in a window of the retry queue.
    /// Does it then still wait there?
    #[track_caller]
    pub fn waits_after(&self, payload: &str, limit: Duration) -> bool {
        self.invoke_within(payload, limit).failed && {
            let window = self.invoke_within(&queue(&[payload.to_owned()]), limit);
            assert!(!window.failed, "{}", window.body);
            window.body["batchItemFailures"] != json!([])
        }
    }

    /// The messages that Slack took.
    pub fn taken(&self) -> Vec<Post> {
        self.local
            .posts()
            .into_iter()
            .filter(|post| post.taken)
            .collect()
    }

    /// What it wrote to stdout and stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The log as soon as it holds `text`, or as it is when patience ends.
    pub fn log_with(&self, text: &str) -> String {
        self.log_with_times(text, 1)
    }

    /// The log as soon as it holds `text` so many times, or as it is when patience ends.
    pub fn log_with_times(&self, text: &str, times: usize) -> String {
        let start = Instant::now();
        while self.log().matches(text).count() < times && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        self.log()
    }

    /// Ends it, and returns all that it wrote.
    pub fn stop(&mut self) -> String {
        self.process.kill().ok();
        self.process.wait().ok();
        self.collectors
            .drain(..)
            .for_each(|collector| collector.join().unwrap());
        self.log()
    }

    /// Waits for its end and the end of its log.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait().unwrap() {
                self.collectors
                    .drain(..)
                    .for_each(|collector| collector.join().unwrap());
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("still running; the log:\n{}", self.log());
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn collect(mut pipe: impl Read + Send + 'static, log: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            log.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    })
}

/// A webhook's URL among the local servers.
pub fn webhook(local: &Local, path: &str) -> String {
    format!("{}{path}", local.url())
}

/// The payload of a batch of log lines.
pub fn payload(text: &str) -> String {
    let log_group = "/aws/rds/cluster/orders/postgresql";
    let data = event::log_data(log_group, "orders-1.0", text, SystemTime::now());
    event::payload(&data).unwrap()
}

/// The lines of a client that logs in; `number` makes it like no other.
pub fn login(user: &str, number: u16) -> String {
    let pid = 1000 + u32::from(number);
    let port = 20_000 + number;
    let prefix =
        |names: &str| format!("2026-11-23 09:37:53 UTC:10.0.1.23({port}):{names}:[{pid}]:");
    format!(
        "{received}LOG:  connection received: host=10.0.1.23 port={port}\n{authorized}LOG:  connection authorized: user={user} database=appdb application_name=psql\n",
        received = prefix("[unknown]@[unknown]"),
        authorized = prefix(&format!("{user}@appdb")),
    )
}

/// The lines of a client with a wrong password.
pub fn wrong_password(user: &str, number: u16) -> String {
    login(user, number).replace(
        &format!("LOG:  connection authorized: user={user} database=appdb application_name=psql"),
        &format!("FATAL:  password authentication failed for user \"{user}\""),
    )
}

/// The name under which the console shows a failure.
#[track_caller]
pub fn error_type(outcome: &Outcome) -> &str {
    assert!(outcome.failed, "did not fail: {}", outcome.body);
    outcome.body["errorType"].as_str().unwrap()
}

/// Everything in a payload as one text.
pub fn text(payload: &Value) -> String {
    payload.to_string()
}

/// What Lambda has put into the retry queue; the messages are `m1`, `m2`…
pub fn queue(events: &[String]) -> String {
    let message = |(number, event): (usize, &String)| {
        let event: Value = serde_json::from_str(event).unwrap();
        let body = json!({
            "version": "1.0",
            "requestContext": { "condition": "RetriesExhausted" },
            "requestPayload": event,
        });
        json!({
            "eventSource": "aws:sqs",
            "messageId": format!("m{number}"),
            "body": body.to_string(),
        })
    };
    let records: Vec<_> = (1..).zip(events).map(message).collect();
    json!({ "Records": records }).to_string()
}
