//! CloudWatch metrics by embedded metric format: a line of JSON on stdout, no request.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::pipeline::Summary;

/// Writes the line of one invocation: six counts, with `cluster` as their only dimension.
pub fn emit(namespace: &str, summary: &Summary) {
    let line = line(namespace, summary, SystemTime::now());
    // A closed stdout must not fail an invocation that has posted.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// `cluster` is the only dimension.
fn line(namespace: &str, summary: &Summary, now: SystemTime) -> Value {
    let since_epoch = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let values = [
        ("authorized", summary.authorized),
        ("rejected", summary.rejected),
        ("disconnected", summary.disconnected),
        ("ignored", summary.ignored),
        ("unparsed", summary.unparsed),
        ("posted", summary.posted),
    ];
    let metrics = values.map(|(name, _)| json!({ "Name": name, "Unit": "Count" }));
    let mut line = Map::from_iter(values.map(|(name, value)| (name.to_owned(), value.into())));
    line.insert("cluster".to_owned(), summary.cluster.as_str().into());
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [
                { "Namespace": namespace, "Dimensions": [["cluster"]], "Metrics": metrics }
            ],
        }),
    );
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_metrics() {
        let summary = Summary {
            cluster: "orders".to_owned(),
            authorized: 3,
            rejected: 1,
            posted: 1,
            ..Summary::default()
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        insta::assert_snapshot!(line("Audit", &summary, now), @r#"{"_aws":{"CloudWatchMetrics":[{"Dimensions":[["cluster"]],"Metrics":[{"Name":"authorized","Unit":"Count"},{"Name":"rejected","Unit":"Count"},{"Name":"disconnected","Unit":"Count"},{"Name":"ignored","Unit":"Count"},{"Name":"unparsed","Unit":"Count"},{"Name":"posted","Unit":"Count"}],"Namespace":"Audit"}],"Timestamp":1700000000123},"authorized":3,"cluster":"orders","disconnected":0,"ignored":0,"posted":1,"rejected":1,"unparsed":0}"#);
    }
}
