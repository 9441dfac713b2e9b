//! Settings of `log_line_prefix`, and what they say of a line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};

#[test]
fn every_escape_is_read() {
    let line = "LOG:  connection authorized: user=u database=d\n";
    for (setting, prefix) in [
        ("%m [%p] ", "2026-11-23 09:40:55.206 UTC [7] "),
        (
            "%m [%p] %q[user=%u,db=%d,app=%a] ",
            "2026-11-23 09:40:55.206 UTC [7] [user=u,db=d,app=[unknown]] ",
        ),
        ("%n %h %u %d %a ", "1795426879.858 10.0.1.23 u d [unknown] "),
        (
            "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
            "2026-11-23 09:41:03 UTC [7]: [3-1] user=u,db=d,app=[unknown],client=10.0.1.23 ",
        ),
        (
            "%t %-5p|%6u|%-4d|%r ",
            "2026-11-23 09:41:03 UTC 7    |     u|d   |10.0.1.23(1) ",
        ),
        (
            "%t %c %b %P %i %Q %L|%u@%d %% ",
            "2026-11-23 09:41:03 UTC 6b040a1f.7 client backend  authentication 0 10.0.0.1|u@d % ",
        ),
        ("", ""),
    ] {
        let prefix_and_line = format!("{prefix}{line}");
        let compiled = LogLinePrefix::compile(setting).unwrap();
        let reading = read(
            prefix_and_line.as_str(),
            &compiled,
            &mut Announced::default().text_of(""),
        );
        let [event] = &reading.events[..] else {
            panic!("{setting}: {reading:?}");
        };
        let names = (event.facts.user.as_deref(), event.facts.database.as_deref());
        assert_eq!(names, (Some("u"), Some("d")), "{setting}");
    }
}

#[test]
fn prefixes_that_tell_nothing_apart_are_refused() {
    for (setting, message) in [
        (
            "%t:%y:",
            "`%y` at byte 4 is not an escape of log_line_prefix",
        ),
        ("%t %", "it ends in a lone `%`"),
        (
            "%t %u%d ",
            "`%u` and `%d` are next to each other, so nothing tells where the first one ends; put a literal between them",
        ),
        (
            "%t:%L%u@%d:[%p]:",
            "`%L` and `%u` are next to each other, so nothing tells where the first one ends; put a literal between them",
        ),
        (
            "%u %t ",
            "it starts with `%u`, which a client chooses, so nothing tells where a line begins; start it with %t or %m",
        ),
    ] {
        let error = LogLinePrefix::compile(setting).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
