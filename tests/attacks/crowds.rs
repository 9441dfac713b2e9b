//! Many clients, several processes, many logs.

use std::ops::Range;

use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::pipeline::compose;
use aurora_connection_audit::sessions::Outcome;
use aurora_connection_audit::window::Window;
use fastrand::Rng;

use super::deployment::{Deployment, Order};
use super::replay::{WHOLE, batch_of};
use super::scene::{Client, RDS, Scene};
use super::server::{Encryption, hba};
use super::telling::{log_batch, settings};

/// How the clients of an application connect.
struct Habits {
    /// Addresses, and the ports of each.
    hosts: usize,
    ports: Range<u16>,
    /// How long a session lasts on average, in milliseconds.
    session: f64,
}

const HOSTS: [&str; 3] = ["10.0.1.1", "10.0.1.2", "10.0.1.3"];
const LOGINS: usize = 400;

/// One login in 200 milliseconds, by TLS and a password; and every ten seconds RDS's own.
fn everyday(habits: &Habits) -> Scene {
    let mut rng = Rng::with_seed(2);
    let mut scene = Scene::new(RDS);
    let mut free: Vec<Vec<u16>> = vec![habits.ports.clone().collect(); habits.hosts];
    let mut busy: Vec<(u32, usize, u16)> = Vec::new();
    let (mut now, mut pid, mut next_admin) = (0, 1000, 0);
    for _ in 0..LOGINS {
        now += around(&mut rng, 200.0);
        while next_admin < now {
            pid += rng.u32(1..4);
            admin(&mut scene, next_admin, pid);
            next_admin += 10_000;
        }
        let over = busy.iter().filter(|(end, ..)| *end < now);
        over.for_each(|(_, host, port)| free[*host].push(*port));
        busy.retain(|(end, ..)| *end >= now);
        let host = rng.usize(..habits.hosts);
        let ports = &mut free[host];
        assert!(!ports.is_empty(), "too few ports");
        let port = ports.swap_remove(rng.usize(..ports.len()));
        pid = 1000 + (pid + rng.u32(1..4)) % 30_000;
        let end = now + 20 + around(&mut rng, habits.session);
        busy.push((end, host, port));
        let client = scene.client(format!("user{host}"), "appdb");
        let backend = scene.of(client);
        (backend.pid, backend.host, backend.port) = (pid, HOSTS[host], port);
        backend.encryption = Encryption::Tls;
        scene.named(client, "app");
        session(&mut scene, client, now, end);
    }
    scene.in_order()
}

/// RDS's own user, over the socket.
fn admin(scene: &mut Scene, now: u32, pid: u32) {
    let client = scene.client("rdsadmin", "rdsadmin");
    (scene.of(client).pid, scene.of(client).host) = (pid, "[local]");
    session(scene, client, now, now + 1000);
}

fn session(scene: &mut Scene, client: Client, now: u32, end: u32) {
    scene.at(now);
    scene.received(client);
    scene.at(now + 5);
    scene.authenticated(client);
    scene.at(now + 7);
    scene.authorized(client);
    scene.at(end);
    scene.leaves(client);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of minutes"
)]
fn around(rng: &mut Rng, mean: f64) -> u32 {
    (-mean * rng.f64().max(1e-9).ln()) as u32
}

/// N: one log for several processes, in order and not: everybody is told by name, nobody is accused, RDS's own
/// users stay quiet, and hardly a login is unconfirmed.
#[track_caller]
fn assert_nobody_suffers(habits: &Habits) {
    let scene = everyday(habits);
    for order in [Order::Kept, Order::Late, Order::Swapped, Order::Twice] {
        for (size, processes) in [(1, 1), (1, 3), (5, 1), (5, 2), (5, 5), (20, 1), (20, 5)] {
            let deployment = Deployment {
                sizes: (size, size),
                processes,
                round_robin: false,
                order,
                ..WHOLE
            };
            let verdict = scene.verdict(&deployment);
            let (label, counts) = (deployment.label(), verdict.counts);
            assert!(verdict.findings.is_empty(), "{label}: {verdict:?}");
            assert_eq!(counts.suspicions, 0, "{label}");
            assert!(counts.logins > LOGINS, "{label}: {counts:?}");
            let most = if size == 1 { 100 } else { 1 };
            assert!(
                counts.logins_unconfirmed * 100 <= counts.logins * most,
                "{label}, batches of {size}: {counts:?}"
            );
            let told = scene.told_of("rdsadmin", &deployment);
            assert_eq!(told, 0, "{label}, batches of {size}");
        }
    }
}

#[test]
fn several_processes_share_a_log() {
    assert_nobody_suffers(&Habits {
        hosts: 3,
        ports: 1024..65_535,
        session: 30_000.0,
    });
}

