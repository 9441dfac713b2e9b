//! The access summary, whatever the names and their number.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::limits::check_limits;
use super::*;
use crate::access::{Access, Period, shown_day};
use crate::aws::dynamodb::{Attribute, Item};
use crate::config::Settings;
use crate::history::DAY;

const TODAY: i64 = 20_000;

/// What, of which cluster and user, its name, and on which days before today first and last.
type Known<'k> = (&'k str, &'k str, &'k str, &'k str, [i64; 2]);

fn item((what, cluster, user, name, [first, last]): Known<'_>) -> Item {
    let day = |days: i64| shown_day(TODAY - days);
    let account = match cluster {
        "billing" => "123456789012",
        _ => "210987654321",
    };
    let texts = [
        ("what", what),
        ("cluster", cluster),
        ("log_group", cluster),
        ("account", account),
        ("user", user),
        ("first", &day(first)),
        ("last", &day(last)),
    ];
    let named = (what != "user").then_some((what, name));
    let texts = texts.into_iter().chain(named);
    let texts = texts.map(|(name, text)| (name.to_owned(), Attribute::S(text.to_owned())));
    let expiry = Attribute::N(((TODAY + 99) * DAY).to_string());
    texts.chain([("ttl".to_owned(), expiry)]).collect()
}

fn payload_of<'k>(
    since: Option<i64>,
    known: impl IntoIterator<Item = Known<'k>>,
    language: Language,
) -> (Value, [usize; 3]) {
    let since = since.map(|since| TODAY - since);
    let mut access = Access::new(Period::new(since, TODAY * DAY, 30));
    known.into_iter().for_each(|known| access.add(&item(known)));
    let settings = Settings::from_vars(|variable| {
        let accounts = r#"{"123456789012": "audit"}"#;
        (variable == "ACCOUNTS").then(|| accounts.to_owned())
    });
    access.finish(&settings.unwrap());
    let style = Style {
        language,
        time_zone: TimeZone::named("Asia/Tokyo").unwrap(),
    };
    let payload = super::super::access(&access, &style);
    check_limits(&payload);
    (payload, access.counts())
}

