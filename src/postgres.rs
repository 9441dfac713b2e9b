//! What PostgreSQL writes to its log about connections.
//!
//! ```text
//! text ──▶ reader ──────▶ log_line_prefix ──▶ message ────────▶ backends ──▶ ConnectionEvent
//!          segments       every reading       held against      held against
//!          and records    of the prefix       its prefix        earlier lines
//! ```
//!
//! Anybody who reaches the port can write whole lines into the log through the names of a failed
//! login: a name holds any byte but NUL, line feeds included, and is not quoted. Three things
//! tell a forged line from a true one, and only together:
//!
//! - a record fits PostgreSQL's format to its last byte, with names of at most 63 bytes that
//!   stand in the message as in the prefix;
//! - its client and process were announced by `connection received`, which is written before
//!   the client has sent anything;
//! - it can follow what the same backend has said before.
//!
//! What contradicts them is [`Kind::Suspicious`]; what only lacks its announcement has
//! `announced: false`. A fact that a line does not bear beyond doubt is `None`.
//!
//! ```
//! use aurora_connection_audit::postgres::connection::Kind;
//! use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
//!
//! let prefix = LogLinePrefix::compile("%m [%p] ")?;
//! let text = "\
//! 2024-01-01 03:00:00.000 UTC [4254] LOG:  connection received: host=10.0.1.23 port=60102
//! 2024-01-01 03:00:00.012 UTC [4254] FATAL:  password authentication failed for user \"alice\"
//! ";
//! // Kept from one batch of a log to the next.
//! let mut announced = Announced::default();
//! let reading = read(text, &prefix, &mut announced);
//! let refused = &reading.events[1];
//! assert_eq!(refused.kind, Kind::Rejected);
//! assert_eq!(refused.user.as_deref(), Some("alice"));
//! assert!(refused.announced);
//! # Ok::<(), aurora_connection_audit::postgres::PrefixError>(())
//! ```
//!
//! Sources of the formats: `elog.c` (prefix), `postinit.c` and `auth.c` (authenticated,
//! authorized, refused), `backend_startup.c` (received) and `postgres.c` (disconnection, ready) of
//! PostgreSQL 12 to 18.
//!
//! [`Kind::Suspicious`]: connection::Kind::Suspicious

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
