//! Reads the webhook from AWS Secrets Manager.
