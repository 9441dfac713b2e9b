//! The log of a server on which an attack takes place, written line by line.

use super::server::{
    Backend, Encryption, Line, Setting, Stage, Walsender, authorized, clean, disconnection,
    received,
};
use super::town::{Plan, Role, Step};

pub(crate) const RDS: &str = "%t:%r:%u@%d:[%p]:";

/// Where everybody comes from.
pub(crate) const HOST: &str = "10.0.1.23";

/// PostgreSQL 15; a scene of 18 says so.
const VERSION: u8 = 15;

const FIRST_PID: u32 = 10_101;
const FIRST_PORT: u16 = 40_001;

/// Who connected to the server, and what it wrote.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) plan: Plan,
    now: u32,
}

/// A client, by its number.
#[derive(Clone, Copy)]
pub(crate) struct Client(usize);

impl Scene {
    pub(crate) fn new(setting: &str) -> Self {
        let plan = Plan {
            version: VERSION,
            setting: Setting::new(setting),
            backends: Vec::new(),
            steps: Vec::new(),
        };
        Self { plan, now: 0 }
    }

    /// The same of another major version.
    pub(crate) fn of_version(mut self, version: u8) -> Self {
        self.plan.version = version;
        self
    }

    /// From now on it is so many milliseconds past nine.
    pub(crate) fn at(&mut self, millis: u32) {
        self.now = millis;
    }

    /// Everything in the order of time.
    pub(crate) fn in_order(mut self) -> Self {
        self.plan.steps.sort_by_key(|step| step.at);
        self
    }

    /// Somebody who is going to connect. Whoever can count knows the process that a client gets, and
    /// its port.
    pub(crate) fn client(&mut self, user: impl AsRef<[u8]>, database: impl AsRef<[u8]>) -> Client {
        let number = self.plan.backends.len();
        let (user, database) = (user.as_ref().to_vec(), database.as_ref().to_vec());
        assert!(user.len() <= 63 && database.len() <= 63, "it would be cut");
        self.plan.backends.push(Backend {
            pid: FIRST_PID + u32::try_from(number).unwrap(),
            host: HOST,
            port: FIRST_PORT + u16::try_from(number).unwrap(),
            user,
            database,
            application_name: String::new(),
            later_application_name: None,
            encryption: Encryption::Plain,
            walsender: Walsender::No,
            method: "trust",
            identity: None,
            principal: None,
            hostile: false,
        });
        Client(number)
    }

    /// Somebody who writes into the log by names, without a password.
    pub(crate) fn stranger(
        &mut self,
        user: impl AsRef<[u8]>,
        database: impl AsRef<[u8]>,
    ) -> Client {
        let client = self.client(user, database);
        self.of(client).hostile = true;
        client
    }

    pub(crate) fn of(&mut self, client: Client) -> &mut Backend {
        &mut self.plan.backends[client.0]
    }

    pub(crate) fn named(&mut self, client: Client, application_name: &str) {
        let version = self.plan.version;
        self.of(client).application_name = clean(application_name.as_bytes(), version);
    }

    /// The process that the server starts next, and the port of its client.
    pub(crate) fn next(&self) -> (u32, u16) {
        let number = self.plan.backends.len();
        let (pid, port) = (u32::try_from(number), u16::try_from(number));
        (FIRST_PID + pid.unwrap(), FIRST_PORT + port.unwrap())
    }

    /// What `%t` says now: whoever connects knows it.
    pub(crate) fn time(&self) -> String {
        let second = self.now / 1000;
        assert!(second < 3600, "it is no longer nine");
        format!(
            "2026-11-23 09:{:02}:{:02} UTC",
            second / 60 % 60,
            second % 60
        )
    }

    /// Nothing happens for so many milliseconds.
    pub(crate) fn wait(&mut self, millis: u32) {
        self.now += millis;
    }

    pub(crate) fn received(&mut self, client: Client) {
        let message = received(self.of(client));
        self.write(
            client,
            Stage::Nameless,
            Role::Received,
            &[("LOG", &message)],
        );
    }

