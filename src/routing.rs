//! Rules: which connections go to which channel, and which are ignored.
//!
//! ```json
//! [
//!   {"when": {"users": ["batch_*"], "hosts": ["10.0.0.0/8"]}, "then": "ignore"},
//!   {"when": {"clusters": ["prod-*"], "tls": false}, "then": {"channel": "security"}}
//! ]
//! ```
//!
//! The first rule that matches wins; what no rule matches goes to `default`. Every key of `when`
//! must match; a list matches when one of its entries does, on the whole name. What is not known
//! about a connection matches no list and neither value of `tls` and `new`.
//!
//! A suspicion of forgery has no user, database or application, and is ignored only by a rule
//! whose `events` names `suspicious`.

mod glob;
mod json;
mod rule;

pub use crate::channel::DEFAULT_CHANNEL;
use crate::entry::Place;
use crate::findings::Findings;
use crate::sessions::Connection;
use rule::Rule;
pub use rule::{Event, Reason, RuleFault};

/// The rules, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules(Vec<Rule>);

/// Where a connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'r> {
    /// Nowhere.
    Ignore,
    /// In the channel of this name.
    Channel(&'r str),
    /// That depends on what is new, which is to be looked up.
    Undecided,
}

impl Rules {
    /// From the JSON of `RULES`, or every fault in it.
    ///
    /// ```
    /// use aurora_connection_audit::routing::Rules;
    ///
    /// let rules = r#"[{"when": {"users": ["batch_*"], "hosts": ["10.0.0.0/8"]}, "then": "ignore"}]"#;
    /// assert!(Rules::from_json(rules).is_ok());
    ///
    /// let faults = Rules::from_json(r#"[{"when": {"hosts": ["ten"]}, "then": "ignore"}]"#).unwrap_err();
    /// assert_eq!(
    ///     faults[0].to_string(),
    ///     "rule 1: when.hosts: entry 1: must be an IP address or CIDR block",
    /// );
    /// ```
    ///
    /// # Errors
    /// One fault for each wrong value, with the number of its rule.
    pub fn from_json(json: &str) -> Result<Rules, Vec<RuleFault>> {
        rule::from_json(json).map(Rules)
    }

    /// Where `connection`, which happened at `place`, is told: the first rule that matches decides.
    #[must_use]
    pub fn route(
        &self,
        connection: &Connection<'_>,
        place: &Place,
        findings: &Findings,
    ) -> Route<'_> {
        for rule in &self.0 {
            match rule.matches(connection, place, findings) {
                None => return Route::Undecided,
                Some(true) => return rule.route(),
                Some(false) => {}
            }
        }
        Route::Channel(DEFAULT_CHANNEL)
    }

    /// Does any rule ask how many refusals were before a login?
    #[must_use]
    pub fn ask_for_refusals(&self) -> bool {
        self.0.iter().any(Rule::asks_for_refusals)
    }

    /// The channels that rules name, to be looked for in the secret.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|rule| match rule.route() {
            Route::Channel(name) => Some(name),
            Route::Ignore | Route::Undecided => None,
        })
    }
}

impl Default for Rules {
    /// Ignores RDS's own users where they belong. A failed attempt on their names is told, and so is a
    /// client who logs in under them from elsewhere.
    fn default() -> Rules {
        Rules(rule::rds_users())
    }
}

#[cfg(test)]
mod tests;
