//! `demo`: the function's own process among local servers.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::local::{Local, Post};
use super::preview::{drawing, print};
use super::{Failure, MessageFlags, event};
use crate::history::DAY;
use crate::history::table::date;
use crate::preview;

/// What happens, and the logs of the clusters that it happens in.
struct Step {
    title: &'static str,
    logs: &'static [(&'static str, &'static str)],
}

/// In the words of PostgreSQL 15.
const STEPS: [Step; 3] = [
    Step {
        title: "The first login of a user",
        logs: &[("orders", include_str!("demo/one.log"))],
    },
    Step {
        title: "A minute of three clusters: batch jobs, wrong passwords, an unknown database",
        logs: &[
            ("orders", include_str!("demo/busy.log")),
            ("billing", include_str!("demo/billing.log")),
            ("users", include_str!("demo/users.log")),
        ],
    },
    Step {
        title: "Refused six times, then let in",
        logs: &[("orders", include_str!("demo/guessed.log"))],
    },
];

/// In the logs; today takes its place, for what is remembered is forgotten.
const DAY_OF_THE_LOGS: &str = "2026-11-23";

const LOG_GROUP: &str = "/aws/rds/cluster/orders/postgresql";

const INTRODUCTION: &str = "\
Who connects to Aurora PostgreSQL clusters, told in Slack. Real log lines go the whole way as on AWS:
CloudWatch Logs event or Kinesis window, Lambda runtime, Secrets Manager, DynamoDB, Slack - all of them
on this machine.
";

/// Lambda's usual limit is less; nothing here takes a second.
const LIMIT: Duration = Duration::from_secs(30);
/// Slack takes a message a second.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

pub(super) fn run(flags: &MessageFlags, html: Option<&Path>) -> Result<(), Failure> {
    flags.settings(LOG_GROUP)?;
    let local = Local::start().map_err(|error| failure("no local server", &error))?;
    let function = Function::start(&local, flags)?;
    print(INTRODUCTION)?;
    local.put_item("dave", dave());
    let steps = STEPS.iter().try_for_each(|step| {
        show(&local, step)?;
        thread::sleep(BETWEEN_STEPS);
        Ok(())
    });
    let result = steps.and_then(|()| summarise(&local));
    result.map_err(|failure| match failure {
        Failure::Demo(problem) => Failure::Demo(format!("{problem}\n{}", function.log())),
        failure => failure,
    })?;
    html.map_or(Ok(()), |path| write_page(&local, path))
}

/// All that Slack got, as it shows it.
fn write_page(local: &Local, path: &Path) -> Result<(), Failure> {
    let posts = local.posts().into_iter().filter(|post| post.taken);
    let payloads: Vec<_> = posts.map(|post| post.payload).collect();
    let page = preview::html(&payloads);
    std::fs::write(path, page).map_err(|error| Failure::File(path.to_owned(), error))
}

fn show(local: &Local, step: &Step) -> Result<(), Failure> {
    let now = SystemTime::now();
    let logs = step.logs.iter().map(|(cluster, text)| {
        let log_group = format!("/aws/rds/cluster/{cluster}/postgresql");
        let text = text.replace(DAY_OF_THE_LOGS, &days_ago(0));
        let data = event::log_data(&log_group, &format!("{cluster}-1.0"), &text, now);
        (log_group, text, data)
    });
    let logs: Vec<_> = logs.collect();
    let events: usize = logs.iter().map(|(.., data)| data.log_events.len()).sum();
    print(&format!("\n━━ {}: {events} log events ━━\n", step.title))?;
    for (log_group, text, _) in &logs {
        print(&format!("\n  {log_group}\n{}", head(text, 8 / logs.len())))?;
    }
    let batches: Vec<_> = logs.into_iter().map(|(.., data)| data).collect();
    let payload = match batches.as_slice() {
        [data] => event::payload(data),
        batches => event::window(batches),
    };
    let payload = payload.map_err(|error| failure("no payload", &error))?;
    told(local, &payload)
}

