//! A connection, and where it happened: all that is left of a batch once its text is read.

use std::rc::Rc;

use crate::cloudwatch::LogBatch;
use crate::config::Settings;
use crate::findings::Findings;
use crate::history::Login;
use crate::sessions::Connection;

/// A connection with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What happened.
    pub connection: Connection<'static>,
    /// Where.
    pub place: Rc<Place>,
    /// What earlier connections say about it.
    pub findings: Findings,
    /// What a login can be looked up by.
    pub login: Option<Login>,
    /// The id of its log event, unique in the log group.
    pub event_id: String,
    /// Byte offset in the message of that log event.
    pub event_offset: usize,
    /// Which of the records of the invocation it stands in.
    pub record: usize,
}

/// Where connections happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// The AWS account whose log it is.
    pub account: Option<String>,
    /// The name to show for the account, where there is one.
    pub account_name: Option<String>,
    /// The name to show for the cluster.
    pub cluster: String,
    /// The DB instance that wrote the log, where it is known.
    pub instance: Option<String>,
    /// AWS region, where it is known; without it there is no link.
    pub region: Option<String>,
    /// The log group, for the link to CloudWatch Logs.
    pub log_group: String,
    /// The log stream, for the link to CloudWatch Logs.
    pub log_stream: String,
}

/// What a message says of a place besides its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// The account: there are several.
    pub account: bool,
    /// The region: there are several, or several accounts.
    pub region: bool,
}

impl Place {
    /// Where a batch comes from. A log group of a central account tells account and region itself.
    #[must_use]
    pub fn of(batch: &LogBatch, settings: &Settings) -> Self {
        let group = batch.group();
        let account = group.account.or(batch.owner.as_deref());
        let shown = settings.clusters.get(&batch.log_group);
        Self {
            account: account.map(str::to_owned),
            account_name: account.and_then(|id| settings.accounts.get(id).cloned()),
            cluster: shown.map_or_else(|| group.id.to_owned(), String::clone),
            instance: batch.instance().map(str::to_owned),
            region: group
                .region
                .map(str::to_owned)
                .or_else(|| settings.region.clone()),
            log_group: batch.log_group.clone(),
            log_stream: batch.log_stream.clone(),
        }
    }

    /// The account as a message shows it: by its name, or else by its id.
    #[must_use]
    pub fn shown_account(&self) -> Option<&str> {
        self.account_name.as_deref().or(self.account.as_deref())
    }

    /// What tells this cluster from all others.
    #[must_use]
    pub fn whole_cluster(&self) -> (Option<&str>, Option<&str>, &str) {
        let (account, region) = (self.account.as_deref(), self.region.as_deref());
        (account, region, &self.cluster)
    }

    /// What tells this log from all others.
    #[must_use]
    pub fn log(&self) -> String {
        let account = self.account.as_deref().unwrap_or_default();
        format!("{account}\0{}\0{}", self.log_group, self.log_stream)
    }
}
