//! Posting to Slack: what each answer means.

pub mod console;
pub mod message;
pub mod mrkdwn;
pub mod text;
pub mod time_zone;
