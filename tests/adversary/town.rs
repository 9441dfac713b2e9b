//! Who connects to the server, and what becomes of it: the steps of many clients, mixed by time.

use fastrand::Rng;

use super::server::{
    self, Backend, Encryption, LONGEST_NAME, Line, Setting, Stage, Walsender, authenticated,
    authorized, disconnection, hba, received,
};

/// Everything that is going to happen.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) version: u8,
    pub(crate) setting: Setting,
    pub(crate) backends: Vec<Backend>,
    /// In the order of time.
    pub(crate) steps: Vec<Step>,
}

/// What a process writes at once: a record with its DETAIL, CONTEXT and STATEMENT.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Clients one after the other; a shorter case leaves out whole chains.
    pub(crate) chain: usize,
    pub(crate) backend: usize,
    pub(crate) at: u32,
    pub(crate) stage: Stage,
    pub(crate) role: Role,
    /// Somebody wrote into the log here.
    pub(crate) hostile: bool,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Received,
    Authenticated,
    Authorized,
    Ready,
    /// A FATAL before the session is established.
    Refused,
    /// `LOG` lines of those who are no PostgreSQL client.
    Probed,
    Disconnected,
    /// `pam_authenticate failed: %s`: why the refusal behind it.
    Why,
    /// Anything else that PostgreSQL writes.
    Other,
    /// Text without a prefix: a library printed it to stderr.
    Noise,
}

pub(crate) struct Town<'r> {
    pub(crate) rng: &'r mut Rng,
    pub(crate) plan: Plan,
    pub(crate) chain: usize,
    /// Where the chain is in time.
    pub(crate) now: u32,
    /// How long a step takes at most, in milliseconds: of a login, and of a session.
    pub(crate) pace: (u32, u32),
    next_pid: u32,
    pub(crate) next_port: u16,
    /// Does PostgreSQL 18 write `connection ready`?
    ready: bool,
}

/// From here `hostssl` entries only: who comes without TLS has no entry.
pub(crate) const TLS_ONLY: &str = "10.0.9.7";

pub(crate) const HOSTS: [&str; 6] = [
    "10.0.1.23",
    "10.0.9.7",
    "10.0.1.23",
    "::1",
    "fe80::99%lo",
    "ip-10-0-1-23.ec2.internal",
];
const USERS: [&str; 12] = [
    "app_user",
    "ceo",
    "u",
    "batch_job",
    "a",
    "svc@corp",
    "user name",
    "日本",
    "a=b",
    "x:y",
    "my\"role",
    "LOG",
];
const DATABASES: [&str; 9] = [
    "appdb",
    "payroll",
    "orders",
    "d",
    "b",
    "my db",
    "db@2",
    "データ",
    "FATAL",
];
const APPLICATIONS: [&str; 8] = [
    "",
    "psql",
    "psql",
    "PostgreSQL JDBC Driver",
    "app - 10.0.1.23:5",
    "a=b, c",
    "日本",
    "pg_16447_sync_16441_7711285308927033458",
];

impl<'r> Town<'r> {
    pub(crate) fn new(rng: &'r mut Rng, setting: Setting) -> Self {
        let version = rng.u8(12..=18);
        let (ready, next_pid) = (rng.bool(), [1, 7, 95, 4242, 31_999][rng.usize(..5)]);
        let next_port = [1, 95, 40001, 50_000][rng.usize(..4)];
        let pace = [(2, 2), (30, 30), (400, 400), (8, 2000), (2500, 2500)][rng.usize(..5)];
        Self {
            rng,
            plan: Plan {
                version,
                setting,
                backends: Vec::new(),
                steps: Vec::new(),
            },
            chain: 0,
            now: 0,
            pace,
            next_pid,
            next_port,
            ready,
        }
    }

