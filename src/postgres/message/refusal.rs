//! FATAL messages: why PostgreSQL turns a client away, or ends a session.

use std::borrow::Cow;

use super::names::{self, Names};
use super::{Named, Said, of_session};
use crate::postgres::event::{Encryption, Kind};
use crate::postgres::line::PrefixFields;
use crate::postgres::tokens::{self, Opening};

pub(super) fn fatal<'a>(prefix: &PrefixFields<'a>, message: &'a str) -> Said<'a> {
    if !prefix.may_be_of_client() {
        return Said::Nothing;
    }
    let mut refusal = of_session(Kind::Rejected, prefix);
    refusal.facts.reason = Some(Cow::Borrowed(message));
    let Some((opening, rest)) = tokens::opening(message) else {
        return if is_translated(message) {
            Said::Translated
        } else {
            Said::Event(refusal)
        };
    };
    let named = match opening {
        Opening::AuthenticationFailed => named(Named::User, authentication_failed(rest, prefix)),
        Opening::NotInHba => {
            let (encryption, names) = not_in_hba(rest, prefix).unzip();
            refusal.facts.encryption = encryption.unwrap_or_default();
            named(Named::Both, names)
        }
        Opening::ReplicationNotInHba => {
            refusal.facts.replication = true;
            let (encryption, names) = replication_not_in_hba(rest, prefix).unzip();
            refusal.facts.encryption = encryption.unwrap_or_default();
            named(Named::User, names)
        }
        // A start-up option can name another role or database than the client's own.
        Opening::Role => match named(Named::User, role(rest, prefix)) {
            None => return Said::Event(refusal),
            named => named,
        },
        Opening::Database => match named(Named::Database, database(rest, prefix)) {
            None => return Said::Event(refusal),
            named => named,
        },
        Opening::WalSender => {
            refusal.facts.replication = true;
            return Said::Event(refusal);
        }
        Opening::ServerEnd => return Said::Contradiction,
        Opening::SessionEnd => {
            refusal.kind = Kind::Ended;
            return Said::Event(refusal);
        }
        _ => return Said::Event(refusal),
    };
    match named {
        Some((named, names)) if prefix.is_starting() => {
            refusal.name(named, names);
            Said::Event(refusal)
        }
        _ => Said::Contradiction,
    }
}

fn named(named: Named, names: Option<Names<'_>>) -> Option<(Named, Names<'_>)> {
    names.map(|names| (named, names))
}

/// Does a letter that English lacks stand before all that a client can choose?
fn is_translated(message: &str) -> bool {
    let own = message.split(['"', '\n']).next().unwrap_or_default();
    !own.is_ascii() && !message.starts_with("--")
}

/// `%s"` or `%s": host rejected`, behind the first quote.
fn authentication_failed<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Names<'a>> {
    const ENDINGS: [&str; 3] = [
        "\"",
        "\": host rejected",
        "\": invalid authentication method",
    ];
    let quoted = ENDINGS
        .iter()
        .find_map(|ending| rest.strip_suffix(ending))?;
    names::user_only(quoted, prefix)
}

/// `%s", user "%s", database "%s", %s`, behind the first quote.
fn not_in_hba<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
) -> Option<(Encryption<'static>, Names<'a>)> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (names, encryption) = names::both_then(rest, "\", database \"", prefix, encryption_behind)?;
    Some((encryption.unwrap_or_default(), names))
}

/// `%s", user "%s", %s`, behind the first quote.
fn replication_not_in_hba<'a>(
    rest: &'a str,
    prefix: &PrefixFields<'a>,
) -> Option<(Encryption<'static>, Names<'a>)> {
    let (_, rest) = rest.split_once("\", user \"")?;
    let (names, encryption) = names::user_then(rest, prefix, encryption_behind)?;
    Some((encryption.unwrap_or_default(), names))
}

/// `", no encryption` and its kin; servers built without TLS and GSSAPI write a quote alone.
fn encryption_behind(text: &str) -> Option<Encryption<'static>> {
    match text {
        "\"" | "\", no encryption" | "\", SSL off" => Some(Encryption::Plain),
        "\", SSL encryption" | "\", SSL on" => Some(Encryption::Unknown),
        "\", GSS encryption" => Some(Encryption::Gss),
        _ => None,
    }
}

/// `%s" does not exist` or `%s" is not permitted to log in`, behind the first quote.
fn role<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Names<'a>> {
    names::user_only(quoted(rest)?, prefix)
}

/// `%s" does not exist` or `%s" is not currently accepting connections`, behind the first quote.
fn database<'a>(rest: &'a str, prefix: &PrefixFields<'a>) -> Option<Names<'a>> {
    names::database_only(quoted(rest)?, prefix)
}

/// `%s"` and one of the endings of the messages about roles and databases.
fn quoted(rest: &str) -> Option<&str> {
    const ENDINGS: [&str; 4] = [
        "\" does not exist",
        "\" is not permitted to log in",
        "\" is not currently accepting connections",
        "\"",
    ];
    ENDINGS.iter().find_map(|ending| rest.strip_suffix(ending))
}

/// Is this the reason of a refusal that PostgreSQL gives before a session is established, and of
/// nothing that ends a session?
pub(in crate::postgres) fn is_of_startup(named: Named, reason: &str) -> bool {
    const OPENINGS: [&str; 33] = [
        "sorry, too many ",
        "too many connections",
        "remaining connection slots",
        "the database system is ",
        "invalid value for parameter ",
        "unrecognized configuration parameter ",
        "parameter \"",
        "permission denied ",
        "canceling authentication ",
        "database ",
        "role ",
        "cannot connect to invalid database",
        "no PostgreSQL user name ",
        "unsupported frontend protocol ",
        "invalid startup packet layout",
        "invalid command-line argument",
        "connection requires a valid client certificate",
        "replication connection requires ",
        "new replication connections are not allowed",
        "must be superuser ",
        "number of requested standby connections exceeds ",
        "expected password response",
        "expected SASL response",
        "expected GSS response",
        "expected SSPI response",
        "invalid password packet size",
        "empty password returned by client",
        "client selected an invalid SASL ",
        "malformed SCRAM message",
        "malformed OAUTHBEARER message",
        "accepting GSS security context failed",
        "could not accept GSSAPI security context",
        "could not set PAM_",
    ];
    named != Named::Nobody
        || reason.starts_with("--")
        || OPENINGS.iter().any(|opening| reason.starts_with(opening))
}
