//! The facts about a connection, in words.

use super::{Batch, Told};
use crate::entry::Place;
use crate::postgres::event::{Encryption, Tls};
use crate::sessions::{Connection, Outcome};
use crate::slack::mrkdwn::quoted;

/// Room for a name: all 63 bytes of it, even when each is escaped as `&amp;`.
pub(super) const NAME: usize = 320;
/// Room for a message of PostgreSQL.
const MESSAGE: usize = 600;

pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
}

impl Fact {
    fn new(label: &'static str, value: String) -> Fact {
        Fact { label, value }
    }

    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.label, self.value)
    }

    pub(super) fn field(&self) -> String {
        format!("*{}*\n{}", self.label, self.value)
    }
}

/// Who, to what, from where, when.
pub(super) fn main(told: &Told<'_>, batch: &Batch<'_>) -> Vec<Fact> {
    let words = batch.words();
    let connection = told.connection;
    let mut facts = Vec::new();
    if tells_names(connection) {
        facts.push(Fact::new(words.user, user(connection, batch, NAME)));
        facts.push(Fact::new(words.database, database(connection, batch, NAME)));
    }
    facts.push(Fact::new(words.client, client(connection, batch, NAME)));
    facts.extend(cluster(told.place, batch));
    let time = batch.date_and_time(connection.facts.time);
    facts.push(Fact::new(words.time.of(connection.outcome), time));
    facts
}

/// How: what is known, and for a new connection also what is not.
pub(super) fn more(told: &Told<'_>, batch: &Batch<'_>) -> Vec<Fact> {
    let words = batch.words();
    let connection = told.connection;
    let is_new = connection.outcome == Outcome::Authorized;
    let or_unknown =
        |value: Option<String>| value.or_else(|| is_new.then(|| words.unknown.to_owned()));
    let name = |value: Option<&str>| value.map(|value| quoted(value, NAME));
    let identity = connection
        .facts
        .identity
        .as_deref()
        .filter(|it| connection.facts.user.as_deref() != Some(it));
    let facts = [
        (
            words.session_time,
            connection.facts.session_time.map(words.duration),
        ),
        (
            words.instance,
            Some(name(told.place.instance.as_deref()).unwrap_or(words.unknown.to_owned())),
        ),
        (
            words.application,
            or_unknown(name(connection.facts.application_name.as_deref())),
        ),
        (
            words.auth_method,
            or_unknown(name(connection.facts.auth_method.as_deref())),
        ),
        (words.identity, name(identity)),
        (
            words.encryption,
            or_unknown(encryption(&connection.facts.encryption, batch)),
        ),
        (
            words.backend_pid,
            connection.facts.backend_pid.map(|pid| pid.to_string()),
        ),
    ];
    facts
        .into_iter()
        .filter_map(|(label, value)| Some(Fact::new(label, value?)))
        .collect()
}

/// Why PostgreSQL refused the client.
pub(super) fn refusal(connection: &Connection<'_>, batch: &Batch<'_>) -> Vec<Fact> {
    let words = batch.words();
    [
        (words.reason, &connection.facts.reason),
        (words.detail, &connection.detail),
    ]
    .into_iter()
    .filter_map(|(label, message)| Some((label, message.as_deref()?)))
    .map(|(label, message)| Fact::new(label, quoted(message, MESSAGE)))
    .collect()
}

/// Does the connection have names to tell? A scan has none, and a suspicion only where its writer is
/// known.
pub(super) fn tells_names(connection: &Connection<'_>) -> bool {
    match connection.outcome {
        Outcome::Suspicious => connection.facts.user.is_some(),
        outcome => outcome != Outcome::Probed,
    }
}

/// The cluster, and the account where there are several.
pub(super) fn cluster(place: &Place, batch: &Batch<'_>) -> impl Iterator<Item = Fact> {
    let words = batch.words();
    let cluster = Fact::new(words.cluster, quoted(&place.cluster, NAME));
    let account = place.shown_account().filter(|_| batch.shown.account);
    let account = account.map(|name| Fact::new(words.account, quoted(name, NAME)));
    [cluster].into_iter().chain(account)
}

pub(super) fn instance(place: &Place, batch: &Batch<'_>) -> Option<Fact> {
    let instance = place.instance.as_deref()?;
    Some(Fact::new(batch.words().instance, quoted(instance, NAME)))
}

pub(super) fn user(connection: &Connection<'_>, batch: &Batch<'_>, max: usize) -> String {
    match &connection.facts.user {
        Some(user) => quoted(user, max),
        None => batch.words().unknown.to_owned(),
    }
}

pub(super) fn database(connection: &Connection<'_>, batch: &Batch<'_>, max: usize) -> String {
    match &connection.facts.database {
        Some(database) => quoted(database, max),
        None if connection.facts.replication => batch.words().replication.to_owned(),
        None => batch.words().unknown.to_owned(),
    }
}

pub(super) fn client(connection: &Connection<'_>, batch: &Batch<'_>, max: usize) -> String {
    match connection.facts.host.as_deref() {
        Some("[local]") => format!("[local]{}", batch.words().unix_socket),
        Some(host) => quoted(host, max),
        None => batch.words().unknown.to_owned(),
    }
}

fn encryption(encryption: &Encryption<'_>, batch: &Batch<'_>) -> Option<String> {
    match encryption {
        Encryption::Unknown => None,
        Encryption::Plain => Some(batch.words().plain_text.to_owned()),
        Encryption::Gss => Some(GSSAPI.to_owned()),
        Encryption::GssAsLogged => Some(format!("{GSSAPI} {}", batch.words().as_logged)),
        Encryption::Tls(stated) => Some(tls(stated, batch)),
        Encryption::TlsAsLogged(stated) => Some(format!(
            "{} {}",
            tls(stated, batch),
            batch.words().as_logged
        )),
    }
}

const GSSAPI: &str = "GSSAPI";

/// `TLSv1.3 (TLS_AES_256_GCM_SHA384, 256 bits)`
fn tls(tls: &Tls<'_>, batch: &Batch<'_>) -> String {
    let (protocol, cipher) = (quoted(&tls.protocol, NAME), quoted(&tls.cipher, NAME));
    match tls.bits {
        Some(bits) => format!("{protocol} ({cipher}, {})", (batch.words().bits)(bits)),
        None => format!("{protocol} ({cipher})"),
    }
}
