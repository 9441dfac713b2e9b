//! Settings from the environment.
//!
//! All faults are reported at once, each with its variable, what is allowed, and never the value:
//! a webhook's URL in the wrong variable must not reach a log.

mod aws;

use std::collections::HashMap;
use std::fmt;

use ipnet::IpNet;

use crate::aws::dynamodb::Table;
use crate::aws::secrets_manager::SecretSource;
use crate::channel;
use crate::history::Remembered;
use crate::postgres::LogLinePrefix;
use crate::routing::Rules;
use crate::sessions::Outcome;
use crate::slack::message::Style;
use crate::slack::text::Language;
use crate::slack::time_zone::TimeZone;

pub use crate::postgres::DEFAULT_LOG_LINE_PREFIX;

/// All settings of the function.
#[derive(Debug, Clone)]
pub struct Config {
    /// How log lines become messages.
    pub settings: Settings,
    /// Where the webhooks are.
    pub secret: SecretSource,
    /// `HISTORY_TABLE`: what has been seen before.
    pub table: Option<Table>,
}

/// How log lines become messages. The command line tool has these, too.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LOG_LINE_PREFIX`.
    pub log_line_prefix: LogLinePrefix,
    /// `CLUSTERS`: log group -> the name to show.
    pub clusters: HashMap<String, String>,
    /// `ACCOUNTS`: account id -> the name to show.
    pub accounts: HashMap<String, String>,
    /// `NOTIFY_ON`.
    pub notify_on: NotifyOn,
    /// `RULES`.
    pub rules: Rules,
    /// `MESSAGE_LANGUAGE` and `MESSAGE_TIME_ZONE`.
    pub style: Style,
    /// `AWS_REGION`, for links into the console.
    pub region: Option<String>,
    /// `METRICS_NAMESPACE`.
    pub metrics_namespace: Option<String>,
    /// `LOG_EVENTS_FILTERED`: does a subscription filter hold log events back?
    pub log_events_filtered: bool,
    /// `HISTORY_DAYS` and `HISTORY_NETWORKS`, where there is a history.
    pub remembered: Option<Remembered>,
}

/// Which outcomes are told. A suspicion of forgery always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each kind is told or not")]
pub struct NotifyOn {
    /// Established sessions.
    pub authorized: bool,
    /// Clients that were turned away.
    pub rejected: bool,
    /// Sessions that ended.
    pub disconnected: bool,
    /// Scans, health checks and clients without the right TLS.
    pub probed: bool,
}

impl NotifyOn {
    /// Is this outcome told?
    #[must_use]
    pub fn includes(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Authorized => self.authorized,
            Outcome::Rejected => self.rejected,
            Outcome::Disconnected => self.disconnected,
            Outcome::Probed => self.probed,
            Outcome::Suspicious => true,
        }
    }
}

/// Every fault of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Fault>);

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its name.
    pub variable: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the environment is not valid")?;
        self.0.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads all variables; an empty one counts as absent. `lookup` is kept: AWS's credentials are
    /// read again for each request.
    ///
    /// # Errors
    /// With every fault there is.
    pub fn from_vars(lookup: fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut vars = Vars::new(&lookup);
        let settings = settings(&mut vars);
        let secret = aws::secret_source(&mut vars, lookup);
        let table = aws::table(&mut vars, lookup);
        vars.finish(|| {
            Some(Self {
                settings: settings?,
                secret: secret?,
                table: table?,
            })
        })
    }
}

/// The table of the history by its name or ARN. `variable` is kept, as in [`Config::from_vars`].
///
/// # Errors
/// When the name is none, or the region cannot be told.
pub fn table(name: &str, variable: fn(&str) -> Option<String>) -> Result<Table, ConfigError> {
    let lookup = |wanted: &str| match wanted {
        "HISTORY_TABLE" => Some(name.to_owned()),
        wanted => variable(wanted),
    };
    let mut vars = Vars::new(&lookup);
    let table = aws::table(&mut vars, variable);
    vars.finish(|| table?)
}

impl Settings {
    /// Reads the variables that say how log lines become messages.
    ///
    /// # Errors
    /// With every fault there is.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut vars = Vars::new(&lookup);
        let settings = settings(&mut vars);
        vars.finish(|| settings)
    }
}

/// The environment, and the faults found in it so far.
struct Vars<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

impl<'a> Vars<'a> {
    fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            faults: Vec::new(),
        }
    }

    fn optional(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.is_empty())
    }

    fn required(&mut self, variable: &'static str, what: &str) -> Option<String> {
        let value = self.optional(variable);
        if value.is_none() {
            self.fault(variable, format!("is not set (it must be {what})"));
        }
        value
    }

    /// The value read by `read`, the default when the variable is absent, `None` after a fault.
    fn read<T>(
        &mut self,
        variable: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(value) = self.optional(variable) else {
            return Some(default);
        };
        match read(&value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(variable, problem);
                None
            }
        }
    }

    fn fault(&mut self, variable: &'static str, problem: impl Into<String>) {
        let problem = problem.into();
        let fault = Fault { variable, problem };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn finish<T>(self, value: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        match value() {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(ConfigError(self.faults)),
        }
    }
}

