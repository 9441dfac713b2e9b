//! What reading a payload takes grows with its text, whatever the text says.
//!
//! Every hostile text of `scripts/hostile-payloads.py` that can be of any length, and a few more, in
//! sizes that double: from the payload to the messages for Slack. The second doubling may cost two and
//! a half times what the first does; a square would be four times. Memory is counted by the allocator,
//! work in instructions by valgrind: neither depends on the machine or on what else it does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may"
)]

use std::hint::black_box;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aurora_connection_audit::cli::event;
use aurora_connection_audit::config::Settings;
use aurora_connection_audit::memory::Memory;
use aurora_connection_audit::pipeline::compose;
use aurora_connection_audit::source::{self, Invocation, Record};
use aurora_connection_audit::window::{Window, read};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SIZES: [usize; 3] = [64 << 10, 128 << 10, 256 << 10];

/// What a line begins with.
const HEAD: &str = "2026-11-23 09:38:10 UTC:10.0.0.1(5000):";

/// A text of about `size` bytes, its name, and the prefix that it is written with.
type Text = (&'static str, &'static str, fn(usize) -> String);

const DEFAULT: &str = "%t:%r:%u@%d:[%p]:";
const NAMELESS: &str = "%m [%p] ";

const TEXTS: [Text; 30] = [
    ("logins", DEFAULT, |size| {
        lines(size, |at| {
            format!(
                "2026-11-23 09:38:10 UTC:1({at}):a@b:[{at}]:LOG:  connection authorized: user=a database=b"
            )
        })
    }),
    ("logins of as many users", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}u{at}@b:[7]:LOG:  connection authorized: user=u{at} database=b")
        })
    }),
    ("clients received", DEFAULT, |size| {
        lines(size, |at| {
            format!(
                "2026-11-23 09:38:10 UTC:1({at}):[unknown]@[unknown]:[{at}]:LOG:  connection received: host=1 port={at}"
            )
        })
    }),
    ("refusals from as many hosts", DEFAULT, |size| {
        lines(size, |at| {
            format!(
                "2026-11-23 09:38:10 UTC:2001:db8::{at:x}(5):a@b:[{at}]:FATAL:  password authentication failed for user \"a\""
            )
        })
    }),
    ("refusals of as many users", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}u{at}@b:[7]:FATAL:  password authentication failed for user \"u{at}\"")
        })
    }),
    ("refusals with details", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}a@b:[{at}]:FATAL:  no\n{HEAD}a@b:[{at}]:DETAIL:  why")
        })
    }),
    ("scans", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}[unknown]@[unknown]:[{at}]:LOG:  invalid length of startup packet")
        })
    }),
    ("ends", DEFAULT, |size| {
        lines(size, |at| {
            format!(
                "{HEAD}a@b:[{at}]:LOG:  disconnection: session time: 0:00:00.000 user=a database=b host=10.0.0.1 port=5000"
            )
        })
    }),
    ("forged lines of a session", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}a@b:[{at}]:LOG:  connection authorized: user=x database=y")
        })
    }),
    ("`LOCATION`", DEFAULT, |size| {
        format!("{HEAD}a@b:[7]:LOG:  connection authorized: user=a database=b\n")
            + &lines(size, |_| {
                format!("{HEAD}a@b:[7]:LOCATION:  PerformAuthentication, postinit.c:1")
            })
    }),
    ("`FATAL:  `", DEFAULT, |size| "FATAL:  \n".repeat(size / 9)),
    ("line feeds", DEFAULT, |size| "\n".repeat(size)),
    ("tabs behind line feeds", DEFAULT, |size| {
        "\n\t".repeat(size / 2)
    }),
    ("heads without an end", DEFAULT, |size| {
        lines(size, |_| format!("{HEAD}x"))
    }),
    ("heads in one record", DEFAULT, |size| {
        format!("{HEAD}a@b:[7]:LOG:  x") + &format!("\n\t{HEAD}x").repeat(size / 43)
    }),
    ("names of `@`", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}{}:[{at}]:FATAL:  no", "@".repeat(60))
        })
    }),
    ("names of `:[7]:LOG:  `", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}a@{}:[{at}]:FATAL:  no", ":[7]:LOG:  ".repeat(5))
        })
    }),
    ("names of line feeds", DEFAULT, |size| {
        lines(size, |at| {
            let feeds = "\n".repeat(60);
            format!("{HEAD}{feeds}@{feeds}:[{at}]:FATAL:  no")
        })
    }),
    ("names of lines", DEFAULT, |size| {
        lines(size, |at| {
            format!("{HEAD}\n{HEAD}a@b:[{at}]:LOG:  connection authorized: user=a database=b")
        })
    }),
    ("names of bytes that are no UTF-8", DEFAULT, |size| {
        lines(size, |at| {
            let bytes = "\u{fffd}".repeat(60);
            format!("{HEAD}{bytes}@{bytes}:[{at}]:FATAL:  no")
        })
    }),
    ("a long record", DEFAULT, |size| {
        long("x", size, "a@b:[7]:LOG:  statement: ")
    }),
    ("an application name of ` GSS (`", DEFAULT, |size| {
        long(" GSS (authenticated=", size, AUTHORIZED) + ")"
    }),
    ("an application name of `(`", DEFAULT, |size| {
        long("(", size, AUTHORIZED) + ")"
    }),
    ("an application name of ` SSL enabled (`", DEFAULT, |size| {
        long(
            " SSL enabled (protocol=a, cipher=b, bits=1)",
            size,
            AUTHORIZED,
        )
    }),
    ("names of ` database=x`", DEFAULT, |size| {
        long(
            " database=x application_name=y",
            size,
            "a@b:[7]:LOG:  connection authorized: user=a",
        )
    }),
    ("a quoted name of quotes", DEFAULT, |size| {
        long(
            "\" method=",
            size,
            "a@b:[7]:LOG:  connection authenticated: identity=\"",
        )
    }),
    (
        "names of ` database=x`, without names in the prefix",
        NAMELESS,
        |size| {
            "2026-11-23 09:38:10.000 UTC [7] LOG:  connection authorized: user=a".to_owned()
                + &" database=x application_name=y".repeat(size / 30)
        },
    ),
    (
        "names of ` GSS (`, without names in the prefix",
        NAMELESS,
        |size| {
            "2026-11-23 09:38:10.000 UTC [7] LOG:  disconnection: session time: 0:00:00.000 user=a"
                .to_owned()
                + &" database=x GSS (".repeat(size / 17)
                + " host=[local]"
        },
    ),
    (
        "users of blanks, without names in the prefix",
        NAMELESS,
        |size| {
            lines(size, |at| {
                let blanks = " database=".repeat(18);
                format!(
                    "2026-11-23 09:38:10.000 UTC [{at}] LOG:  connection authorized: user={blanks}"
                )
            })
        },
    ),
    ("log events of one byte", DEFAULT, |size| {
        "x\n".repeat(size / 2)
    }),
];

