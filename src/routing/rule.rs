//! One rule, and reading it from JSON.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Map, Value};

use super::Route;
use super::glob;
use super::json::Unique;
use crate::channel;
use crate::entry::Place;
use crate::findings::{Findings, New, Novelty};
use crate::postgres::event::{Encryption, Standing};
use crate::sessions::{Connection, Outcome};

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

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Number of the rule, from 1; `None` when there are no rules to be counted.
    pub rule: Option<usize>,
    /// The key, as in `when.hosts`; empty for the rule itself.
    pub key: String,
    /// Number of the entry in the key's list, from 1.
    pub entry: Option<usize>,
    /// What is wrong there.
    pub reason: Reason,
}

/// Why a value cannot be part of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// At this line and column.
    NotJson(usize, usize),
    /// A key stands twice in its object, the second time at this line and column.
    KeyTwice(usize, usize),
    /// Something else was found.
    Expected(&'static str),
    /// The key must be present.
    Missing,
    /// There is no such key; the keys there are.
    UnknownKey(&'static str),
    /// A list that nothing could match.
    EmptyList,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = self.rule {
            write!(f, "rule {rule}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        if let Some(entry) = self.entry {
            write!(f, "entry {entry}: ")?;
        }
        match self.reason {
            Reason::NotJson(line, column) => write!(f, "not JSON at line {line}, column {column}"),
            Reason::KeyTwice(line, column) => {
                write!(
                    f,
                    "a key appears twice in its object, near line {line}, column {column}"
                )
            }
            Reason::Expected(what) => write!(f, "must be {what}"),
            Reason::Missing => write!(f, "is missing"),
            Reason::UnknownKey(keys) => write!(f, "no such key; the keys are {keys}"),
            Reason::EmptyList => write!(f, "is an empty list, which nothing matches"),
        }
    }
}

pub(super) fn from_json(json: &str) -> Result<Vec<Rule>, Vec<RuleFault>> {
    let whole = |reason| {
        vec![RuleFault {
            rule: None,
            key: String::new(),
            entry: None,
            reason,
        }]
    };
    let Unique(value) = serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let is_key = error.is_data();
        whole(if is_key {
            Reason::KeyTwice(line, column)
        } else {
            Reason::NotJson(line, column)
        })
    })?;
    let Value::Array(rules) = value else {
        return Err(whole(Reason::Expected("a JSON array of rules")));
    };
    let mut faults = Vec::new();
    let rules = rules
        .iter()
        .zip(1..)
        .filter_map(|(value, number)| {
            Reader {
                rule: number,
                faults: &mut faults,
            }
            .rule(value)
        })
        .collect();
    if faults.is_empty() {
        Ok(rules)
    } else {
        Err(faults)
    }
}

const RULE_KEYS: &str = "when, then";
const WHEN_KEYS: &str =
    "users, databases, hosts, applications, clusters, accounts, events, tls, new, refusals_before";

/// Reads one rule and notes every fault in it.
struct Reader<'f> {
    rule: usize,
    faults: &'f mut Vec<RuleFault>,
}

