//! What PostgreSQL writes to its log about connections.

pub mod connection;
