//! Reads the webhook from AWS Secrets Manager.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use isahc::http::Uri;
use isahc::http::request::Builder;
use isahc::{HttpClient, Request};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use crate::http::{self, Answer, Attempt, SendError};
use crate::routing::DEFAULT_CHANNEL;

const TARGET: &str = "secretsmanager.GetSecretValue";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Which secret, and by whose authority.
#[derive(Debug, Clone)]
pub struct SecretSource {
    /// ARN or name of the secret.
    pub secret_id: String,
    /// AWS region.
    pub region: String,
    /// `https://secretsmanager.<region>.amazonaws.com`, or what overrides it.
    pub endpoint: String,
    /// Of the function's role.
    pub credentials: Credentials,
    /// The wall clock; signatures hold the time.
    pub clock: fn() -> SystemTime,
}

/// What Lambda gives the function to sign with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
}

/// The webhooks of a secret, by channel; there is always a `default`.
#[derive(Debug, Clone)]
pub struct Webhooks {
    default: SecretString,
    channels: BTreeMap<String, SecretString>,
}

impl Webhooks {
    /// From the secret's string: one URL, or a JSON object of channel -> URL with a `default`.
    ///
    /// # Errors
    /// When there is no URL, or one that may not be posted to. The value is not in the error.
    pub fn from_secret(secret: &str) -> Result<Self, SecretError> {
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(SecretError::Empty);
        }
        let urls = if secret.starts_with('{') {
            serde_json::from_str::<BTreeMap<String, String>>(secret)
                .map_err(|_| SecretError::NotChannels)?
        } else {
            BTreeMap::from([(DEFAULT_CHANNEL.to_owned(), secret.to_owned())])
        };
        let mut channels = BTreeMap::new();
        for (channel, url) in urls {
            if !is_postable(url.trim()) {
                return Err(SecretError::NotAUrl { channel });
            }
            channels.insert(channel, SecretString::from(url.trim()));
        }
        let default = channels
            .get(DEFAULT_CHANNEL)
            .cloned()
            .ok_or(SecretError::NoDefault)?;
        Ok(Self { default, channels })
    }

    /// The webhook of a channel, with the name under which it was found: a channel that the secret
    /// does not hold is posted to `default`, so that nothing is lost.
    #[must_use]
    pub fn get(&self, channel: &str) -> (&str, &SecretString) {
        match self.channels.get_key_value(channel) {
            Some((name, url)) => (name, url),
            None => (DEFAULT_CHANNEL, &self.default),
        }
    }
}

fn is_postable(url: &str) -> bool {
    url.parse::<Uri>()
        .is_ok_and(|url| http::is_confidential(&url))
}

/// Why there is no webhook.
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
    /// Too many requests.
    #[error("Secrets Manager answers that there are too many requests")]
    Throttled,
    /// The credentials in the environment are over.
    #[error("the AWS credentials in the environment have expired")]
    ExpiredCredentials,
    /// The credentials in the environment are not right.
    #[error("the AWS credentials in the environment are not valid: {code}")]
    BadCredentials {
        /// AWS's name for it.
        code: String,
    },
    /// Nobody has filled the secret yet.
    #[error(
        "the secret holds no value yet; fill it with `aws secretsmanager put-secret-value --secret-id \"$SLACK_WEBHOOK_SECRET_ID\" --secret-string \"$WEBHOOK_URL\"`"
    )]
    Empty,
    /// A JSON object, but not of strings.
    #[error("the secret begins with {{ but is not a JSON object of channel names and webhook URLs")]
    NotChannels,
    /// A JSON object without the channel that always exists.
    #[error(
        "the secret's JSON object has no `default`, the channel of what no rule sends elsewhere"
    )]
    NoDefault,
    /// A value that is not an `https` URL.
    #[error("the secret's webhook for channel {channel:?} is not an https URL")]
    NotAUrl {
        /// Its channel.
        channel: String,
    },
    /// Any other answer of AWS.
    #[error("Secrets Manager answered {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// AWS's name for it, or `?`.
        code: String,
    },
    /// No answer.
    #[error("Secrets Manager cannot be reached: {0}")]
    Unreachable(SendError),
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
            Self::Throttled => "SecretsManager.Throttled",
            Self::ExpiredCredentials => "SecretsManager.ExpiredCredentials",
            Self::BadCredentials { .. } => "SecretsManager.BadCredentials",
            Self::Empty => "SecretsManager.Empty",
            Self::NotChannels => "SecretsManager.NotChannels",
            Self::NoDefault => "SecretsManager.NoDefault",
            Self::NotAUrl { .. } => "SecretsManager.NotAUrl",
            Self::Refused { .. } => "SecretsManager.Refused",
            Self::Unreachable(_) => "SecretsManager.Unreachable",
        }
    }
}

