//! AWS's JSON services: sign, call, read errors, retry. One file a service stands on this.
//!
//! A request is a `POST` of JSON with the operation in `x-amz-target`
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>), signed by signature version 4.
//! The credentials are read from the environment for each signature, so that renewed ones are used.

pub mod dynamodb;
pub mod secrets_manager;

use std::time::SystemTime;

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use isahc::http::Uri;
use isahc::http::request::Builder;
use isahc::{HttpClient, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::http::{self, Answer, Attempt, SendError};

/// What is the same about a service in every account and region.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// As host names and signatures have it: `secretsmanager`.
    pub name: &'static str,
    /// The variable that overrides its endpoint, before `AWS_ENDPOINT_URL` does.
    pub endpoint_variable: &'static str,
    /// What precedes the operation in `x-amz-target`: `secretsmanager`.
    pub target: &'static str,
    /// `application/x-amz-json-1.1`, or `1.0`.
    pub content_type: &'static str,
}

/// A service in a region, and who calls it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Which service.
    pub service: &'static Service,
    /// AWS region.
    pub region: String,
    /// `https://secretsmanager.<region>.amazonaws.com`, or what overrides it.
    pub url: String,
    /// Finds a variable of the environment: the credentials of the function's role.
    pub variable: fn(&str) -> Option<String>,
    /// The wall clock; signatures hold the time.
    pub clock: fn() -> SystemTime,
}

/// Why there is no answer. No variant holds anything of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// Too many requests.
    #[error("AWS throttles the requests")]
    Throttled,
    /// The credentials in the environment have expired.
    #[error("the AWS credentials in the environment have expired")]
    ExpiredCredentials,
    /// The credentials in the environment are not right.
    #[error("the AWS credentials in the environment are not valid: {code}")]
    BadCredentials {
        /// AWS's name for it.
        code: String,
    },
    /// Any other unsuccessful answer.
    #[error("AWS answers {} {}", .0.status, .0.code)]
    Refused(Refusal),
    /// A successful answer that is not the expected JSON.
    #[error("AWS gives an unexpected answer")]
    Unexpected,
    /// No answer.
    #[error("AWS cannot be reached: {0}")]
    Unreachable(SendError),
}

/// What AWS says about a request that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// AWS's name for it without a namespace, or `?`: `ResourceNotFoundException`.
    pub code: String,
    /// For people. It may repeat the request, so it is looked at and never printed.
    message: String,
}

impl Refusal {
    /// Does the message have these words, whatever their case?
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }
}

impl Endpoint {
    /// Calls an operation, again and again as [`http::retry`] does, and returns the body of the
    /// answer 200: at most 512 KiB of JSON.
    ///
    /// # Errors
    /// When AWS gives no answer 200 before the deadline.
    pub async fn call(
        &self,
        client: &HttpClient,
        operation: &str,
        request: &Value,
        deadline: Instant,
    ) -> Result<Vec<u8>, AwsError> {
        let body = request.to_string();
        http::retry(deadline, async || {
            let Some(request) = self.signed_request(operation, &body) else {
                return Attempt::Failed(AwsError::Unreachable(SendError::Request));
            };
            match http::send(client, request, body.clone().into_bytes(), deadline).await {
                Ok(answer) => read_answer(answer),
                Err(error) if error.is_transient() => {
                    Attempt::Again(AwsError::Unreachable(error), None)
                }
                Err(error) => Attempt::Failed(AwsError::Unreachable(error)),
            }
        })
        .await
    }

    fn signed_request(&self, operation: &str, body: &str) -> Option<Builder> {
        let uri: Uri = self.url.parse().ok()?;
        let target = format!("{}.{operation}", self.service.target);
        let headers = [
            ("host", uri.authority()?.as_str()),
            ("content-type", self.service.content_type),
            ("x-amz-target", &target),
        ];
        let mut request = Request::post(&uri);
        for (name, value) in headers.into_iter().skip(1) {
            request = request.header(name, value);
        }
        let signable = SignableRequest::new(
            "POST",
            self.url.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let (headers, _query) = self.signature(signable.ok()?)?.into_parts();
        for header in headers {
            request = request.header(header.name(), header.value());
        }
        Some(request)
    }

    fn signature(&self, request: SignableRequest) -> Option<SigningInstructions> {
        let identity = aws_credential_types::Credentials::new(
            (self.variable)("AWS_ACCESS_KEY_ID")?,
            (self.variable)("AWS_SECRET_ACCESS_KEY")?,
            (self.variable)("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
            None,
            "environment",
        )
        .into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.name)
            .time((self.clock)())
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        Some(sign(request, &params).ok()?.into_parts().0)
    }
}

/// The body of every refusal of AWS, as far as it matters.
#[derive(Deserialize, Default)]
struct RefusalBody {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(rename = "Message", alias = "message", default)]
    message: String,
}

fn read_answer(answer: Answer) -> Attempt<Vec<u8>, AwsError> {
    if answer.status == 200 {
        return Attempt::Done(answer.body);
    }
    let body: RefusalBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.code.rsplit('#').next().unwrap_or_default();
    let error = match code {
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => AwsError::ExpiredCredentials,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => AwsError::BadCredentials {
            code: code.to_owned(),
        },
        "ThrottlingException"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException" => AwsError::Throttled,
        _ if answer.status == 429 => AwsError::Throttled,
        _ => AwsError::Refused(Refusal {
            status: answer.status,
            code: printable(code),
            message: body.message,
        }),
    };
    if error == AwsError::Throttled || answer.status >= 500 {
        Attempt::Again(error, answer.retry_after)
    } else {
        Attempt::Failed(error)
    }
}

/// AWS's names are letters; anything else came from somewhere else and is not repeated.
fn printable(code: &str) -> String {
    let is_name = (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric());
    if is_name { code } else { "?" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn error_of(status: u16, body: &str) -> (AwsError, bool) {
        let answer = Answer {
            status,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        };
        match read_answer(answer) {
            Attempt::Failed(error) => (error, false),
            Attempt::Again(error, _) => (error, true),
            Attempt::Done(_) => panic!("a success"),
        }
    }

    #[test]
    fn an_error_is_read_with_or_without_its_namespace() {
        let expired = r#"{"__type": "com.amazonaws.dynamodb.v20120810#ExpiredTokenException"}"#;
        assert_eq!(
            error_of(400, expired),
            (AwsError::ExpiredCredentials, false)
        );
        let expired = r#"{"__type": "ExpiredToken"}"#;
        assert_eq!(
            error_of(403, expired),
            (AwsError::ExpiredCredentials, false)
        );
        let busy = r#"{"__type": "a#ProvisionedThroughputExceededException"}"#;
        assert_eq!(error_of(400, busy), (AwsError::Throttled, true));
        assert_eq!(error_of(429, "<html>"), (AwsError::Throttled, true));
    }

    #[test]
    fn what_is_no_name_of_aws_is_not_repeated() {
        let (error, again) = error_of(500, r#"{"__type": "https://hooks.slack.com/a"}"#);
        assert_eq!(
            (error.to_string().as_str(), again),
            ("AWS answers 500 ?", true)
        );
        let (error, again) = error_of(400, r#"{"__type": "ValidationException", "message": "x"}"#);
        assert_eq!(error.to_string(), "AWS answers 400 ValidationException");
        assert!(!again);
        let (error, _) = error_of(302, "");
        assert_eq!(error.to_string(), "AWS answers 302 ?");
    }
}
