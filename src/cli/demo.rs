//! `demo`: the function's own process among local servers.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::local::{Local, Post};
use super::preview::{drawing, print};
use super::{Failure, MessageFlags, event};

/// Written by PostgreSQL 15.
const BATCHES: [(&str, &str); 2] = [
    ("One connection", include_str!("demo/one.log")),
    (
        "A busy minute: batch jobs, wrong passwords, an unknown database",
        include_str!("demo/busy.log"),
    ),
];

const LOG_GROUP: &str = "/aws/rds/cluster/orders/postgresql";
const LOG_STREAM: &str = "orders-instance-1.0";

const INTRODUCTION: &str = "\
Who connects to an Aurora PostgreSQL cluster, told in Slack. Two batches of real log lines go the
whole way as on AWS: CloudWatch Logs event, Lambda runtime, Secrets Manager, Slack - all of them on
this machine.
";

/// Lambda's usual limit is less; nothing here takes a second.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn run(flags: &MessageFlags) -> Result<(), Failure> {
    flags.settings(LOG_GROUP)?;
    let local = Local::start().map_err(|error| failure("no local server", &error))?;
    let function = Function::start(&local, flags)?;
    print(INTRODUCTION)?;
    let result = BATCHES
        .iter()
        .try_for_each(|(title, text)| show(&local, title, text));
    result.map_err(|failure| match failure {
        Failure::Demo(problem) => Failure::Demo(format!("{problem}\n{}", function.log())),
        failure => failure,
    })
}

fn show(local: &Local, title: &str, text: &str) -> Result<(), Failure> {
    let data = event::log_data(LOG_GROUP, LOG_STREAM, text, SystemTime::now());
    let payload = event::payload(&data).map_err(|error| failure("no payload", &error))?;
    let events = data.log_events.len();
    print(&format!(
        "\n━━ {title}: {events} log events ━━\n\n{}",
        head(text)
    ))?;

    let start = Instant::now();
    let told = local.posts().len();
    let invocation = local.invoke(&payload, LIMIT);
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
fn head(text: &str) -> String {
    const SHOWN: usize = 8;
    let mut head = String::new();
    for line in text.lines().take(SHOWN) {
        head.extend(["  ", line, "\n"]);
    }
    match text.lines().count().saturating_sub(SHOWN) {
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
        // Without its log the failure is told all the same.
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