impl Reader<'_> {
    fn rule(&mut self, value: &Value) -> Option<Rule> {
        let object = self.object("", value)?;
        for key in object
            .keys()
            .filter(|key| !matches!(key.as_str(), "when" | "then"))
        {
            self.fault(channel::shown(key), None, Reason::UnknownKey(RULE_KEYS));
        }
        let when = self
            .required(object, "when")
            .and_then(|value| self.when(value));
        let then = self
            .required(object, "then")
            .and_then(|value| self.then(value));
        Some(Rule {
            when: when?,
            then: then?,
        })
    }

    fn when(&mut self, value: &Value) -> Option<When> {
        let mut when = When::default();
        for (key, value) in self.object("when", value)? {
            let path = format!("when.{}", channel::shown(key));
            match key.as_str() {
                "users" => when.users = self.list(&path, value, "a string", glob),
                "databases" => when.databases = self.list(&path, value, "a string", glob),
                "applications" => when.applications = self.list(&path, value, "a string", glob),
                "clusters" => when.clusters = self.list(&path, value, "a string", glob),
                "accounts" => when.accounts = self.list(&path, value, "a string", glob),
                "hosts" => {
                    when.hosts = self.list(&path, value, "an IP address or CIDR block", host);
                }
                "events" => {
                    let expected = "authorized, rejected, disconnected, probed or suspicious";
                    when.events = self.list(&path, value, expected, Event::named);
                }
                "tls" => match value.as_bool() {
                    None => self.fault(&path, None, Reason::Expected("true or false")),
                    tls => when.tls = tls,
                },
                "new" => when.new = self.what_is_new(&path, value),
                "refusals_before" => match value.as_u64().filter(|least| *least > 0) {
                    None => self.fault(&path, None, Reason::Expected("a whole number from 1 on")),
                    least => when.refusals_before = least.and_then(|it| usize::try_from(it).ok()),
                },
                _ => self.fault(&path, None, Reason::UnknownKey(WHEN_KEYS)),
            }
        }
        Some(when)
    }

    fn what_is_new(&mut self, path: &str, value: &Value) -> Option<WhenNew> {
        const ALL: New = New {
            user: true,
            network: true,
            database: true,
        };
        match value {
            Value::Bool(true) => return Some(WhenNew::AnyOf(ALL)),
            Value::Bool(false) => return Some(WhenNew::Nothing),
            Value::Array(_) => {}
            _ => {
                let expected = "true, false, or a list of user, network, database";
                self.fault(path, None, Reason::Expected(expected));
                return None;
            }
        }
        let names = self.list(path, value, "user, network or database", New::named)?;
        let any_of = names.into_iter().fold(New::default(), New::or);
        Some(WhenNew::AnyOf(any_of))
    }

    fn then(&mut self, value: &Value) -> Option<Then> {
        let then = match value {
            Value::String(word) if word == "ignore" => Some(Then::Ignore),
            Value::Object(object) if object.len() == 1 => match object.get("channel") {
                Some(Value::String(name)) if channel::is_name(name) => {
                    Some(Then::Channel(name.clone()))
                }
                _ => None,
            },
            _ => None,
        };
        if then.is_none() {
            let expected = r#""ignore" or {"channel": name}, a name of at most 80 letters, digits, spaces and any of -_.#"#;
            self.fault("then", None, Reason::Expected(expected));
        }
        then
    }

    /// `None` when the list has a fault, which is noted.
    fn list<T>(
        &mut self,
        path: &str,
        value: &Value,
        expected: &'static str,
        entry: fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(values) = value else {
            self.fault(path, None, Reason::Expected("a list of strings"));
            return None;
        };
        if values.is_empty() {
            self.fault(path, None, Reason::EmptyList);
        }
        let mut entries = Vec::with_capacity(values.len());
        for (value, number) in values.iter().zip(1..) {
            match value.as_str().and_then(entry) {
                Some(entry) => entries.push(entry),
                None => self.fault(path, Some(number), Reason::Expected(expected)),
            }
        }
        Some(entries)
    }

    fn object<'v>(&mut self, key: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.fault(key, None, Reason::Expected("a JSON object"));
        }
        object
    }

    fn required<'v>(&mut self, object: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
        let value = object.get(key);
        if value.is_none() {
            self.fault(key, None, Reason::Missing);
        }
        value
    }

    fn fault(&mut self, key: &str, entry: Option<usize>, reason: Reason) {
        let rule = Some(self.rule);
        self.faults.push(RuleFault {
            rule,
            key: key.to_owned(),
            entry,
            reason,
        });
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "an entry of a list can be wrong; a glob cannot"
)]
fn glob(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn host(text: &str) -> Option<Host> {
    if text == "[local]" {
        return Some(Host::UnixSocket);
    }
    let net = text
        .parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| Host::Net(canonical(net)))
}

/// A block of IPv4-mapped addresses is the IPv4 block: clients' addresses are read alike.
fn canonical(net: IpNet) -> IpNet {
    let mapped = |net: Ipv6Net| {
        let length = net.prefix_len().checked_sub(96)?;
        Ipv4Net::new(net.addr().to_ipv4_mapped()?, length).ok()
    };
    match net {
        IpNet::V6(v6) => mapped(v6).map_or(net, IpNet::V4),
        IpNet::V4(_) => net,
    }
}
