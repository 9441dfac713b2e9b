//! Tells a Slack channel who connects to an Aurora PostgreSQL cluster.
