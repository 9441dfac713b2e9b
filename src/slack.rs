//! Posting to Slack: what each answer means.
//!
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
//!
//! | answer | meaning |
//! |---|---|
//! | 200 `ok` | posted; nothing else is a success |
//! | 429 | retried after `Retry-After`, at a random moment; fails at once if that is too long (see [`patience`]) |
//! | 408, 5xx, no answer | retried after a while |
//! | 403, 404, 410 | the webhook is gone: reads the secret again, and tries a new URL |
//! | any other | failed |
//!
//! A post whose answer is lost is repeated, so Slack may show it twice, but never misses it.

pub mod console;
pub mod message;
pub mod mrkdwn;
pub mod patience;
pub mod text;
pub mod time_zone;
pub mod webhooks;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use isahc::http::header::CONTENT_TYPE;
use isahc::{HttpClient, Request};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use self::patience::Patience;
use self::webhooks::{WebhookError, Webhooks};
use crate::aws::secrets_manager::SecretSource;
use crate::http::{self, Answer, Attempt, SendError};

/// Slack's limit for a webhook.
const BETWEEN_POSTS: Duration = Duration::from_secs(1);

/// Posts to the webhooks of one secret.
#[derive(Debug)]
pub struct Slack {
    client: HttpClient,
    source: SecretSource,
    webhooks: RefCell<Webhooks>,
    /// When a webhook may be posted to again, by its name in the secret.
    ready: RefCell<HashMap<String, Instant>>,
    patience: RefCell<Patience>,
}

/// How long a post may take.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Then it has failed.
    pub deadline: Instant,
    /// What becomes of it while Slack takes no more posts.
    pub throttled: Throttled,
}

/// What a post does while Slack takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttled {
    /// It waits until the deadline.
    Waits,
    /// It waits as long as the process has [`patience`], and then fails.
    FailsSoon,
}

/// Why a message is not in Slack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// 429, or one so recently that another would follow, for as long as the invocation could wait.
    #[error("Slack throttles the webhook for longer than this invocation can wait")]
    RateLimited,
    /// 408 or 5xx for as long as the invocation could wait.
    #[error("Slack answers {status}")]
    Unavailable {
        /// HTTP status of the last answer.
        status: u16,
    },
    /// No answer for as long as the invocation could wait.
    #[error("Slack cannot be reached: {0}")]
    Unreachable(SendError),
    /// One of Slack's documented answers.
    #[error("Slack answers {status} {answer}: {advice}", answer = refusal.answer, advice = refusal.advice)]
    Refused {
        /// HTTP status.
        status: u16,
        /// Which.
        refusal: &'static Refusal,
    },
    /// An answer that Slack's documentation does not list.
    #[error("Slack answers {status} and not `ok`; is the secret's URL an incoming webhook's?")]
    Unexpected {
        /// HTTP status.
        status: u16,
    },
}

/// A documented answer of Slack that another attempt will not change.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The body.
    pub answer: &'static str,
    /// What the Lambda console shows.
    pub name: &'static str,
    /// What to do.
    pub advice: &'static str,
}

const NEW_WEBHOOK: &str = "make a new webhook and put its URL into the secret";
const OUR_FAULT: &str = "this is a fault of this program; please report it";

#[rustfmt::skip]
const REFUSALS: &[Refusal] = &[
    Refusal { answer: "invalid_payload", name: "Slack.InvalidPayload", advice: OUR_FAULT },
    Refusal { answer: "invalid_blocks", name: "Slack.InvalidBlocks", advice: OUR_FAULT },
    Refusal { answer: "no_text", name: "Slack.NoText", advice: OUR_FAULT },
    Refusal { answer: "action_prohibited", name: "Slack.ActionProhibited", advice: "an administrator of the workspace restricts webhooks" },
    Refusal { answer: "posting_to_general_channel_denied", name: "Slack.GeneralChannelDenied", advice: "the webhook's creator may not post to the general channel" },
    Refusal { answer: "invalid_token", name: "Slack.InvalidToken", advice: NEW_WEBHOOK },
    Refusal { answer: "no_active_hooks", name: "Slack.NoActiveHooks", advice: NEW_WEBHOOK },
    Refusal { answer: "no_service", name: "Slack.NoService", advice: NEW_WEBHOOK },
    Refusal { answer: "no_service_id", name: "Slack.NoService", advice: NEW_WEBHOOK },
    Refusal { answer: "no_team", name: "Slack.NoTeam", advice: NEW_WEBHOOK },
    Refusal { answer: "team_disabled", name: "Slack.TeamDisabled", advice: "the workspace is disabled" },
    Refusal { answer: "user_not_found", name: "Slack.UserNotFound", advice: NEW_WEBHOOK },
    Refusal { answer: "channel_not_found", name: "Slack.ChannelNotFound", advice: "the channel is gone; make a webhook for another" },
    Refusal { answer: "channel_is_archived", name: "Slack.ChannelIsArchived", advice: "unarchive the channel, or make a webhook for another" },
];

