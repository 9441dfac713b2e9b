//! Clients who put into the log what others are to believe.
//!
//! Names are made of pieces of log lines: a client knows the setting (RDS has two), its own port, and
//! guesses process ids, its own or another's, as well as it likes.

use super::server::{Backend, Encryption, Line, Moment, Stage, Walsender, clean, hba, received};
use super::town::{Role, TLS_ONLY, Town, name, obey_hba};

/// What names and texts are made of.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Text(&'static str),
    Byte(u8),
    /// The prefix up to its names, of this client: with the time of now, or short and long ago.
    Head(Who),
    ShortHead,
    /// What stands between user and database.
    Between,
    User(Who),
    Database(Who),
    /// The prefix behind its names.
    Tail(Who),
    /// A whole prefix.
    Prefix(Who),
    Port(Who),
    /// Messages.
    Authorized(Who),
    Disconnection(Who),
    Received(Who),
    /// The user's name ends and the database's begins.
    Cut,
}

/// Whose facts a piece tells.
#[derive(Debug, Clone, Copy)]
enum Who {
    Own,
    /// Another client in the log.
    Other,
    Nobody,
}

use Piece::{
    Authorized, Between, Byte, Cut, Database, Disconnection, Head, Port, Prefix, Received,
    ShortHead, Tail, Text, User,
};
use Who::{Nobody, Other, Own};

/// What attacks on the first release did.
const ATTACKS: [&[Piece]; 26] = [
    // a FATAL of another session.
    &[
        Text("\n"),
        Head(Other),
        User(Other),
        Cut,
        Database(Other),
        Tail(Other),
        Text("FATAL:  no\n"),
        ShortHead,
        Between,
    ],
    &[
        Text("\n"),
        Head(Nobody),
        User(Other),
        Cut,
        Database(Other),
        Tail(Other),
        Text("FATAL:  no\n"),
        ShortHead,
        Between,
    ],
    // another user and time for the record's own end.
    &[Text("x\n"), Head(Own), Text("ceo"), Cut, Text("payroll")],
    &[Text("x\n"), Head(Other), User(Other), Cut, Database(Other)],
    &[Text("x\n"), Head(Nobody), Text("ceo"), Cut, Text("payroll")],
    // the end of the record becomes one of a process without a client.
    &[Text("ceo"), Cut, Text("\n"), Head(Own), Between, Text("x")],
    &[Text("ceo"), Cut, Text("\n"), ShortHead, Between],
    &[
        Text("ceo"),
        Cut,
        Text("\n"),
        ShortHead,
        Between,
        Tail(Own),
        Text("LOG:  x"),
    ],
    // garbage that swallows what follows.
    &[Text("\n"), ShortHead, Cut, Byte(0xff)],
    &[Byte(0xff), Cut, Text("\n"), ShortHead],
    // the own pid guessed, a FATAL of one's choice.
    &[
        Text("ceo"),
        Cut,
        Text("d"),
        Tail(Own),
        Text("FATAL:  database \"d\"\n"),
        ShortHead,
        Text("c"),
        Between,
        Text("e"),
    ],
    &[
        Text("ceo"),
        Cut,
        Text("d"),
        Tail(Own),
        Text("FATAL:  no\n"),
        ShortHead,
        Text("c"),
        Between,
        Text("e"),
    ],
    &[
        Text("ceo"),
        Cut,
        Text("d"),
        Tail(Own),
        Text("LOG:  no\n"),
        ShortHead,
        Text("c"),
        Between,
        Text("e"),
    ],
    // the message in the name.
    &[
        Text("LOG:  connection authorized: user=ceo database=payroll"),
        Cut,
        Text("d"),
    ],
    &[
        Text("LOG:  "),
        Authorized(Nobody),
        Cut,
        Text("\n"),
        Prefix(Nobody),
    ],
    &[
        Text("LOG:  "),
        Authorized(Nobody),
        Cut,
        Text("\n"),
        ShortHead,
    ],
    // FORMATS.md 7.1 and 7.2.
    &[
        Text("x\n"),
        Head(Nobody),
        User(Nobody),
        Cut,
        Database(Nobody),
        Tail(Nobody),
        Text("LOG:  "),
        Authorized(Nobody),
        Text("\n"),
    ],
    &[
        Text("x\n"),
        Head(Other),
        User(Other),
        Cut,
        Database(Other),
        Tail(Other),
        Text("LOG:  "),
        Authorized(Other),
        Text("\n"),
    ],
    &[
        Text("u"),
        Cut,
        Text("p"),
        Tail(Nobody),
        Text("LOG:  hi\n"),
        Head(Nobody),
        Text("a"),
        Between,
        Text("b"),
    ],
    &[
        Text("eve"),
        Between,
        Text("d"),
        Tail(Own),
        Text("LOG:  connection authorized: user=eve database=d\n\t"),
        Cut,
        Text("appdb"),
    ],
    &[
        Text("p"),
        Between,
        Text("p"),
        Tail(Nobody),
        Text("LOG:  z\n"),
        ShortHead,
        Text("[unknown]"),
        Between,
        Text("[unknown]"),
        Tail(Nobody),
        Text("LOG:  "),
        Received(Nobody),
        Cut,
        Text("\n\t"),
    ],
    // 7.3: in one line.
    &[
        User(Own),
        Between,
        Text("d"),
        Tail(Own),
        Text("LOG:  connection authorized: user=u database=d"),
        Cut,
        Text("appdb"),
    ],
    &[
        User(Other),
        Cut,
        Database(Other),
        Tail(Own),
        Text("LOG:  "),
        Authorized(Other),
    ],
    &[
        User(Own),
        Cut,
        Text("d"),
        Tail(Own),
        Text("LOG:  disconnection: session time: 0:00:01.000 user=u database=d"),
    ],
    // An announcement that never was.
    &[
        Text("\n"),
        Head(Nobody),
        Text("[unknown]"),
        Cut,
        Text("[unknown]"),
        Tail(Nobody),
        Text("LOG:  "),
        Received(Nobody),
        Text("\n"),
    ],
    &[
        Text("[unknown]"),
        Cut,
        Text("[unknown]"),
        Tail(Own),
        Text("LOG:  "),
        Received(Other),
        Text("\n"),
        ShortHead,
    ],
];

