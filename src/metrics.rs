//! CloudWatch metrics by embedded metric format: a line of JSON on stdout, no request.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::summary::Summary;

/// Writes the lines of one invocation: one for each cluster, with `cluster` as its only dimension,
/// and one for all, which has none.
pub fn emit(namespace: &str, clusters: &BTreeMap<String, Summary>, all: &Summary) {
    let now = SystemTime::now();
    let mut out = std::io::stdout().lock();
    let lines = clusters
        .values()
        .filter(|summary| !summary.cluster.is_empty());
    let lines = lines.map(|summary| line(namespace, summary, &of_cluster(summary), now));
    for line in lines.chain([of_all(namespace, all, now)]) {
        // A closed stdout must not fail an invocation that has posted.
        let _ = writeln!(out, "{line}");
    }
}

type Values = [(&'static str, usize)];

fn of_cluster(summary: &Summary) -> [(&'static str, usize); 7] {
    [
        ("authorized", summary.authorized),
        ("rejected", summary.rejected),
        ("disconnected", summary.disconnected),
        ("probed", summary.probed),
        ("suspicious", summary.suspicious),
        ("ignored", summary.ignored),
        ("unparsed", summary.unparsed),
    ]
}

fn of_all(namespace: &str, all: &Summary, now: SystemTime) -> Value {
    let values = [
        ("let_in_after_refusals", all.let_in_after_refusals),
        ("posted", all.posted),
        ("throttled", all.throttled),
        ("unreadable", all.unreadable),
    ];
    let nowhere = Summary::default();
    line(namespace, &nowhere, &values, now)
}

/// `cluster` is the only dimension, where the summary has one.
fn line(namespace: &str, summary: &Summary, values: &Values, now: SystemTime) -> Value {
    let since_epoch = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let metrics = values.iter();
    let metrics = metrics.map(|(name, _)| json!({ "Name": name, "Unit": "Count" }));
    let metrics: Vec<_> = metrics.collect();
    let members = values.iter();
    let members = members.map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    let mut line: Map<_, _> = members.collect();
    let dimensions = match summary.cluster.as_str() {
        "" => json!([[]]),
        cluster => {
            line.insert("cluster".to_owned(), cluster.into());
            json!([["cluster"]])
        }
    };
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [
                { "Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics }
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
        insta::assert_snapshot!(line("Audit", &summary, &of_cluster(&summary), now), @r#"{"_aws":{"CloudWatchMetrics":[{"Dimensions":[["cluster"]],"Metrics":[{"Name":"authorized","Unit":"Count"},{"Name":"rejected","Unit":"Count"},{"Name":"disconnected","Unit":"Count"},{"Name":"probed","Unit":"Count"},{"Name":"suspicious","Unit":"Count"},{"Name":"ignored","Unit":"Count"},{"Name":"unparsed","Unit":"Count"}],"Namespace":"Audit"}],"Timestamp":1700000000123},"authorized":3,"cluster":"orders","disconnected":0,"ignored":0,"probed":0,"rejected":1,"suspicious":0,"unparsed":0}"#);
    }
}
