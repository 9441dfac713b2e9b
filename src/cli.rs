//! tmp
pub mod event;
pub mod local;