/// Pieces for any place.
const PIECES: [Piece; 60] = [
    Text("\n"),
    Text("\n"),
    Text("\n"),
    Text("\n\t"),
    Text("\t"),
    Text("\r"),
    Text(" "),
    Text("@"),
    Text(":"),
    Text("["),
    Text("]"),
    Text("\""),
    Text("x"),
    Text("u"),
    Text("ceo"),
    Text("日本"),
    Text("[unknown]"),
    Text("[local]"),
    Text("LOG:  "),
    Text("FATAL:  "),
    Text("FATAL:  no"),
    Text("DETAIL:  "),
    Text("STATEMENT:  "),
    Text("CONTEXT:  "),
    Text("LOG:  hi\n"),
    Text(" user="),
    Text(" database="),
    Text(" application_name="),
    Text(" host="),
    Text("\" does not exist"),
    Text("\", database \""),
    Text("FATAL:  sorry, too many clients already"),
    Text("2026-01-01 00:00:00 A"),
    Text(":1(1):"),
    Text(":::6(6):"),
    Text("connection authorized: user=a"),
    Text("connection received: host=::1 port=1"),
    Text("LOG:  connection ready: setup total=1.0 ms, fork=1.0 ms, authentication=1.0 ms"),
    Byte(0xff),
    Byte(0xe6),
    Byte(0x1b),
    Head(Own),
    Head(Other),
    Head(Nobody),
    ShortHead,
    ShortHead,
    Between,
    Between,
    User(Other),
    Database(Other),
    Tail(Own),
    Tail(Own),
    Tail(Other),
    Tail(Nobody),
    Prefix(Own),
    Prefix(Other),
    Port(Own),
    Authorized(Own),
    Authorized(Other),
    Disconnection(Other),
];

