use serde_json::json;

use super::*;

const TODAY: i64 = 20_000;
const NOW: i64 = TODAY * DAY + DAY / 2;

/// An item as the history writes it; the days are counted back from today.
fn item(what: &str, cluster: &str, user: &str, name: &str, first: i64, last: i64) -> Item {
    let text = |text: &str| Attribute::S(text.to_owned());
    let expiry = (TODAY - last + 30) * DAY + DAY / 2;
    let mut item = Item::from([
        ("what".to_owned(), text(what)),
        ("cluster".to_owned(), text(cluster)),
        ("log_group".to_owned(), text(&format!("/{cluster}"))),
        ("user".to_owned(), text(user)),
        ("first".to_owned(), text(&shown_day(TODAY - first))),
        ("last".to_owned(), text(&shown_day(TODAY - last))),
        ("ttl".to_owned(), Attribute::N(expiry.to_string())),
    ]);
    if what != "user" {
        item.insert(what.to_owned(), text(name));
    }
    item
}

fn user(name: &str, first: i64, last: i64) -> Item {
    item("user", "orders", name, "", first, last)
}

fn summary(since: Option<i64>, items: &[Item]) -> Access {
    let since = since.map(|since| TODAY - since);
    let mut access = Access::new(Period::new(since, NOW, 30));
    for item in items {
        access.add(item);
    }
    let settings = Settings::from_vars(|variable| {
        let clusters = r#"{"/billing": "prod-billing"}"#;
        (variable == "CLUSTERS").then(|| clusters.to_owned())
    });
    access.finish(&settings.unwrap());
    access
}

fn names(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.user.as_str()).collect()
}

#[test]
fn who_connected_since_the_last_summary_and_who_has_not_for_long() {
    let items = [
        user("today", 9, 0),
        user("on-the-day-of-the-last", 9, 7),
        user("between", 29, 8),
        user("not-yet-long", 29, 19),
        user("long", 29, 20),
        user("longest", 29, 29),
        user("forgotten", 60, 30),
    ];
    let access = summary(Some(7), &items);
    let cluster = access.clusters().next().unwrap();
    assert_eq!(
        names(&cluster.connected),
        ["on-the-day-of-the-last", "today"]
    );
    assert_eq!(names(&cluster.idle), ["longest", "long"]);
    assert_eq!(access.counts(), [0, 2, 2]);
}

#[test]
fn what_is_new_is_told_by_user() {
    let items = [
        user("carol", 1, 0),
        item("network", "orders", "carol", "10.0.0.0/24", 1, 0),
        user("alice", 9, 0),
        item("network", "orders", "alice", "10.0.2.0/24", 2, 0),
        item("network", "orders", "alice", "10.0.1.0/24", 0, 0),
        item("database", "orders", "alice", "known", 9, 0),
        item("database", "billing", "alice", "invoices", 2, 2),
    ];
    let access = summary(Some(2), &items);
    assert_eq!(
        serde_json::to_value(access.clusters().collect::<Vec<_>>()).unwrap(),
        json!([
            {
                "cluster": "prod-billing", "log_group": "/billing", "idle": [], "connected": [],
                "new": { "alice": { "user": false, "networks": [], "databases": ["invoices"] } },
            },
            {
                "cluster": "orders", "log_group": "/orders", "idle": [],
                "new": {
                    "alice": { "user": false, "networks": ["10.0.1.0/24", "10.0.2.0/24"], "databases": [] },
                    "carol": { "user": true, "networks": ["10.0.0.0/24"], "databases": [] },
                },
                "connected": [
                    { "user": "alice", "first": "2024-09-25", "last": "2024-10-04" },
                    { "user": "carol", "first": "2024-10-03", "last": "2024-10-04" },
                ],
            },
        ])
    );
}

#[test]
fn the_first_summary_is_of_all_and_calls_nothing_new() {
    let items = [user("alice", 25, 10), user("dave", 25, 25)];
    let access = summary(None, &items);
    assert_eq!(access.counts(), [0, 1, 1]);
    assert_eq!(
        serde_json::to_value(access.period).unwrap()["since"],
        json!(null)
    );
}

#[test]
fn what_is_no_login_is_nothing() {
    let mut refusals = user("alice", 0, 0);
    refusals.insert("what".to_owned(), Attribute::S("refusals".to_owned()));
    let mut undated = user("bob", 0, 0);
    undated.remove("ttl");
    let mut damaged = user("bob", 0, 0);
    damaged.insert("last".to_owned(), Attribute::S("soon".to_owned()));
    let access = summary(None, &[refusals, undated, damaged, Item::new()]);
    assert_eq!(access.counts(), [0; 3]);
    assert_eq!(access.clusters().count(), 0);
}

#[test]
fn a_user_is_long_without_a_login_some_time_before_being_forgotten() {
    let idle_days = |days| Period::new(None, NOW, days).idle_days;
    assert_eq!(
        [1, 2, 7, 30, 90, 180, 365].map(idle_days),
        [1, 1, 4, 20, 60, 90, 90]
    );
}

#[test]
fn what_has_no_room_is_counted() {
    let items: Vec<_> = (0..30_000)
        .map(|n| user(&format!("user{n}"), 9, 0))
        .collect();
    let access = summary(Some(2), &items);
    assert_eq!(access.counts(), [0, 0, 30_000]);
    assert_eq!(access.left_out.connected, 10_000);
    let answer = serde_json::to_string(&access).unwrap();
    assert!(answer.len() < 3_000_000, "{}", answer.len());
}
