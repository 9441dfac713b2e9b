//! `%t:%r:%u@%d:[%p]:`, which Aurora's log lines start with unless told otherwise, read without a
//! search where it has one reading. Where this gives `None`, [`super::prefix_search`] decides.

use memchr::memchr2;

use super::lexer;
use super::log_line_prefix::{LogLine, PrefixFields};
use super::names::LONGEST_NAME;
use super::prefix_search::{LONGEST_HOST, number, port};
use super::time_stamp;

/// RDS's default.
pub const DEFAULT_LOG_LINE_PREFIX: &str = "%t:%r:%u@%d:[%p]:";

/// `%t:%r:` at the start of `line`, and its length.
pub(super) fn head(line: &str) -> Option<(PrefixFields<'_>, usize)> {
    let (time, rest) = line.split_at_checked(time_stamp::length(line.as_bytes(), false)?)?;
    let rest = rest.strip_prefix(':')?;
    let bytes = rest.as_bytes();
    let mut host_end = 0;
    while !matches!(bytes.get(host_end)?, b'(' | b' ') {
        host_end += 1;
    }
    if host_end > LONGEST_HOST || bytes.first() == Some(&b'[') {
        return None;
    }
    let mut fields = PrefixFields {
        time: Some(time),
        ..PrefixFields::default()
    };
    let (host, behind) = rest.split_at_checked(host_end)?;
    let mut remote = 0;
    if let Some(behind) = behind.strip_prefix('(') {
        let (port, length) = port(behind.as_bytes())?;
        fields.host = Some(host).filter(|host| *host != "???");
        fields.port = port;
        remote = host_end + 1 + length;
    }
    let (remote, rest) = rest.split_at_checked(remote)?;
    fields.remote = Some(remote);
    rest.starts_with(':')
        .then_some((fields, time.len() + 1 + remote.len() + 1))
}

/// The only reading of a record.
pub(super) struct OnlyReading<'a> {
    prefix: PrefixFields<'a>,
    severity: lexer::Severity,
    message: &'a str,
    /// Where its names end at the latest.
    pub(super) names_end: usize,
}

impl<'a> OnlyReading<'a> {
    pub(super) fn line(&self) -> LogLine<'a, '_> {
        LogLine {
            prefix: &self.prefix,
            severity: self.severity,
            message: self.message,
        }
    }
}

/// Reads `%u@%d:[%p]:` behind the first `head_length` bytes of `record`, whose fields are `prefix`,
/// when neither name can end in a second place. `record` holds no U+FFFD.
pub(super) fn only_reading<'a>(
    record: &'a str,
    head_length: usize,
    mut prefix: PrefixFields<'a>,
) -> Option<OnlyReading<'a>> {
    let names = record.get(head_length..)?;
    let bytes = names.as_bytes();
    let mut at_sign = 0;
    while *bytes.get(at_sign)? != b'@' {
        at_sign += 1;
    }
    // A bracket that a database starts with is not the one behind it.
    let mut bracket = at_sign + 1;
    bracket += usize::from(*bytes.get(bracket)? == b'[');
    while !matches!(bytes.get(bracket)?, b'[' | b'@') {
        bracket += 1;
    }
    let names_end = at_sign + 1 + LONGEST_NAME;
    if at_sign > LONGEST_NAME || bracket > names_end + 1 {
        return None;
    }
    let behind = bytes.get(bracket + 1..)?;
    let behind = behind.get(..=names_end - (bracket - 1)).unwrap_or(behind);
    if memchr2(b'@', b'[', behind).is_some() {
        return None;
    }
    let (user, rest) = names.split_at_checked(at_sign)?;
    let (database, rest) = rest
        .get(1..)?
        .split_at_checked(bracket.checked_sub(at_sign + 2)?)?;
    let rest = rest.strip_prefix(":[")?;
    let (backend_pid, digits) = number(rest.as_bytes())?;
    let (severity, message) = lexer::severity(rest.get(digits..)?.strip_prefix("]:")?)?;
    prefix.user = Some(user);
    prefix.database = Some(database);
    prefix.backend_pid = Some(backend_pid);
    Some(OnlyReading {
        prefix,
        severity,
        message,
        names_end: head_length + names_end,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::log_line_prefix::LogLinePrefix;
    use super::*;

    /// The same prefix under another name, for which there is only the search.
    const SEARCHED: &str = "%t:%r:%u@%d:[%0p]:";

    /// Head, readings, and where the names end.
    fn told(setting: &str, line: &str) -> String {
        let prefix = LogLinePrefix::compile(setting).unwrap();
        let Some(head) = prefix.head(line) else {
            return String::new();
        };
        let mut readings = Vec::new();
        let names_end = prefix.readings(line, &head, 1, &mut |reading| {
            readings.push(format!("{reading:?}"));
            true
        });
        format!("{head:?}\n{}\n{names_end}", readings.join("\n"))
    }

    fn is_read_at_once(line: &str) -> bool {
        let (fields, length) = head(line).unwrap();
        only_reading(line, length, fields).is_some()
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[ -~]",
            4 => prop::sample::select(vec![
                "@", ":", ":[", "[", "]:", "(", ")", "(5432)", "42", ":[42]:", "LOG:  ", "é", "\n", "[local]",
                "???", "[unknown]", "2024-01-01 00:00:00 UTC:", "10.0.0.1(5432):",
            ]).prop_map(String::from),
            1 => "[a-z]{50,70}",
        ]
    }

    fn pieces() -> impl Strategy<Value = String> {
        prop::collection::vec(piece(), 0..5).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn one_reading_is_read_at_once() {
        for line in [
            "2024-01-01 00:00:00 UTC:10.0.0.1(5432):alice@appdb:[42]:LOG:  x",
            "2024-01-01 00:00:00 UTC:10.0.0.1(5432):[unknown]@[unknown]:[42]:LOG:  x",
            "2024-01-01 00:00:00 UTC:fe80::1(5432):a:b@[c:[42]:LOG:  x",
            "2024-01-01 00:00:00 UTC::@:[42]:LOG:  x",
        ] {
            assert!(is_read_at_once(line), "{line}");
        }
    }

    #[test]
    fn what_can_have_two_readings_is_searched() {
        for line in [
            "2024-01-01 00:00:00 UTC:10.0.0.1(5432):alice@home@appdb:[42]:LOG:  x",
            "2024-01-01 00:00:00 UTC:10.0.0.1(5432):alice@appdb:[42]:LOG:  x:[43]:LOG:  y",
            "2024-01-01 00:00:00 UTC:10.0.0.1(5432):alice@appdb:[42]:LOG:  x@y:[43]:LOG:  z",
        ] {
            assert!(!is_read_at_once(line), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn agrees_with_the_search(
            remote in prop_oneof![3 => Just("10.0.0.1(5432)".to_owned()), 1 => pieces()],
            user in pieces(),
            database in pieces(),
            message in pieces(),
        ) {
            let line = format!("2024-01-01 00:00:00 UTC:{remote}:{user}@{database}:[42]:LOG:  {message}");
            prop_assert_eq!(told(DEFAULT_LOG_LINE_PREFIX, &line), told(SEARCHED, &line));
        }

        #[test]
        fn agrees_with_the_search_on_garbage(start in 0_usize..40, garbage in prop::collection::vec(pieces(), 0..6)) {
            let line = "2024-01-01 00:00:00 UTC:10.0.0.1(5432):a@";
            let line = format!("{}{}", &line[..start], garbage.concat());
            prop_assert_eq!(told(DEFAULT_LOG_LINE_PREFIX, &line), told(SEARCHED, &line));
        }
    }
}
