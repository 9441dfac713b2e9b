//! What Slack answers, or does not.

use std::time::Duration;

use aurora_connection_audit::cli::local::{Local, Reply, WEBHOOK};

use crate::row::Row;
use crate::run::with_script;
use crate::support::LIMIT;

fn slack(replies: Vec<Reply>) -> impl FnOnce(&Local) {
    move |local| local.script_slack(WEBHOOK, replies)
}

fn wait(seconds: u8) -> Reply {
    Reply::Answer(
        429,
        format!("retry-after: {seconds}\r\n"),
        "rate_limited".to_owned(),
    )
}

const SHORT: Duration = Duration::from_secs(4);

pub fn nothing_wrong() -> Row {
    with_script("nothing", LIMIT, |_| {})
}

pub fn rate_limited() -> Row {
    with_script(
        "429 storm: five times, Retry-After 1",
        LIMIT,
        slack(vec![wait(1); 5]),
    )
}

pub fn rate_limited_for_long() -> Row {
    with_script("429 once, Retry-After 5", LIMIT, slack(vec![wait(5)]))
}

pub fn rate_limited_for_good() -> Row {
    with_script(
        "429 storm without end, Retry-After 60",
        LIMIT,
        slack(vec![wait(60); 9]),
    )
}

pub fn server_errors() -> Row {
    let burst = [500, 502, 503]
        .map(|status| Reply::status(status, ""))
        .to_vec();
    with_script("5xx burst: three times", LIMIT, slack(burst))
}

pub fn server_errors_for_good() -> Row {
    with_script(
        "5xx without end",
        SHORT,
        slack(vec![Reply::status(503, ""); 99]),
    )
}

pub fn slow() -> Row {
    with_script(
        "slow answer: shown, but not said in time",
        SHORT,
        slack(vec![Reply::Stall]),
    )
}

pub fn cut() -> Row {
    with_script(
        "cut answer: shown, but not said",
        LIMIT,
        slack(vec![Reply::Cut]),
    )
}

pub fn hung_up() -> Row {
    with_script(
        "connection closed twice",
        LIMIT,
        slack(vec![Reply::HangUp; 2]),
    )
}

pub fn refused() -> Row {
    with_script("connection refused", SHORT, |local| {
        local.script_secrets([Reply::secret("http://127.0.0.1:1/services")]);
    })
}

pub fn no_name() -> Row {
    with_script("DNS failure", SHORT, |local| {
        local.script_secrets([Reply::secret("https://hooks.slack.invalid/services")]);
    })
}

pub fn webhook_gone() -> Row {
    with_script(
        "404 no_service",
        LIMIT,
        slack(vec![Reply::status(404, "no_service"); 9]),
    )
}

pub fn message_refused() -> Row {
    with_script(
        "400 invalid_blocks",
        LIMIT,
        slack(vec![Reply::status(400, "invalid_blocks"); 9]),
    )
}