/// What `RAISE LOG` is given to write.
const RAISED: [&[Piece]; 18] = [
    &[Authorized(Own)],
    &[Authorized(Other)],
    &[Authorized(Nobody)],
    &[Disconnection(Own)],
    &[Disconnection(Other)],
    &[Received(Own)],
    &[Received(Other)],
    &[Received(Nobody)],
    &[Text(
        "connection ready: setup total=1.000 ms, fork=1.000 ms, authentication=1.000 ms",
    )],
    &[Text(
        "connection authenticated: identity=\"ceo\" method=cert (/rdsdbdata/config/pg_hba.conf:18)",
    )],
    &[Text("pam_authenticate failed: Permission denied")],
    &[Text("invalid length of startup packet")],
    &[Text("x\n"), Prefix(Other), Text("FATAL:  no")],
    &[
        Text("x\n"),
        Prefix(Other),
        Text("LOG:  "),
        Authorized(Other),
    ],
    &[
        Tail(Own),
        Text("FATAL:  password authentication failed for user \"ceo\""),
    ],
    &[
        Text("password authentication failed for user \""),
        User(Other),
        Text("\""),
    ],
    &[
        Authorized(Own),
        Text(" application_name=x GSS (authenticated=yes, encrypted=yes, principal=ceo@X)"),
    ],
    &[Text(
        "connection authorized: user=ceo database=payroll application_name=x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)",
    )],
];

const APPLICATIONS: [&[Piece]; 11] = [
    &[Text(
        "x SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)",
    )],
    &[Text("x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)")],
    &[Text("psql GSS (authenticated=yes, encrypted=yes)")],
    &[Text(
        "psql GSS (authenticated=yes, encrypted=yes, delegated_credentials=no, principal=ceo@EXAMPLE.COM)",
    )],
    &[Text(
        "x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1) GSS (authenticated=yes, encrypted=no, principal=ceo@X)",
    )],
    &[Text("y application_name=z")],
    &[Text("LOG:  "), Authorized(Other)],
    &[Text("LOG:  "), Disconnection(Nobody)],
    &[Tail(Own), Text("LOG:  "), Authorized(Own)],
    &[Text("FATAL:  no")],
    &[Text("[unknown]")],
];

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

    /// The text before the cut and behind it.
    fn expand(&mut self, pieces: &[Piece], own: &Backend, other: &Backend) -> [Vec<u8>; 2] {
        let nobody = nobody();
        let setting = self.plan.setting.clone();
        let now = self.now + self.rng.u32(..3000);
        let [head, between, tail] = setting.parts();
        let mut parts = [Vec::new(), Vec::new()];
        let mut part = 0;
        for piece in pieces {
            let out = &mut parts[part];
            let whose = |who: &Who| match who {
                Own => own,
                Other => other,
                Nobody => &nobody,
            };
            let mut write = |items, who: &Who| setting.write(out, items, &moment(whose(who), now));
            match piece {
                Cut => part = 1,
                Text(text) => out.extend_from_slice(text.as_bytes()),
                Byte(byte) => out.push(*byte),
                Head(who) => write(head.clone(), who),
                Between => write(between.clone(), &Nobody),
                Tail(who) => write(tail.clone(), who),
                Prefix(who) => write(setting.all(), who),
                ShortHead => out.extend_from_slice(&short_head(&setting)),
                User(who) => out.extend_from_slice(&whose(who).user),
                Database(who) => out.extend_from_slice(&whose(who).database),
                Port(who) => out.extend_from_slice(whose(who).port.to_string().as_bytes()),
                Authorized(who) => {
                    let whose = whose(who);
                    for part in [
                        &b"connection authorized: user="[..],
                        &whose.user,
                        b" database=",
                        &whose.database,
                    ] {
                        out.extend_from_slice(part);
                    }
                }
                Disconnection(who) => {
                    out.extend_from_slice(&super::server::disconnection(whose(who), 1));
                }
                Received(who) => out.extend_from_slice(&received(whose(who))),
            }
        }
        parts
    }
}

/// The shortest beginning of a prefix: a zone of one letter, an address of one.
fn short_head(setting: &super::server::Setting) -> Vec<u8> {
    let [head, ..] = setting.parts();
    let mut text = Vec::new();
    setting.write(&mut text, head, &moment(&nobody(), 0));
    let at = text.windows(3).position(|part| part == b"UTC");
    if let Some(at) = at {
        text.splice(at..at + 3, *b"A");
    }
    text
}

fn moment(backend: &Backend, at: u32) -> Moment<'_> {
    Moment {
        backend,
        at,
        started: at,
        stage: Stage::Named,
        severity: "LOG",
        line: 7,
    }
}

fn nobody() -> Backend {
    Backend {
        pid: 7,
        host: "1",
        port: 1,
        user: b"a".to_vec(),
        database: b"b".to_vec(),
        application_name: String::new(),
        later_application_name: None,
        encryption: Encryption::Plain,
        walsender: Walsender::No,
        method: "md5",
        identity: None,
        principal: None,
        hostile: true,
    }
}
