//! What Secrets Manager answers, and what is in the secret.

use aurora_connection_audit::cli::local::{Reply, WEBHOOK};

use crate::row::Row;
use crate::run::with_script;
use crate::support::{LIMIT, webhook};

fn refusal(code: &str) -> Reply {
    Reply::status(400, &format!(r#"{{"__type": "{code}", "Message": ""}}"#))
}

pub fn rotated() -> Row {
    with_script("secret rotated mid-way", LIMIT, |local| {
        local.script_slack("/old", vec![Reply::status(403, "invalid_token"); 9]);
        local.script_secrets(["/old", "/new"].map(|path| Reply::secret(&webhook(local, path))));
    })
}

pub fn deleted() -> Row {
    with_script("secret deleted mid-way, webhook too", LIMIT, |local| {
        local.script_slack(WEBHOOK, vec![Reply::status(404, "no_service"); 9]);
        let gone = refusal("ResourceNotFoundException");
        local.script_secrets([Reply::secret(&webhook(local, WEBHOOK)), gone]);
    })
}

pub fn expired() -> Row {
    with_script(
        "credentials expired mid-way, webhook gone",
        LIMIT,
        |local| {
            local.script_slack(WEBHOOK, vec![Reply::status(403, "invalid_token"); 9]);
            let expired = refusal("ExpiredTokenException");
            local.script_secrets([Reply::secret(&webhook(local, WEBHOOK)), expired]);
        },
    )
}

pub fn secrets_manager_down() -> Row {
    with_script(
        "Secrets Manager: throttled, 500, cut, then well",
        LIMIT,
        |local| {
            local.script_secrets([
                refusal("ThrottlingException"),
                Reply::status(500, ""),
                Reply::Cut,
                Reply::secret(&webhook(local, WEBHOOK)),
            ]);
        },
    )
}
