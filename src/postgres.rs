//! What PostgreSQL writes to its log about connections.

pub mod backends;
pub mod connection;
pub mod lexer;
pub mod log_line_prefix;
pub mod message;
mod names;
mod prefix_search;
pub mod reader;
pub mod suffix;
pub mod time_stamp;

pub use backends::Announced;
pub use log_line_prefix::{LogLinePrefix, PrefixError};
pub use reader::{LineCounts, Reading, read};
