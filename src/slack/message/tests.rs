mod limits;
mod many;
mod one;

use std::borrow::Cow;
use std::time::Duration;

use time::macros::datetime;

use super::*;
use crate::postgres::event::{Encryption, Tls};
use crate::sessions::Outcome;

fn connection() -> Connection<'static> {
    Connection {
        outcome: Outcome::Authorized,
        offset: 0,
        confirmed: true,
        time: Some(datetime!(2024-01-01 03:00 UTC)),
        backend_pid: Some(4236),
        user: Some(Cow::Borrowed("myuser")),
        database: Some(Cow::Borrowed("mydb")),
        host: Some("192.168.1.100"),
        port: Some(40001),
        application_name: Some("psql"),
        replication: false,
        encryption: Encryption::Tls(Tls {
            protocol: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384",
            bits: 256,
        }),
        auth_method: Some("scram-sha-256"),
        identity: Some(Cow::Borrowed("myuser")),
        session_time: None,
        reason: None,
        detail: None,
        attempts: 1,
    }
}

fn rejected() -> Connection<'static> {
    Connection {
        outcome: Outcome::Rejected,
        application_name: None,
        encryption: Encryption::Unknown,
        auth_method: None,
        identity: None,
        reason: Some(Cow::Borrowed(
            "password authentication failed for user \"myuser\"",
        )),
        detail: Some(Cow::Borrowed("Role \"myuser\" does not exist.")),
        attempts: 2,
        ..connection()
    }
}

fn disconnected() -> Connection<'static> {
    Connection {
        outcome: Outcome::Disconnected,
        encryption: Encryption::Unknown,
        auth_method: None,
        identity: None,
        session_time: Some(Duration::from_secs(3723)),
        ..connection()
    }
}

fn suspicious() -> Connection<'static> {
    Connection {
        outcome: Outcome::Suspicious,
        confirmed: false,
        backend_pid: None,
        user: None,
        database: None,
        host: None,
        port: None,
        application_name: None,
        encryption: Encryption::Unknown,
        auth_method: None,
        identity: None,
        ..connection()
    }
}

fn batch<'a>(connections: &'a [&'a Connection<'a>], language: Language) -> Batch<'a> {
    Batch {
        connections,
        unparsed: 0,
        place: Place {
            cluster: "aurora-postgresql-cluster",
            instance: Some("writer-1"),
            log_group: "/aws/rds/cluster/aurora-postgresql-cluster/postgresql",
            log_stream: "writer-1.0",
            region: Some("ap-northeast-1"),
        },
        style: Style {
            language,
            time_zone: TimeZone::named("Asia/Tokyo").unwrap(),
        },
    }
}

fn text(connections: &[&Connection<'_>], language: Language) -> String {
    let payload = payload(&batch(connections, language));
    limits::check_limits(&payload);
    payload["text"].as_str().unwrap().to_owned()
}

fn blocks(connections: &[&Connection<'_>], language: Language) -> String {
    blocks_of(&batch(connections, language))
}

/// The texts of all blocks; the link to the console is `LINK`.
fn blocks_of(batch: &Batch<'_>) -> String {
    let payload = payload(batch);
    limits::check_limits(&payload);
    let mut lines = Vec::new();
    for block in payload["blocks"].as_array().unwrap() {
        lines.push(format!("---- {}", block["type"].as_str().unwrap()));
        let lists = ["fields", "elements"].map(|key| block[key].as_array());
        let texts = lists
            .into_iter()
            .flatten()
            .flatten()
            .chain(block.get("text"));
        lines.extend(texts.map(|text| text["text"].as_str().unwrap().to_owned()));
    }
    let first = batch
        .connections
        .iter()
        .filter_map(|connection| connection.facts.time)
        .min();
    let link = link(batch, first).unwrap_or_default();
    lines.join("\n").replace(&format!("<{link}|"), "<LINK|")
}
