//! Whatever the connections are: one message, within Slack's limits, with no markup but ours.

use proptest::prelude::*;

use super::*;
use crate::slack::mrkdwn::{FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE, is_invisible};

/// Slack's limits, and that nothing but our own links and date tokens is markup.
#[track_caller]
pub(super) fn check_limits(payload: &Value) {
    let units = |text: &Value| {
        let text = text.as_str().unwrap();
        assert!(!text.is_empty());
        let ours = [
            '\n',
            '\u{fe0f}',
            FIRST_STRONG_ISOLATE,
            POP_DIRECTIONAL_ISOLATE,
        ];
        assert!(
            !text.contains(|c| is_invisible(c) && !ours.contains(&c)),
            "{text}"
        );
        for line in text.lines() {
            let count = |c: char| line.matches(c).count();
            let (opened, closed) = (count(FIRST_STRONG_ISOLATE), count(POP_DIRECTIONAL_ISOLATE));
            assert_eq!(opened, closed, "{line}");
        }
        for (at, _) in text.match_indices('<') {
            let rest = &text[at..];
            let ours = rest.starts_with("<https://ap-northeast-1.console.aws.amazon.com/")
                || rest.starts_with("<!date^");
            assert!(ours, "{text}");
        }
        text.encode_utf16().count()
    };
    assert!(units(&payload["text"]) <= 3000);
    let blocks = payload["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 20);
    let mut total = 0;
    for block in blocks {
        let (key, max) = match block["type"].as_str().unwrap() {
            "header" => ("text", 150),
            "section" if block.get("text").is_some() => ("text", 3000),
            "section" => ("fields", 2000),
            _ => ("elements", 3000),
        };
        let texts = block[key]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![block[key].clone()]);
        assert!((1..=10).contains(&texts.len()));
        for text in &texts {
            assert_eq!(text["type"] == "mrkdwn", text["verbatim"] == true);
            let units = units(&text["text"]);
            assert!(units <= max, "{units} in {text}");
            total += units;
        }
    }
    assert!(total <= 10_000, "{total}");
}

#[test]
fn a_flood_of_refusals_hides_no_entry() {
    let names: Vec<String> = (0..10_000).map(|n| format!("guess_{n:0>55}")).collect();
    let mut connections: Vec<_> = names
        .iter()
        .map(|name| with(rejected(), |facts| facts.user = Some(name.clone().into())))
        .collect();
    let entries = [
        "psql", "pgAdmin", "dbeaver", "app", "etl", "cron", "metabase", "looker",
    ];
    let entry = |name: &'static str| {
        with(connection(), |facts| {
            facts.application_name = Some(name.into());
        })
    };
    connections.extend(entries.map(entry));
    let connections: Vec<_> = connections.iter().collect();
    let message = blocks(&connections, Language::En);
    let headline = "🚫 Aurora PostgreSQL: 10000 refused, 8 new connections";
    assert!(message.contains(headline), "{message}");
    for name in entries {
        let line = format!("• myuser → mydb · 192.168.1.100 · {name} · 12:00:00");
        assert!(message.contains(&line), "{message}");
    }
    let shown = message.matches("guess_").count();
    assert!(message.contains(&format!("and {0} more groups ({0} in all)", 10_000 - shown)));
}

/// One user with many application names, each twice, and three that came once.
fn flood(names: &[String]) -> Vec<Connection<'static>> {
    let of = |user: &'static str, host: &'static str, name: Option<String>| {
        with(connection(), |facts| {
            facts.user = Some(user.into());
            facts.host = Some(host.into());
            facts.application_name = name.map(Cow::Owned);
        })
    };
    let mut connections: Vec<_> = names
        .iter()
        .flat_map(|name| [0; 2].map(|_| of("low", "10.0.0.9", Some(name.clone()))))
        .collect();
    connections.push(of("low", "10.0.0.10", None));
    connections.push(of("superuser", "10.0.0.11", None));
    connections.push(of("app", "10.0.0.12", None));
    connections
}

#[test]
fn a_flood_of_one_user_pushes_nobody_out() {
    let names: Vec<String> = (0..500).map(|n| format!("{n}{}", "<".repeat(60))).collect();
    let connections = flood(&names);
    let connections: Vec<_> = connections.iter().collect();
    let message = blocks(&connections, Language::En);
    for line in [
        "• low → mydb · 10.0.0.10 · 12:00:00",
        "• superuser → mydb · 10.0.0.11 · 12:00:00",
        "• app → mydb · 10.0.0.12 · 12:00:00",
    ] {
        assert!(message.contains(line), "{message}");
    }
    assert_eq!(accounted_for(&message), 1003);
    let shown = message.matches("10.0.0.9").count();
    let more = format!(
        "and {} more groups ({} in all)",
        500 - shown,
        1000 - 2 * shown
    );
    assert!(message.contains(&more), "{message}");
}

#[test]
fn a_flood_of_users_leaves_one_line_each() {
    let users: Vec<String> = (0..80).map(|n| format!("user_{n:02}")).collect();
    let mut connections = Vec::new();
    for user in &users {
        for name in ["a", "b", "c"] {
            connections.push(with(connection(), |facts| {
                facts.user = Some(user.clone().into());
                facts.application_name = Some(name.into());
            }));
        }
    }
    let connections: Vec<_> = connections.iter().collect();
    let message = blocks(&connections, Language::En);
    for user in &users {
        assert!(
            message.contains(&format!("• {user} → ")),
            "{user}: {message}"
        );
    }
}

