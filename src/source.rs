//! What the function is invoked with.
//!
//! | event | from | answer |
//! |---|---|---|
//! | `{"awslogs": {"data": …}}` | a subscription filter | the summary |
//! | `{"Records": [{"kinesis": …}, …]}` | a stream | `{"batchItemFailures": […]}` |
//! | `{"Records": [{"eventSource": "aws:sqs", …}, …]}` | the retry queue | `{"batchItemFailures": […]}` |
//! | `{"test": true}` | a person | `{"channels": {…}}` |
//! | `{"access_summary": true}` | a schedule | `{"access_summary": {…}}` |

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
    Queue {
        /// Batches, and what cannot be read.
        records: Vec<Record>,
        /// The ids of the messages that ask for an access summary.
        summaries: Vec<String>,
    },
    /// Somebody tests the webhooks.
    Test,
    /// It is time to tell who has used access.
    AccessSummary,
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
    Summary {
        access_summary: bool,
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
#[serde(untagged)]
enum RequestPayload {
    Batch { awslogs: AwsLogs },
    Summary { access_summary: bool },
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
        Ok(Payload::Summary {
            access_summary: true,
        }) => Ok(Invocation::AccessSummary),
        _ => Err(DecodeError::NotAnEvent),
    }
}

fn of_records(raw: Vec<RawRecord>) -> Invocation {
    let is_queue = matches!(raw.first(), Some(RawRecord::Sqs { .. }));
    let (mut records, mut summaries) = (Vec::new(), Vec::new());
    for record in raw {
        match record {
            RawRecord::Kinesis { kinesis, event_id } => records.push(of_stream(kinesis, &event_id)),
            RawRecord::Sqs { message_id, body } => match of_queue(&body) {
                Some(RequestPayload::Summary {
                    access_summary: true,
                }) => summaries.push(message_id),
                payload => records.push(Record {
                    id: message_id,
                    data: match payload {
                        Some(RequestPayload::Batch { awslogs }) => Ok(awslogs.data),
                        _ => Err(DecodeError::NotAFailureRecord),
                    },
                }),
            },
        }
    }
    if is_queue {
        Invocation::Queue { records, summaries }
    } else {
        Invocation::Stream(records)
    }
}

/// An event id is `<shard>:<sequence number>`.
fn of_stream(kinesis: KinesisData, event_id: &str) -> Record {
    let of_event = || event_id.rsplit(':').next().unwrap_or_default().to_owned();
    Record {
        id: match kinesis.sequence_number {
            none if none.is_empty() => of_event(),
            number => number,
        },
        data: Ok(kinesis.data),
    }
}

fn of_queue(body: &str) -> Option<RequestPayload> {
    let record: Option<FailureRecord> = serde_json::from_str(body).ok();
    record.map(|record| record.request_payload)
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
            Ok(Invocation::Queue {
                records: vec![
                    record("m", Ok("x")),
                    record("n", Err(DecodeError::NotAFailureRecord)),
                ],
                summaries: Vec::new(),
            }),
        );
        check(
            r#"{"Records": [{"messageId": "m", "body": "{\"requestPayload\": {\"access_summary\": true}}"}, {"messageId": "n", "body": "{\"requestPayload\": {\"access_summary\": false}}"}]}"#,
            Ok(Invocation::Queue {
                records: vec![record("n", Err(DecodeError::NotAFailureRecord))],
                summaries: vec!["m".to_owned()],
            }),
        );
        check(r#"{"Records": []}"#, Ok(Invocation::Stream(Vec::new())));
        check(r#"{"test": true}"#, Ok(Invocation::Test));
        check(r#"{"access_summary": true}"#, Ok(Invocation::AccessSummary));
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
            r#"{"access_summary": false}"#,
            r#"{"awslogs": {"data": 1}}"#,
            &deep,
        ] {
            check(json, Err(DecodeError::NotAnEvent));
        }
    }
}
