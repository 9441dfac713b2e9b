//! One HTTP client.
