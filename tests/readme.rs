//! What README shows is what the program takes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use aurora_connection_audit::config::Config;
use aurora_connection_audit::postgres::LogLinePrefix;
use aurora_connection_audit::routing::Rules;

const READMES: [(&str, &str); 2] = [
    ("README.md", include_str!("../README.md")),
    ("README.ja.md", include_str!("../README.ja.md")),
];

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    let blocks = text.split(opening.as_str()).skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

/// The rows of the table between the comments that name it, as what stands between backticks.
fn rows<'a>(text: &'a str, table: &str) -> Vec<Vec<&'a str>> {
    let begin = format!("<!-- {table}: begin -->");
    let end = format!("<!-- {table}: end -->");
    let table = text
        .split_once(&begin)
        .unwrap()
        .1
        .split_once(&end)
        .unwrap()
        .0;
    let rows = table.trim().lines().skip(2);
    rows.map(|row| row.split('`').skip(1).step_by(2).collect())
        .collect()
}

#[test]
fn the_log_is_the_one_in_the_picture() {
    for (name, text) in READMES {
        let log = include_str!("fixtures/pictures/connection.log");
        assert_eq!(blocks(text, "log"), [log], "{name}");
    }
}

#[test]
fn rules_are_valid() {
    for (name, text) in READMES {
        let examples = blocks(text, "json");
        assert_eq!(examples.len(), 3, "{name}");
        for example in examples {
            let rules = Rules::from_json(example);
            assert!(rules.is_ok(), "{name}: {:?}\n{example}", rules.unwrap_err());
        }
    }
}

#[test]
fn prefixes_are_valid() {
    for (name, text) in READMES {
        let prefixes = rows(text, "prefixes");
        assert_eq!(prefixes.len(), 5, "{name}");
        for row in prefixes {
            let prefix = LogLinePrefix::compile(row[0]);
            assert!(
                prefix.is_ok(),
                "{name}: {}: {}",
                row[0],
                prefix.unwrap_err()
            );
        }
    }
}

#[test]
fn variables_and_their_examples_are_valid() {
    const LAMBDA: [(&str, &str); 3] = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    thread_local! {
        static VARIABLES: RefCell<HashMap<String, String>> = RefCell::default();
        static ASKED: RefCell<HashSet<String>> = RefCell::default();
    }
    for (name, text) in READMES {
        let rows = rows(text, "variables");
        let of_rows = rows.iter().map(|row| (row[0], row[row.len() - 1]));
        let owned = |(variable, value): (&str, &str)| (variable.to_owned(), value.to_owned());
        VARIABLES.set(LAMBDA.into_iter().chain(of_rows).map(owned).collect());
        let config = Config::from_vars(|variable| {
            ASKED.with_borrow_mut(|asked| asked.insert(variable.to_owned()));
            VARIABLES.with_borrow(|variables| variables.get(variable).cloned())
        });
        assert!(config.is_ok(), "{name}: {}", config.unwrap_err());
        let asked = ASKED.take();
        for row in &rows {
            assert!(asked.contains(row[0]), "{name}: no {}", row[0]);
        }
        // The rest is AWS's own.
        let own = asked
            .iter()
            .filter(|variable| !variable.starts_with("AWS_"))
            .count();
        assert_eq!(rows.len(), own, "{name}");
    }
}

/// What a link to Slack carries, percent-encoded.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_link_makes_a_slack_app_with_incoming_webhooks() {
    const LINK: &str = "](https://api.slack.com/apps?new_app=1&manifest_json=";
    let manifests = READMES.map(|(name, text)| {
        let (_, rest) = text.split_once(LINK).unwrap_or_else(|| panic!("{name}"));
        decoded(rest.split_once(')').unwrap().0)
    });
    assert_eq!(manifests[0], manifests[1]);
    let manifest: serde_json::Value = serde_json::from_str(&manifests[0]).unwrap();
    let shown = &manifest["display_information"];
    let name = shown["name"].as_str().unwrap();
    assert!(name.len() <= 35, "Slack's limit: {name}");
    assert_eq!(manifest["features"]["bot_user"]["display_name"], name);
    assert_eq!(shown["background_color"], "#1f3a5f");
    assert_eq!(
        manifest["oauth_config"]["scopes"]["bot"][0],
        "incoming-webhook"
    );
    let webhooks = &manifest["settings"]["incoming_webhooks"];
    assert_eq!(webhooks["incoming_webhooks_enabled"], true);
}