impl SlackError {
    /// What the Lambda console shows.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RateLimited => "Slack.RateLimited",
            Self::Unavailable { .. } => "Slack.Unavailable",
            Self::Unreachable(_) => "Slack.Unreachable",
            Self::Refused { refusal, .. } => refusal.name,
            Self::Unexpected { .. } => "Slack.UnexpectedAnswer",
        }
    }

    /// Could a new URL in the secret help?
    fn webhook_is_gone(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 403 | 404 | 410,
                ..
            } | Self::Unexpected {
                status: 403 | 404 | 410
            }
        )
    }
}

impl Slack {
    /// Reads the secret.
    ///
    /// # Errors
    /// When there is no webhook to post to.
    pub async fn open(
        client: HttpClient,
        source: SecretSource,
        deadline: Instant,
    ) -> Result<Self, WebhookError> {
        let webhooks = Webhooks::read(&client, &source, deadline).await?;
        let ready = RefCell::default();
        Ok(Self {
            client,
            source,
            webhooks: RefCell::new(webhooks),
            ready,
            patience: RefCell::new(Patience::new(Instant::now())),
        })
    }

    /// Does the secret have a webhook of this name?
    #[must_use]
    pub fn has_channel(&self, channel: &str) -> bool {
        self.webhooks.borrow().get(channel).0 == channel
    }

    /// The channels of the secret, by name. To print one, see [`crate::channel::label`].
    #[must_use]
    pub fn channels(&self) -> Vec<String> {
        let webhooks = self.webhooks.borrow();
        webhooks.channels().map(str::to_owned).collect()
    }

    /// Posts a message, once a second at most for each webhook.
    ///
    /// # Errors
    /// When Slack does not say `ok` within the limit.
    pub async fn post(
        &self,
        channel: &str,
        payload: &serde_json::Value,
        limit: Limit,
    ) -> Result<(), SlackError> {
        let payload = payload.to_string().into_bytes();
        let webhook = self.webhook(channel);
        match self.post_to(&webhook, &payload, limit).await {
            Err(error) if error.webhook_is_gone() => {
                let Some(rotated) = self.rotated(channel, &webhook, limit.deadline).await else {
                    return Err(error);
                };
                self.post_to(&rotated, &payload, limit).await
            }
            result => result,
        }
    }

    fn webhook(&self, channel: &str) -> Webhook {
        let webhooks = self.webhooks.borrow();
        let (name, url) = webhooks.get(channel);
        Webhook {
            name: name.to_owned(),
            url: url.clone(),
        }
    }

    /// The channel's webhook of today, if it differs from the one that failed.
    async fn rotated(&self, channel: &str, old: &Webhook, deadline: Instant) -> Option<Webhook> {
        match Webhooks::read(&self.client, &self.source, deadline).await {
            Ok(webhooks) => *self.webhooks.borrow_mut() = webhooks,
            Err(error) => {
                tracing::warn!(error_type = error.name(), %error, "the secret cannot be read again");
                return None;
            }
        }
        let new = self.webhook(channel);
        (new.url.expose_secret() != old.url.expose_secret()).then_some(new)
    }

