//! Posting to Slack: what each answer means.