/// Behind one address, and so few ports that each is used again and again.
#[test]
fn ports_are_used_again() {
    assert_nobody_suffers(&Habits {
        hosts: 1,
        ports: 5000..5064,
        session: 2000.0,
    });
}

#[test]
fn sessions_are_short() {
    assert_nobody_suffers(&Habits {
        hosts: 3,
        ports: 32_768..61_000,
        session: 200.0,
    });
}

/// H: a guess at a password is one refusal, though it looks like libpq's second attempt.
#[test]
fn each_guess_counts() {
    let mut scene = Scene::new(RDS);
    for _ in 0..20 {
        let guess = scene.client("ceo", "payroll");
        scene.wrong_password(guess);
    }
    let told = scene.outcomes(&WHOLE);
    assert_eq!(told, [(Outcome::Rejected, 1); 20]);
    scene.assert_promise();
}

/// H: two attempts are one where that is certain: the second, in plain text, would have been turned away before,
/// had the first been in plain text, too.
#[test]
fn libpqs_second_attempt_is_no_second_refusal() {
    let mut scene = Scene::new(RDS);
    for encryption in [Encryption::Tls, Encryption::Plain] {
        let client = scene.client("ceo", "payroll");
        scene.of(client).encryption = encryption;
        if encryption == Encryption::Tls {
            scene.wrong_password(client);
        } else {
            let message = hba("no pg_hba.conf entry for", scene.of(client), 15);
            scene.refused(client, &String::from_utf8(message).unwrap());
        }
    }
    assert_eq!(scene.outcomes(&WHOLE), [(Outcome::Rejected, 2)]);
}

/// I: one who may log in pushes the login of another out of the message.
#[test]
fn a_flood_of_logins_pushes_nobody_out() {
    let mut scene = Scene::new(RDS);
    for number in 0..60 {
        for _ in 0..2 {
            let client = scene.client("u", "appdb");
            scene.named(client, &format!("{number:02}{}", "<".repeat(61)));
            scene.logs_in(client);
            scene.leaves(client);
        }
    }
    let other = scene.client("su", "postgres");
    scene.logs_in(other);
    scene.leaves(other);
    let message = scene.message();
    assert!(message.contains("121 new connections"), "{message}");
    assert!(message.contains("su → postgres"), "{message}");
}

/// Q: log events of two log groups may have the same ids.
#[test]
fn what_was_told_of_one_log_group_hides_nothing_of_another() {
    let mut scene = Scene::new(RDS);
    let client = scene.client("u", "appdb");
    scene.logs_in(client);
    scene.leaves(client);
    let log = scene.plan.write();
    let events = WHOLE.deliver(&log).remove(0).events;
    let (settings, mut memory) = (settings(RDS, false), Memory::default());
    let mut posts = |log_group: &str| {
        let mut batch = batch_of(&log, &events);
        batch.log_group = log_group.to_owned();
        let mut window = Window::default();
        window.add(0, &batch, &settings, &mut memory);
        let messages = compose(&mut window, &settings, &memory);
        let keys = messages.iter().flat_map(|message| &message.keys);
        keys.for_each(|key| memory.delivered.insert(*key));
        messages.len()
    };
    let (orders, payroll) = (
        "/aws/rds/cluster/orders/postgresql",
        "/aws/rds/cluster/payroll/postgresql",
    );
    assert_eq!([posts(orders), posts(payroll)], [1, 1]);
    assert_eq!([posts(orders), posts(payroll)], [0, 0], "it comes again");
}

/// T: so many connections of an outcome are kept, and then those of clients that have none.
#[test]
fn connections_without_room_are_counted() {
    const MOST: usize = 20_000;
    let line = |host: &str, pid: usize| {
        format!(
            "2026-11-23 09:38:10 UTC:{host}(5000):a@b:[{pid}]:FATAL:  password authentication failed for user \"a\"\n"
        )
    };
    let mut text: String = (1..=MOST + 10).map(|pid| line("10.0.0.1", pid)).collect();
    text += &line("10.0.0.2", 1);
    let settings = settings(RDS, false);
    let (mut window, mut memory) = (Window::default(), Memory::default());
    let batch = log_batch([(String::new(), &*text)], 0);
    window.add(0, &batch, &settings, &mut memory);
    assert_eq!(window.entries.len(), MOST + 1);
    let left_out: Vec<_> = window.left_out.values().collect();
    assert_eq!(left_out, [&10]);
    let rejected: Vec<_> = window.clusters.values().map(|one| one.rejected).collect();
    assert_eq!(rejected, [MOST + 11]);
}
