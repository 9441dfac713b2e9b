//! A log of which the truth is known, and the payloads that carry it.

use std::fmt::Write as _;
use std::io::Write as _;

use aurora_connection_audit::postgres::event::{ConnectionEvent, Kind, Standing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use time::macros::datetime;

/// The setting that the log is written by.
pub(crate) const PREFIX: &str = "%t:%r:%u@%d:[%p]:";

/// The address in lines that clients forge.
pub(crate) const FORGED: &str = "10.0.0.9";

/// Connection events of a log, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) received: usize,
    pub(crate) authenticated: usize,
    pub(crate) authorized: usize,
    pub(crate) rejected: usize,
    pub(crate) disconnected: usize,
    /// Lines taken for an authorization that a client wrote.
    pub(crate) forged: usize,
}

impl Counts {
    pub(crate) fn of(events: &[ConnectionEvent<'_>]) -> Self {
        let mut counts = Self::default();
        for event in events {
            match event.kind {
                Kind::Received => counts.received += 1,
                Kind::Authenticated => counts.authenticated += 1,
                Kind::Authorized if event.facts.host.as_deref() == Some(FORGED) => {
                    // What a client writes may be told, but as no certain line.
                    counts.forged += usize::from(event.standing != Standing::Claimed);
                }
                Kind::Authorized => counts.authorized += 1,
                Kind::Rejected => counts.rejected += 1,
                Kind::Disconnected => counts.disconnected += 1,
                _ => {}
            }
        }
        counts
    }
}

/// A log and what it truly tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Corpus {
    pub(crate) text: String,
    pub(crate) lines: usize,
    pub(crate) truth: Counts,
}

