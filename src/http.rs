//! One HTTP client, and retries inside a deadline.
//!
//! Nothing here prints a URL: a webhook's URL is its password.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_lite::AsyncReadExt;
use isahc::config::{Configurable, RedirectPolicy};
use isahc::error::ErrorKind;
use isahc::http::request::Builder;
use isahc::http::{HeaderMap, Uri, header};
use isahc::tls::{TlsConfig, TrustStore};
use isahc::{HttpClient, Request};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::Instant;

/// An answer is read up to this length. A page of DynamoDB's is the longest.
const MAX_BODY: u64 = 512 << 10;
/// For the name, the TCP connection and the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole attempt, unless the deadline is near.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Another attempt with less time than this is not worth making.
pub const SHORTEST_ATTEMPT: Duration = Duration::from_millis(200);
/// After the first failure; doubled after each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);
/// The most attempts at a request. A window of the retry queue shares Slack's one post a second with
/// many batches: it needs about a dozen, and sometimes more.
const MOST_ATTEMPTS: u32 = 20;
/// A longer `Retry-After` counts as this. It is longer than an invocation, and a process that was told
/// a nonsensical number once asks again after it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// What the server said.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The wait that the server asks for; at most five minutes.
    pub retry_after: Option<Duration>,
    /// At most 512 KiB.
    pub body: Vec<u8>,
}

/// Without the body: it may be a secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No or half an answer in time.
    #[error("no answer in time")]
    Timeout,
    /// Nothing was sent: what is sent too late may arrive, and is then sent again.
    #[error("no time was left for a request")]
    TooLate,
    /// DNS.
    #[error("the host name cannot be resolved")]
    NameResolution,
    /// Nobody listens, or a firewall is in between.
    #[error("no connection")]
    Connect,
    /// The connection broke in the middle.
    #[error("the connection was cut")]
    Cut,
    /// The handshake failed.
    #[error("TLS failed")]
    Tls,
    /// The server is not who it says.
    #[error("the server's certificate is not valid")]
    Certificate,
    /// The request cannot be made.
    #[error("the request is not valid")]
    Request,
    /// The answer is not HTTP, or longer than anything expected.
    #[error("the answer is not one that the server should give")]
    Protocol,
}

impl SendError {
    /// Could another attempt succeed?
    #[must_use]
    pub fn is_transient(self) -> bool {
        !matches!(self, Self::Request | Self::Certificate)
    }
}

/// The client. There is one in a process: it keeps connections open between invocations.
///
/// # Errors
/// When the operating system gives no thread or no socket.
pub fn client() -> Result<HttpClient, SendError> {
    let authorities = TrustStore::builder()
        .certificate_from_pem(certificate_authorities())
        .build();
    HttpClient::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect_policy(RedirectPolicy::None)
        .tls_config(TlsConfig::builder().trust_store(authorities).build())
        .build()
        .map_err(|error| send_error(&error))
}

/// Mozilla's certificate authorities, compiled in, as PEM.
///
/// isahc could take them as they are, but would write each as PEM in constant time, as befits keys:
/// that was nine tenths of what the start computes.
#[must_use]
pub fn certificate_authorities() -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
    const END: &str = "\n-----END CERTIFICATE-----\n";
    let certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let length = |certificate: &[u8]| BEGIN.len() + certificate.len().div_ceil(3) * 4 + END.len();
    let total = certificates.iter().map(|certificate| length(certificate));
    let mut pem = String::with_capacity(total.sum());
    for certificate in certificates {
        pem.push_str(BEGIN);
        STANDARD.encode_string(certificate, &mut pem);
        pem.push_str(END);
    }
    pem
}

/// One attempt, no longer than the deadline leaves; none when it leaves nothing.
///
/// # Errors
/// When there is no whole answer in time.
pub async fn send(
    client: &HttpClient,
    request: Builder,
    body: Vec<u8>,
    deadline: Instant,
) -> Result<Answer, SendError> {
    let limit = attempt_timeout(deadline);
    if limit.is_zero() {
        return Err(SendError::TooLate);
    }
    let request = request
        .timeout(limit)
        .body(body)
        .map_err(|_| SendError::Request)?;
    tokio::time::timeout(limit, exchange(client, request))
        .await
        .unwrap_or(Err(SendError::Timeout))
}

