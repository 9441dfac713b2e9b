//! Batches through the function, as Lambda takes them there.

use std::time::Duration;

use aurora_connection_audit::cli::local::Local;

use crate::row::{Row, row};
use crate::support::{Function, login, payload};

/// Three clients log in.
pub const USERS: [&str; 3] = ["u001", "u002", "u003"];

pub fn logins() -> String {
    USERS
        .into_iter()
        .zip(1..)
        .map(|(user, number)| login(user, number))
        .collect()
}

/// Three logins in one batch, with this script.
pub fn with_script(fault: &'static str, limit: Duration, script: impl FnOnce(&Local)) -> Row {
    with_batches(fault, limit, &[], &[&logins()], script)
}

/// Three logins in these batches.
pub fn with_batches(
    fault: &'static str,
    limit: Duration,
    variables: &[(&str, &str)],
    batches: &[&str],
    script: impl FnOnce(&Local),
) -> Row {
    let variables = [&[("MESSAGE_LANGUAGE", "en")], variables].concat();
    let function = Function::start_with(&variables, script);
    let payloads: Vec<_> = batches.iter().map(|batch| payload(batch)).collect();
    let waits = payloads
        .iter()
        .map(|payload| function.waits_after(payload, limit));
    let is_queued = waits.fold(false, |queued, waits| queued | waits);
    let expected = USERS.map(|user| (user.to_owned(), 1)).into();
    row(fault, &expected, &function, is_queued)
}
