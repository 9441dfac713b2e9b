//! What the environment says about AWS's services.

use std::time::SystemTime;

use isahc::http::Uri;

use super::Vars;
use crate::aws::dynamodb::{self, Table};
use crate::aws::secrets_manager::{self, SecretSource};
use crate::aws::{Endpoint, Service};
use crate::channel;

pub(super) fn secret_source(
    vars: &mut Vars,
    lookup: fn(&str) -> Option<String>,
) -> Option<SecretSource> {
    let secret_id = secret_id(vars);
    let region = region(vars, "SLACK_WEBHOOK_SECRET_ID", secret_id.as_deref());
    let endpoint = endpoint(vars, &secrets_manager::SERVICE, region, lookup);
    let are_credentials_set = credentials(vars);
    Some(SecretSource {
        secret_id: secret_id?,
        endpoint: endpoint.filter(|_| are_credentials_set)?,
    })
}

fn secret_id(vars: &mut Vars) -> Option<String> {
    const VARIABLE: &str = "SLACK_WEBHOOK_SECRET_ID";
    const WHAT: &str = "the ARN or name of the secret that holds the webhook's URL";
    let secret_id = vars.required(VARIABLE, WHAT)?;
    if channel::could_be_webhook(&secret_id) {
        vars.fault(VARIABLE, format!("holds a URL (it must be {WHAT})"));
        return None;
    }
    Some(secret_id)
}

/// The history's table, where there is one.
#[expect(clippy::option_option, reason = "absent, or there is a fault")]
pub(super) fn table(vars: &mut Vars, lookup: fn(&str) -> Option<String>) -> Option<Option<Table>> {
    const VARIABLE: &str = "HISTORY_TABLE";
    let Some(name) = vars.optional(VARIABLE) else {
        return Some(None);
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:/".contains(c);
    let is_name = (3..=1024).contains(&name.len()) && name.chars().all(is_allowed);
    if !is_name || channel::could_be_webhook(&name) {
        vars.fault(VARIABLE, "must be the name or ARN of a DynamoDB table");
        return None;
    }
    let region = region(vars, VARIABLE, Some(&name));
    let endpoint = endpoint(vars, &dynamodb::SERVICE, region, lookup)?;
    Some(Some(Table { name, endpoint }))
}

/// `arn:aws:<service>:<region>:<account>:…`, or the function's own region.
fn region(vars: &mut Vars, variable: &'static str, id: Option<&str>) -> Option<String> {
    let in_arn = id.and_then(|id| {
        let mut parts = id.split(':');
        match (parts.next(), parts.nth(1), parts.next()) {
            (Some("arn"), Some("secretsmanager" | "dynamodb"), Some(region))
                if !region.is_empty() =>
            {
                Some(region.to_owned())
            }
            _ => None,
        }
    });
    let region = match in_arn {
        Some(region) => (variable, region),
        None => (
            "AWS_REGION",
            vars.required("AWS_REGION", "the AWS region, which Lambda sets")?,
        ),
    };
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match region {
        (_, region) if is_name(&region) => Some(region),
        (variable, _) => {
            vars.fault(
                variable,
                "names a region with other characters than letters, digits and hyphens",
            );
            None
        }
    }
}

fn endpoint(
    vars: &mut Vars,
    service: &'static Service,
    region: Option<String>,
    variable: fn(&str) -> Option<String>,
) -> Option<Endpoint> {
    let url = endpoint_url(vars, service, region.as_deref());
    Some(Endpoint {
        service,
        region: region?,
        url: url?,
        variable,
        clock: SystemTime::now,
    })
}

/// The service's own override, else that of all services, else AWS's address.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
fn endpoint_url(vars: &mut Vars, service: &Service, region: Option<&str>) -> Option<String> {
    for variable in [service.endpoint_variable, "AWS_ENDPOINT_URL"] {
        let Some(url) = vars.optional(variable) else {
            continue;
        };
        if is_endpoint(&url) {
            return Some(url);
        }
        let problem = "must be an https URL without a path, or an http URL on this machine";
        vars.fault(variable, problem);
        return None;
    }
    let region = region?;
    Some(format!(
        "https://{}.{region}.{}",
        service.name,
        domain(region)
    ))
}

/// A webhook is no endpoint: it has a path.
fn is_endpoint(url: &str) -> bool {
    url.parse::<Uri>()
        .is_ok_and(|url| crate::http::is_confidential(&url) && matches!(url.path(), "" | "/"))
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}

/// That they are there; what they are is read for each signature.
fn credentials(vars: &mut Vars) -> bool {
    const WHAT: &str = "the function's credentials, which Lambda sets";
    let variables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    variables.map(|variable| vars.required(variable, WHAT).is_some()) == [true; 2]
}
