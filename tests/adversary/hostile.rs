//! Clients who put into the log what others are to believe.
//!
//! Names are made of pieces of log lines: a client knows the setting (RDS has two), its own port, and
//! guesses process ids, its own or another's, as well as it likes.

use super::pieces::Piece::{Cut, Text};
use super::pieces::{APPLICATIONS, ATTACKS, PIECES, Piece, RAISED, moment, nobody};
use super::server::{Backend, Encryption, Line, Stage, Walsender, clean, hba};
use super::town::{Role, TLS_ONLY, Town, name, obey_hba};

/// Refusals before anybody has proven anything; `true` where the message names the user.
const REFUSALS: [&str; 7] = [
    "sorry, too many clients already",
    "expected password response, got message type 90",
    "canceling authentication due to timeout",
    "the database system is starting up",
    "invalid password packet size",
    "connection requires a valid client certificate",
    "remaining connection slots are reserved for roles with the SUPERUSER attribute",
];

impl Town<'_> {
    /// Somebody without a password, once or several times.
    pub(crate) fn stranger_chain(&mut self) {
        for _ in 0..self.pick(&[1, 1, 1, 2, 3]) {
            let mut backend = self.client();
            backend.hostile = true;
            let course = self.rng.u32(..8);
            if course == 3 {
                (backend.host, backend.port) = (TLS_ONLY, self.next_port);
                backend.encryption = self.pick(&[Encryption::Plain, Encryption::Tls]);
            }
            let (user, database) = self.names(&backend);
            let nameless = user.is_empty();
            backend.identity = Some(user.clone());
            (backend.user, backend.database) = (user, database);
            if backend.database.is_empty() {
                backend.database.clone_from(&backend.user);
            }
            if self.one_in(6) {
                backend.walsender = self.pick(&[Walsender::Physical, Walsender::Logical]);
            }
            let entry = hba(
                self.pick(&["no pg_hba.conf entry for", "pg_hba.conf rejects"]),
                &backend,
                self.plan.version,
            );
            let at = self.receive(backend);
            let refuse = |town: &mut Self, message: &[u8]| {
                town.write(at, Stage::Named, Role::Refused, "FATAL", message);
            };
            match course {
                _ if nameless => {
                    refuse(self, b"no PostgreSQL user name specified in startup packet");
                }
                0..3 => self.fail_password(at),
                3 => refuse(self, &entry),
                4 => {
                    self.write(
                        at,
                        Stage::Named,
                        Role::Why,
                        "LOG",
                        "could not receive data from client: Connection reset by peer",
                    );
                    if self.rng.bool() {
                        self.fail_password(at);
                    }
                }
                _ => {
                    let message = self.pick(&REFUSALS);
                    refuse(self, message.as_bytes());
                }
            }
        }
    }

    /// Somebody with a role of their own.
    pub(crate) fn insider_chain(&mut self) {
        for _ in 0..self.pick(&[1, 1, 2]) {
            self.insider();
        }
    }

    fn insider(&mut self) {
        let mut backend = self.client();
        if self.rng.bool() {
            (backend.user, backend.database) = (b"u".to_vec(), b"appdb".to_vec());
            backend.identity = backend.identity.map(|_| b"u".to_vec());
        }
        backend.hostile = self.rng.bool();
        let after_all = self.one_in(4);
        if backend.hostile {
            let (user, database) = self.names(&backend);
            if after_all && !database.is_empty() {
                backend.database = database;
            } else if self.one_in(8) && !user.is_empty() && !database.is_empty() {
                // Whoever may create roles and databases names them as they like.
                backend.identity = backend.identity.map(|_| user.clone());
                (backend.user, backend.database) = (user, database);
            }
            let application = self.application(&backend);
            backend.application_name = clean(&application, self.plan.version);
            if self.one_in(3) {
                let later = name(self.application(&backend));
                backend.later_application_name =
                    Some(clean(&later, self.plan.version)).filter(|name| !name.is_empty());
            }
            backend.encryption =
                self.pick(&[Encryption::Plain, Encryption::Plain, Encryption::Tls]);
            obey_hba(&mut backend);
        }
        let at = self.let_in(backend);
        if after_all {
            if self.rng.bool() {
                self.refuse_after_all(at);
            } else {
                let value = self.text(at, &PIECES[..], true);
                let message = [
                    b"invalid value for parameter \"client_encoding\": \"",
                    &*value,
                    b"\"",
                ]
                .concat();
                self.write(at, Stage::Named, Role::Refused, "FATAL", message);
                self.accuse_last();
            }
            return;
        }
        self.establish(at);
        for _ in 0..self.pick(&[1, 1, 2, 3]) {
            self.raise(at);
        }
        self.work_and_leave(at);
    }

    /// `RAISE LOG`, with CONTEXT and STATEMENT, or a statement that fails, or that is logged.
    fn raise(&mut self, at: usize) {
        let raised = self.pick(&RAISED);
        let mut text = if self.one_in(4) {
            self.text(at, &PIECES, true)
        } else {
            self.text(at, raised, false)
        };
        text.retain(|byte| *byte != 0);
        let line = |severity, message: &[u8]| Line {
            severity,
            message: message.to_vec(),
        };
        let statement = [b"DO $$ BEGIN RAISE LOG '", &*text, b"'; END $$"].concat();
        let context = line(
            "CONTEXT",
            b"PL/pgSQL function inline_code_block line 1 at RAISE",
        );
        let lines = match self.rng.u32(..8) {
            0..4 => vec![line("LOG", &text), context, line("STATEMENT", &statement)],
            // RAISE LOG USING DETAIL
            4 => vec![
                line("LOG", b"x"),
                line("DETAIL", &text),
                context,
                line("STATEMENT", &statement),
            ],
            5 => vec![line("WARNING", &text), context],
            6 => vec![
                line("ERROR", b"syntax error at or near \"x\" at character 1"),
                line("STATEMENT", &text),
            ],
            _ => vec![line("LOG", &[b"statement: ", &*text].concat())],
        };
        self.step(at, Stage::Established, Role::Other, lines);
        self.accuse_last();
    }

    /// The step just taken is somebody's writing, by whatever name.
    fn accuse_last(&mut self) {
        self.plan.steps.last_mut().unwrap().hostile = true;
    }

    fn application(&mut self, own: &Backend) -> Vec<u8> {
        let pieces = self.pick(&APPLICATIONS);
        let pieces = if self.one_in(4) {
            self.soup()
        } else {
            pieces.to_vec()
        };
        let other = self.other();
        self.expand(&pieces, own, &other).concat()
    }

    fn text(&mut self, at: usize, pieces: &[Piece], random: bool) -> Vec<u8> {
        let pieces = if random { self.soup() } else { pieces.to_vec() };
        let (own, other) = (self.plan.backends[at].clone(), self.other());
        self.expand(&pieces, &own, &other).concat()
    }

    fn other(&mut self) -> Backend {
        if self.plan.backends.is_empty() {
            return nobody();
        }
        let at = self.rng.usize(..self.plan.backends.len());
        self.plan.backends[at].clone()
    }

    fn soup(&mut self) -> Vec<Piece> {
        let many = self.rng.usize(1..10);
        let mut pieces: Vec<Piece> = (0..many).map(|_| self.pick(&PIECES)).collect();
        let cut = self.rng.usize(..=many);
        pieces.insert(cut, Cut);
        pieces
    }

    /// A user and a database for `own` to log in with.
    fn names(&mut self, own: &Backend) -> (Vec<u8>, Vec<u8>) {
        let mut pieces = match self.rng.u32(..4) {
            0 => self.soup(),
            _ => self.pick(&ATTACKS).to_vec(),
        };
        for at in 0..pieces.len() {
            let is_cut = matches!(pieces[at], Cut);
            match self.rng.u32(..60) {
                0 if !is_cut => pieces[at] = self.pick(&PIECES),
                1 if !is_cut => pieces[at] = Text(""),
                2 => pieces.insert(at, self.pick(&PIECES)),
                _ => {}
            }
        }
        let other = self.other();
        let parts = self.expand(&pieces, own, &other);
        // A text that is too long for its name is cut at another place that looks the same.
        if parts[0].len() > 63 || self.one_in(8) {
            let between = self.between();
            let text = [&*parts[0], &*between, &*parts[1]].concat();
            let places = text.windows(between.len()).enumerate();
            let places: Vec<usize> = places
                .filter(|(at, part)| *part == between && *at <= 63)
                .map(|(at, _)| at)
                .collect();
            if !places.is_empty() {
                let at = self.pick(&places);
                return (
                    name(text[..at].to_vec()),
                    name(text[at + between.len()..].to_vec()),
                );
            }
        }
        let [user, database] = parts;
        (name(user), name(database))
    }

    fn between(&self) -> Vec<u8> {
        let [_, between, _] = self.plan.setting.parts();
        let mut text = Vec::new();
        self.plan
            .setting
            .write(&mut text, between, &moment(&nobody(), self.now));
        if text.is_empty() { b"@".to_vec() } else { text }
    }
}