/// Work that grew with the square of their number would not end.
#[test]
fn a_message_of_very_many_is_made() {
    let names: Vec<String> = (0..100_000).map(|n| format!("app{n}")).collect();
    let connections = flood(&names);
    let connections: Vec<_> = connections.iter().collect();
    let place = place();
    let told = told(&connections, &place);
    assert!(told.len() > 200_000);
    assert!(payload(&batch(&told, Language::En)).is_object());
}

#[test]
fn without_a_region_or_with_endless_names_there_is_no_link() {
    let connection = connection();
    let nowhere = Place {
        region: None,
        ..place()
    };
    let endless = Place {
        log_group: "/".repeat(512),
        ..place()
    };
    for place in [nowhere, endless] {
        let told = told(&[&connection], &place);
        let blocks = blocks_of(&batch(&told, Language::En));
        assert!(!blocks.contains("CloudWatch"), "{blocks}");
    }
}

/// The connections that an English message accounts for, shown or left out.
fn accounted_for(blocks: &str) -> usize {
    let number = |text: &str| text.parse::<usize>().unwrap();
    let of_line = |line: &str| {
        let counted = line
            .strip_prefix("• *")
            .and_then(|rest| rest.split_once("×* "));
        let left_out = line
            .strip_suffix(" in all)")
            .filter(|_| line.starts_with("and "));
        match (counted, left_out) {
            (Some((count, _)), _) => number(count),
            (_, Some(rest)) => number(rest.rsplit_once('(').unwrap().1),
            _ => usize::from(line.starts_with("• ")),
        }
    };
    blocks.lines().map(of_line).sum()
}

fn any_text() -> impl Strategy<Value = String> {
    let hostile = "[\\x00-\\x20<>&*_~`:@#!|^\u{202e}\u{200b}\u{2028}]{0,63}";
    prop_oneof![
        "[a-z_]{1,8}",
        "[א-ת ا-ي0-9]{1,30}",
        hostile,
        ".{0,63}",
        "&{60,2000}"
    ]
}

prop_compose! {
    fn any_connection()(
        outcome in prop::sample::select(vec![
            Outcome::Authorized, Outcome::Rejected, Outcome::Disconnected, Outcome::Probed,
            Outcome::Suspicious,
        ]),
        time in prop::option::of(-377_705_116_800_i64..=253_402_300_799),
        texts in prop::array::uniform6(prop::option::of(any_text())),
        host in prop::option::of(any_text().prop_map(Cow::Owned)),
        seconds in prop::option::of(any::<u64>()),
        flags in any::<[bool; 3]>(),
        attempts in any::<u32>(),
    ) -> Connection<'static> {
        let [user, database, identity, reason, detail, name] =
            texts.map(|text| text.map(Cow::Owned));
        Connection {
            outcome,
            offset: 0,
            standing: if flags[0] { Standing::Certain } else { Standing::Claimed },
            facts: Facts {
                time: time.map(|time| OffsetDateTime::from_unix_timestamp(time).unwrap()),
                user, database, identity, reason,
                host,
                application_name: name,
                replication: flags[1],
                encryption: if flags[2] { Encryption::Plain } else { connection().facts.encryption },
                session_time: seconds.map(Duration::from_secs),
                ..connection().facts
            },
            detail,
            attempts,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_connections_make_one_valid_message(
        some in prop::collection::vec(any_connection(), 0..60),
        copies in 1_usize..50,
        unparsed in prop::option::of(any::<usize>()),
        cluster in any_text(),
        elsewhere in any::<bool>(),
    ) {
        let connections: Vec<_> = some.iter().cycle().take(some.len() * copies).collect();
        let (here, there) = (Place { cluster, ..place() }, place());
        let notice = Notice {
            kind: NoticeKind::Unparsed,
            count: unparsed.unwrap_or_default(),
            place: Some(std::rc::Rc::new(here.clone())),
            id: String::new(),
        };
        for language in Language::ALL {
            let mut told = told(&connections, &here);
            let every_third = told.iter_mut().step_by(3).filter(|_| elsewhere);
            every_third.for_each(|told| told.place = &there);
            let batch = Batch {
                notices: &[&notice],
                ..batch(&told, language)
            };
            check_limits(&payload(&batch));
            if connections.len() != 1 && language == Language::En {
                let blocks = blocks_of(&batch);
                prop_assert_eq!(accounted_for(&blocks), connections.len(), "{}", blocks);
            }
        }
        if connections.len() != 1 {
            let blocks = blocks(&connections, Language::En);
            prop_assert_eq!(accounted_for(&blocks), connections.len(), "{}", blocks);
        }
    }

    #[test]
    fn any_one_connection_makes_one_valid_message(one in any_connection(), cluster in any_text()) {
        let place = Place { cluster, ..place() };
        for language in Language::ALL {
            check_limits(&payload(&batch(&told(&[&one], &place), language)));
        }
    }
}