    pub(crate) fn authorized(&mut self, client: Client) {
        let version = self.plan.version;
        let message = authorized(self.of(client), version);
        self.write(client, Stage::Named, Role::Authorized, &[("LOG", &message)]);
    }

    pub(crate) fn logs_in(&mut self, client: Client) {
        self.received(client);
        self.authorized(client);
    }

    /// `connection authenticated`, since PostgreSQL 14.
    pub(crate) fn authenticated(&mut self, client: Client) {
        let (version, backend) = (self.plan.version, self.of(client));
        backend.method = "scram-sha-256";
        backend.identity = Some(backend.user.clone());
        let message = super::server::authenticated(backend, version).unwrap();
        self.write(
            client,
            Stage::Named,
            Role::Authenticated,
            &[("LOG", &message)],
        );
    }

    /// `connection ready`, since PostgreSQL 18.
    pub(crate) fn ready(&mut self, client: Client) {
        let message =
            b"connection ready: setup total=22.348 ms, fork=0.511 ms, authentication=2.111 ms";
        self.write(client, Stage::Established, Role::Ready, &[("LOG", message)]);
    }

    /// A FATAL before the client is let in, which names nobody unless `message` does.
    pub(crate) fn refused(&mut self, client: Client, message: &str) {
        self.received(client);
        self.is_refused(client, message);
    }

    /// The same without `connection received`.
    pub(crate) fn is_refused(&mut self, client: Client, message: &str) {
        let lines = [("FATAL", message.as_bytes())];
        self.write(client, Stage::Named, Role::Refused, &lines);
    }

    /// The role does not exist, or the password is another.
    pub(crate) fn wrong_password(&mut self, client: Client) {
        self.received(client);
        let user = self.of(client).user.clone();
        let fatal = [b"password authentication failed for user \"", &*user, b"\""].concat();
        let detail = [
            b"Role \"",
            &*user,
            b"\" does not exist.\nConnection matched pg_hba.conf line 7: \"host      all         all                 10.0.0.0/8  password\"",
        ]
        .concat();
        let lines = [("FATAL", &*fatal), ("DETAIL", &*detail)];
        self.write(client, Stage::Named, Role::Refused, &lines);
    }

    /// `RAISE LOG` in PL/pgSQL.
    pub(crate) fn raises(&mut self, client: Client, text: &str) {
        let statement = format!("do $$ begin raise log '%', '{text}'; end $$");
        let lines = [
            ("LOG", text.as_bytes()),
            (
                "CONTEXT",
                &b"PL/pgSQL function inline_code_block line 1 at RAISE"[..],
            ),
            ("STATEMENT", statement.as_bytes()),
        ];
        self.says(client, &lines);
    }

    /// A line of an established session, and those that belong to it, which its client has chosen.
    pub(crate) fn says(&mut self, client: Client, lines: &[(&'static str, &[u8])]) {
        self.write(client, Stage::Established, Role::Other, lines);
        self.plan.steps.last_mut().unwrap().hostile = true;
    }

    /// A line of an established session that PostgreSQL has chosen.
    pub(crate) fn ends(&mut self, client: Client, lines: &[(&'static str, &[u8])]) {
        self.write(client, Stage::Established, Role::Other, lines);
    }

    pub(crate) fn leaves(&mut self, client: Client) {
        let message = disconnection(self.of(client), 2);
        self.write(
            client,
            Stage::Established,
            Role::Disconnected,
            &[("LOG", &message)],
        );
    }

    fn write(&mut self, client: Client, stage: Stage, role: Role, lines: &[(&'static str, &[u8])]) {
        let hostile = self.of(client).hostile && stage != Stage::Nameless;
        let line = |(severity, message): &(&'static str, &[u8])| Line {
            severity,
            message: message.to_vec(),
        };
        self.plan.steps.push(Step {
            chain: 0,
            backend: client.0,
            at: self.now,
            stage,
            role,
            hostile,
            lines: lines.iter().map(line).collect(),
        });
        self.now += 1;
    }
}
