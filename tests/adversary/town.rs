//! Who connects to the server, and what becomes of it: the steps of many clients, mixed by time.

use fastrand::Rng;

use super::server::{
    self, Backend, Encryption, LONGEST_NAME, Line, Setting, Stage, Walsender, authenticated,
    authorized, disconnection, received,
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

    pub(crate) fn leave(&mut self, at: usize) {
        let millis = self.rng.u32(0..7_200_000);
        let message = disconnection(&self.plan.backends[at], millis);
        self.write(at, Stage::Established, Role::Disconnected, "LOG", message);
    }
}

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
