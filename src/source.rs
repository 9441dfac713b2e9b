//! What the function is invoked with.
//!
//! | event | from | answer |
//! |---|---|---|
//! | `{"awslogs": {"data": …}}` | a subscription filter | the summary |
//! | `{"Records": [{"kinesis": …}, …]}` | a stream | `{"batchItemFailures": […]}` |
//! | `{"Records": [{"eventSource": "aws:sqs", …}, …]}` | the retry queue | `{"batchItemFailures": […]}` |
//! | `{"test": true}` | a person | `{"channels": {…}}` |

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cloudwatch::DecodeError;

/// One invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// CloudWatch Logs, with one batch: base64 of gzip.
    Direct(String),
    /// Kinesis Data Streams, in the order of the stream.
    Stream(Vec<Record>),
    /// The retry queue, in any order.
    Queue(Vec<Record>),
    /// Somebody tries the webhooks.
    Test,
}

/// One of many batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What Lambda calls it in `batchItemFailures`.
    pub id: String,
    /// Base64 of gzip; or why there is none.
    pub data: Result<String, DecodeError>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Direct {
        awslogs: AwsLogs,
    },
    Records {
        #[serde(rename = "Records")]
        records: Vec<RawRecord>,
    },
    Test {
        test: bool,
    },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct AwsLogs {
    data: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRecord {
    #[serde(rename_all = "camelCase")]
    Kinesis {
        kinesis: KinesisData,
        #[serde(default, rename = "eventID")]
        event_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Sqs {
        #[serde(default)]
        message_id: String,
        body: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisData {
    data: String,
    #[serde(default)]
    sequence_number: String,
}

/// What Lambda keeps of an asynchronous invocation that failed:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailureRecord {
    request_payload: RequestPayload,
}

#[derive(Deserialize)]
struct RequestPayload {
    awslogs: AwsLogs,
}

/// Reads the JSON of an event.
///
/// # Errors
/// [`DecodeError::NotAnEvent`] for any other JSON, and for what is no JSON.
pub fn read(json: &str) -> Result<Invocation, DecodeError> {
    match serde_json::from_str(json) {
        Ok(Payload::Direct { awslogs }) => Ok(Invocation::Direct(awslogs.data)),
        Ok(Payload::Records { records }) => Ok(of_records(records)),
        Ok(Payload::Test { test: true }) => Ok(Invocation::Test),
        _ => Err(DecodeError::NotAnEvent),
    }
}

fn of_records(records: Vec<RawRecord>) -> Invocation {
    let is_queue = matches!(records.first(), Some(RawRecord::Sqs { .. }));
    let records = records.into_iter().map(record).collect();
    if is_queue {
        Invocation::Queue(records)
    } else {
        Invocation::Stream(records)
    }
}

fn record(record: RawRecord) -> Record {
    match record {
        // An event id is `<shard>:<sequence number>`.
        RawRecord::Kinesis { kinesis, event_id } => Record {
            id: match kinesis.sequence_number {
                none if none.is_empty() => {
                    event_id.rsplit(':').next().unwrap_or_default().to_owned()
                }
                number => number,
            },
            data: Ok(kinesis.data),
        },
        RawRecord::Sqs { message_id, body } => Record {
            id: message_id,
            data: serde_json::from_str(&body)
                .map(|record: FailureRecord| record.request_payload.awslogs.data)
                .map_err(|_| DecodeError::NotAFailureRecord),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "reads better where it is called"
    )]
    fn check(json: &str, expected: Result<Invocation, DecodeError>) {
        assert_eq!(read(json), expected, "{json}");
    }

    fn record(id: &str, data: Result<&str, DecodeError>) -> Record {
        Record {
            id: id.to_owned(),
            data: data.map(str::to_owned),
        }
    }

    #[test]
    fn every_event_is_told_apart() {
        check(
            r#"{"awslogs": {"data": "x"}}"#,
            Ok(Invocation::Direct("x".to_owned())),
        );
        check(
            r#"{"Records": [{"kinesis": {"data": "x", "sequenceNumber": "7"}, "eventID": "s:7"}, {"kinesis": {"data": "y"}, "eventID": "s:8"}]}"#,
            Ok(Invocation::Stream(vec![
                record("7", Ok("x")),
                record("8", Ok("y")),
            ])),
        );
        check(
            r#"{"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": "{\"requestPayload\": {\"awslogs\": {\"data\": \"x\"}}}"}, {"eventSource": "aws:sqs", "messageId": "n", "body": "?"}]}"#,
            Ok(Invocation::Queue(vec![
                record("m", Ok("x")),
                record("n", Err(DecodeError::NotAFailureRecord)),
            ])),
        );
        check(r#"{"Records": []}"#, Ok(Invocation::Stream(Vec::new())));
        check(r#"{"test": true}"#, Ok(Invocation::Test));
    }

    #[test]
    fn anything_else_is_no_event() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for json in [
            "{}",
            "null",
            "",
            "{",
            r#"{"test": false}"#,
            r#"{"awslogs": {"data": 1}}"#,
            &deep,
        ] {
            check(json, Err(DecodeError::NotAnEvent));
        }
    }
}
