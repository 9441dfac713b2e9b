mod access;
mod limits;
mod many;
mod one;
mod signals;

use std::borrow::Cow;
use std::time::Duration;

use time::macros::datetime;

use super::*;
use crate::findings::Novelty;
use crate::postgres::event::{Encryption, Facts, Standing, Tls};
use crate::sessions::Outcome;

fn connection() -> Connection<'static> {
    Connection {
        outcome: Outcome::Authorized,
        offset: 0,
        standing: Standing::Certain,
        facts: Facts {
            time: Some(datetime!(2024-01-01 03:00 UTC)),
            backend_pid: Some(4236),
            user: Some(Cow::Borrowed("myuser")),
            database: Some(Cow::Borrowed("mydb")),
            host: Some(Cow::Borrowed("192.168.1.100")),
            port: Some(40001),
            application_name: Some(Cow::Borrowed("psql")),
            encryption: Encryption::Tls(Tls {
                protocol: Cow::Borrowed("TLSv1.3"),
                cipher: Cow::Borrowed("TLS_AES_256_GCM_SHA384"),
                bits: Some(256),
            }),
            auth_method: Some(Cow::Borrowed("scram-sha-256")),
            identity: Some(Cow::Borrowed("myuser")),
            ..Facts::default()
        },
        detail: None,
        attempts: 1,
    }
}

/// The connection, with other facts.
fn with(
    mut connection: Connection<'static>,
    change: impl FnOnce(&mut Facts<'static>),
) -> Connection<'static> {
    change(&mut connection.facts);
    connection
}

fn rejected() -> Connection<'static> {
    let refused = with(connection(), |facts| {
        facts.application_name = None;
        facts.encryption = Encryption::Unknown;
        facts.auth_method = None;
        facts.identity = None;
        facts.reason = Some(Cow::Borrowed(
            "password authentication failed for user \"myuser\"",
        ));
    });
    Connection {
        outcome: Outcome::Rejected,
        detail: Some(Cow::Borrowed("Role \"myuser\" does not exist.")),
        attempts: 2,
        ..refused
    }
}

fn disconnected() -> Connection<'static> {
    Connection {
        outcome: Outcome::Disconnected,
        ..with(connection(), |facts| {
            facts.encryption = Encryption::Unknown;
            facts.auth_method = None;
            facts.identity = None;
            facts.session_time = Some(Duration::from_secs(3723));
        })
    }
}

fn suspicious() -> Connection<'static> {
    Connection {
        outcome: Outcome::Suspicious,
        standing: Standing::Claimed,
        facts: Facts {
            time: connection().facts.time,
            ..Facts::default()
        },
        ..connection()
    }
}

static NO_FINDINGS: Findings = Findings {
    novelty: Novelty::Unknown,
    refusals_before: 0,
};

static NOTHING: BTreeMap<Outcome, usize> = BTreeMap::new();

fn place() -> Place {
    Place {
        account: Some("123456789012".to_owned()),
        account_name: None,
        cluster: "aurora-postgresql-cluster".to_owned(),
        instance: Some("writer-1".to_owned()),
        region: Some("ap-northeast-1".to_owned()),
        log_group: "/aws/rds/cluster/aurora-postgresql-cluster/postgresql".to_owned(),
        log_stream: "writer-1.0".to_owned(),
    }
}

fn told<'a>(connections: &[&'a Connection<'a>], place: &'a Place) -> Vec<Told<'a>> {
    let told = |connection: &&'a Connection<'a>| Told {
        connection,
        place,
        findings: &NO_FINDINGS,
    };
    connections.iter().map(told).collect()
}

fn batch<'a>(told: &'a [Told<'a>], language: Language) -> Batch<'a> {
    Batch {
        told,
        left_out: &NOTHING,
        notices: &[],
        shown: Shown::default(),
        style: Style {
            language,
            time_zone: TimeZone::named("Asia/Tokyo").unwrap(),
        },
    }
}

fn text(connections: &[&Connection<'_>], language: Language) -> String {
    let place = place();
    let payload = payload(&batch(&told(connections, &place), language));
    limits::check_limits(&payload);
    payload["text"].as_str().unwrap().to_owned()
}

fn blocks(connections: &[&Connection<'_>], language: Language) -> String {
    let place = place();
    blocks_of(&batch(&told(connections, &place), language))
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
        .told
        .iter()
        .filter_map(|told| told.connection.facts.time)
        .min();
    let of_notice = batch
        .notices
        .iter()
        .find_map(|notice| notice.place.as_deref());
    let place = batch.told.first().map(|told| told.place).or(of_notice);
    let link = place.and_then(|place| link(place, first));
    let link = link.unwrap_or_default();
    lines.join("\n").replace(&format!("<{link}|"), "<LINK|")
}