/// Who has used access, dave among them, who has not for long.
fn summarise(local: &Local) -> Result<(), Failure> {
    print(
        "\n━━ The access summary, once a day or a week: who has used access, and who no more ━━\n",
    )?;
    told(local, r#"{"access_summary": true}"#)
}

fn dave() -> Value {
    json!({
        "what": { "S": "user" }, "user": { "S": "dave" }, "account": { "S": "123456789012" },
        "log_group": { "S": LOG_GROUP }, "cluster": { "S": "orders" },
        "first": { "S": days_ago(28) }, "last": { "S": days_ago(25) },
        "ttl": { "N": "99999999999" },
    })
}

/// `2026-11-23`, UTC.
fn days_ago(days: i64) -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(since_epoch.unwrap_or_default().as_secs()).unwrap_or_default();
    date(now - days * DAY)
}

/// Invokes the function, and shows what Slack got.
fn told(local: &Local, payload: &str) -> Result<(), Failure> {
    let start = Instant::now();
    let told = local.posts().len();
    let invocation = local.invoke(payload, LIMIT);
    let outcome = local
        .outcome(&invocation, LIMIT)
        .ok_or_else(|| no("no answer in time"))?;
    if outcome.failed {
        return Err(no(&format!("the invocation failed: {}", outcome.body)));
    }
    let posts: Vec<Post> = local
        .posts()
        .into_iter()
        .skip(told)
        .filter(|post| post.taken)
        .collect();
    let Some(first) = posts.first() else {
        return Err(no(
            "Slack got nothing; is it left out by --notify-on or --rules?",
        ));
    };
    let milliseconds = first.at.duration_since(start).as_millis();
    print(&format!(
        "\n━━ What Slack got, {milliseconds} ms later ━━\n\n"
    ))?;
    posts
        .iter()
        .try_for_each(|post| print(&drawing(&post.payload)))
}

/// The first lines, and how many more there are.
fn head(text: &str, shown: usize) -> String {
    let mut head = String::new();
    for line in text.lines().take(shown) {
        head.extend(["  ", line, "\n"]);
    }
    match text.lines().count().saturating_sub(shown) {
        0 => head,
        more => head + &format!("  … and {more} more\n"),
    }
}

/// The running function; it ends with this value.
struct Function(Child);

impl Function {
    fn start(local: &Local, flags: &MessageFlags) -> Result<Self, Failure> {
        let start = || -> io::Result<Self> {
            let (program, arguments) = bootstrap()?;
            let process = Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(local.environment())
                .envs(local.history())
                .envs(flags.environment(LOG_GROUP))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            Ok(Self(process))
        };
        start().map_err(|error| failure("the function does not start", &error))
    }

    /// Ends it and gives its log, which is far shorter than what a pipe holds.
    fn log(mut self) -> String {
        let mut log = String::new();
        // Without its log the failure is still reported.
        let _ = self.0.kill();
        let _ = self
            .0
            .stdout
            .take()
            .map(|mut pipe| pipe.read_to_string(&mut log));
        let _ = self
            .0
            .stderr
            .take()
            .map(|mut pipe| pipe.read_to_string(&mut log));
        log
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `bootstrap` beside this executable; where it is absent or older (`cargo run` builds this one
/// alone), this executable, which runs the same function when it is asked to.
fn bootstrap() -> io::Result<(PathBuf, &'static [&'static str])> {
    let this = std::env::current_exe()?;
    let beside = this.with_file_name(format!("bootstrap{}", std::env::consts::EXE_SUFFIX));
    let age = |path: &PathBuf| path.metadata()?.modified();
    match age(&beside) {
        Ok(built) if built >= age(&this)? => Ok((beside, &[])),
        _ => Ok((this, &["bootstrap"])),
    }
}

fn failure(what: &str, error: &io::Error) -> Failure {
    Failure::Demo(format!("{what}: {error}"))
}

fn no(what: &str) -> Failure {
    Failure::Demo(what.to_owned())
}