const AUTHORIZED: &str = "a@b:[7]:LOG:  connection authorized: user=a database=b application_name=";

fn lines(size: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut at = 1;
    while text.len() < size {
        text += &line(at % 65_000);
        text.push('\n');
        at += 1;
    }
    text
}

fn long(part: &str, size: usize, start: &str) -> String {
    format!("{HEAD}{start}{}", part.repeat(size / part.len()))
}

/// A log event a line.
fn payload(text: &str) -> String {
    let log_group = "/aws/rds/cluster/orders/postgresql";
    let data = event::log_data(log_group, "orders-1.0", text, SystemTime::UNIX_EPOCH);
    event::payload(&data).unwrap()
}

fn told(payload: &str, settings: &Settings) -> usize {
    read_in(payload, settings, &mut Memory::default())
}

fn read_in(payload: &str, settings: &Settings, memory: &mut Memory) -> usize {
    let Ok(Invocation::Direct(data)) = source::read(payload) else {
        panic!("no payload of CloudWatch Logs");
    };
    let record = Record {
        id: String::new(),
        data: Ok(data),
    };
    let mut window = read(Window::default(), &[record], settings, memory);
    compose(&mut window, settings, memory).len()
}

fn settings(prefix: &str) -> Settings {
    let of_prefix = |name: &str| (name == "LOG_LINE_PREFIX").then(|| prefix.to_owned());
    Settings::from_vars(of_prefix).unwrap()
}

