//! The access summary: ask the table -> post -> remember the day.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::access::{ATTRIBUTES, Access, Period};
use crate::channel::DEFAULT_CHANNEL;
use crate::config::Settings;
use crate::error::Error;
use crate::history::table::History;
use crate::slack::{Limit, Slack, Throttled, message};

/// Kept back of the invocation's time for posting.
const POSTING: Duration = Duration::from_secs(15);

/// Posts one message about who has used access; the answer says the same.
///
/// # Errors
/// Without a table, and when the table does not say, or Slack does not take, everything before the
/// deadline.
pub async fn run(
    history: Option<&History>,
    slack: &Slack,
    settings: &Settings,
    deadline: Instant,
) -> Result<Value, Error> {
    let (Some(history), Some(remembered)) = (history, &settings.remembered) else {
        return Err(Error::NoHistory);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let reading = deadline - POSTING.min(left / 2);
    let now = seconds(SystemTime::now());
    let since = history.last_summary(reading).await?;
    let mut access = Access::new(Period::new(since, now, remembered.days));
    let add = |item| access.add(&item);
    history.read_all(&ATTRIBUTES, add, reading).await?;
    access.finish(settings);
    let payload = message::access(&access, &settings.style);
    let limit = Limit {
        deadline,
        throttled: Throttled::Waits,
    };
    slack.post(DEFAULT_CHANNEL, &payload, limit).await?;
    // It is told; the next one may begin too early, but leaves nothing out.
    if let Err(error) = history.remember_summary(now, deadline).await {
        let consequence = "the next summary begins where this one did";
        tracing::warn!(error_type = error.name(), %error, consequence, "no history");
    }
    report(&access);
    Ok(json!({ "access_summary": access }))
}

fn report(access: &Access) {
    let [new, idle, connected] = access.counts();
    let clusters = access.clusters().count();
    tracing::info!(clusters, connected, new, idle, "access summary");
}

fn seconds(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since_epoch.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
