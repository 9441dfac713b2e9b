//! Those who want nothing but their work done, and what the server writes about it.

use super::server::{Backend, Encryption, Line, Stage, Walsender, authenticated, authorized, hba};
use super::town::{Role, TLS_ONLY, Town, obey_hba};

impl Town<'_> {
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
