//! English.

use super::{ByOutcome, Words, counted, duration};

pub(super) static EN: Words = Words {
    headline: ByOutcome {
        authorized: "New connection to Aurora PostgreSQL",
        rejected: "Connection to Aurora PostgreSQL refused",
        disconnected: "Connection to Aurora PostgreSQL ended",
        probed: "Aurora PostgreSQL port probed",
        suspicious: "Aurora PostgreSQL log may hold forged lines",
    },
    counted: ByOutcome {
        authorized: |n| counted(n, "new connection", "new connections"),
        rejected: |n| format!("{n} refused"),
        disconnected: |n| format!("{n} ended"),
        probed: |n| counted(n, "probe", "probes"),
        suspicious: |n| counted(n, "suspected forgery", "suspected forgeries"),
    },
    let_in: |n| format!("{n} let in after refusals"),
    headline_let_in: "Let in to Aurora PostgreSQL after refusals",
    after_refusals: |n| format!("after {} in ten minutes", counted(n, "refusal", "refusals")),
    let_in_means: "The same client or user was refused again and again and then got in. Somebody may have guessed a password: ask the user.",
    new_user: |user| format!("New user: {user}"),
    new_network: |user| format!("New network for {user}"),
    new_database: |user| format!("New database for {user}"),
    new: ["new user", "new network", "new database"],
    access: |users, clusters| {
        format!(
            "Aurora PostgreSQL access: {} of {}",
            counted(users, "user", "users"),
            counted(clusters, "cluster", "clusters")
        )
    },
    access_since: |since, today| format!("{since} to {today}, days in UTC"),
    access_first: |today, days| {
        format!("The first summary, {today}: all that is remembered, {days} days at most")
    },
    access_new: |n| format!("New: {}", counted(n, "user", "users")),
    access_idle: |n, days| {
        format!(
            "No login for {} or longer: {}",
            counted(usize::from(days), "day", "days"),
            counted(n, "user", "users")
        )
    },
    access_idle_means: |days| {
        format!(
            "They may no longer need access. Without a login for {} a user is forgotten, and listed no more.",
            counted(usize::from(days), "day", "days")
        )
    },
    access_connected: |n| format!("Connected: {}", counted(n, "user", "users")),
    access_last: |day| format!("last {day}"),
    access_more: |n| format!("and {n} more"),
    access_more_clusters: |clusters, n| {
        format!(
            "and {} more ({} in all)",
            counted(clusters, "cluster", "clusters"),
            counted(n, "user", "users")
        )
    },
    comma: ", ",
    headline_unparsed: "Aurora PostgreSQL log cannot be read",
    facts: ByOutcome {
        authorized: "Database connection",
        rejected: "Refused connection",
        disconnected: "Ended connection",
        probed: "Probe",
        suspicious: "Suspected line",
    },
    user: "User",
    database: "Database",
    client: "Client IP",
    cluster: "Cluster ID",
    time: ByOutcome {
        authorized: "Connected at",
        rejected: "Refused at",
        disconnected: "Disconnected at",
        probed: "Probed at",
        suspicious: "Logged at",
    },
    period: "Period",
    instance: "Instance",
    application: "Application",
    auth_method: "Authentication",
    identity: "Authenticated as",
    encryption: "Encryption",
    as_logged: "as logged",
    backend_pid: "Process ID",
    reason: "Reason",
    detail: "Detail",
    session_time: "Session time",
    unknown: "unknown",
    replication: "none (replication)",
    plain_text: "none (plain text)",
    unix_socket: " (Unix socket)",
    bits: |n| format!("{n} bits"),
    duration: |length| duration(length, &[" d", " h", " min", " s", " ms"], " "),
    unconfirmed: "Unconfirmed: the log lines of this delivery do not prove it. They may begin or end inside a record, or somebody may have forged them.",
    unconfirmed_short: "unconfirmed",
    attempts: |n| {
        format!("The client tried {n} times in a row (its own retry with and without TLS).")
    },
    suspicion: "Somebody may be writing forged lines into the log. Read the log around this time itself, and find out who the client is.",
    unparsed: |n| {
        format!(
            "{} could not be read, so connections may be missing here. Check that LOG_LINE_PREFIX equals the DB parameter log_line_prefix.",
            counted(
                n,
                "log line that looks like a connection",
                "log lines that look like connections"
            ),
        )
    },
    translated: |n| {
        format!(
            "{} in another language than English and cannot be read. Set the DB parameter lc_messages to C or en_US.UTF-8.",
            if n == 1 {
                "1 log line is".to_owned()
            } else {
                format!("{n} log lines are")
            }
        )
    },
    unreadable: |n, name| {
        format!(
            "{} of CloudWatch Logs could not be read ({name}), so connections may be missing here.",
            counted(n, "payload", "payloads")
        )
    },
    account: "Account",
    clusters: |n| counted(n, "cluster", "clusters"),
    clients: |n| counted(n, "client", "clients"),
    test_headline: "🔔 aurora-connection-audit: test",
    test: "Messages reach this channel.",
    times: |n| format!("{n}×"),
    more: |groups, n| {
        format!(
            "and {groups} more {} ({n} in all)",
            if groups == 1 { "group" } else { "groups" }
        )
    },
    open_log: "Open in CloudWatch Logs",
    your_time: "Your time",
};
