//! The webhooks in the secret, by channel.
//!
//! The secret's string is a webhook's URL, or a JSON object of channel -> URL with a `default`:
//!
//! ```json
//! {"default": "https://hooks.slack.com/services/...", "security": "https://hooks.slack.com/services/..."}
//! ```

use std::collections::BTreeMap;
use std::fmt;

use isahc::HttpClient;
use isahc::http::Uri;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use tokio::time::Instant;

use crate::aws::secrets_manager::{self, SecretError, SecretSource};
use crate::channel::DEFAULT_CHANNEL;
use crate::http;

/// The webhooks of a secret, by channel; there is always a `default`.
#[derive(Clone)]
pub struct Webhooks {
    default: SecretString,
    channels: BTreeMap<String, SecretString>,
}

/// Why there is no webhook. Neither a URL nor a key of the secret is in it: they get mixed up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A JSON object, but not of strings.
    #[error("the secret begins with {{ but is not a JSON object of channel names and webhook URLs")]
    NotChannels,
    /// A JSON object without the channel that always exists.
    #[error(
        "the secret's JSON object has no `default`, the channel for everything that no rule sends elsewhere"
    )]
    NoDefault,
    /// A value that is not an `https` URL.
    #[error("{}", not_a_url(*.entry))]
    NotAUrl {
        /// Which entry of the JSON object, from 1; `None` where the whole secret should be a URL.
        entry: Option<usize>,
    },
}

fn not_a_url(entry: Option<usize>) -> String {
    match entry {
        None => {
            "the secret is not an https URL, nor a JSON object of channel names and webhook URLs"
                .to_owned()
        }
        Some(number) => format!(
            "entry {number} of the secret's JSON object is not an https URL; the object goes from channel name to webhook URL"
        ),
    }
}

impl WebhookError {
    /// What the Lambda console shows.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Secret(error) => error.name(),
            Self::NotChannels => "SecretsManager.NotChannels",
            Self::NoDefault => "SecretsManager.NoDefault",
            Self::NotAUrl { .. } => "SecretsManager.NotAUrl",
        }
    }
}

impl Webhooks {
    /// Reads the secret.
    ///
    /// # Errors
    /// When AWS gives no secret before the deadline, or its string holds no webhook.
    pub async fn read(
        client: &HttpClient,
        source: &SecretSource,
        deadline: Instant,
    ) -> Result<Self, WebhookError> {
        let secret = secrets_manager::read_secret(client, source, deadline).await?;
        Self::from_secret(secret.expose_secret())
    }

    /// From the secret's string.
    ///
    /// # Errors
    /// When there is no URL, or one that may not be posted to.
    pub fn from_secret(secret: &str) -> Result<Self, WebhookError> {
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(SecretError::Empty.into());
        }
        if !secret.starts_with('{') {
            let default = webhook(secret).ok_or(WebhookError::NotAUrl { entry: None })?;
            let channels = BTreeMap::from([(DEFAULT_CHANNEL.to_owned(), default.clone())]);
            return Ok(Self { default, channels });
        }
        let Entries(entries) =
            serde_json::from_str(secret).map_err(|_| WebhookError::NotChannels)?;
        let mut channels = BTreeMap::new();
        for ((channel, url), number) in entries.into_iter().zip(1..) {
            let entry = Some(number);
            let webhook = webhook(url.expose_secret()).ok_or(WebhookError::NotAUrl { entry })?;
            channels.insert(channel, webhook);
        }
        let default = channels.get(DEFAULT_CHANNEL).cloned();
        let default = default.ok_or(WebhookError::NoDefault)?;
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

    /// The channels of the secret, by name. A name may be anything: see [`crate::channel::shown`].
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }
}

/// Says how many there are, and nothing else.
impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhooks({} channels)", self.channels.len())
    }
}

fn webhook(url: &str) -> Option<SecretString> {
    let url = url.trim();
    let is_postable = url
        .parse::<Uri>()
        .is_ok_and(|url| http::is_confidential(&url));
    is_postable.then(|| SecretString::from(url))
}

/// The entries of a JSON object of strings, in their order.
struct Entries(Vec<(String, SecretString)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor).map(Entries)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(String, SecretString)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
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
    fn assert_refused(secret: &str, expected: &WebhookError) {
        let error = Webhooks::from_secret(secret).unwrap_err();
        assert_eq!(&error, expected);
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("slack.com"), "{text}");
        }
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
        let not_a_url = |entry| WebhookError::NotAUrl { entry };
        assert_refused("", &SecretError::Empty.into());
        assert_refused("hooks.slack.com/services/T0/B0/x", &not_a_url(None));
        assert_refused("http://hooks.slack.com/services/T0/B0/x", &not_a_url(None));
        assert_refused("https:///services", &not_a_url(None));
        assert_refused("http://127.0.0.1.example.com/services", &not_a_url(None));
        assert_refused(r#"["https://hooks.slack.com/b"]"#, &not_a_url(None));
        assert_refused(r#"{"default": 1}"#, &WebhookError::NotChannels);
        assert_refused(
            r#"{"security": "https://hooks.slack.com/b"}"#,
            &WebhookError::NoDefault,
        );
    }

    #[test]
    fn a_swapped_entry_is_told_by_its_number() {
        assert_refused(
            r#"{"https://hooks.slack.com/a": "default"}"#,
            &WebhookError::NotAUrl { entry: Some(1) },
        );
        assert_refused(
            r#"{"default": "https://hooks.slack.com/a", "https://hooks.slack.com/b": "audit"}"#,
            &WebhookError::NotAUrl { entry: Some(2) },
        );
    }

    #[test]
    fn a_channel_that_the_secret_lacks_is_the_default() {
        let webhooks = Webhooks::from_secret("https://hooks.slack.com/a").unwrap();
        assert_eq!(webhooks.get("security").0, "default");
    }

    #[test]
    fn debug_shows_neither_urls_nor_keys() {
        let secret =
            r#"{"default": "https://hooks.slack.com/a", "security": "https://hooks.slack.com/b"}"#;
        let webhooks = Webhooks::from_secret(secret).unwrap();
        assert_eq!(format!("{webhooks:?}"), "Webhooks(2 channels)");
    }
}
