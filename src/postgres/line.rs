//! A log line in one reading of it: what its prefix says, and its message.

use super::tokens::Severity;

/// What a prefix says, in one reading of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixFields<'a> {
    /// `%t`, `%m` or `%n`; see [`super::time_stamp`].
    pub time: Option<&'a str>,
    /// `%r` or `%h` as written: what identifies the client.
    pub remote: Option<&'a str>,
    /// Host of `%r` or `%h`; `None` for a process without a client.
    pub host: Option<&'a str>,
    /// Port of `%r`.
    pub port: Option<u16>,
    /// `%u`
    pub user: Option<&'a str>,
    /// `%d`
    pub database: Option<&'a str>,
    /// `%a`
    pub application_name: Option<&'a str>,
    /// `%p`, or the second half of `%c`.
    pub backend_pid: Option<u32>,
    /// `%e`
    pub sql_state: Option<&'a str>,
    /// Does the prefix end at `%q`, as that of a process without a client?
    pub is_of_server: bool,
}

/// One way to read a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// From the prefix.
    pub prefix: PrefixFields<'a>,
    /// Between prefix and message.
    pub severity: Severity,
    /// Byte offset of the message in the text that was read.
    pub message: usize,
}

/// What PostgreSQL writes for a name that it does not know.
pub(super) const UNKNOWN: &str = "[unknown]";

impl PrefixFields<'_> {
    /// Can PostgreSQL have written these fields together? A client's backend has a client and two
    /// names, which are never empty (`log_status_format` in `elog.c` writes `[unknown]`); a process
    /// of the server has neither. While a host name is looked up, names are unknown and the client
    /// is empty.
    pub(super) fn fit_together(&self) -> bool {
        let is_empty = |field: Option<&str>| field.map(str::is_empty);
        let names = [is_empty(self.user), is_empty(self.database)];
        let unknown = |name: Option<&str>| name.is_none_or(|name| name == UNKNOWN);
        match is_empty(self.remote) {
            Some(false) => !names.contains(&Some(true)),
            Some(true) => {
                !names.contains(&Some(false)) || unknown(self.user) && unknown(self.database)
            }
            None => !(names.contains(&Some(true)) && names.contains(&Some(false))),
        }
    }

    /// Can both lines be of one report? Their prefixes differ in time and line number at most.
    pub(super) fn is_of_report(&self, other: &Self) -> bool {
        (self.backend_pid, self.remote, self.user) == (other.backend_pid, other.remote, other.user)
            && (self.database, self.application_name) == (other.database, other.application_name)
    }

    /// Can the line come from a client's backend? It has a client, and no field is empty: where there
    /// is nothing, `log_status_format` writes `[unknown]`.
    pub(super) fn may_be_of_client(&self) -> bool {
        let fields = [self.remote, self.user, self.database, self.application_name];
        !self.is_of_server && !fields.contains(&Some(""))
    }

    /// Can the line come from before the session is established? Until then `%a` is not known.
    pub(super) fn is_starting(&self) -> bool {
        self.application_name.is_none_or(|name| name == UNKNOWN)
    }

    /// Can the line come from before the client has sent its names?
    pub(super) fn names_nobody(&self) -> bool {
        let unknown = |name: Option<&str>| name.is_none_or(|name| name == UNKNOWN);
        unknown(self.user) && unknown(self.database)
    }
}
