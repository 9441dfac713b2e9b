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

const THREAT_MODEL: &str = include_str!("../docs/threat-model.md");

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    let folders = ["tests/", "src/", "scripts/", "terraform/", "fuzz/"];
    folders.iter().any(|folder| word.starts_with(folder)) && !word.contains(' ')
}

/// Does the word look like the name of a test?
fn is_test(word: &str) -> bool {
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    word.chars()
        .all(|letter| letter == '_' || is_of_name(letter))
        && word.matches('_').count() > 1
}

/// Is the test in the file, or in one of its modules?
fn is_in(path: &str, test: &str) -> bool {
    let modules = path.trim_end_matches(".rs");
    let folder = std::fs::read_dir(modules).into_iter().flatten().flatten();
    let files = folder.map(|entry| entry.path()).chain([path.into()]);
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let openings = ["fn ", "def ", "run \""].map(|opening| format!("{opening}{test}"));
    texts
        .into_iter()
        .any(|text| openings.iter().any(|opening| text.contains(opening)))
}

#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let mut named = 0;
    for paragraph in THREAT_MODEL.split("\n\n") {
        let is_of_limits = paragraph.starts_with("| Case |");
        for row in paragraph.split("\n|").flat_map(|row| row.split("\n- ")) {
            let mut path = is_of_limits.then_some("tests/attacks/limits.rs");
            for word in quoted(row) {
                if is_path(word) {
                    assert!(std::path::Path::new(word).exists(), "{word}");
                    path = Some(word);
                } else if let Some(path) = path.filter(|_| is_test(word)) {
                    assert!(is_in(path, word), "{word} is not in {path}");
                    named += 1;
                }
            }
        }
    }
    assert!(named > 60, "{named}");
}

#[test]
fn no_claim_of_the_threat_model_is_without_a_test() {
    let tables = THREAT_MODEL.split("\n\n").filter(|paragraph| {
        let head = paragraph.lines().next().unwrap_or_default();
        head.ends_with("| Shown by |") || head.ends_with("| Test |")
    });
    let rows: Vec<_> = tables.flat_map(|table| table.lines().skip(2)).collect();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(
            quoted(last).any(|word| is_path(word) || is_test(word)),
            "{row}"
        );
    }
}
