//! Lines that real RDS and Aurora wrote, with what libraries print between them: nobody is accused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aurora_connection_audit::postgres::{Announced, DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, read};
use aurora_connection_audit::sessions::{Outcome, join};

#[track_caller]
fn assert_told(name: &str, users: &[(Outcome, &str)]) {
    let path = format!("tests/fixtures/real-lines/{name}.log");
    let log = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let prefix = LogLinePrefix::compile(DEFAULT_LOG_LINE_PREFIX).unwrap();
    let mut announced = Announced::default();
    let reading = read(log.as_str(), &prefix, &mut announced.text_of(""));
    assert_eq!(reading.counts.unparsed, 0, "{name}");
    let told = join(reading.events);
    let is_told = |outcome: Outcome, user: &str| {
        let mut told = told.iter();
        told.any(|one| one.outcome == outcome && one.facts.user.as_deref() == Some(user))
    };
    assert!(
        told.iter().all(|one| one.outcome != Outcome::Suspicious),
        "{told:#?}"
    );
    for (outcome, user) in users {
        assert!(is_told(*outcome, user), "{user} {outcome:?}: {told:#?}");
    }
}

#[test]
fn curl_between_logins_hides_nobody() {
    use Outcome::{Authorized, Rejected};
    assert_told(
        "iam-mixed-1",
        &[
            (Authorized, "alice"),
            (Authorized, "bob"),
            (Authorized, "carol"),
        ],
    );
    assert_told("iam-mixed-2", &[(Authorized, "bob"), (Authorized, "carol")]);
    assert_told("iam-mixed-3", &[(Rejected, "eve"), (Authorized, "carol")]);
    assert_told("iam-mixed-6", &[(Rejected, "eve"), (Authorized, "carol")]);
    assert_told("iam-mixed-7", &[(Authorized, "carol")]);
}
