//! Reads and writes items of one table of Amazon DynamoDB.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html>

use std::collections::HashMap;
use std::time::Duration;

use isahc::HttpClient;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{AwsError, Endpoint, Refusal, Service};

/// DynamoDB.
pub static SERVICE: Service = Service {
    name: "dynamodb",
    endpoint_variable: "AWS_ENDPOINT_URL_DYNAMODB",
    target: "DynamoDB_20120810",
    content_type: "application/x-amz-json-1.0",
};

/// The name of the table's only key.
pub const KEY: &str = "k";
/// The most keys that `BatchGetItem` takes.
pub const MOST_KEYS: usize = 100;
/// The wait before asking again for keys that DynamoDB had no capacity for.
const BEFORE_UNPROCESSED: Duration = Duration::from_millis(50);

/// A table whose partition key is the string `k`.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name, or its ARN.
    pub name: String,
    /// DynamoDB in the table's region.
    pub endpoint: Endpoint,
}

/// The attributes of an item by their names.
pub type Item = HashMap<String, Attribute>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "DynamoDB's own names")]
pub enum Attribute {
    S(String),
    N(String),
    SS(Vec<String>),
}

/// One `UpdateItem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The item's key.
    pub key: String,
    /// In the language of update expressions; `#name` and `:value` stand for attributes and values.
    pub expression: String,
    /// If this does not hold, nothing is written, and that is no error.
    pub condition: Option<&'static str>,
    /// What the names of [`Update::expression`] stand for, without `#`: each for itself.
    pub names: Vec<&'static str>,
    /// What its values stand for, without `:`.
    pub values: Vec<(&'static str, Attribute)>,
}

/// Why the table could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// DynamoDB knows no such table.
    #[error("there is no table of the name in HISTORY_TABLE in this account and region")]
    NotFound,
    /// The role may not use it, or not its key.
    #[error(
        "the function's role may not use the table: it needs dynamodb:BatchGetItem and dynamodb:UpdateItem on it (and dynamodb:Scan for the summary), and its KMS key where it has one"
    )]
    AccessDenied,
    /// What can happen to any request to AWS.
    #[error("DynamoDB: {0}")]
    Aws(AwsError),
}

impl TableError {
    /// What the Lambda console shows.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "DynamoDB.NotFound",
            Self::AccessDenied => "DynamoDB.AccessDenied",
            Self::Aws(AwsError::Throttled) => "DynamoDB.Throttled",
            Self::Aws(AwsError::ExpiredCredentials) => "DynamoDB.ExpiredCredentials",
            Self::Aws(AwsError::BadCredentials { .. }) => "DynamoDB.BadCredentials",
            Self::Aws(AwsError::Refused(_) | AwsError::Unexpected) => "DynamoDB.Refused",
            Self::Aws(AwsError::Unreachable(_)) => "DynamoDB.Unreachable",
        }
    }
}

impl From<AwsError> for TableError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Refused(Refusal { ref code, .. }) => match code.as_str() {
                "ResourceNotFoundException" => Self::NotFound,
                "AccessDeniedException" => Self::AccessDenied,
                _ => Self::Aws(error),
            },
            error => Self::Aws(error),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    responses: HashMap<String, Vec<Item>>,
    #[serde(default)]
    unprocessed_keys: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scanned {
    items: Vec<Item>,
    #[serde(default)]
    last_evaluated_key: Option<Value>,
}