fn text_of(since: Option<i64>, known: &[Known<'_>], language: Language) -> String {
    let (payload, _) = payload_of(since, known.iter().copied(), language);
    payload["text"].as_str().unwrap().to_owned()
}

const KNOWN: [Known<'static>; 11] = [
    ("user", "orders", "alice", "", [9, 0]),
    ("network", "orders", "alice", "10.0.2.0/24", [1, 0]),
    ("user", "orders", "carol", "", [1, 1]),
    ("network", "orders", "carol", "10.0.1.0/24", [1, 1]),
    ("database", "orders", "carol", "app db", [1, 1]),
    ("user", "billing", "alice", "", [9, 2]),
    ("database", "billing", "alice", "a", [2, 2]),
    ("database", "billing", "alice", "b", [2, 2]),
    ("database", "billing", "alice", "c", [2, 2]),
    ("database", "billing", "alice", "d", [2, 2]),
    ("user", "orders", "dave", "", [29, 25]),
];

#[test]
fn what_is_new_who_is_idle_and_who_connected() {
    assert_snapshot!(text_of(Some(7), &KNOWN, Language::En), @r#"
    📋 Aurora PostgreSQL access: 4 users of 2 clusters

    2024-09-27 to 2024-10-04, days in UTC

    *🆕 New: 3 users*
    • *billing* (audit): alice (new database a, b, c, and 1 more)
    • *orders* (210987654321): alice (new network `10.0.2.0/24`), carol (new user · `10.0.1.0/24` · `app db`)

    *💤 No login for 20 days or longer: 1 user*
    They may no longer need access. Without a login for 30 days a user is forgotten, and listed no more.
    • *orders* (210987654321): dave (last 2024-09-09)

    *🔗 Connected: 3 users*
    • *billing* (audit): alice
    • *orders* (210987654321): alice, carol
    "#);
    assert_snapshot!(text_of(Some(7), &KNOWN, Language::Ja), @r#"
    📋 Aurora PostgreSQLの利用状況: 2クラスター、4ユーザー

    2024-09-27 から 2024-10-04 まで（日付はUTC）

    *🆕 新規 3ユーザー*
    • *billing* (audit): alice (初めてのデータベース a、b、c、ほか1件)
    • *orders* (210987654321): alice (初めてのネットワーク `10.0.2.0/24`)、carol (初めてのユーザー · `10.0.1.0/24` · `app db`)

    *💤 20日以上接続なし 1ユーザー*
    アクセス権が不要になっている可能性があります。30日間接続がないユーザーは記録から消え、一覧に載らなくなります。
    • *orders* (210987654321): dave (最終 2024-09-09)

    *🔗 接続あり 3ユーザー*
    • *billing* (audit): alice
    • *orders* (210987654321): alice、carol
    "#);
}

#[test]
fn the_first_summary_says_so() {
    assert_snapshot!(text_of(None, &KNOWN, Language::En), @r#"
    📋 Aurora PostgreSQL access: 4 users of 2 clusters

    The first summary, 2024-10-04: all that is remembered, 30 days at most

    *💤 No login for 20 days or longer: 1 user*
    They may no longer need access. Without a login for 30 days a user is forgotten, and listed no more.
    • *orders* (210987654321): dave (last 2024-09-09)

    *🔗 Connected: 3 users*
    • *billing* (audit): alice
    • *orders* (210987654321): alice, carol
    "#);
    assert_snapshot!(text_of(None, &[], Language::Ja), @r#"
    📋 Aurora PostgreSQLの利用状況: 0クラスター、0ユーザー

    初回の集計（2024-10-04）: 記録されているすべて（最大30日分）

    *🔗 接続あり 0ユーザー*
    "#);
}

/// The users that an English list accounts for, shown or not.
fn accounted_for(blocks: &str, emoji: &str) -> (usize, usize) {
    let number = |text: &str| text.parse::<usize>().unwrap();
    let of = |line: &str, before: &str, after: &str| {
        let (_, rest) = line.rsplit_once(before)?;
        Some(number(rest.split_once(after)?.0))
    };
    let mut lines = blocks
        .lines()
        .skip_while(|line| !line.starts_with(&format!("*{emoji}")));
    let title = lines
        .next()
        .map_or(0, |line| of(line, ": ", " user").unwrap());
    let rest = lines.take_while(|line| !line.starts_with('*'));
    let counted = rest.map(|line| {
        if line.starts_with("• ") {
            let names = line.split_once("*: ").map_or("", |(_, names)| names);
            let more = of(&format!("{names}|"), "and ", " more|").unwrap_or(0);
            names.matches("user").count() + more
        } else {
            of(line, "(", " user").unwrap_or(0)
        }
    });
    (title, counted.sum())
}

#[test]
fn whatever_the_number_of_clusters_and_names_all_are_counted() {
    for (clusters, users) in [
        (1, 1),
        (1, 30),
        (1, 3000),
        (7, 90),
        (60, 1),
        (60, 50),
        (900, 7),
    ] {
        let names: Vec<_> = (0..clusters)
            .flat_map(|c| (0..users).map(move |u| (format!("cluster-{c:04}"), format!("user-{u}"))))
            .collect();
        let known = names.iter().enumerate().map(|(at, (cluster, user))| {
            let days = [[0, 0], [29, 25], [9, 1]][at % 3];
            ("user", cluster.as_str(), user.as_str(), "", days)
        });
        let (payload, [new, idle, connected]) = payload_of(Some(2), known, Language::En);
        let blocks = payload["blocks"].as_array().unwrap().iter();
        let blocks: Vec<_> = blocks
            .map(|block| block["text"]["text"].as_str().unwrap())
            .collect();
        let blocks = blocks
            .join("\n")
            .replace(" (new user)", "")
            .replace(" (last", "");
        for (emoji, count) in [("🆕", new), ("💤", idle), ("🔗", connected)] {
            assert_eq!(
                accounted_for(&blocks, emoji),
                (count, count),
                "{emoji}\n{blocks}"
            );
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,8}",
        "[\\x00-\\x20<>&*_~`:@#!|^\u{202e}\u{200b}]{0,63}",
        ".{0,63}",
        "&{60,300}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_names_make_one_valid_message(
        known in prop::collection::vec(
            (prop::sample::select(vec!["user", "network", "database"]), any_name(), any_name(), any_name(), 0_i64..40, 0_i64..40),
            0..60,
        ),
        copies in 1_usize..40,
        since in prop::option::of(0_i64..30),
    ) {
        let copies: Vec<_> = (0..copies).map(|copy| copy.to_string()).collect();
        let users: Vec<_> = copies.iter().flat_map(|copy| known.iter().map(move |it| (it, format!("{}{copy}", it.2)))).collect();
        for language in Language::ALL {
            let known = users.iter().map(|((what, cluster, _, name, first, last), user)| {
                (*what, cluster.as_str(), user.as_str(), name.as_str(), [*first, *last])
            });
            payload_of(since, known, language);
        }
    }
}
