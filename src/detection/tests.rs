use super::*;
use crate::postgres::event::Facts;
use time::OffsetDateTime;

/// Seconds, and what happens then; the events are numbered.
struct Day {
    refusals: Refusals,
    events: usize,
}

impl Day {
    fn new() -> Self {
        Self {
            refusals: Refusals::default(),
            events: 0,
        }
    }

    fn refused(&mut self, second: i64, user: &'static str, host: &'static str) {
        self.happens(&refusal(second, user, host));
    }

    fn login(&mut self, second: i64, user: &'static str, host: &'static str) -> usize {
        self.happens(&connection(Outcome::Authorized, second, user, host))
    }

    fn happens(&mut self, connection: &Connection<'static>) -> usize {
        self.events += 1;
        self.again(connection, self.events)
    }

    fn again(&mut self, connection: &Connection<'static>, event: usize) -> usize {
        let id = event.to_string();
        let event = LogEvent {
            id: &id,
            offset: 0,
            time: 0,
        };
        self.refusals
            .before(connection, &Place::default(), Some(event))
    }
}

fn connection(
    outcome: Outcome,
    second: i64,
    user: &'static str,
    host: &'static str,
) -> Connection<'static> {
    Connection {
        outcome,
        offset: 0,
        standing: Standing::Certain,
        facts: Facts {
            time: OffsetDateTime::from_unix_timestamp(1_800_000_000 + second).ok(),
            user: Some(user.into()),
            host: Some(host.into()),
            ..Facts::default()
        },
        detail: None,
        attempts: 1,
    }
}

fn refusal(second: i64, user: &'static str, host: &'static str) -> Connection<'static> {
    connection(Outcome::Rejected, second, user, host)
}

#[test]
fn a_client_is_counted_whatever_its_users_and_a_user_whatever_his_clients() {
    let mut day = Day::new();
    for (second, user) in (0..).zip(["a", "b", "c", "d", "e"]) {
        day.refused(second, user, "10.0.0.1");
    }
    for (second, host) in (5..).zip(["10.0.0.2", "10.0.0.3", "10.0.0.4"]) {
        day.refused(second, "z", host);
    }
    assert_eq!(day.login(9, "f", "10.0.0.1"), 5);
    assert_eq!(day.login(9, "z", "10.0.0.9"), 3);
    assert_eq!(day.login(9, "y", "10.0.0.9"), 0);
}

#[test]
fn a_refusal_counts_for_ten_minutes() {
    let mut day = Day::new();
    day.refused(0, "a", "10.0.0.1");
    day.refused(1, "a", "10.0.0.1");
    assert_eq!(day.login(600, "a", "10.0.0.2"), 2);
    assert_eq!(day.login(601, "a", "10.0.0.3"), 1);
    assert_eq!(day.login(602, "a", "10.0.0.4"), 0);
}

#[test]
fn a_pool_beside_a_broken_job_is_no_alarm() {
    let mut day = Day::new();
    for minute in 0..30 {
        day.refused(60 * minute, "job", "10.0.0.1");
        assert!(day.login(60 * minute + 30, "pool", "10.0.0.1") <= 1);
    }
}

#[test]
fn a_login_under_another_name_hides_nothing() {
    let mut day = Day::new();
    for second in 0..10 {
        day.refused(second, "alice", "10.0.0.1");
        day.login(second, "mallory", "10.0.0.1");
    }
    assert_eq!(day.login(10, "alice", "10.0.0.1"), 10);
}

#[test]
fn what_comes_twice_counts_once_and_says_the_same() {
    let mut day = Day::new();
    for _ in 0..2 {
        for event in 0..7 {
            day.again(&refusal(0, "alice", "10.0.0.1"), event);
        }
        let login = connection(Outcome::Authorized, 1, "alice", "10.0.0.1");
        assert_eq!(day.again(&login, 7), 7);
    }
}

#[test]
fn a_server_that_starts_or_is_full_refuses_everybody() {
    let mut day = Day::new();
    for reason in [
        "the database system is starting up",
        "sorry, too many clients already",
    ] {
        for second in 0..9 {
            let mut refused = refusal(second, "pool", "10.0.0.1");
            refused.facts.reason = Some(reason.into());
            day.happens(&refused);
        }
    }
    assert_eq!(day.login(10, "pool", "10.0.0.1"), 0);
}

#[test]
fn what_is_only_claimed_counts_for_nothing() {
    let mut day = Day::new();
    let claimed = |connection| Connection {
        standing: Standing::Claimed,
        ..connection
    };
    for second in 0..9 {
        day.happens(&claimed(refusal(second, "alice", "10.0.0.1")));
    }
    assert_eq!(day.login(10, "alice", "10.0.0.1"), 0);
}

#[test]
fn memory_is_bounded_and_the_latest_stay() {
    let mut day = Day::new();
    let most = i64::try_from(MOST_REFUSALS).unwrap();
    for number in 0..most + 10 {
        day.refused(number / 1000, "alice", "10.0.0.1");
    }
    assert_eq!(day.refusals.order.len(), 2 * MOST_REFUSALS);
    assert_eq!(day.refusals.ids.len(), 2 * MOST_REFUSALS);
    assert_eq!(day.login(101, "alice", "10.0.0.1"), MOST_REFUSALS);
    day.login(9999, "alice", "10.0.0.1");
    assert!(day.refusals.of.is_empty() && day.refusals.ids.is_empty());
}
