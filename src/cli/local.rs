//! A Lambda Runtime API, a Secrets Manager, a DynamoDB and a Slack on one port of this machine.
//!
//! Each answers by a script, and well once the script is over. For the demo and the tests.

pub mod dynamodb;
mod http;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use self::dynamodb::Items;
use self::http::{Request, read_request, write_reply};

/// The path of the webhook that the local secret holds unless a script says otherwise.
pub const WEBHOOK: &str = "/services/T0/B0/local";

/// The four servers. They end with the process.
#[derive(Debug, Clone)]
pub struct Local {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    outcomes: HashMap<String, Outcome>,
    init_error: Option<Outcome>,
    polls: usize,
    invocations: usize,
    slack: HashMap<String, VecDeque<Reply>>,
    secrets: VecDeque<Reply>,
    secret_requests: Vec<String>,
    posts: Vec<Post>,
    items: Items,
}

#[derive(Debug)]
struct Event {
    id: String,
    payload: String,
    deadline: Deadline,
}

/// When Lambda says that an invocation ends.
#[derive(Debug, Clone)]
pub enum Deadline {
    /// This long after the function takes the event.
    After(Duration),
    /// The header as it is, right or wrong.
    Header(String),
    /// Without the header.
    Unsaid,
}

/// How a server answers one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status, further header lines, body.
    Answer(u16, String, String),
    /// Says nothing until the client gives up.
    Stall,
    /// Half an answer, then the end of the connection.
    Cut,
    /// Takes the request, then ends the connection without a word.
    HangUp,
}

/// What the function told the Runtime API about an invocation or its init.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Did it fail?
    pub failed: bool,
    /// The answer, or `{"errorType", "errorMessage"}`.
    pub body: Value,
}

/// What Slack got.
#[derive(Debug, Clone)]
pub struct Post {
    /// Of the webhook.
    pub path: String,
    /// The message.
    pub payload: Value,
    /// When.
    pub at: Instant,
    /// Did Slack say that it took it?
    pub taken: bool,
    /// Does Slack show it? It may, even if its answer was lost.
    pub shown: bool,
}

impl Reply {
    /// An answer without further headers.
    #[must_use]
    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer(status, String::new(), body.to_owned())
    }

    /// A secret, as `GetSecretValue` answers.
    #[must_use]
    pub fn secret(secret: &str) -> Self {
        Self::status(200, &json!({ "SecretString": secret }).to_string())
    }
}

