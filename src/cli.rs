//! tmp
pub mod local;