/// Half of what the deadline leaves, so that a stalled connection leaves time for another attempt.
fn attempt_timeout(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    ATTEMPT_TIMEOUT.min((left / 2).max(SHORTEST_ATTEMPT).min(left))
}

async fn exchange(client: &HttpClient, request: Request<Vec<u8>>) -> Result<Answer, SendError> {
    let response = client
        .send_async(request)
        .await
        .map_err(|error| send_error(&error))?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    let read = response
        .into_body()
        .take(MAX_BODY + 1)
        .read_to_end(&mut body)
        .await;
    match read {
        Ok(_) if body.len() as u64 > MAX_BODY => Err(SendError::Protocol),
        Ok(_) => Ok(Answer {
            status,
            retry_after,
            body,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Err(SendError::Timeout),
        Err(_) => Err(SendError::Cut),
    }
}

fn send_error(error: &isahc::Error) -> SendError {
    match error.kind() {
        ErrorKind::Timeout => SendError::Timeout,
        ErrorKind::NameResolution => SendError::NameResolution,
        ErrorKind::ConnectionFailed => SendError::Connect,
        ErrorKind::BadServerCertificate => SendError::Certificate,
        ErrorKind::InvalidTlsConfiguration | ErrorKind::TlsEngine => SendError::Tls,
        ErrorKind::InvalidRequest | ErrorKind::ClientInitialization => SendError::Request,
        ErrorKind::ProtocolViolation => SendError::Protocol,
        _ => SendError::Cut,
    }
}

/// RFC 9110, section 10.2.3: `Retry-After` is seconds, in any number of digits, or a date.
///
/// A date is measured from the answer's own `Date`, so that our clock does not matter. What is
/// neither, as a negative number, says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(value).or_else(|| {
        let now = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
        Some((http_date(value)? - now).try_into().unwrap_or_default())
    })?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// `delay-seconds = 1*DIGIT`
fn seconds(digits: &str) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: RFC 2822 once `GMT` is `+0000`.
fn http_date(value: &str) -> Option<OffsetDateTime> {
    let date = value.trim().strip_suffix("GMT")?;
    OffsetDateTime::parse(&format!("{date}+0000"), &Rfc2822).ok()
}

/// `https`, or `http` to this machine (the demo and the tests): nobody in between can read it.
#[must_use]
pub fn is_confidential(url: &Uri) -> bool {
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => matches!(host, "127.0.0.1" | "[::1]" | "localhost"),
        _ => false,
    }
}

/// How an attempt went.
#[derive(Debug)]
pub enum Attempt<T, E> {
    /// Well.
    Done(T),
    /// Badly, and another attempt would not help.
    Failed(E),
    /// Badly, but it may get better; the server may have said when.
    Again(E, Option<Duration>),
}

/// Makes attempts until one is final, the deadline leaves no time for another, or there were twenty.
///
/// Between two of them is what the server asks for, and never less than a backoff: 250 ms, doubled
/// each time up to 8 s. A server that asks for no wait at all gets no more requests than any other.
///
/// # Errors
/// With the last attempt's error.
pub async fn retry<T, E>(
    deadline: Instant,
    mut attempt: impl AsyncFnMut() -> Attempt<T, E>,
) -> Result<T, E> {
    let mut made = 0;
    loop {
        let (error, asked) = match attempt().await {
            Attempt::Done(value) => return Ok(value),
            Attempt::Failed(error) => return Err(error),
            Attempt::Again(error, asked) => (error, asked),
        };
        made += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        match next_wait(made, asked, left) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
    }
}

/// The wait after `made` attempts; `None` where there should be no other.
fn next_wait(made: u32, asked: Option<Duration>, left: Duration) -> Option<Duration> {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(made.saturating_sub(1)));
    let backoff = jittered(doubled.min(LONGEST_BACKOFF));
    let wait = asked.unwrap_or_default().max(backoff);
    (made < MOST_ATTEMPTS && left >= wait.saturating_add(SHORTEST_ATTEMPT)).then_some(wait)
}

