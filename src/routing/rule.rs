//! One rule: what it matches, and where that goes.

mod read;

use std::net::IpAddr;

use ipnet::IpNet;

use super::Route;
use super::glob;
use crate::entry::Place;
use crate::findings::{Findings, New, Novelty};
use crate::postgres::event::{Encryption, Standing};
use crate::sessions::{Connection, Outcome};

pub(super) use read::from_json;
pub use read::{Reason, RuleFault};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    when: When,
    then: Then,
}

#[derive(Debug, Clone, PartialEq)]
enum Then {
    Ignore,
    Channel(String),
}

/// What must be so; `None` where the rule does not ask.
#[derive(Debug, Clone, PartialEq, Default)]
struct When {
    users: Option<Vec<String>>,
    databases: Option<Vec<String>>,
    hosts: Option<Vec<Host>>,
    applications: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    events: Option<Vec<Event>>,
    tls: Option<bool>,
    accounts: Option<Vec<String>>,
    new: Option<WhenNew>,
    refusals_before: Option<usize>,
    /// Not in the JSON.
    only: Option<Only>,
}

/// What identifies RDS's own users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    /// The line comes from the backend that it names, so that the user is really that.
    LinesOfTheBackend,
    /// PostgreSQL starts or stops, and takes no client.
    WhileStarting,
}

/// What must be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenNew {
    Nothing,
    AnyOf(New),
}

#[derive(Debug, Clone, PartialEq)]
enum Host {
    Net(IpNet),
    UnixSocket,
}

/// A kind of connection that rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the outcomes' own names")]
pub enum Event {
    Authorized,
    Rejected,
    Disconnected,
    Probed,
    Suspicious,
}

impl Event {
    /// `authorized`, `rejected`, `disconnected`, `probed` or `suspicious`.
    #[must_use]
    pub fn named(name: &str) -> Option<Event> {
        match name {
            "authorized" => Some(Event::Authorized),
            "rejected" => Some(Event::Rejected),
            "disconnected" => Some(Event::Disconnected),
            "probed" => Some(Event::Probed),
            "suspicious" => Some(Event::Suspicious),
            _ => None,
        }
    }
}

impl From<Outcome> for Event {
    fn from(outcome: Outcome) -> Event {
        match outcome {
            Outcome::Authorized => Event::Authorized,
            Outcome::Rejected => Event::Rejected,
            Outcome::Disconnected => Event::Disconnected,
            Outcome::Probed => Event::Probed,
            Outcome::Suspicious => Event::Suspicious,
        }
    }
}

/// The users by whom RDS itself keeps a cluster running: those that work on the instance itself,
/// and those that come from other instances, from proxies and from RDS's own hosts.
const RDS_USERS_ON_THE_INSTANCE: [&str; 2] = ["rdsadmin", "rdshm"];
const RDS_USERS_OF_THE_NETWORK: [&str; 4] = [
    "rdsrepladmin",
    "rdsproxyadmin",
    "rdstopmgr",
    "rdswriteforwarduser",
];

/// Addresses of the instance itself, and of private networks.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const PRIVATE: [&str; 6] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
];

/// Ignores RDS's own users where they belong. Anybody can fail to log in as these users, and a client
/// who logs in under their names from elsewhere is told.
pub(super) fn rds_users() -> Vec<Rule> {
    let logins = [Event::Authorized, Event::Disconnected];
    vec![
        rds_rule(
            &RDS_USERS_ON_THE_INSTANCE,
            &[],
            &logins,
            Only::LinesOfTheBackend,
        ),
        rds_rule(
            &RDS_USERS_OF_THE_NETWORK,
            &PRIVATE,
            &logins,
            Only::LinesOfTheBackend,
        ),
        rds_rule(
            &RDS_USERS_ON_THE_INSTANCE,
            &[],
            &[Event::Rejected],
            Only::WhileStarting,
        ),
    ]
}

fn rds_rule(users: &[&str], networks: &[&str], events: &[Event], only: Only) -> Rule {
    let networks = LOOPBACK.iter().chain(networks);
    let hosts = networks.filter_map(|network| network.parse().ok().map(Host::Net));
    Rule {
        when: When {
            users: Some(users.iter().map(|user| (*user).to_owned()).collect()),
            hosts: Some(hosts.chain([Host::UnixSocket]).collect()),
            events: Some(events.to_vec()),
            only: Some(only),
            ..When::default()
        },
        then: Then::Ignore,
    }
}