fn settings(vars: &mut Vars) -> Option<Settings> {
    let log_line_prefix = log_line_prefix(vars);
    let clusters = vars.read("CLUSTERS", HashMap::new(), clusters);
    let accounts = vars.read("ACCOUNTS", HashMap::new(), accounts);
    let notify_on = vars.read("NOTIFY_ON", DEFAULT_NOTIFY_ON, notify_on);
    let rules = rules(vars);
    let language = vars.read("MESSAGE_LANGUAGE", Language::default(), language);
    let time_zone = time_zone(vars);
    let metrics_namespace = vars.read("METRICS_NAMESPACE", None, metrics_namespace);
    let log_events_filtered = vars.read("LOG_EVENTS_FILTERED", false, boolean);
    let days = vars.read("HISTORY_DAYS", Remembered::default().days, days);
    let networks = vars.read("HISTORY_NETWORKS", Vec::new(), networks);
    let has_history = vars.optional("HISTORY_TABLE").is_some();
    Some(Settings {
        log_line_prefix: log_line_prefix?,
        clusters: clusters?,
        accounts: accounts?,
        notify_on: notify_on?,
        rules: rules?,
        style: Style {
            language: language?,
            time_zone: time_zone?,
        },
        region: vars.optional("AWS_REGION"),
        metrics_namespace: metrics_namespace?,
        log_events_filtered: log_events_filtered?,
        remembered: days
            .zip(networks)
            .map(|(days, networks)| has_history.then_some(Remembered { days, networks }))?,
    })
}

fn log_line_prefix(vars: &mut Vars) -> Option<LogLinePrefix> {
    const VARIABLE: &str = "LOG_LINE_PREFIX";
    let setting = vars.optional(VARIABLE);
    match LogLinePrefix::compile(setting.as_deref().unwrap_or(DEFAULT_LOG_LINE_PREFIX)) {
        Ok(prefix) => Some(prefix),
        Err(error) => {
            vars.fault(VARIABLE, error.to_string());
            None
        }
    }
}

fn clusters(json: &str) -> Result<HashMap<String, String>, String> {
    names(json, "log group")
}

fn accounts(json: &str) -> Result<HashMap<String, String>, String> {
    names(json, "account id")
}

fn names(json: &str, of: &str) -> Result<HashMap<String, String>, String> {
    let names: HashMap<String, String> = serde_json::from_str(json).map_err(|error| {
        format!(
            "must be a JSON object of strings, from {of} to the name to show (it is not at line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if names.values().any(|name| channel::could_be_webhook(name)) {
        return Err(HOLDS_A_URL.to_owned());
    }
    Ok(names)
}

/// What is shown to people must not be what nobody may see.
const HOLDS_A_URL: &str = "holds a URL instead of a name to show";

const DEFAULT_NOTIFY_ON: NotifyOn = NotifyOn {
    authorized: true,
    rejected: true,
    disconnected: false,
    probed: false,
};

fn notify_on(list: &str) -> Result<NotifyOn, String> {
    let mut notify_on = NotifyOn {
        authorized: false,
        rejected: false,
        disconnected: false,
        probed: false,
    };
    for (event, number) in list.split(',').zip(1..) {
        match event.trim() {
            "authorized" => notify_on.authorized = true,
            "rejected" => notify_on.rejected = true,
            "disconnected" => notify_on.disconnected = true,
            "probed" => notify_on.probed = true,
            _ => {
                return Err(format!(
                    "must be a comma-separated list of authorized, rejected, disconnected, probed (entry {number} is not one of them)"
                ));
            }
        }
    }
    Ok(notify_on)
}

fn boolean(word: &str) -> Result<bool, String> {
    match word {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

fn days(number: &str) -> Result<u16, String> {
    let days = number.parse().ok().filter(|days| (1..=365).contains(days));
    days.ok_or_else(|| "must be a whole number from 1 to 365".to_owned())
}

fn networks(json: &str) -> Result<Vec<IpNet>, String> {
    let blocks: Option<Vec<String>> = serde_json::from_str(json).ok();
    let blocks = blocks.ok_or("must be a JSON array of CIDR blocks")?;
    let read = |(block, number): (String, usize)| {
        block
            .parse()
            .map_err(|_| format!("must be a JSON array of CIDR blocks (entry {number} is not one)"))
    };
    blocks.into_iter().zip(1..).map(read).collect()
}

fn rules(vars: &mut Vars) -> Option<Rules> {
    let Some(json) = vars.optional("RULES") else {
        return Some(Rules::default());
    };
    match Rules::from_json(&json) {
        Ok(rules) => Some(rules),
        Err(faults) => {
            for fault in faults {
                vars.fault("RULES", fault.to_string());
            }
            None
        }
    }
}

fn language(code: &str) -> Result<Language, String> {
    Language::named(code).ok_or_else(|| {
        let codes = Language::ALL.map(Language::code);
        format!("must be one of {}", codes.join(", "))
    })
}

fn time_zone(vars: &mut Vars) -> Option<TimeZone> {
    let default = TimeZone::named("Asia/Tokyo")?;
    vars.read("MESSAGE_TIME_ZONE", default, |name| {
        TimeZone::named(name)
            .ok_or_else(|| "must be an IANA time zone name, such as Asia/Tokyo".to_owned())
    })
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Namespace>
fn metrics_namespace(name: &str) -> Result<Option<String>, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#: ".contains(c);
    let is_reserved = name.starts_with("AWS/") || name.starts_with(':');
    if channel::could_be_webhook(name) {
        return Err(HOLDS_A_URL.to_owned());
    }
    if name.len() <= 255 && !is_reserved && name.chars().all(is_allowed) {
        return Ok(Some(name.to_owned()));
    }
    Err("must be 1 to 255 letters, digits, spaces or any of .-_/#: and must not begin with AWS/ or a colon".to_owned())
}
