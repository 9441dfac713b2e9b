//! Links into the CloudWatch console.

use std::fmt::Write;

use time::OffsetDateTime;

/// The page of a log stream; from the second of `from` on, so that the line of that moment is the
/// first to be seen. `None` for what is no region's name.
#[must_use]
pub fn log_stream_url(
    region: &str,
    log_group: &str,
    log_stream: &str,
    from: Option<OffsetDateTime>,
) -> Option<String> {
    let host = console_host(region)?;
    let mut url = format!(
        "https://{region}.{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}/log-events/{}",
        encoded_twice(log_group),
        encoded_twice(log_stream),
    );
    if let Some(from) = from {
        // `?start=`, encoded as the console encodes the query inside its fragment.
        let _ = write!(
            url,
            "$3Fstart$3D{}",
            from.unix_timestamp().saturating_mul(1000)
        );
    }
    Some(url)
}

fn console_host(region: &str) -> Option<&'static str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(is_name) {
        return None;
    }
    Some(match region {
        _ if region.starts_with("cn-") => "console.amazonaws.cn",
        _ if region.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    })
}

/// The console percent-encodes a name twice and writes the outer `%` as `$`: `/` is `$252F`.
fn encoded_twice(name: &str) -> String {
    let mut out = String::with_capacity(name.len() * 2);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "$25{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const GROUP: &str = "/aws/rds/cluster/aurora-postgresql-cluster/postgresql";

    #[track_caller]
    fn check(region: &str, stream: &str, from: Option<OffsetDateTime>, expected: &str) {
        assert_eq!(
            log_stream_url(region, GROUP, stream, from).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn a_link_opens_the_log_stream_at_the_moment() {
        check(
            "ap-northeast-1",
            "writer-1.0",
            Some(datetime!(2024-01-01 03:00:00.9 UTC)),
            "https://ap-northeast-1.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1\
             #logsV2:log-groups/log-group/$252Faws$252Frds$252Fcluster$252Faurora-postgresql-cluster\
             $252Fpostgresql/log-events/writer-1.0$3Fstart$3D1704078000000",
        );
    }

    #[test]
    fn other_partitions_have_their_own_consoles() {
        check(
            "cn-north-1",
            "a.0",
            None,
            "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1\
             #logsV2:log-groups/log-group/$252Faws$252Frds$252Fcluster$252Faurora-postgresql-cluster\
             $252Fpostgresql/log-events/a.0",
        );
        check(
            "us-gov-west-1",
            "[$LATEST] 日",
            None,
            "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1\
             #logsV2:log-groups/log-group/$252Faws$252Frds$252Fcluster$252Faurora-postgresql-cluster\
             $252Fpostgresql/log-events/$255B$2524LATEST$255D$2520$25E6$2597$25A5",
        );
    }

    #[test]
    fn what_is_no_region_makes_no_link() {
        for region in ["", "evil.example.com/", "eu-west-1|x", "EU-WEST-1"] {
            assert_eq!(log_stream_url(region, GROUP, "a.0", None), None);
        }
    }
}
