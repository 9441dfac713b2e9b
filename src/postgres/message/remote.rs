//! The host and port of a client, as two messages name them.

use memchr::memchr;

use crate::postgres::line::PrefixFields;

/// `%s port=%s` or `%s`, the same as in the prefix.
pub(super) fn host_and_port<'a>(
    text: &'a str,
    prefix: &PrefixFields<'a>,
) -> Option<(Option<&'a str>, Option<u16>)> {
    // The prefix tells where the host ends, unless it has none.
    let written = prefix.remote.map(|_| prefix.host.unwrap_or(NO_HOST));
    let (host, rest) = match written {
        Some(host) => text.strip_prefix(host).map(|rest| (host, rest)),
        None => text.split_at_checked(memchr(b' ', text.as_bytes()).unwrap_or(text.len())),
    }?;
    if host.is_empty() || host.bytes().any(|byte| matches!(byte, b'\n' | b'\t')) {
        return None;
    }
    let named = prefix.remote.filter(|remote| remote.ends_with(')'));
    let port = match (rest.strip_prefix(" port="), named) {
        (Some(port), Some(remote)) if is_port_of(remote, host, port) => prefix.port,
        (Some("???"), None) => None,
        (Some(digits), None) => Some(digits.parse::<u16>().ok()?),
        (None, None) if rest.is_empty() => None,
        _ => return None,
    };
    let host = Some(host).filter(|host| *host != NO_HOST);
    Some((host, port))
}

/// Is `remote` `host(port)`?
fn is_port_of(remote: &str, host: &str, port: &str) -> bool {
    let inside = remote
        .strip_prefix(host)
        .and_then(|rest| rest.strip_prefix('('));
    inside.and_then(|inside| inside.strip_suffix(')')) == Some(port)
}

/// What PostgreSQL writes for a host, or port, that it cannot tell.
const NO_HOST: &str = "???";
