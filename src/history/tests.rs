use super::*;
use crate::postgres::event::Facts;
use time::OffsetDateTime;

const NOON: i64 = 20_000 * DAY + DAY / 2;

/// A process, the table, and what was asked and written.
#[derive(Default)]
struct World {
    known: Known,
    table: HashMap<Key, Until>,
    reads: usize,
    writes: usize,
}

impl World {
    /// What is new about the logins of one window.
    fn window(&mut self, logins: &[Connection<'static>]) -> Vec<Novelty> {
        let remembered = Remembered::default();
        let place = Rc::new(Place::default());
        let mut window = Logins::default();
        let added = logins
            .iter()
            .map(|login| window.add(login, &place, 0, &remembered));
        let added: Vec<_> = added.collect();
        let questions = window.questions(&mut self.known);
        self.reads += questions.len();
        let answer = |key: Key| (key, self.table.get(&key).copied());
        let answers: Answers = questions.into_iter().map(answer).collect();
        let novelty = added.into_iter().map(|login| match login {
            Some(login) => window.novelty(login, &mut self.known, &answers),
            None => Novelty::Unknown,
        });
        let novelty = novelty.collect();
        for lesson in window.lessons(&mut self.known, &answers, |_| false) {
            self.writes += 1;
            let until = Until {
                expiry: remembered.expiry(lesson.time),
                day: Some(day(lesson.time)),
            };
            self.table.insert(lesson.key, until);
            self.known.learn(lesson.key, until);
        }
        novelty
    }

    fn cold(&mut self) {
        self.known = Known::default();
    }
}

fn login(time: i64, user: &str, host: &str, database: &str) -> Connection<'static> {
    Connection {
        outcome: Outcome::Authorized,
        offset: 0,
        standing: Standing::Certain,
        facts: Facts {
            time: OffsetDateTime::from_unix_timestamp(time).ok(),
            user: Some(user.to_owned().into()),
            host: Some(host.to_owned().into()),
            database: Some(database.to_owned().into()),
            ..Facts::default()
        },
        detail: None,
        attempts: 1,
    }
}

fn new(user: bool, network: bool, database: bool) -> Novelty {
    Novelty::Known(New {
        user,
        network,
        database,
    })
}

#[test]
fn the_three_questions_are_apart() {
    let mut world = World::default();
    let mut check = |user, host, database, expected| {
        let told = world.window(&[login(NOON, user, host, database)]);
        assert_eq!(told, [expected], "{user} {host} {database}");
    };
    check("alice", "10.0.0.1", "a", new(true, true, true));
    check("alice", "10.0.0.99", "a", new(false, false, false));
    check("alice", "10.0.1.1", "a", new(false, true, false));
    check("alice", "10.0.1.1", "b", new(false, false, true));
    check("bob", "10.0.1.1", "b", new(true, true, true));
}

#[test]
fn in_a_window_the_first_is_new_and_no_other() {
    let mut world = World::default();
    let alice = login(NOON, "alice", "10.0.0.1", "a");
    let elsewhere = login(NOON, "alice", "10.0.1.1", "a");
    assert_eq!(
        world.window(&[alice.clone(), alice, elsewhere]),
        [
            new(true, true, true),
            new(false, false, false),
            new(false, true, false)
        ]
    );
}

#[test]
fn only_what_is_certain_teaches_and_what_is_claimed_is_not_even_asked() {
    let mut world = World::default();
    let with = |standing| Connection {
        standing,
        ..login(NOON, "alice", "10.0.0.1", "a")
    };
    assert_eq!(world.window(&[with(Standing::Claimed)]), [Novelty::Unknown]);
    assert_eq!((world.reads, world.writes), (0, 0));
    let own = [with(Standing::OfItsBackend), with(Standing::OfItsBackend)];
    assert_eq!(world.window(&own), [new(true, true, true); 2]);
    assert_eq!(world.writes, 0);
    for outcome in [
        Outcome::Rejected,
        Outcome::Disconnected,
        Outcome::Suspicious,
    ] {
        let other = Connection {
            outcome,
            ..with(Standing::Certain)
        };
        assert_eq!(world.window(&[other]), [Novelty::Unknown]);
    }
    assert_eq!(world.writes, 0);
}