impl Only {
    fn matches(self, connection: &Connection<'_>) -> bool {
        let reason = connection.facts.reason.as_deref().unwrap_or_default();
        match self {
            Only::LinesOfTheBackend => connection.standing >= Standing::OfItsBackend,
            Only::WhileStarting => reason.starts_with("the database system is "),
        }
    }
}

impl WhenNew {
    fn matches(self, novelty: Novelty) -> Option<bool> {
        match (novelty, self) {
            (Novelty::Asked, _) => None,
            (Novelty::Unknown, _) => Some(false),
            (Novelty::Known(new), Self::Nothing) => Some(!new.any()),
            (Novelty::Known(new), Self::AnyOf(asked)) => Some(
                new.user && asked.user
                    || new.network && asked.network
                    || new.database && asked.database,
            ),
        }
    }
}

impl Rule {
    /// None where that depends on what is new, and nobody knows yet.
    pub(super) fn matches(
        &self,
        connection: &Connection<'_>,
        place: &Place,
        findings: &Findings,
    ) -> Option<bool> {
        let least = self.when.refusals_before;
        let matches = least.is_none_or(|least| findings.refusals_before >= least)
            && self.matches_alone(connection, place);
        match self.when.new {
            Some(new) if matches => new.matches(findings.novelty),
            _ => Some(matches),
        }
    }

    pub(super) fn asks_for_refusals(&self) -> bool {
        self.when.refusals_before.is_some()
    }

    pub(super) fn route(&self) -> Route<'_> {
        match &self.then {
            Then::Ignore => Route::Ignore,
            Then::Channel(name) => Route::Channel(name),
        }
    }

    /// By what the connection itself says.
    fn matches_alone(&self, connection: &Connection<'_>, place: &Place) -> bool {
        let (when, facts) = (&self.when, &connection.facts);
        when.only.is_none_or(|only| only.matches(connection))
            && any_glob(when.users.as_deref(), facts.user.as_deref())
            && any_glob(when.databases.as_deref(), facts.database.as_deref())
            && any_glob(
                when.applications.as_deref(),
                facts.application_name.as_deref(),
            )
            && any_glob(when.clusters.as_deref(), Some(&place.cluster))
            && self.account_matches(place)
            && when
                .hosts
                .as_ref()
                .is_none_or(|hosts| any_host(hosts, facts.host.as_deref()))
            && self.event_matches(connection.outcome)
            && when
                .tls
                .is_none_or(|tls| is_tls(&facts.encryption) == Some(tls))
    }

    /// An account goes by its id, or by the name to show.
    fn account_matches(&self, place: &Place) -> bool {
        let accounts = self.when.accounts.as_deref();
        let names = [&place.account, &place.account_name];
        let mut names = names.into_iter().flatten();
        accounts.is_none() || names.any(|name| any_glob(accounts, Some(name)))
    }

    fn event_matches(&self, outcome: Outcome) -> bool {
        match &self.when.events {
            Some(events) => events.contains(&Event::from(outcome)),
            None => outcome != Outcome::Suspicious || self.then != Then::Ignore,
        }
    }
}

fn any_glob(globs: Option<&[String]>, name: Option<&str>) -> bool {
    globs.is_none_or(|globs| {
        name.is_some_and(|name| globs.iter().any(|glob| glob::matches(glob, name)))
    })
}

fn any_host(hosts: &[Host], host: Option<&str>) -> bool {
    match host {
        None => false,
        Some("[local]") => hosts.contains(&Host::UnixSocket),
        Some(host) => address(host).is_some_and(|address| {
            hosts
                .iter()
                .any(|host| matches!(host, Host::Net(net) if net.contains(&address)))
        }),
    }
}

/// `fe80::1%eth0` is `fe80::1`, `::ffff:10.0.0.1` is `10.0.0.1`; a host name is `None`.
fn address(host: &str) -> Option<IpAddr> {
    let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
    without_zone
        .parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

fn is_tls(encryption: &Encryption<'_>) -> Option<bool> {
    match encryption {
        Encryption::Unknown | Encryption::TlsAsLogged(_) | Encryption::GssAsLogged => None,
        Encryption::Plain | Encryption::Gss => Some(false),
        Encryption::Tls(_) => Some(true),
    }
}
