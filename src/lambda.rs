//! The Lambda function: init, then one invocation after the other.

use std::env;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use futures_lite::FutureExt;
use isahc::{HttpClient, Request};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing_subscriber::filter::LevelFilter;

use crate::channel;
use crate::config::Config;
use crate::error::Error;
use crate::history::table::History;
use crate::http;
use crate::memory::Memory;
use crate::pipeline::{self, App};
use crate::slack::Slack;
use crate::source;

/// Lambda gives init 10 s; what is not ready then is started again at the first invocation.
const INIT: Duration = Duration::from_secs(9);
/// The time that an invocation reserves for reporting a failure to Lambda.
const MARGIN: Duration = Duration::from_millis(500);
/// The longest that Lambda gives an invocation.
const LONGEST_INVOCATION: Duration = Duration::from_mins(15);
/// A Runtime API that fails more often in a row, each time within a few seconds, is gone.
const MOST_FAILURES: usize = 10;
const SOON: Duration = Duration::from_secs(10);
const BETWEEN_FAILURES: Duration = Duration::from_millis(100);

/// The whole process; `bootstrap` only calls this.
#[must_use]
pub fn main() -> ExitCode {
    init_logging();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        tracing::error!("the operating system gives no event loop");
        return ExitCode::FAILURE;
    };
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(()) => ExitCode::FAILURE,
    }
}

/// `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` are Lambda's own settings. `lambda_runtime`
/// has the same with `RUST_LOG` besides, whose regular expressions are a tenth of the zip.
fn init_logging() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    if env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().init();
    } else {
        log.init();
    }
}

async fn run() -> Result<(), ()> {
    let Ok(runtime_api) = env::var("AWS_LAMBDA_RUNTIME_API") else {
        tracing::error!(
            "AWS_LAMBDA_RUNTIME_API is not set: bootstrap runs inside AWS Lambda; `aurora-connection-audit demo` shows it at work elsewhere"
        );
        return Err(());
    };
    let client = http::client().map_err(|error| log(&Error::Client(error)))?;
    let app = match init(client.clone()).await {
        Ok(app) => app,
        Err(error) => {
            log(&error);
            report_init_error(&client, &runtime_api, error).await;
            return Err(());
        }
    };
    let memory = Mutex::default();
    let mut failures = 0;
    while failures < MOST_FAILURES {
        let start = Instant::now();
        serve(&app, &memory).await;
        failures = if start.elapsed() < SOON {
            failures + 1
        } else {
            1
        };
        tokio::time::sleep(BETWEEN_FAILURES).await;
    }
    Err(())
}

/// Handles events until one comes that `lambda_runtime` cannot take: it ends at a deadline that is
/// no number, and panics where there is none. Lambda times such an invocation out and delivers its
/// event again; what this process remembers is kept.
async fn serve(app: &App, memory: &Mutex<Memory>) {
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let invocation = source::read(event.payload.get())?;
        let mut memory = memory.lock().await;
        let deadline = deadline(&event.context);
        pipeline::handle(app, &mut memory, invocation, deadline).await
    });
    let served = AssertUnwindSafe(lambda_runtime::run(handler)).catch_unwind();
    match served.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(error, "the Lambda runtime API failed"),
        Err(_) => tracing::error!("the Lambda runtime API gave an event without its headers"),
    }
}

/// Reads the environment and the secret: the first HTTPS request of a process is the slowest, and
/// a fault is to be known before the first event comes.
async fn init(client: HttpClient) -> Result<App, Error> {
    let config = Config::from_vars(|variable| env::var(variable).ok())?;
    let slack = Slack::open(client.clone(), config.secret, Instant::now() + INIT).await?;
    for channel in config
        .settings
        .rules
        .channels()
        .filter(|channel| !slack.has_channel(channel))
    {
        tracing::warn!(
            channel = channel::shown(channel),
            "the secret has no such channel: its messages go to `default`"
        );
    }
    let history = config.table.map(|table| History::new(client, table));
    if let Some(history) = &history
        && let Err(error) = history.warm_up().await
    {
        tracing::warn!(error_type = error.name(), %error, "no history yet");
    }
    Ok(App {
        settings: config.settings,
        slack,
        history,
    })
}

fn deadline(context: &Context) -> Instant {
    let left = context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    Instant::now() + left.min(LONGEST_INVOCATION).saturating_sub(MARGIN)
}

fn log(error: &Error) {
    tracing::error!(error_type = error.name(), %error, "init failed");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>
async fn report_init_error(client: &HttpClient, runtime_api: &str, error: Error) {
    let name = error.name();
    let Ok(body) = serde_json::to_vec(&Diagnostic::from(error)) else {
        return;
    };
    let request = Request::post(format!(
        "http://{runtime_api}/2018-06-01/runtime/init/error"
    ))
    .header("content-type", "application/json")
    .header("lambda-runtime-function-error-type", name);
    let sent = http::send(
        client,
        request,
        body,
        Instant::now() + Duration::from_secs(2),
    )
    .await;
    if let Err(error) = sent {
        tracing::warn!(%error, "Lambda does not take the report of the failed init");
    }
}
