# `notification` as the environment of the function. What is not given is not set: the function has its own defaults.

locals {
  rules_json = jsonencode(var.notification.rules)

  settings = {
    CLUSTERS          = jsonencode({ for shown, log_group in var.log_groups : log_group => shown })
    NOTIFY_ON         = join(",", sort(var.notification.notify_on))
    RULES             = var.notification.rules == null ? null : local.rules_json
    LOG_LINE_PREFIX   = var.notification.log_line_prefix
    MESSAGE_LANGUAGE  = var.notification.language
    MESSAGE_TIME_ZONE = var.notification.time_zone
    METRICS_NAMESPACE = var.notification.metrics_namespace
  }
  given_settings = { for variable, value in local.settings : variable => value if value != null }
  environment    = merge(local.given_settings, { SLACK_WEBHOOK_SECRET_ID = local.secret_arn })

  # Lambda measures the environment as one JSON document, in bytes. length() counts characters, hence Base64.
  # The secret's ARN is not known before it is created: room is kept for it, so that plan can refuse.
  environment_base64    = base64encode(jsonencode(merge(local.given_settings, { SLACK_WEBHOOK_SECRET_ID = "" })))
  environment_bytes     = length(local.environment_base64) / 4 * 3 - length(regexall("=", local.environment_base64))
  environment_bytes_max = 4096 - 256
}

# The rules of `RULES`, as the function reads them. `any` in the variable's type lets "ignore" and { channel = ... }
# stand in one list, and keeps a misspelt key: an object type would drop it, and the rule would match everything.
locals {
  rule_lists  = ["users", "databases", "hosts", "applications", "clusters", "events"]
  rule_events = ["authorized", "rejected", "disconnected", "suspicious"]

  rule_faults = flatten([
    for index, rule in try([for rule in var.notification.rules : rule], []) : [
      for fault in concat(
        try([
          for key in keys(rule) : "has no key \"${key}\""
          if !contains(["when", "then"], key)
        ], ["must be { when = {...}, then = ... }"]),
        try([
          for key in keys(rule.when) : "when has no key \"${key}\"; its keys are ${join(", ", local.rule_lists)} and tls"
          if !contains(concat(local.rule_lists, ["tls"]), key)
        ], ["needs `when`, an object such as { users = [\"batch_*\"] }"]),
        try([
          for key, value in rule.when : "when.${key} must be a list of one or more names, as strings"
          if contains(local.rule_lists, key) && !try(
            startswith(jsonencode(value), "[\"") && alltrue([for item in value : can(regex("^\".+\"$", jsonencode(item)))]), false
          )
        ], []),
        try([
          for host in rule.when.hosts : "when.hosts: \"${host}\" is not an address, a CIDR block or [local]"
          if host != "[local]" && !can(cidrhost(strcontains(host, "/") ? host : "${host}/${strcontains(host, ":") ? 128 : 32}", 0))
        ], []),
        try([
          for event in rule.when.events : "when.events: \"${event}\" is not one of ${join(", ", local.rule_events)}"
          if !contains(local.rule_events, event)
        ], []),
        contains(["true", "false"], jsonencode(try(rule.when.tls, true))) ? [] : ["when.tls must be true or false"],
        can(regex("^(\"ignore\"|\\{\"channel\":\"[^\"]+\"\\})$", jsonencode(rule.then))) ? [] : [
          "then must be \"ignore\" or { channel = \"name\" }"
        ],
      ) : "  rules[${index}]: ${fault}"
    ]
  ])
}