    async fn post_to(
        &self,
        webhook: &Webhook,
        payload: &[u8],
        limit: Limit,
    ) -> Result<(), SlackError> {
        let deadline = limit.deadline;
        http::retry(deadline, async || {
            if let Some(wait) = self.wait_for(webhook) {
                if wait >= self.left(limit) || is_too_late(Instant::now() + wait, deadline) {
                    return Attempt::Failed(SlackError::RateLimited);
                }
                self.take(wait, limit);
                tokio::time::sleep(wait).await;
            }
            if is_too_late(Instant::now(), deadline) {
                return Attempt::Failed(SlackError::Unreachable(SendError::TooLate));
            }
            self.pause(webhook, BETWEEN_POSTS);
            let request =
                Request::post(webhook.url.expose_secret()).header(CONTENT_TYPE, "application/json");
            match http::send(&self.client, request, payload.to_vec(), deadline).await {
                Ok(answer) if answer.status == 429 => {
                    let asked = answer.retry_after.unwrap_or_default().max(BETWEEN_POSTS);
                    self.pause(webhook, asked);
                    let Some(wait) = spread(asked, self.left(limit)) else {
                        return Attempt::Failed(SlackError::RateLimited);
                    };
                    self.take(wait, limit);
                    Attempt::Again(SlackError::RateLimited, Some(wait))
                }
                Ok(answer) => read_answer(&answer),
                Err(error) if error.is_transient() => {
                    Attempt::Again(SlackError::Unreachable(error), None)
                }
                Err(error) => Attempt::Failed(SlackError::Unreachable(error)),
            }
        })
        .await
    }

    fn pause(&self, webhook: &Webhook, wait: Duration) {
        self.ready
            .borrow_mut()
            .insert(webhook.name.clone(), Instant::now() + wait);
    }

    /// Until the webhook may be posted to again.
    fn wait_for(&self, webhook: &Webhook) -> Option<Duration> {
        let ready = *self.ready.borrow().get(&webhook.name)?;
        ready.checked_duration_since(Instant::now())
    }

    /// So long may a post still wait for Slack to take it.
    fn left(&self, limit: Limit) -> Duration {
        let now = Instant::now();
        let left = limit.deadline.saturating_duration_since(now);
        match limit.throttled {
            Throttled::Waits => left,
            Throttled::FailsSoon => left.min(self.patience.borrow().left(now)),
        }
    }

    fn take(&self, wait: Duration, limit: Limit) {
        if limit.throttled == Throttled::FailsSoon {
            self.patience.borrow_mut().take(wait, Instant::now());
        }
    }
}

/// What is posted with no time for an answer may arrive, and would be posted again.
fn is_too_late(at: Instant, deadline: Instant) -> bool {
    deadline.saturating_duration_since(at) < http::SHORTEST_ATTEMPT
}

struct Webhook {
    name: String,
    url: SecretString,
}

/// The wait after 429; none if Slack asks for more time than is left. It ends at a random moment in
/// the first quarter of what is left after `Retry-After`, so that functions which were throttled
/// together, as after a midnight job, do not return together, and each has some more attempts.
fn spread(asked: Duration, left: Duration) -> Option<Duration> {
    let room = left.checked_sub(asked)?;
    Some(http::random_between(asked, asked + room / 4))
}

fn read_answer(answer: &Answer) -> Attempt<(), SlackError> {
    let status = answer.status;
    match (status, answer.body.trim_ascii()) {
        (200, b"ok") => Attempt::Done(()),
        (408 | 500.., _) => Attempt::Again(SlackError::Unavailable { status }, answer.retry_after),
        (_, body) => {
            let known = REFUSALS
                .iter()
                .find(|refusal| refusal.answer.as_bytes() == body);
            Attempt::Failed(match known {
                Some(refusal) => SlackError::Refused { status, refusal },
                None => SlackError::Unexpected { status },
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn too_long_a_wait_is_none() {
        for (asked, left) in [(300, 30), (31, 30), (1, 0)] {
            assert_eq!(spread(SECOND * asked, SECOND * left), None);
        }
    }

    #[test]
    fn waits_are_spread_over_the_time_that_is_left() {
        let mut in_quarters = [0; 4];
        for _ in 0..400 {
            let wait = spread(2 * SECOND, 42 * SECOND).unwrap();
            assert!((2 * SECOND..=12 * SECOND).contains(&wait), "{wait:?}");
            let quarter = wait.saturating_sub(2 * SECOND).as_millis() / 2500;
            in_quarters[usize::try_from(quarter).unwrap().min(3)] += 1;
        }
        assert!(
            in_quarters.iter().all(|count| *count > 50),
            "{in_quarters:?}"
        );
    }
}
