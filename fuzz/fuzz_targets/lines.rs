//! Any text behind any of the usual prefixes, read in one batch and in two.
//!
//! The first byte of the input chooses the prefix and the second where the text is cut.

#![no_main]

use aurora_connection_audit::postgres::event::{ConnectionEvent, Encryption, Kind};
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, Reading, read};
use aurora_connection_audit::sessions;
use libfuzzer_sys::fuzz_target;

/// `fuzz/seed` reads this list, one a line.
const PREFIXES: [&str; 8] = [
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m [%p] ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%n %h %u %d %a ",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t [%p]: [%l-1] user=%-10u,db=%12d,app=%a,client=%h ",
    "",
];

fuzz_target!(|data: &[u8]| {
    let [prefix, cut, text @ ..] = data else {
        return;
    };
    let setting = PREFIXES[usize::from(*prefix) % PREFIXES.len()];
    let prefix = LogLinePrefix::compile(setting).unwrap();
    let text = String::from_utf8_lossy(text);

    let reading = read(
        text.as_ref(),
        &prefix,
        &mut Announced::default().text_of(""),
    );
    check(&text, &reading);
    check_connections(reading.events);

    let (first, second) = halves(&text, *cut);
    let mut announced = Announced::default();
    for part in [first, second, first] {
        let reading = read(part, &prefix, &mut announced.text_of(""));
        check(part, &reading);
        check_connections(reading.events);
    }
});

/// Cuts at a line feed, at about `cut` / 256 of the text.
fn halves(text: &str, cut: u8) -> (&str, &str) {
    let about = text.len() * usize::from(cut) / 256;
    let at = text.as_bytes()[about..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |behind| about + behind + 1);
    text.split_at(at)
}

fn check(text: &str, reading: &Reading<'_>) {
    let mut last = None;
    for event in &reading.events {
        let at = event.offset;
        assert!(
            at == 0 || text.as_bytes()[at - 1] == b'\n',
            "an event in the middle of a line: {event:?}"
        );
        assert!(last <= Some(at), "events out of order: {event:?}");
        last = Some(at);
        check_event(event);
    }
    let lines = text.split_terminator('\n').count();
    assert_eq!(reading.counts.lines, lines);
    assert!(reading.counts.records <= lines);
    assert!(reading.counts.continuations <= lines);
}

fn check_event(event: &ConnectionEvent<'_>) {
    for name in [event.facts.user.as_deref(), event.facts.database.as_deref()] {
        let bytes = |character: char| match character {
            char::REPLACEMENT_CHARACTER => 1,
            other => other.len_utf8(),
        };
        let length = name.unwrap_or_default().chars().map(bytes).sum::<usize>();
        assert!(length <= 63, "a name of {length} bytes: {event:?}");
    }
    if let Encryption::Tls(tls) = &event.facts.encryption {
        assert!(!tls.protocol.contains(' ') && !tls.cipher.contains(' '));
    }
    if event.facts.session_time.is_some() {
        assert_eq!(event.kind, Kind::Disconnected, "{event:?}");
    }
}

fn check_connections(events: Vec<ConnectionEvent<'_>>) {
    let lines = events.len();
    let offsets: Vec<usize> = events.iter().map(|event| event.offset).collect();
    let connections = sessions::join(events);
    assert!(connections.len() <= lines);
    for connection in &connections {
        assert!(offsets.contains(&connection.offset), "{connection:?}");
        assert!((1..=2).contains(&connection.attempts), "{connection:?}");
    }
}