/// Reads the secret.
///
/// # Errors
/// When AWS gives no secret before the deadline, or its string holds no webhook.
pub async fn read_webhooks(
    client: &HttpClient,
    source: &SecretSource,
    deadline: Instant,
) -> Result<Webhooks, SecretError> {
    http::retry(deadline, async || {
        let body = serde_json::json!({ "SecretId": source.secret_id }).to_string();
        let Some(request) = signed_request(source, &body) else {
            return Attempt::Failed(SecretError::Unreachable(SendError::Request));
        };
        match http::send(client, request, body.into_bytes(), deadline).await {
            Ok(answer) => read_answer(answer),
            Err(error) if error.is_transient() => {
                Attempt::Again(SecretError::Unreachable(error), None)
            }
            Err(error) => Attempt::Failed(SecretError::Unreachable(error)),
        }
    })
    .await
}

fn signed_request(source: &SecretSource, body: &str) -> Option<Builder> {
    let uri: Uri = source.endpoint.parse().ok()?;
    let headers = [
        ("host", uri.authority()?.as_str()),
        ("content-type", CONTENT_TYPE),
        ("x-amz-target", TARGET),
    ];
    let mut request = Request::post(&uri);
    for (name, value) in headers.into_iter().skip(1) {
        request = request.header(name, value);
    }
    let signable = SignableRequest::new(
        "POST",
        source.endpoint.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (headers, _query) = signature(source, signable.ok()?)?.into_parts();
    for header in headers {
        request = request.header(header.name(), header.value());
    }
    Some(request)
}

fn signature(source: &SecretSource, request: SignableRequest) -> Option<SigningInstructions> {
    let credentials = &source.credentials;
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose_secret(),
        credentials
            .session_token
            .as_ref()
            .map(|token| token.expose_secret().to_owned()),
        None,
        "environment",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&source.region)
        .name("secretsmanager")
        .time((source.clock)())
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    Some(sign(request, &params).ok()?.into_parts().0)
}

/// A part of the answer to `GetSecretValue`.
#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    string: Option<String>,
}

/// A part of every refusal of AWS.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(rename = "Message", alias = "message", default)]
    message: String,
}

fn read_answer(mut answer: Answer) -> Attempt<Webhooks, SecretError> {
    if answer.status != 200 {
        return refusal(&answer);
    }
    let value = serde_json::from_slice::<SecretValue>(&answer.body);
    answer.body.zeroize();
    let webhooks = match value {
        Ok(SecretValue {
            string: Some(mut string),
        }) => {
            let webhooks = Webhooks::from_secret(&string);
            string.zeroize();
            webhooks
        }
        Ok(SecretValue { string: None }) => Err(SecretError::Empty),
        Err(_) => Err(SecretError::Refused {
            status: 200,
            code: "?".to_owned(),
        }),
    };
    match webhooks {
        Ok(webhooks) => Attempt::Done(webhooks),
        Err(error) => Attempt::Failed(error),
    }
}