    /// A chain of clients begins `at` some time.
    pub(crate) fn begin_chain(&mut self, at: u32) {
        self.chain += 1;
        self.now = at;
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(..choices.len())]
    }

    pub(crate) fn one_in(&mut self, chances: u32) -> bool {
        self.rng.u32(..chances) == 0
    }

    /// Everything in the order of time.
    pub(crate) fn finish(mut self) -> Plan {
        self.plan.steps.sort_by_key(|step| step.at);
        self.plan
    }

    /// One of those who want nothing but their work done, or their next two or three.
    pub(crate) fn honest_chain(&mut self) {
        for _ in 0..self.pick(&[1, 1, 1, 2, 3]) {
            match self.rng.u32(..32) {
                0..10 => self.login(),
                10..13 => self.wrong_password(),
                13..15 => self.retry(),
                15..17 => self.no_entry(),
                17 => self.turned_away(b"sorry, too many clients already"),
                18..20 => self.refused_after_all(),
                20 => self.walsender(),
                21..23 => self.local_admin(),
                23 => self.probe(),
                24 => self.silent(),
                25..27 => self.iam_login(),
                27 => self.kerberos(),
                28 => self.certificate(),
                29 => self.restart(),
                _ => self.server_process(),
            }
        }
    }

    /// A client with a pid and a port of its own, or those that the chain has left free.
    pub(crate) fn client(&mut self) -> Backend {
        let is_over = |role| matches!(role, Role::Refused | Role::Disconnected | Role::Probed);
        let before = self.plan.steps.last();
        let before = before.filter(|step| step.chain == self.chain && is_over(step.role));
        let before = before.map(|step| &self.plan.backends[step.backend]);
        let before = before.map(|backend| (backend.pid, backend.host, backend.port));
        self.next_pid += self.rng.u32(1..4);
        self.next_port += self.rng.u16(1..4);
        let mut backend = Backend {
            pid: self.next_pid,
            host: self.pick(&HOSTS),
            port: self.next_port,
            user: self.pick(&USERS).as_bytes().to_vec(),
            database: self.pick(&DATABASES).as_bytes().to_vec(),
            application_name: server::clean(self.pick(&APPLICATIONS).as_bytes(), self.plan.version),
            later_application_name: None,
            encryption: self.pick(&[Encryption::Tls, Encryption::Tls, Encryption::Plain]),
            walsender: Walsender::No,
            method: "scram-sha-256",
            identity: None,
            principal: None,
            hostile: false,
        };
        backend.identity = Some(backend.user.clone());
        if self.one_in(8) {
            (backend.method, backend.identity) = ("trust", None);
        }
        match (before, self.rng.u32(..3)) {
            (Some((pid, ..)), 0) => backend.pid = pid,
            (Some((_, host, port)), 1) if !matches!(host, "" | "[local]") => {
                (backend.host, backend.port) = (host, port);
            }
            _ => {}
        }
        obey_hba(&mut backend);
        backend
    }

    pub(crate) fn add(&mut self, backend: Backend) -> usize {
        self.plan.backends.push(backend);
        self.plan.backends.len() - 1
    }

    pub(crate) fn step(&mut self, backend: usize, stage: Stage, role: Role, lines: Vec<Line>) {
        let (of_login, of_session) = self.pace;
        let pace = if stage == Stage::Established {
            of_session
        } else {
            of_login
        };
        self.now += self.rng.u32(0..=pace);
        let hostile = self.plan.backends[backend].hostile && stage != Stage::Nameless;
        self.plan.steps.push(Step {
            chain: self.chain,
            backend,
            at: self.now,
            stage,
            role,
            hostile,
            lines,
        });
    }

    /// One line.
    pub(crate) fn write(
        &mut self,
        backend: usize,
        stage: Stage,
        role: Role,
        severity: &'static str,
        message: impl Into<Vec<u8>>,
    ) {
        self.step(
            backend,
            stage,
            role,
            vec![Line {
                severity,
                message: message.into(),
            }],
        );
    }

    pub(crate) fn receive(&mut self, backend: Backend) -> usize {
        let message = received(&backend);
        let at = self.add(backend);
        self.write(at, Stage::Nameless, Role::Received, "LOG", message);
        at
    }

    /// As far as `connection authorized`.
    pub(crate) fn let_in(&mut self, backend: Backend) -> usize {
        let version = self.plan.version;
        let (proof, message) = (
            authenticated(&backend, version),
            authorized(&backend, version),
        );
        let at = self.receive(backend);
        if let Some(proof) = proof {
            self.write(at, Stage::Named, Role::Authenticated, "LOG", proof);
        }
        self.write(at, Stage::Named, Role::Authorized, "LOG", message);
        at
    }

    /// `connection ready: setup total=%.3f ms, …`, in 18 when asked for.
    pub(crate) fn establish(&mut self, at: usize) {
        if self.plan.version >= 18 && self.ready {
            let message =
                "connection ready: setup total=9.241 ms, fork=0.432 ms, authentication=4.278 ms";
            self.write(at, Stage::Established, Role::Ready, "LOG", message);
        }
    }

    /// What an ordinary session makes the server write, and its end.
    pub(crate) fn work_and_leave(&mut self, at: usize) {
        for _ in 0..self.pick(&[0, 0, 1, 2]) {
            self.statement(at);
        }
        if self.one_in(3) {
            return;
        }
        if self.one_in(4) {
            let message = self.pick(&[
                "terminating connection due to administrator command",
                "terminating connection due to idle-session timeout",
                "connection to client lost",
                "invalid frontend message type 33",
                "terminating connection because protocol synchronization was lost",
            ]);
            // A walsender's own, which is in no list of those that end sessions.
            let message = match self.plan.backends[at].walsender {
                Walsender::No => message,
                _ => "invalid standby message type \"x\"",
            };
            self.write(at, Stage::Established, Role::Other, "FATAL", message);
        }
        self.leave(at);
    }

    pub(crate) fn leave(&mut self, at: usize) {
        let millis = self.rng.u32(0..7_200_000);
        let message = disconnection(&self.plan.backends[at], millis);
        self.write(at, Stage::Established, Role::Disconnected, "LOG", message);
    }

    fn statement(&mut self, at: usize) {
        let line = |severity, message: &str| Line {
            severity,
            message: message.as_bytes().to_vec(),
        };
        let lines = match self.rng.u32(..7) {
            0 => vec![
                line("ERROR", "division by zero"),
                line("STATEMENT", "select 1/0 /* FATAL: */"),
            ],
            1 => vec![
                line("ERROR", "syntax error at or near \"x\" at character 1"),
                line("STATEMENT", "x\n\tselect 1\n;"),
            ],
            2 => vec![line("LOG", "statement: select *\nfrom t\n\nwhere x")],
            3 => vec![line("LOG", "duration: 12.345 ms  statement: select 1")],
            4 => vec![line("WARNING", "there is no transaction in progress")],
            5 => vec![line(
                "LOG",
                "unexpected EOF on client connection with an open transaction",
            )],
            _ => vec![
                line(
                    "ERROR",
                    "duplicate key value violates unique constraint \"t_pkey\"",
                ),
                line(
                    "DETAIL",
                    "Key (name)=(Role \"x\" does not exist.) already exists.",
                ),
                line("CONTEXT", "PL/pgSQL function f() line 3 at SQL statement"),
                line("STATEMENT", "select f()"),
            ],
        };
        self.step(at, Stage::Established, Role::Other, lines);
        if self.one_in(20) {
            self.write(
                at,
                Stage::Established,
                Role::Noise,
                "",
                "[Your log message was truncated]",
            );
        }
    }

    fn login(&mut self) {
        let mut backend = self.client();
        if self.one_in(6) {
            backend.later_application_name = Some("worker 1".to_owned());
        }
        let at = self.let_in(backend);
        self.establish(at);
        self.work_and_leave(at);
    }

    /// FATAL `password authentication failed for user "%s"` with its DETAIL.
    pub(crate) fn fail_password(&mut self, at: usize) {
        let version = self.plan.version;
        let user = self.plan.backends[at].user.clone();
        // A role is what it is, each time.
        let because: [&[u8]; 3] = match user.first().map_or(3, |byte| byte % 4) {
            0 => [b"Role \"", &user, b"\" does not exist.\n"],
            1 => [b"User \"", &user, b"\" has an expired password.\n"],
            2 => [b"Password does not match for user \"", &user, b"\".\n"],
            _ => [b"", b"", b""],
        };
        let matched: &[u8] = match version {
            16.. => b"Connection matched file \"/rdsdbdata/config/pg_hba.conf\" line 18: \"host all all all md5\"",
            _ => b"Connection matched pg_hba.conf line 18: \"host all all all md5\"",
        };
        let fatal = [b"password authentication failed for user \"", &*user, b"\""].concat();
        let detail = [&because.concat(), matched].concat();
        let lines = vec![
            Line {
                severity: "FATAL",
                message: fatal,
            },
            Line {
                severity: "DETAIL",
                message: detail,
            },
        ];
        self.step(at, Stage::Named, Role::Refused, lines);
    }

    fn wrong_password(&mut self) {
        let backend = self.client();
        let at = self.receive(backend);
        self.fail_password(at);
    }

    /// libpq's `sslmode=prefer`: with TLS, then at once without. Or a script that guesses.
    fn retry(&mut self) {
        let mut first = self.client();
        first.encryption = self.pick(&[Encryption::Tls, Encryption::Plain]);
        obey_hba(&mut first);
        let template = first.clone();
        let at = self.receive(first);
        self.fail_password(at);
        let fresh = self.client();
        let second = Backend {
            pid: fresh.pid,
            port: fresh.port,
            encryption: Encryption::Plain,
            ..template
        };
        let entry = hba("no pg_hba.conf entry for", &second, self.plan.version);
        let has_entry = second.host != TLS_ONLY;
        let at = self.receive(second);
        if has_entry {
            self.fail_password(at);
        } else {
            self.write(at, Stage::Named, Role::Refused, "FATAL", entry);
        }
    }

    fn no_entry(&mut self) {
        let mut backend = self.client();
        (backend.host, backend.port) = (TLS_ONLY, self.next_port);
        backend.encryption = self.pick(&[Encryption::Plain, Encryption::Plain, Encryption::Tls]);
        backend.walsender = self.pick(&[Walsender::No, Walsender::No, Walsender::Physical]);
        let opening = self.pick(&["no pg_hba.conf entry for", "pg_hba.conf rejects"]);
        let message = hba(opening, &backend, self.plan.version);
        let at = self.receive(backend);
        self.write(at, Stage::Named, Role::Refused, "FATAL", message);
    }

    fn turned_away(&mut self, message: &[u8]) {
        let backend = self.client();
        let at = self.receive(backend);
        self.write(at, Stage::Named, Role::Refused, "FATAL", message);
    }

    fn refused_after_all(&mut self) {
        let backend = self.client();
        let at = self.let_in(backend);
        self.refuse_after_all(at);
    }

    pub(crate) fn refuse_after_all(&mut self, at: usize) {
        let Backend { user, database, .. } = self.plan.backends[at].clone();
        let parts: [&[u8]; 3] = match self.rng.u32(..5) {
            0 | 1 => [b"database \"", &database, b"\" does not exist"],
            2 => [b"role \"", &user, b"\" is not permitted to log in"],
            3 => [b"too many connections for role \"", &user, b"\""],
            _ => [b"permission denied for database \"", &database, b"\""],
        };
        let mut lines = vec![Line {
            severity: "FATAL",
            message: parts.concat(),
        }];
        if parts[0].starts_with(b"perm") {
            let message = b"User does not have CONNECT privilege.".to_vec();
            lines.push(Line {
                severity: "DETAIL",
                message,
            });
        }
        self.step(at, Stage::Named, Role::Refused, lines);
    }

    fn walsender(&mut self) {
        let mut backend = self.client();
        backend.walsender = self.pick(&[Walsender::Physical, Walsender::Logical]);
        let at = self.let_in(backend);
        self.establish(at);
        self.work_and_leave(at);
    }

    fn local(&mut self) -> Backend {
        let name = b"rdsadmin".to_vec();
        Backend {
            host: "[local]",
            user: name.clone(),
            database: name,
            encryption: Encryption::Plain,
            method: "peer",
            identity: Some(b"rdsdb".to_vec()),
            application_name: String::new(),
            ..self.client()
        }
    }

    fn local_admin(&mut self) {
        let backend = self.local();
        let at = self.let_in(backend);
        self.establish(at);
        if self.rng.bool() {
            self.leave(at);
        }
    }

    /// `[local]` rdsadmin is turned away at each restart.
    fn restart(&mut self) {
        let backend = self.local();
        let at = self.receive(backend);
        let message = self.pick(&[
            "the database system is starting up",
            "the database system is shutting down",
        ]);
        self.write(at, Stage::Named, Role::Refused, "FATAL", message);
    }

    fn probe(&mut self) {
        let backend = self.client();
        let at = self.receive(backend);
        let message = self.pick(&[
            "invalid length of startup packet",
            "incomplete startup packet",
            "could not accept SSL connection: unsupported protocol",
            "could not accept SSL connection: Connection reset by peer",
        ]);
        self.write(at, Stage::Nameless, Role::Probed, "LOG", message);
    }

    fn silent(&mut self) {
        let backend = self.client();
        self.receive(backend);
    }

    /// RDS's PAM module prints libcurl's chatter to stderr.
    fn iam_login(&mut self) {
        let mut backend = self.client();
        (backend.method, backend.identity) = ("pam", Some(backend.user.clone()));
        backend.encryption = Encryption::Tls;
        let version = self.plan.version;
        let (proof, message) = (
            authenticated(&backend, version),
            authorized(&backend, version),
        );
        let user = backend.user.clone();
        let at = self.receive(backend);
        for part in CHATTER {
            self.write(at, Stage::Named, Role::Noise, "", part);
        }
        if self.one_in(3) {
            self.write(
                at,
                Stage::Named,
                Role::Why,
                "LOG",
                "pam_authenticate failed: Permission denied",
            );
            let message = [b"PAM authentication failed for user \"", &*user, b"\""].concat();
            self.write(at, Stage::Named, Role::Refused, "FATAL", message);
            return;
        }
        if let Some(proof) = proof {
            self.write(at, Stage::Named, Role::Authenticated, "LOG", proof);
        }
        self.write(at, Stage::Named, Role::Authorized, "LOG", message);
        self.establish(at);
        self.work_and_leave(at);
    }

    fn kerberos(&mut self) {
        let mut backend = self.client();
        backend.encryption = self.pick(&[Encryption::Tls, Encryption::Gss]);
        (backend.method, backend.identity) = ("gss", Some(b"alice@EXAMPLE.COM".to_vec()));
        backend.principal = Some("alice@EXAMPLE.COM");
        let at = self.let_in(backend);
        self.establish(at);
        self.work_and_leave(at);
    }

    fn certificate(&mut self) {
        let mut backend = self.client();
        backend.encryption = Encryption::Tls;
        (backend.method, backend.identity) =
            ("cert", Some(br"CN=cert_user,O=ACME\, Inc.,C=US".to_vec()));
        let at = self.let_in(backend);
        self.establish(at);
        self.work_and_leave(at);
    }

    /// The checkpointer, autovacuum, the postmaster.
    fn server_process(&mut self) {
        let backend = Backend {
            host: "",
            port: 0,
            user: Vec::new(),
            database: Vec::new(),
            ..self.client()
        };
        let at = self.add(backend);
        let (severity, message) = self.pick(&[
            ("LOG", "checkpoint starting: time"),
            (
                "LOG",
                "checkpoint complete: wrote 3 buffers (0.0%); 0 WAL file(s) added",
            ),
            ("LOG", "automatic analyze of table \"postgres.public.av\""),
            (
                "FATAL",
                "terminating autovacuum process due to administrator command",
            ),
            ("LOG", "database system is ready to accept connections"),
            (
                "WARNING",
                "autovacuum worker took too long to start; canceled",
            ),
        ]);
        for _ in 0..self.pick(&[1, 1, 2]) {
            self.write(at, Stage::Established, Role::Other, severity, message);
        }
    }
}

/// As `real-lines/` has it, in the pieces in which it reaches the log.
const CHATTER: [&str; 4] = [
    "*   Trying 127.0.0.1:1108...\n* Connected to rdsauthproxy (127.0.0.1) port 1108 (#0)",
    "> POST /authenticateRequest HTTP/1.1\nHost: rdsauthproxy:1108\nAccept: */*\nContent-Length: 1812\n",
    "* We are completely uploaded and fine\n< HTTP/1.1 200 OK\n< Content-Length: 0",
    "< \n* Connection #0 to host rdsauthproxy left intact",
];

/// A name as PostgreSQL keeps it.
pub(crate) fn name(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|byte| *byte != 0);
    bytes.truncate(LONGEST_NAME);
    bytes
}

/// Who gets as far as a password from where TLS is asked for has it.
pub(crate) fn obey_hba(backend: &mut Backend) {
    if backend.host == TLS_ONLY && backend.encryption == Encryption::Plain {
        backend.encryption = Encryption::Tls;
    }
}