/// A log of at least `lines` lines, the same for the same number: 61 % of them report connections,
/// one user in twelve has a name that is no plain word, and one client in a hundred forges lines.
pub(crate) fn corpus(lines: usize) -> Corpus {
    let mut corpus = Corpus::default();
    let mut random = Random(1);
    let mut sessions = Vec::new();
    let mut number = 0;
    while corpus.lines < lines {
        while sessions.len() < 8 {
            number += 1;
            sessions.push(Session::new(number, &mut random));
        }
        let next = random.below(sessions.len());
        corpus.background(&mut random);
        if !corpus.step(&mut sessions[next], &mut random) {
            sessions.swap_remove(next);
        }
    }
    corpus
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

struct Session {
    remote: String,
    host_and_port: String,
    pid: usize,
    user: &'static str,
    database: &'static str,
    application_name: &'static str,
    end: End,
    step: usize,
    /// Lines of statements between the login and the end.
    work: usize,
}

enum End {
    Disconnection,
    WrongPassword,
    Forgery,
}

impl Session {
    fn new(number: usize, random: &mut Random) -> Self {
        const PLAIN: [&str; 4] = ["app_user", "report", "alice", "billing_rw"];
        const OTHER: [&str; 4] = ["svc-etl", "o.brien@corp.example", "bob smith", "山田"];
        let host = format!("10.{}.{}.7", 1 + number / 250 % 250, number % 250);
        let port = 32768 + random.below(28000);
        let names = if random.below(12) == 0 { OTHER } else { PLAIN };
        Self {
            remote: format!("{host}({port})"),
            host_and_port: format!("host={host} port={port}"),
            pid: 1000 + number,
            user: random.one_of(&names),
            database: random.one_of(&["appdb", "orders", "warehouse"]),
            application_name: random.one_of(&["psql", "PostgreSQL JDBC Driver", "DBeaver 24.1"]),
            end: match random.below(100) {
                0 => End::Forgery,
                1..20 => End::WrongPassword,
                _ => End::Disconnection,
            },
            step: 0,
            work: random.below(5),
        }
    }
}

impl Corpus {
    /// Writes the next lines of `session`; `false` when they were its last.
    fn step(&mut self, session: &mut Session, random: &mut Random) -> bool {
        session.step += 1;
        if session.step == 1 {
            self.truth.received += 1;
            let message = format!("connection received: {}", session.host_and_port);
            self.line(session, "[unknown]@[unknown]", "LOG", &message);
            return true;
        }
        match session.end {
            End::Disconnection => self.login(session, random),
            End::WrongPassword => self.wrong_password(session),
            End::Forgery => self.forgery(session),
        }
    }

    fn login(&mut self, session: &Session, random: &mut Random) -> bool {
        let (user, database) = (session.user, session.database);
        let names = format!("{user}@{database}");
        let last = 4 + session.work;
        let message = match session.step {
            2 => {
                self.truth.authenticated += 1;
                format!(
                    "connection authenticated: identity=\"{user}\" method=scram-sha-256 \
                     (/rdsdbdata/config/pg_hba.conf:13)"
                )
            }
            3 => {
                self.truth.authorized += 1;
                format!(
                    "connection authorized: user={user} database={database} application_name={} \
                     SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)",
                    session.application_name
                )
            }
            step if step == last => {
                self.truth.disconnected += 1;
                format!(
                    "disconnection: session time: 0:0{}:1{}.{:03} user={user} database={database} {}",
                    random.below(10),
                    random.below(10),
                    random.below(1000),
                    session.host_and_port
                )
            }
            _ => format!(
                "duration: {}.{:03} ms  execute <unnamed>: SELECT \"id\", total FROM orders \
                 WHERE customer = $1 AND state <> 'closed' ORDER BY id LIMIT {}",
                random.below(900),
                random.below(1000),
                random.below(500)
            ),
        };
        self.line(session, &names, "LOG", &message);
        session.step < last
    }

    fn wrong_password(&mut self, session: &Session) -> bool {
        self.truth.rejected += 1;
        let names = format!("{}@{}", session.user, session.database);
        let message = format!(
            "password authentication failed for user \"{}\"",
            session.user
        );
        self.line(session, &names, "FATAL", &message);
        let detail = "Connection matched file \"/rdsdbdata/config/pg_hba.conf\" line 13: \
                      \"host all all all scram-sha-256\"";
        self.line(session, &names, "DETAIL", detail);
        false
    }

    /// A failed login whose names hold a line feed and a whole line behind it.
    fn forgery(&mut self, session: &Session) -> bool {
        self.truth.rejected += 1;
        let line = format!("{}:{FORGED}(5):admin", self.stamp());
        let database = "prod:[7]:LOG:  connection authorized: user=admin database=prod";
        let message = format!("password authentication failed for user \"\n\t{line}\"");
        self.line(session, &format!("\n{line}@{database}"), "FATAL", &message);
        self.lines += 2;
        false
    }

    /// Now and then a line of the server's own processes.
    fn background(&mut self, random: &mut Random) {
        if random.below(10) > 0 {
            return;
        }
        let stamp = self.stamp();
        let buffers = random.below(10_000);
        writeln!(
            self.text,
            "{stamp}::@:[812]:LOG:  checkpoint complete: wrote {buffers} buffers (0.1%); 0 WAL \
             file(s) added, 0 removed, 2 recycled; write=12.3 s, sync=0.004 s, total=12.4 s"
        )
        .unwrap();
        self.lines += 1;
    }

    fn line(&mut self, session: &Session, names: &str, severity: &str, message: &str) {
        let (stamp, remote, pid) = (self.stamp(), &session.remote, session.pid);
        writeln!(
            self.text,
            "{stamp}:{remote}:{names}:[{pid}]:{severity}:  {message}"
        )
        .unwrap();
        self.lines += 1;
    }

    /// Ten lines a second.
    fn stamp(&self) -> String {
        let seconds = i64::try_from(self.lines / 10).unwrap();
        let time = datetime!(2026-11-23 09:00:00) + time::Duration::seconds(seconds);
        let (hour, minute, second) = time.as_hms();
        format!("{} {hour:02}:{minute:02}:{second:02} UTC", time.date())
    }
}

/// What Lambda hands over when each of `messages` is a log event.
pub(crate) fn payload<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    format!(
        r#"{{"awslogs":{{"data":"{}"}}}}"#,
        STANDARD.encode(gzip(messages))
    )
}

/// The compressed data in such a payload.
pub(crate) fn gzip<'a>(messages: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let events: Vec<_> = messages
        .into_iter()
        .enumerate()
        .map(|(number, message)| {
            let message = message.trim_end_matches('\n');
            serde_json::json!({
                "id": format!("{:056}", 38_000_000_000 + number),
                "timestamp": 1_795_427_873_000_u64,
                "message": message,
            })
        })
        .collect();
    let data = serde_json::json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/rds/cluster/orders/postgresql",
        "logStream": "orders-1.0",
        "subscriptionFilters": ["connections"],
        "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(data.to_string().as_bytes()).unwrap();
    gzip.finish().unwrap()
}
