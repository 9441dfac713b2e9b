//! Reads a secret from AWS Secrets Manager.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use isahc::HttpClient;
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{AwsError, Endpoint, Refusal, Service};

/// Secrets Manager.
pub static SERVICE: Service = Service {
    name: "secretsmanager",
    endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    target: "secretsmanager",
    content_type: "application/x-amz-json-1.1",
};

/// Which secret, and where it is.
#[derive(Debug, Clone)]
pub struct SecretSource {
    /// ARN or name of the secret.
    pub secret_id: String,
    /// Secrets Manager in the secret's region.
    pub endpoint: Endpoint,
}

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager knows no such secret.
    #[error(
        "there is no secret of the name or ARN in SLACK_WEBHOOK_SECRET_ID in this account and region"
    )]
    NotFound,
    /// The secret is going to be deleted.
    #[error(
        "the secret is marked for deletion; `aws secretsmanager restore-secret` brings it back"
    )]
    Deleted,
    /// The role may not read it.
    #[error("the function's role may not call secretsmanager:GetSecretValue on the secret")]
    AccessDenied,
    /// The role may not decrypt it, or its key is disabled.
    #[error(
        "the secret cannot be decrypted: the function's role needs kms:Decrypt on its KMS key, and the key must be enabled"
    )]
    Kms,
    /// Nobody has filled the secret yet.
    #[error(
        "the secret holds no value yet; fill it with `aws secretsmanager put-secret-value --secret-id \"$SLACK_WEBHOOK_SECRET_ID\" --secret-string \"$WEBHOOK_URL\"`"
    )]
    Empty,
    /// What can happen to any request to AWS.
    #[error("Secrets Manager: {0}")]
    Aws(AwsError),
}

impl SecretError {
    /// What the Lambda console shows.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "SecretsManager.NotFound",
            Self::Deleted => "SecretsManager.Deleted",
            Self::AccessDenied => "SecretsManager.AccessDenied",
            Self::Kms => "SecretsManager.Kms",
            Self::Empty => "SecretsManager.Empty",
            Self::Aws(AwsError::Throttled) => "SecretsManager.Throttled",
            Self::Aws(AwsError::ExpiredCredentials) => "SecretsManager.ExpiredCredentials",
            Self::Aws(AwsError::BadCredentials { .. }) => "SecretsManager.BadCredentials",
            Self::Aws(AwsError::Refused(_) | AwsError::Unexpected) => "SecretsManager.Refused",
            Self::Aws(AwsError::Unreachable(_)) => "SecretsManager.Unreachable",
        }
    }
}

impl From<AwsError> for SecretError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Refused(refusal) => refused(refusal),
            error => Self::Aws(error),
        }
    }
}

fn refused(refusal: Refusal) -> SecretError {
    match refusal.code.as_str() {
        // "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
        "ResourceNotFoundException" if refusal.says("secret value") => SecretError::Empty,
        "ResourceNotFoundException" => SecretError::NotFound,
        "InvalidRequestException" if refusal.says("delet") => SecretError::Deleted,
        "DecryptionFailure" => SecretError::Kms,
        "AccessDeniedException" if refusal.says("kms") => SecretError::Kms,
        "AccessDeniedException" => SecretError::AccessDenied,
        _ => SecretError::Aws(AwsError::Refused(refusal)),
    }
}

/// A part of the answer to `GetSecretValue`.
#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    string: Option<SecretString>,
}

/// The secret's string, which is up to 64 KiB long.
///
/// # Errors
/// When AWS gives no secret before the deadline, or one without a string.
pub async fn read_secret(
    client: &HttpClient,
    source: &SecretSource,
    deadline: Instant,
) -> Result<SecretString, SecretError> {
    let request = json!({ "SecretId": source.secret_id });
    let mut body = source
        .endpoint
        .call(client, "GetSecretValue", &request, deadline)
        .await?;
    let value = serde_json::from_slice::<SecretValue>(&body);
    body.zeroize();
    match value {
        Ok(value) => value.string.ok_or(SecretError::Empty),
        Err(_) => Err(SecretError::Aws(AwsError::Unexpected)),
    }
}