#[test]
fn it_is_forgotten_after_thirty_days_without_a_login() {
    let mut world = World::default();
    let mut on_day = |day: i64| {
        world.cold();
        world.window(&[login(NOON + day * DAY, "alice", "10.0.0.1", "a")])
    };
    assert_eq!(on_day(0), [new(true, true, true)]);
    assert_eq!(on_day(29), [new(false, false, false)]);
    assert_eq!(on_day(58), [new(false, false, false)], "sliding");
    assert_eq!(on_day(88), [new(true, true, true)]);
}

#[test]
fn what_the_table_does_not_answer_is_unknown() {
    let place = Rc::new(Place::default());
    let mut window = Logins::default();
    let alice = login(NOON, "alice", "10.0.0.1", "a");
    let added = window.add(&alice, &place, 0, &Remembered::default());
    let mut known = Known::default();
    let mut answers = Answers::new();
    let ask = |known: &mut Known, answers: &Answers| window.novelty(added.unwrap(), known, answers);
    assert_eq!(ask(&mut known, &answers), Novelty::Unknown);
    let questions = window.questions(&mut known);
    answers.insert(questions[0], None);
    answers.insert(questions[1], None);
    assert_eq!(ask(&mut known, &answers), Novelty::Unknown);
    answers.insert(questions[2], None);
    assert_eq!(ask(&mut known, &answers), new(true, true, true));
    assert!(
        window
            .lessons(&mut known, &Answers::new(), |_| false)
            .is_empty()
    );
    assert!(window.lessons(&mut known, &answers, |_| true).is_empty());
    assert_eq!(window.lessons(&mut known, &answers, |_| false).len(), 3);
}

/// The floor: 1 million logins of 1000 kinds, at most 30 000 reads and as many writes.
#[test]
fn a_million_logins_of_a_thousand_kinds_are_few_reads_and_writes() {
    let mut world = World::default();
    for window in 0..40 {
        let logins: Vec<_> = (0..25_000)
            .map(|number| {
                let (user, other) = (number % 100, number / 100 % 10);
                let host = format!("10.0.{other}.{window}");
                let names = (format!("user{user}"), format!("db{other}"));
                login(NOON + window, &names.0, &host, &names.1)
            })
            .collect();
        world.window(&logins);
        if window % 10 == 0 {
            world.cold();
        }
    }
    // 100 users, each with ten networks and ten databases.
    assert_eq!(world.writes, 2100);
    assert_eq!(world.reads, 5 * 2100);
}

#[test]
fn a_network_is_a_block_that_is_configured_or_its_size_by_default() {
    let remembered = Remembered {
        networks: vec![
            "10.1.0.0/16".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        ..Remembered::default()
    };
    let check = |host, network| assert_eq!(remembered.network(host), network);
    check("10.1.2.3", "10.1.0.0/16");
    check("::ffff:10.1.2.3", "10.1.0.0/16");
    check("10.2.2.3", "10.2.2.0/24");
    check("2001:db8:1::1", "2001:db8::/32");
    check("2001:db9:1:2:3::1", "2001:db9:1:2::/64");
    check("fe80::1%eth0", "fe80::/64");
    check("[local]", "[local]");
    check("app-1.internal", "app-1.internal");
}

#[test]
fn names_cannot_run_into_each_other() {
    let place = Rc::new(Place::default());
    let keys = |user: &str, database| {
        Kind::new(&place, user, "10.0.0.0/24".to_owned(), Some(database)).keys
    };
    let [user, network, database] = keys("ab", "c");
    let [other_user, other_network, other_database] = keys("a", "bc");
    assert!(user != other_user && network != other_network && database != other_database);
    assert_eq!(keys("a", "b"), keys("a", "b"));
}
