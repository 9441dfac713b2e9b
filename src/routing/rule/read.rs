//! Rules from JSON, or every fault in them.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Map, Value};

use super::super::json::Unique;
use super::{Event, Host, Rule, Then, When, WhenNew};
use crate::channel;
use crate::findings::New;

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

pub(in crate::routing) fn from_json(json: &str) -> Result<Vec<Rule>, Vec<RuleFault>> {
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
