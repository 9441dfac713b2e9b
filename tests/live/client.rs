//! A client that speaks the protocol by hand, so that it can send what no library would.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// What a client knows of its own connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    /// `ReadyForQuery` was received.
    pub(crate) got_in: bool,
    /// The message of the server's error.
    pub(crate) error: Option<String>,
}

pub(crate) struct Client {
    stream: TcpStream,
    pub(crate) told: Told,
    /// From `BackendKeyData`.
    pub(crate) backend_pid: u32,
    /// The message that answers when a password is asked for.
    pub(crate) answers_with: &'static [u8],
}

impl Client {
    /// Opens a connection, and sends nothing yet.
    pub(crate) fn open(server_port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let told = Told {
            port: stream.local_addr().unwrap().port(),
            user: String::new(),
            database: String::new(),
            got_in: false,
            error: None,
        };
        Self {
            stream,
            told,
            backend_pid: 0,
            answers_with: b"p",
        }
    }

    /// `StartupMessage`, and what follows; a password is asked for and wrong.
    pub(crate) fn start(&mut self, user: &[u8], database: &[u8], more: &[(&str, &[u8])]) {
        let sent = |name: &[u8]| String::from_utf8_lossy(&name[..name.len().min(63)]).into_owned();
        (self.told.user, self.told.database) = (sent(user), sent(database));
        let mut parameters = 196_608_u32.to_be_bytes().to_vec();
        let all = [("user", user), ("database", database)];
        for (name, value) in all.iter().chain(more) {
            parameters.extend([name.as_bytes(), b"\0", value, b"\0"].concat());
        }
        parameters.push(0);
        self.send_with_length(&[], &parameters);
        self.answer();
    }

    /// `Query`, and its results.
    pub(crate) fn query(&mut self, sql: &str) {
        self.send_with_length(b"Q", &[sql.as_bytes(), b"\0"].concat());
        self.answer();
    }

    /// Waits until the server sends a message of this kind.
    pub(crate) fn wait_for(&mut self, kind: u8) {
        while self.message().is_some_and(|(sent, _)| sent != kind) {}
    }

    /// `Terminate`, and waits until the server has hung up: it has written all that it has to say.
    pub(crate) fn leave(mut self) -> Told {
        self.send_with_length(b"X", b"");
        let _ = self.stream.read_to_end(&mut Vec::new());
        self.told
    }

    /// `Terminate`
    pub(crate) fn end(mut self) -> Told {
        self.send_with_length(b"X", b"");
        self.told
    }

    /// Bytes of any kind; the server hangs up.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.stream.read_to_end(&mut Vec::new());
    }

    pub(crate) fn send_with_length(&mut self, kind: &[u8], body: &[u8]) {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        // A server that has already turned us away may have closed the connection.
        let _ = self.stream.write_all(&[kind, &length, body].concat());
    }

    /// Reads messages until the server waits for a query or hangs up.
    fn answer(&mut self) {
        while let Some((kind, body)) = self.message() {
            match (kind, body.get(..4)) {
                // AuthenticationCleartextPassword
                (b'R', Some([0, 0, 0, 3])) => self.send_with_length(self.answers_with, b"wrong\0"),
                // AuthenticationSASL: this client cannot, and goes away.
                (b'R', Some([0, 0, 0, 10])) => return self.send(b""),
                (b'K', Some(pid)) => self.backend_pid = u32::from_be_bytes(pid.try_into().unwrap()),
                (b'E', _) => {
                    let mut fields = body.split(|byte| *byte == 0);
                    let message = fields.find_map(|field| field.strip_prefix(b"M"));
                    let message = message.map(|text| String::from_utf8_lossy(text).into_owned());
                    self.told.error = self.told.error.take().or(message);
                }
                (b'Z', _) => {
                    self.told.got_in = true;
                    return;
                }
                // CopyBothResponse, and what a walsender says next, are not awaited.
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let [kind, length @ ..] = head;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some((kind, body))
    }
}
