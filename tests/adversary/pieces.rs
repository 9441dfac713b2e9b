//! What hostile names and texts are made of: pieces of log lines.

use super::server::{
    Backend, Encryption, Moment, Setting, Stage, Walsender, disconnection, received,
};
use super::town::Town;

/// What names and texts are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
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
pub(crate) enum Who {
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
#[rustfmt::skip]
pub(crate) const ATTACKS: [&[Piece]; 26] = [
    // A FATAL of another session.
    &[Text("\n"), Head(Other), User(Other), Cut, Database(Other), Tail(Other), Text("FATAL:  no\n"), ShortHead, Between],
    &[Text("\n"), Head(Nobody), User(Other), Cut, Database(Other), Tail(Other), Text("FATAL:  no\n"), ShortHead, Between],
    // Another user and time for the record's own end.
    &[Text("x\n"), Head(Own), Text("ceo"), Cut, Text("payroll")],
    &[Text("x\n"), Head(Other), User(Other), Cut, Database(Other)],
    &[Text("x\n"), Head(Nobody), Text("ceo"), Cut, Text("payroll")],
    // The end of the record becomes one of a process without a client.
    &[Text("ceo"), Cut, Text("\n"), Head(Own), Between, Text("x")],
    &[Text("ceo"), Cut, Text("\n"), ShortHead, Between],
    &[Text("ceo"), Cut, Text("\n"), ShortHead, Between, Tail(Own), Text("LOG:  x")],
    // Garbage that swallows what follows.
    &[Text("\n"), ShortHead, Cut, Byte(0xff)],
    &[Byte(0xff), Cut, Text("\n"), ShortHead],
    // The own pid guessed, a FATAL of one's choice.
    &[Text("ceo"), Cut, Text("d"), Tail(Own), Text("FATAL:  database \"d\"\n"), ShortHead, Text("c"), Between, Text("e")],
    &[Text("ceo"), Cut, Text("d"), Tail(Own), Text("FATAL:  no\n"), ShortHead, Text("c"), Between, Text("e")],
    &[Text("ceo"), Cut, Text("d"), Tail(Own), Text("LOG:  no\n"), ShortHead, Text("c"), Between, Text("e")],
    // The message in the name.
    &[Text("LOG:  connection authorized: user=ceo database=payroll"), Cut, Text("d")],
    &[Text("LOG:  "), Authorized(Nobody), Cut, Text("\n"), Prefix(Nobody)],
    &[Text("LOG:  "), Authorized(Nobody), Cut, Text("\n"), ShortHead],
    // Whole lines between the pieces of the true one.
    &[Text("x\n"), Head(Nobody), User(Nobody), Cut, Database(Nobody), Tail(Nobody), Text("LOG:  "), Authorized(Nobody), Text("\n")],
    &[Text("x\n"), Head(Other), User(Other), Cut, Database(Other), Tail(Other), Text("LOG:  "), Authorized(Other), Text("\n")],
    &[Text("u"), Cut, Text("p"), Tail(Nobody), Text("LOG:  hi\n"), Head(Nobody), Text("a"), Between, Text("b")],
    &[Text("eve"), Between, Text("d"), Tail(Own), Text("LOG:  connection authorized: user=eve database=d\n\t"), Cut, Text("appdb")],
    &[Text("p"), Between, Text("p"), Tail(Nobody), Text("LOG:  z\n"), ShortHead, Text("[unknown]"), Between, Text("[unknown]"), Tail(Nobody), Text("LOG:  "), Received(Nobody), Cut, Text("\n\t")],
    // In one line.
    &[User(Own), Between, Text("d"), Tail(Own), Text("LOG:  connection authorized: user=u database=d"), Cut, Text("appdb")],
    &[User(Other), Cut, Database(Other), Tail(Own), Text("LOG:  "), Authorized(Other)],
    &[User(Own), Cut, Text("d"), Tail(Own), Text("LOG:  disconnection: session time: 0:00:01.000 user=u database=d")],
    // An announcement that never was.
    &[Text("\n"), Head(Nobody), Text("[unknown]"), Cut, Text("[unknown]"), Tail(Nobody), Text("LOG:  "), Received(Nobody), Text("\n")],
    &[Text("[unknown]"), Cut, Text("[unknown]"), Tail(Own), Text("LOG:  "), Received(Other), Text("\n"), ShortHead],
];

/// Pieces for any place.
#[rustfmt::skip]
pub(crate) const PIECES: [Piece; 60] = [
    Text("\n"), Text("\n"), Text("\n"), Text("\n\t"), Text("\t"), Text("\r"), Text(" "),
    Text("@"), Text(":"), Text("["), Text("]"), Text("\""), Text("x"), Text("u"), Text("ceo"),
    Text("日本"), Text("[unknown]"), Text("[local]"), Text("LOG:  "), Text("FATAL:  "),
    Text("FATAL:  no"), Text("DETAIL:  "), Text("STATEMENT:  "), Text("CONTEXT:  "),
    Text("LOG:  hi\n"), Text(" user="), Text(" database="), Text(" application_name="),
    Text(" host="), Text("\" does not exist"), Text("\", database \""),
    Text("FATAL:  sorry, too many clients already"), Text("2026-01-01 00:00:00 A"),
    Text(":1(1):"), Text(":::6(6):"), Text("connection authorized: user=a"),
    Text("connection received: host=::1 port=1"),
    Text("LOG:  connection ready: setup total=1.0 ms, fork=1.0 ms, authentication=1.0 ms"),
    Byte(0xff), Byte(0xe6), Byte(0x1b), Head(Own), Head(Other), Head(Nobody), ShortHead,
    ShortHead, Between, Between, User(Other), Database(Other), Tail(Own), Tail(Own), Tail(Other),
    Tail(Nobody), Prefix(Own), Prefix(Other), Port(Own), Authorized(Own), Authorized(Other),
    Disconnection(Other),
];

/// What `RAISE LOG` is given to write.
#[rustfmt::skip]
pub(crate) const RAISED: [&[Piece]; 18] = [
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
    &[Text("x\n"), Prefix(Other), Text("LOG:  "), Authorized(Other)],
    &[Tail(Own), Text("FATAL:  password authentication failed for user \"ceo\"")],
    &[Text("password authentication failed for user \""), User(Other), Text("\"")],
    &[Authorized(Own), Text(" application_name=x GSS (authenticated=yes, encrypted=yes, principal=ceo@X)")],
    &[Text(
        "connection authorized: user=ceo database=payroll application_name=x SSL enabled (protocol=TLSv1.3, cipher=a, bits=1)",
    )],
];

#[rustfmt::skip]
pub(crate) const APPLICATIONS: [&[Piece]; 11] = [
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

impl Town<'_> {
    /// The text before the cut and behind it.
    pub(crate) fn expand(
        &mut self,
        pieces: &[Piece],
        own: &Backend,
        other: &Backend,
    ) -> [Vec<u8>; 2] {
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
                    out.extend_from_slice(&disconnection(whose(who), 1));
                }
                Received(who) => out.extend_from_slice(&received(whose(who))),
            }
        }
        parts
    }
}

/// The shortest beginning of a prefix: a zone of one letter, an address of one.
fn short_head(setting: &Setting) -> Vec<u8> {
    let [head, ..] = setting.parts();
    let mut text = Vec::new();
    setting.write(&mut text, head, &moment(&nobody(), 0));
    let at = text.windows(3).position(|part| part == b"UTC");
    if let Some(at) = at {
        text.splice(at..at + 3, *b"A");
    }
    text
}

pub(crate) fn moment(backend: &Backend, at: u32) -> Moment<'_> {
    Moment {
        backend,
        at,
        started: at,
        stage: Stage::Named,
        severity: "LOG",
        line: 7,
    }
}

pub(crate) fn nobody() -> Backend {
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