fn refusal(answer: &Answer) -> Attempt<Webhooks, SecretError> {
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = refusal.code.rsplit('#').next().unwrap_or_default();
    let says = |words: &str| refusal.message.to_ascii_lowercase().contains(words);
    let error = match code {
        // "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
        "ResourceNotFoundException" if says("secret value") => SecretError::Empty,
        "ResourceNotFoundException" => SecretError::NotFound,
        "InvalidRequestException" if says("delet") => SecretError::Deleted,
        "DecryptionFailure" => SecretError::Kms,
        "AccessDeniedException" if says("kms") => SecretError::Kms,
        "AccessDeniedException" => SecretError::AccessDenied,
        "ExpiredTokenException" | "ExpiredToken" => SecretError::ExpiredCredentials,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => SecretError::BadCredentials {
            code: code.to_owned(),
        },
        "ThrottlingException" | "TooManyRequestsException" | "LimitExceededException" => {
            return Attempt::Again(SecretError::Throttled, answer.retry_after);
        }
        _ if answer.status == 429 => {
            return Attempt::Again(SecretError::Throttled, answer.retry_after);
        }
        _ => SecretError::Refused {
            status: answer.status,
            code: printable(code),
        },
    };
    match answer.status {
        500.. => Attempt::Again(error, answer.retry_after),
        _ => Attempt::Failed(error),
    }
}

/// AWS's names are letters; anything else came from somewhere else and is not repeated.
fn printable(code: &str) -> String {
    let is_name = !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric());
    if is_name {
        code.to_owned()
    } else {
        "?".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_webhooks(secret: &str, expected: &[(&str, &str)]) {
        let webhooks = Webhooks::from_secret(secret).unwrap();
        let urls = webhooks
            .channels
            .iter()
            .map(|(channel, url)| (channel.as_str(), url.expose_secret()));
        assert_eq!(urls.collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn assert_refused(secret: &str, expected: &SecretError) {
        let error = Webhooks::from_secret(secret).unwrap_err();
        assert_eq!(&error, expected);
        assert!(
            secret.len() < 8 || !error.to_string().contains(secret),
            "{error}"
        );
    }

    #[test]
    fn a_secret_is_a_url_or_an_object_of_urls() {
        assert_webhooks(
            " https://hooks.slack.com/a \n",
            &[("default", "https://hooks.slack.com/a")],
        );
        assert_webhooks(
            r#"{"security": "https://hooks.slack.com/b", "default": "https://hooks.slack.com/a"}"#,
            &[
                ("default", "https://hooks.slack.com/a"),
                ("security", "https://hooks.slack.com/b"),
            ],
        );
        assert_webhooks(
            "http://127.0.0.1:8080/a",
            &[("default", "http://127.0.0.1:8080/a")],
        );
    }

    #[test]
    fn what_is_no_webhook_is_refused_by_name() {
        let not_a_url = || SecretError::NotAUrl {
            channel: "default".to_owned(),
        };
        assert_refused("", &SecretError::Empty);
        assert_refused("hooks.slack.com/services/T0/B0/x", &not_a_url());
        assert_refused("http://hooks.slack.com/services/T0/B0/x", &not_a_url());
        assert_refused("https:///services", &not_a_url());
        assert_refused("http://127.0.0.1.example.com/services", &not_a_url());
        assert_refused(r#"{"default": 1}"#, &SecretError::NotChannels);
        assert_refused(
            r#"{"security": "https://hooks.slack.com/b"}"#,
            &SecretError::NoDefault,
        );
    }

    #[test]
    fn a_channel_that_the_secret_lacks_is_the_default() {
        let webhooks = Webhooks::from_secret("https://hooks.slack.com/a").unwrap();
        assert_eq!(webhooks.get("security").0, "default");
    }

    #[test]
    fn debug_shows_no_secret() {
        let webhooks = Webhooks::from_secret("https://hooks.slack.com/a").unwrap();
        assert_eq!(
            format!("{webhooks:?}"),
            r#"Webhooks { default: SecretBox<str>([REDACTED]), channels: {"default": SecretBox<str>([REDACTED])} }"#
        );
    }
}
