//! What an entry says, fact by fact, against what is so.

use super::log::Event;
use super::reader::{Encryption, Told};
use super::server::{self, Backend, Walsender, behind_names, has_port};
use super::town::Plan;

/// The facts that are told and are not so.
pub(crate) fn differences(told: &Told, event: &Event, plan: &Plan) -> Vec<&'static str> {
    let backend = &plan.backends[event.backend];
    let is = |known: Option<&String>, is_true: &dyn Fn(&String) -> bool| known.is_none_or(is_true);
    let has_database = event.named && backend.walsender != Walsender::Physical;
    let proven = backend.identity.as_ref().unwrap_or(&backend.user);
    let checks = [
        ("with a wrong time", is_time(told, event)),
        (
            "with a wrong user",
            is(told.user.as_ref(), &|user| {
                event.named && is_text(user, &backend.user)
            }),
        ),
        (
            "with a wrong database",
            is(told.database.as_ref(), &|name| {
                has_database && is_text(name, &backend.database)
            }),
        ),
        (
            "with a wrong host",
            is(told.host.as_ref(), &|host| host == backend.host),
        ),
        (
            "with a wrong port",
            told.port
                .is_none_or(|port| has_port(backend) && port == backend.port),
        ),
        (
            "with a wrong pid",
            told.backend_pid.is_none_or(|pid| pid == backend.pid),
        ),
        (
            "with a wrong application name",
            is(told.application_name.as_ref(), &|name| {
                is_application(name, backend, plan.version)
            }),
        ),
        (
            "with a wrong method",
            is(told.auth_method.as_ref(), &|method| {
                method == backend.method
            }),
        ),
        (
            "with a wrong identity",
            is(told.identity.as_ref(), &|who| {
                is_text(who, proven)
                    || Some(who.as_str()) == backend.principal
                    || is_imitated(who, told, backend, plan.version)
            }),
        ),
        (
            "with a wrong encryption",
            is_encryption(told.encryption, backend.encryption),
        ),
        (
            "with a wrong replication",
            !told.replication || backend.walsender != Walsender::No,
        ),
        ("with a wrong session time", is_session_time(told, event)),
        (
            "with a wrong reason",
            is(told.reason.as_ref(), &|told| {
                event
                    .reason
                    .as_ref()
                    .is_some_and(|truth| is_same(told, truth))
            }),
        ),
        (
            "with a wrong detail",
            is(told.detail.as_ref(), &|detail| {
                is_detail(detail, event) || is_of_pam(detail, event)
            }),
        ),
    ];
    checks
        .into_iter()
        .filter(|(_, is_true)| !is_true)
        .map(|(what, _)| what)
        .collect()
}

fn is_time(told: &Told, event: &Event) -> bool {
    told.time.is_none_or(|time| {
        let millis = time.unix_timestamp_nanos() / 1_000_000 - i128::from(server::BEGIN) * 1000;
        let (from, to) = (
            i128::from(event.time.0) - 2000,
            i128::from(event.time.1) + 2000,
        );
        (from..=to).contains(&millis)
    })
}

fn is_encryption(told: Encryption, truth: server::Encryption) -> bool {
    match told {
        Encryption::Unknown => true,
        Encryption::Plain => truth == server::Encryption::Plain,
        Encryption::Tls => truth == server::Encryption::Tls,
        Encryption::Gss => truth == server::Encryption::Gss,
    }
}

fn is_session_time(told: &Told, event: &Event) -> bool {
    told.session_time.is_none_or(|length| {
        let (seconds, millis) = (length.as_secs(), length.subsec_millis());
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let text = format!(
            " time: {hours}:{minutes:02}:{:02}.{millis:03} ",
            seconds % 60
        );
        event
            .session
            .as_ref()
            .is_some_and(|session| session.contains(&text))
    })
}

/// All of the DETAIL, or what of it is not the line of `pg_hba.conf`.
fn is_detail(told: &str, event: &Event) -> bool {
    event.details.iter().any(|truth| {
        let sentence = truth
            .split("\nConnection matched")
            .next()
            .unwrap_or_default();
        is_same(told, truth) || is_same(told, sentence)
    })
}

/// `pam_authenticate failed: %s` stands before the refusal.
fn is_of_pam(told: &str, event: &Event) -> bool {
    let is_pam = |reason: &String| reason.starts_with("PAM authentication failed ");
    told == "Permission denied" && event.reason.as_ref().is_some_and(is_pam)
}

/// An application name can imitate the principal of GSSAPI. The line is then the same to the byte,
/// and only a `connection authenticated` of PostgreSQL 14 and newer tells.
fn is_imitated(identity: &str, told: &Told, backend: &Backend, version: u8) -> bool {
    let imitation = format!("principal={identity})");
    backend.application_name.ends_with(&imitation) && (version < 14 || told.auth_method.is_none())
}

pub(super) fn is_text(told: &str, bytes: &[u8]) -> bool {
    told == String::from_utf8_lossy(bytes)
}

/// A text as it was, or as the log has it.
fn is_same(told: &str, truth: &str) -> bool {
    told == truth || told == truth.replace('\n', "\n\t")
}

/// A name can imitate ` SSL enabled (…)`, and the line is then the same to the byte.
fn is_application(told: &str, backend: &Backend, version: u8) -> bool {
    let name = backend.application_name.as_str();
    let later = backend.later_application_name.as_deref();
    let cut = |name: &str| name.get(..63).unwrap_or(name).to_owned();
    if told == name || told == cut(name) || later.is_some_and(|later| told == cut(later)) {
        return true;
    }
    let behind = behind_names(backend, version);
    let rest = behind
        .strip_prefix(" application_name=")
        .and_then(|rest| rest.strip_prefix(told));
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(" SSL enabled (") || rest.starts_with(" GSS (")
    })
}