impl Table {
    /// The items of at most [`MOST_KEYS`] keys, as far as there are any, each with its key and the
    /// attributes asked for.
    ///
    /// # Errors
    /// When DynamoDB does not answer for every key before the deadline.
    pub async fn get(
        &self,
        client: &HttpClient,
        keys: &[String],
        attributes: &[&'static str],
        deadline: Instant,
    ) -> Result<Vec<Item>, TableError> {
        let keys = keys.iter().map(|key| json!({ KEY: { "S": key } }));
        let names = attributes.iter().chain([&KEY]);
        let projection: Vec<_> = names.clone().map(|name| format!("#{name}")).collect();
        let mut asked = json!({ &self.name: {
            "Keys": keys.collect::<Vec<_>>(),
            "ProjectionExpression": projection.join(", "),
            "ExpressionAttributeNames": placeholders(names.copied()),
        }});
        let mut items = Vec::new();
        loop {
            let request = json!({ "RequestItems": asked });
            let got: Got = self
                .call(client, "BatchGetItem", &request, deadline)
                .await?;
            items.extend(got.responses.into_values().flatten());
            if got.unprocessed_keys.is_empty() {
                return Ok(items);
            }
            if Instant::now() + BEFORE_UNPROCESSED >= deadline {
                return Err(TableError::Aws(AwsError::Throttled));
            }
            tokio::time::sleep(BEFORE_UNPROCESSED).await;
            asked = got.unprocessed_keys.into();
        }
    }

    /// Creates or changes one item. If the condition does not hold, there is nothing to change.
    ///
    /// # Errors
    /// When DynamoDB does not answer before the deadline.
    pub async fn update(
        &self,
        client: &HttpClient,
        update: &Update,
        deadline: Instant,
    ) -> Result<(), TableError> {
        let values = update.values.iter();
        let values: Result<Map<_, _>, _> = values
            .map(|(name, value)| Ok((format!(":{name}"), serde_json::to_value(value)?)))
            .collect();
        let values = values.map_err(|_: serde_json::Error| AwsError::Unexpected)?;
        let mut request = json!({
            "TableName": self.name,
            "Key": { KEY: { "S": update.key } },
            "UpdateExpression": update.expression,
            "ExpressionAttributeNames": placeholders(update.names.iter().copied()),
            "ExpressionAttributeValues": values,
        });
        if let (Some(condition), Some(request)) = (update.condition, request.as_object_mut()) {
            request.insert("ConditionExpression".to_owned(), condition.into());
        }
        let call = self.endpoint.call(client, "UpdateItem", &request, deadline);
        match call.await {
            Err(AwsError::Refused(refusal))
                if refusal.code == "ConditionalCheckFailedException" =>
            {
                Ok(())
            }
            result => Ok(result.map(drop)?),
        }
    }

    /// Some items from `start` on, with these attributes, and where the next ones start.
    ///
    /// # Errors
    /// When DynamoDB does not answer before the deadline.
    pub async fn scan(
        &self,
        client: &HttpClient,
        attributes: &[&'static str],
        start: Option<Value>,
        deadline: Instant,
    ) -> Result<(Vec<Item>, Option<Value>), TableError> {
        /// So that an answer stays below what is read of it.
        const LIMIT: usize = 400;
        let projection: Vec<_> = attributes.iter().map(|name| format!("#{name}")).collect();
        let mut request = json!({
            "TableName": self.name,
            "Limit": LIMIT,
            "ProjectionExpression": projection.join(", "),
            "ExpressionAttributeNames": placeholders(attributes.iter().copied()),
        });
        if let (Some(start), Some(request)) = (start, request.as_object_mut()) {
            request.insert("ExclusiveStartKey".to_owned(), start);
        }
        let scanned: Scanned = self.call(client, "Scan", &request, deadline).await?;
        Ok((scanned.items, scanned.last_evaluated_key))
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        client: &HttpClient,
        operation: &str,
        request: &Value,
        deadline: Instant,
    ) -> Result<T, TableError> {
        let body = self
            .endpoint
            .call(client, operation, request, deadline)
            .await?;
        Ok(serde_json::from_slice(&body).map_err(|_| AwsError::Unexpected)?)
    }
}

/// Many words are reserved, `ttl` among them, so every name has a placeholder.
fn placeholders(names: impl Iterator<Item = &'static str>) -> Map<String, Value> {
    let names = names.map(|name| (format!("#{name}"), name.into()));
    names.collect()
}