impl Local {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let local = Self {
            address: listener.local_addr()?,
            shared: Arc::default(),
        };
        let server = local.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let server = server.clone();
                // A client that goes away in the middle is part of many scripts.
                thread::spawn(move || server.serve(&connection).ok());
            }
        });
        Ok(local)
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment in which `bootstrap` finds these servers and nothing else.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let constant = [
            ("AWS_LAMBDA_FUNCTION_NAME", "aurora-connection-audit"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_REGION", "ap-northeast-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", "local"),
            ("SLACK_WEBHOOK_SECRET_ID", "local"),
            ("NO_PROXY", "127.0.0.1"),
        ];
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url()),
        ];
        constant
            .map(|(name, value)| (name, value.to_owned()))
            .into_iter()
            .chain(own)
            .collect()
    }

    /// What makes `bootstrap` remember logins, in the DynamoDB of these servers.
    #[must_use]
    pub fn history(&self) -> [(&'static str, String); 2] {
        [
            ("HISTORY_TABLE", "history".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url()),
        ]
    }

    /// Puts an item into the table.
    pub fn put_item(&self, key: &str, item: Value) {
        if let Value::Object(item) = item {
            self.state().items.insert(key.to_owned(), item);
        }
    }

    /// Slack's next answers at a path.
    pub fn script_slack(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.state()
            .slack
            .entry(path.to_owned())
            .or_default()
            .extend(replies);
    }

    /// Secrets Manager's next answers; the last one stays.
    pub fn script_secrets(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().secrets.extend(replies);
    }

    /// Queues an event for the function, and names the invocation; `limit` is what Lambda would
    /// give it.
    #[must_use]
    pub fn invoke(&self, payload: &str, limit: Duration) -> String {
        self.invoke_until(payload, Deadline::After(limit))
    }

    /// As [`Local::invoke`], with any deadline.
    #[must_use]
    pub fn invoke_until(&self, payload: &str, deadline: Deadline) -> String {
        let mut state = self.state();
        state.invocations += 1;
        let id = format!("invocation-{}", state.invocations);
        state.events.push_back(Event {
            id: id.clone(),
            payload: payload.to_owned(),
            deadline,
        });
        self.shared.changed.notify_all();
        id
    }

    /// What the function made of an event, if it says so in time.
    #[must_use]
    pub fn outcome(&self, id: &str, patience: Duration) -> Option<Outcome> {
        self.wait(patience, |state| state.outcomes.get(id).cloned())
    }

    /// How the function's init failed, if it says so in time.
    #[must_use]
    pub fn init_error(&self, patience: Duration) -> Option<Outcome> {
        self.wait(patience, |state| state.init_error.clone())
    }

    /// Waits until the function asks for its first event.
    #[must_use]
    pub fn first_poll(&self, patience: Duration) -> bool {
        self.wait(patience, |state| (state.polls > 0).then_some(()))
            .is_some()
    }

    /// What Slack got so far.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.state().posts.clone()
    }

    /// The head and body of the requests to Secrets Manager so far.
    #[must_use]
    pub fn secret_requests(&self) -> Vec<String> {
        self.state().secret_requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let nothing = |state: &mut State| {
            found = look(state);
            found.is_none()
        };
        drop(
            self.shared
                .changed
                .wait_timeout_while(self.state(), patience, nothing),
        );
        found
    }

    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        let request = read_request(connection)?;
        let reply = self.reply(&request);
        write_reply(connection, reply)
    }

    fn reply(&self, request: &Request) -> Reply {
        const RUNTIME: &str = "/2018-06-01/runtime/";
        match request.path.strip_prefix(RUNTIME) {
            Some("invocation/next") => self.next_event(),
            Some(path) => self.report(path, request),
            None if request.head.contains("secretsmanager.GetSecretValue") => self.secret(request),
            None => match request.head.split_once("DynamoDB_20120810.") {
                Some((_, rest)) => self.table(rest.lines().next().unwrap_or_default(), request),
                None => self.slack(request),
            },
        }
    }

    /// Waits for an event, as the Runtime API does.
    fn next_event(&self) -> Reply {
        const DAY: Duration = Duration::from_hours(24);
        self.state().polls += 1;
        self.shared.changed.notify_all();
        let Some(event) = self.wait(DAY, |state| state.events.pop_front()) else {
            return Reply::HangUp;
        };
        let deadline = deadline_header(&event.deadline);
        let headers = format!(
            "lambda-runtime-aws-request-id: {}\r\n{deadline}lambda-runtime-invoked-function-arn: arn:aws:lambda:ap-northeast-1:123456789012:function:aurora-connection-audit\r\n",
            event.id
        );
        Reply::Answer(200, headers, event.payload)
    }

    /// `init/error`, `invocation/<id>/response` or `invocation/<id>/error`.
    fn report(&self, path: &str, request: &Request) -> Reply {
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let outcome = Outcome {
            failed: path.ends_with("/error"),
            body,
        };
        let mut state = self.state();
        match path.split('/').nth(1) {
            Some("error") => state.init_error = Some(outcome),
            Some(id) => drop(state.outcomes.insert(id.to_owned(), outcome)),
            None => {}
        }
        self.shared.changed.notify_all();
        Reply::status(202, "{}")
    }

    fn secret(&self, request: &Request) -> Reply {
        let mut state = self.state();
        state.secret_requests.push(format!(
            "{}{}",
            request.head,
            String::from_utf8_lossy(&request.body)
        ));
        match state.secrets.len() {
            0 => Reply::secret(&format!("{}{WEBHOOK}", self.url())),
            1 => state.secrets.front().cloned().unwrap_or(Reply::HangUp),
            _ => state.secrets.pop_front().unwrap_or(Reply::HangUp),
        }
    }

    fn table(&self, operation: &str, request: &Request) -> Reply {
        let request = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let items = &mut self.state().items;
        let (status, body) = dynamodb::answer(operation, &request, items, 0);
        Reply::status(status, &body.to_string())
    }

    fn slack(&self, request: &Request) -> Reply {
        let mut state = self.state();
        let script = state.slack.get_mut(&request.path);
        let reply = script
            .and_then(VecDeque::pop_front)
            .unwrap_or_else(|| Reply::status(200, "ok"));
        let taken = matches!(&reply, Reply::Answer(200, _, body) if body == "ok");
        let shown = taken || matches!(reply, Reply::Stall | Reply::Cut);
        let payload = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let path = request.path.clone();
        state.posts.push(Post {
            path,
            payload,
            at: Instant::now(),
            taken,
            shown,
        });
        reply
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next>
fn deadline_header(deadline: &Deadline) -> String {
    let value = match deadline {
        Deadline::After(limit) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            (now.unwrap_or_default() + *limit).as_millis().to_string()
        }
        Deadline::Header(value) => value.clone(),
        Deadline::Unsaid => return String::new(),
    };
    format!("lambda-runtime-deadline-ms: {value}\r\n")
}
