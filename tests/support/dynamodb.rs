//! A DynamoDB of this process, with one table, and the faults that it can have.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use aurora_connection_audit::cli::local::dynamodb::{self, Items};
use serde_json::{Value, json};

pub struct DynamoDb {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    pub items: Items,
    pub calls: Vec<(String, Value)>,
    pub fault: Option<Fault>,
    /// So many items are in a page of `Scan`; all where it is zero.
    pub page: usize,
}

#[derive(Clone)]
pub enum Fault {
    /// Status and code.
    Refuses(u16, &'static str),
    /// The same, for one operation.
    RefusesOnly(&'static str, u16, &'static str),
    /// The same, for each second call.
    RefusesEveryOther(u16, &'static str),
    /// The next call finds no capacity; those behind it do.
    ThrottlesOnce,
    /// Answers too late.
    Slow(Duration),
    /// The same, for one operation.
    SlowOnly(&'static str, Duration),
    /// Ends the connection.
    HangsUp,
    /// Leaves keys for later: every other call leaves all.
    LeavesKeys,
    LeavesAllKeys,
}

impl DynamoDb {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&connection, &state));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Calls of an operation, without the one by which a process warms up.
    pub fn calls(&self, operation: &str) -> Vec<Value> {
        let state = self.state();
        let calls = state.calls.iter().filter(|(name, _)| name == operation);
        let calls = calls.map(|(_, request)| request.clone());
        calls
            .filter(|request| !request.to_string().contains(r#""S":"?""#))
            .collect()
    }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let lower = head.to_ascii_lowercase();
    let header = |name: &str| {
        let line = lower.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    assert!(
        header("authorization")
            .unwrap()
            .contains("/dynamodb/aws4_request")
    );
    if header("expect").is_some() {
        (&mut &*connection)
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .ok()?;
    }
    let length = header("content-length")?.parse().ok()?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    let request: Value = serde_json::from_slice(&body).ok()?;
    let operation = head
        .split("DynamoDB_20120810.")
        .nth(1)?
        .lines()
        .next()?
        .to_owned();
    let (fault, count) = {
        let mut state = state.lock().unwrap();
        state.calls.push((operation.clone(), request.clone()));
        let fault = state.fault.clone();
        if let Some(Fault::ThrottlesOnce) = fault {
            state.fault = None;
        }
        (fault, state.calls.len())
    };
    let refusal = |status, code: &str| {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
        (status, json!({ "__type": kind, "message": "no" }))
    };
    let (status, answer) = match fault {
        Some(Fault::HangsUp) => return None,
        Some(Fault::Refuses(status, code)) => refusal(status, code),
        Some(Fault::RefusesOnly(only, status, code)) if only == operation => refusal(status, code),
        Some(Fault::RefusesEveryOther(status, code)) if count.is_multiple_of(2) => {
            refusal(status, code)
        }
        Some(Fault::ThrottlesOnce) => refusal(400, "ProvisionedThroughputExceededException"),
        Some(Fault::LeavesAllKeys) if operation == "BatchGetItem" => leave(&request),
        Some(Fault::LeavesKeys) if operation == "BatchGetItem" && count.is_multiple_of(2) => {
            leave(&request)
        }
        fault => {
            match fault {
                Some(Fault::Slow(time)) => thread::sleep(time),
                Some(Fault::SlowOnly(only, time)) if only == operation => thread::sleep(time),
                _ => {}
            }
            let mut state = state.lock().unwrap();
            let page = state.page;
            dynamodb::answer(&operation, &request, &mut state.items, page)
        }
    };
    let body = answer.to_string();
    let mut connection = connection;
    write!(
        connection,
        "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()
}

fn leave(request: &Value) -> (u16, Value) {
    (
        200,
        json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] }),
    )
}