/// Up to a quarter longer, so that functions that failed together do not return together.
fn jittered(backoff: Duration) -> Duration {
    random_between(backoff, backoff + backoff / 4)
}

/// A random time from `shortest` to `longest`; `shortest` if that is the longer.
#[must_use]
pub fn random_between(shortest: Duration, longest: Duration) -> Duration {
    // The standard library seeds each hasher at random; that is random enough here.
    let random = RandomState::new().hash_one(()) % 1024;
    let room = longest.saturating_sub(shortest);
    shortest + room / 1024 * u32::try_from(random).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_retry_after(headers: &[(&str, &str)], expected: Option<u64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.insert(name, value.parse().unwrap());
        }
        assert_eq!(retry_after(&map), expected.map(Duration::from_secs));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_retry_after(&[("retry-after", "30")], Some(30));
        assert_retry_after(&[("retry-after", "0")], Some(0));
        assert_retry_after(
            &[
                ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ],
            Some(60),
        );
        // Already over.
        assert_retry_after(
            &[
                ("retry-after", "Sun, 06 Nov 1994 08:48:37 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ],
            Some(0),
        );
    }

    #[test]
    fn a_retry_after_of_any_size_is_at_most_five_minutes() {
        for seconds in [
            "301",
            "9223372036854775807",
            "18446744073709551615",
            "9".repeat(99).as_str(),
        ] {
            assert_retry_after(&[("retry-after", seconds)], Some(300));
        }
        assert_retry_after(
            &[("retry-after", "0000000000000000000000000000007")],
            Some(7),
        );
        assert_retry_after(
            &[
                ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ],
            Some(300),
        );
    }

    /// How many attempts there are when each fails at once.
    fn attempts(asked: Option<Duration>, mut left: Duration) -> u32 {
        let mut made = 1;
        while let Some(wait) = next_wait(made, asked, left) {
            left -= wait;
            made += 1;
        }
        made
    }

    #[test]
    fn a_server_that_asks_for_no_wait_gets_few_requests() {
        let nine_seconds = Duration::from_secs(9);
        let made = attempts(Some(Duration::ZERO), nine_seconds);
        assert!((5..=6).contains(&made), "{made}");
        assert_eq!(attempts(Some(Duration::MAX), nine_seconds), 1);
        assert_eq!(attempts(None, Duration::from_hours(1)), MOST_ATTEMPTS);
    }

    #[test]
    fn a_retry_after_that_says_nothing_is_none() {
        assert_retry_after(&[], None);
        assert_retry_after(&[("retry-after", "soon")], None);
        for value in ["-1", "+1", "1.5", "1e3", "", " ", "60 s", "0x10"] {
            assert_retry_after(&[("retry-after", value)], None);
        }
        assert_retry_after(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], None);
    }

    #[test]
    fn debug_shows_no_body() {
        let answer = Answer {
            status: 200,
            retry_after: None,
            body: b"secret".to_vec(),
        };
        assert_eq!(format!("{answer:?}"), "200 with 6 bytes");
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(1));
            assert!(
                (Duration::from_secs(1)..=Duration::from_millis(1250)).contains(&wait),
                "{wait:?}"
            );
        }
    }

    #[test]
    fn every_certificate_authority_is_written_whole() {
        let pem = certificate_authorities();
        let lines: Vec<_> = pem.lines().collect();
        let (certificates, []) = lines.as_chunks::<3>() else {
            panic!("three lines a certificate");
        };
        for ([begin, base64, end], written) in certificates
            .iter()
            .zip(webpki_root_certs::TLS_SERVER_ROOT_CERTS)
        {
            assert_eq!(*begin, "-----BEGIN CERTIFICATE-----");
            assert_eq!(*end, "-----END CERTIFICATE-----");
            assert_eq!(STANDARD.decode(base64).unwrap(), written.as_ref());
        }
        assert_eq!(
            certificates.len(),
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.len()
        );
        assert_eq!(pem.capacity(), pem.len(), "allocated once");
    }
}