/// Does `cost` grow as the size does? A step that costs less than `slack` counts as so much: tables
/// grow in leaps.
#[track_caller]
fn assert_linear(name: &str, what: &str, cost: [usize; 3], slack: usize) {
    let [small, middle, large] = cost;
    let step = middle.saturating_sub(small).max(slack);
    let next = large.saturating_sub(middle);
    assert!(
        2 * next <= 5 * step,
        "{name}: {what} of {SIZES:?} bytes are {cost:?}"
    );
}

/// The tests that count memory, one after the other.
static COUNTING: Mutex<()> = Mutex::new(());

#[test]
fn memory_grows_with_the_text() {
    let _guard = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, prefix, text) in TEXTS {
        let settings = settings(prefix);
        let cost = SIZES.map(|size| {
            let payload = payload(&text(size));
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            black_box(told(&payload, &settings));
            ALLOCATOR.peak_usage() - before
        });
        assert_linear(name, "bytes in memory", cost, 10 * SIZES[2]);
        println!("{name}: {cost:?}");
    }
}

/// Each connection is another process, from a port of its own or all from one. What a process knows of 32 768
/// backends is all that it ever knows.
#[test]
fn a_warm_process_does_not_grow_with_its_connections() {
    let _guard = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = settings(DEFAULT);
    let ports: [fn(usize) -> usize; 2] = [|pid| 1024 + pid % 60_000, |_| 5000];
    for port in ports {
        let mut memory = Memory::default();
        let mut used = |batches: std::ops::Range<usize>| {
            for batch in batches {
                let text = lines(1 << 20, |at| {
                    let pid = batch * 65_000 + at;
                    let port = port(pid);
                    format!(
                        "2026-11-23 09:38:10 UTC:10.0.0.1({port}):[unknown]@[unknown]:[{pid}]:LOG:  connection received: host=10.0.0.1 port={port}"
                    )
                });
                read_in(&payload(&text), &settings, &mut memory);
            }
            ALLOCATOR.current_usage()
        };
        let (full, later) = (used(0..5), used(5..10));
        assert!(later <= full + (64 << 10), "{full} bytes, then {later}");
    }
}

/// What [`instructions`] counts.
#[test]
#[ignore = "a part of the next"]
fn one() {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let found = TEXTS.iter().find(|(name, ..)| *name == of("LINEAR_TEXT"));
    let Some((_, prefix, text)) = found else {
        return;
    };
    let payload = payload(&text(of("LINEAR_SIZE").parse().unwrap()));
    black_box(told(&payload, &settings(prefix)));
}

#[test]
#[ignore = "needs valgrind and some minutes: just linear"]
fn work_grows_with_the_text() {
    for (name, ..) in TEXTS {
        let cost = SIZES.map(|size| instructions(name, size));
        println!("{name}: {cost:?}");
        assert_linear(name, "instructions", cost, SIZES[0]);
    }
}

fn instructions(name: &str, size: usize) -> usize {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "one"])
        .env("LINEAR_TEXT", name)
        .env("LINEAR_SIZE", size.to_string())
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&done.stderr);
    let (_, counted) = said.split_once("Collected : ").expect(&said);
    counted.split_whitespace().next().unwrap().parse().unwrap()
}
