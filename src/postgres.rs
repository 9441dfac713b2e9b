//! What PostgreSQL writes to its log about connections.
//!
//! ```text
//! text ──▶ read ────────▶ prefix ────────▶ message ──────▶ verdict ─────▶ evidence ──▶ ConnectionEvent
//!          heads and      every reading    held against    which of      what earlier
//!          ends           of the prefix    its prefix      them hold     lines prove
//! ```
//!
//! Anybody who reaches the port can write whole lines into the log through the names of a failed
//! login: a name holds any byte but NUL, line feeds included, and is not quoted. And a text may
//! begin and end anywhere, because CloudWatch can cut a log at any line. So every line is read in
//! every way that PostgreSQL could have written it, and an event says how well the text supports
//! it, see [`Standing`]:
//!
//! - it is certain when all readings agree, no open name before it can reach it, and its backend was
//!   not yet established when it was written;
//! - lines of an established session are its own, for SQL writes any message;
//! - [`Kind::Suspicious`] accuses a session, and so needs certain proof from the same text.
//!
//! A fact that a line does not prove beyond doubt is `None`.
//!
//! ```
//! use aurora_connection_audit::postgres::event::{Kind, Standing};
//! use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
//!
//! let prefix = LogLinePrefix::compile("%m [%p] ")?;
//! let text = "\
//! 2024-01-01 03:00:00.000 UTC [4254] LOG:  connection received: host=10.0.1.23 port=60102
//! 2024-01-01 03:00:00.012 UTC [4254] FATAL:  password authentication failed for user \"alice\"
//! ";
//! // Kept from one batch of a log to the next.
//! let mut announced = Announced::default();
//! let reading = read(text, &prefix, &mut announced.text_of("orders"));
//! let refused = &reading.events[1];
//! assert_eq!(refused.kind, Kind::Rejected);
//! assert_eq!(refused.facts.user.as_deref(), Some("alice"));
//! assert_eq!(refused.standing, Standing::Certain);
//! # Ok::<(), aurora_connection_audit::postgres::PrefixError>(())
//! ```
//!
//! Sources of the formats: `elog.c` (prefix), `postinit.c` and `auth.c` (authenticated,
//! authorized, refused), `backend_startup.c` (received) and `postgres.c` (disconnection, ready) of
//! PostgreSQL 12 to 18.
//!
//! [`Standing`]: event::Standing
//! [`Kind::Suspicious`]: event::Kind::Suspicious

pub mod event;
mod evidence;
mod line;
mod message;
mod name;
pub mod prefix;
pub mod read;
pub mod time_stamp;
pub mod tokens;
mod verdict;

pub use evidence::{Announced, Evidence};
pub use prefix::{DEFAULT_LOG_LINE_PREFIX, LogLinePrefix, PrefixError};
pub use read::{Begins, Behind, LineCounts, Reading, Text, read};
