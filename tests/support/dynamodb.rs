//! A DynamoDB of this process: `BatchGetItem`, `UpdateItem` and `Scan` of one table, as far as
//! `bootstrap` uses them, and the faults that they can have.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

pub struct DynamoDb {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    pub items: HashMap<String, Map<String, Value>>,
    pub calls: Vec<(String, Value)>,
    pub fault: Option<Fault>,
}

#[derive(Clone)]
pub enum Fault {
    /// Status and code.
    Refuses(u16, &'static str),
    /// The same, for one operation.
    RefusesOnly(&'static str, u16, &'static str),
    /// Answers too late.
    Slow(Duration),
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
        (state.fault.clone(), state.calls.len())
    };
    let refusal = |status, code: &str| {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
        (status, json!({ "__type": kind, "message": "no" }))
    };
    let (status, answer) = match fault {
        Some(Fault::HangsUp) => return None,
        Some(Fault::Refuses(status, code)) => refusal(status, code),
        Some(Fault::RefusesOnly(only, status, code)) if only == operation => refusal(status, code),
        Some(Fault::LeavesAllKeys) if operation == "BatchGetItem" => leave(&request),
        Some(Fault::LeavesKeys) if operation == "BatchGetItem" && count.is_multiple_of(2) => {
            leave(&request)
        }
        fault => {
            if let Some(Fault::Slow(time)) = fault {
                thread::sleep(time);
            }
            answer(&operation, &request, &mut state.lock().unwrap())
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

fn answer(operation: &str, request: &Value, state: &mut State) -> (u16, Value) {
    match operation {
        "BatchGetItem" => {
            let (table, asked) = request["RequestItems"]
                .as_object()
                .unwrap()
                .iter()
                .next()
                .unwrap();
            let keys = asked["Keys"].as_array().unwrap();
            assert!(keys.len() <= 100);
            let names = asked["ExpressionAttributeNames"].as_object().unwrap();
            let items = keys.iter().filter_map(|key| {
                let item = state.items.get(key["k"]["S"].as_str().unwrap())?;
                let projected = names.values().map(|name| name.as_str().unwrap());
                let projected =
                    projected.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
                Some(Value::Object(projected.collect()))
            });
            (
                200,
                json!({ "Responses": { table: items.collect::<Vec<_>>() }, "UnprocessedKeys": {} }),
            )
        }
        "UpdateItem" => update(request, state),
        "Scan" => {
            let items: Vec<_> = state.items.values().cloned().map(Value::Object).collect();
            (200, json!({ "Items": items, "Count": items.len() }))
        }
        _ => panic!("{operation}"),
    }
}

/// `SET #a = :a, #b = if_not_exists(#b, :c) ADD #d :d`, on the one condition that there is.
fn update(request: &Value, state: &mut State) -> (u16, Value) {
    let key = request["Key"]["k"]["S"].as_str().unwrap();
    let value = |name: &str| request["ExpressionAttributeValues"][name].clone();
    let item = state.items.entry(key.to_owned()).or_default();
    if let Some(condition) = request.get("ConditionExpression") {
        assert_eq!(condition, "attribute_not_exists(#last) OR #last < :last");
        let last = item.get("last").and_then(|last| last["S"].as_str());
        if last.is_some_and(|last| last >= value(":last")["S"].as_str().unwrap()) {
            return (
                400,
                json!({ "__type": "x#ConditionalCheckFailedException" }),
            );
        }
    }
    item.insert("k".to_owned(), json!({ "S": key }));
    let expression = request["UpdateExpression"].as_str().unwrap();
    let (add, sets) = match expression.strip_prefix("ADD ") {
        Some(rest) => {
            let (add, sets) = rest.split_once(" SET ").unwrap();
            (Some(add), sets)
        }
        None => (None, expression.strip_prefix("SET ").unwrap()),
    };
    for set in sets.replace("(#first, ", "(#first; ").split(", ") {
        let (name, to) = set.split_once(" = ").unwrap();
        let name = name.strip_prefix('#').unwrap().to_owned();
        match to.strip_prefix("if_not_exists(#first; ") {
            Some(rest) => {
                let value = value(rest.strip_suffix(')').unwrap());
                item.entry(name).or_insert(value);
            }
            None => drop(item.insert(name, value(to))),
        }
    }
    if let Some((name, added)) = add.and_then(|add| add.split_once(' ')) {
        let set = item
            .entry(name.replace('#', ""))
            .or_insert(json!({ "SS": [] }));
        let set = set["SS"].as_array_mut().unwrap();
        for member in value(added)["SS"].as_array().unwrap() {
            if !set.contains(member) {
                set.push(member.clone());
            }
        }
    }
    (200, json!({}))
}
