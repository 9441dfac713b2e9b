//! Errors, with the names that the Lambda console shows.

use std::fmt;

use lambda_runtime::Diagnostic;

use crate::aws::dynamodb::TableError;
use crate::cloudwatch::DecodeError;
use crate::config::ConfigError;
use crate::http::SendError;
use crate::slack::SlackError;
use crate::slack::webhooks::WebhookError;

/// Everything that can fail. No variant holds a secret or a log line.
#[derive(thiserror::Error)]
pub enum Error {
    /// The environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The HTTP client cannot start.
    #[error("the HTTP client cannot start: {0}")]
    Client(SendError),
    /// The payload.
    #[error(transparent)]
    Payload(#[from] DecodeError),
    /// The secret, or what is in it.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Slack.
    #[error(transparent)]
    Slack(#[from] SlackError),
    /// The table of the history, where nothing goes without it.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is no table of the history.
    #[error(
        "there is no access summary without a history: set HISTORY_TABLE to the name of a DynamoDB table (`history` in the Terraform module)"
    )]
    NoHistory,
    /// A test message did not reach every channel; what each answered.
    #[error("a channel did not take the test message: {0}")]
    Test(String),
}

impl Error {
    /// A name that never changes: alarms and the failures queue may rely on it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Config(_) => "Config.Invalid",
            Self::Client(_) => "Http.Client",
            Self::Payload(error) => payload_name(*error),
            Self::Webhook(error) => error.name(),
            Self::Slack(error) => error.name(),
            Self::Table(error) => error.name(),
            Self::NoHistory => "Config.NoHistory",
            Self::Test(_) => "Slack.TestFailed",
        }
    }
}

/// As [`Error::name`].
#[must_use]
pub fn payload_name(error: DecodeError) -> &'static str {
    match error {
        DecodeError::NotAnEvent => "Payload.NotASubscription",
        DecodeError::NotAFailureRecord => "Payload.NotAFailureRecord",
        DecodeError::Base64 { .. } => "Payload.Base64",
        DecodeError::GzipDamaged | DecodeError::GzipCutOff { .. } => "Payload.Gzip",
        DecodeError::TooLarge => "Payload.TooLarge",
        DecodeError::Json { .. } => "Payload.Json",
    }
}

/// `lambda_runtime` logs a failed invocation by its `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {self}", self.name())
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: error.to_string(),
        }
    }
}
