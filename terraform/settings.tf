# `notification` as the environment of the function. What is not given is not set: the function has its own defaults.

locals {
  rules_json    = jsonencode(var.notification.rules)
  clusters_json = jsonencode(local.renamed)

  # Log groups that are shown under a name other than their cluster's or instance's: the function reads that one off
  # `/aws/rds/cluster/<id>/postgresql` itself. So a thousand log groups take no room here.
  renamed = { for shown, log_group in var.log_groups : log_group => shown
    if try(one(regex("(?:^|/)aws/rds/(?:cluster|instance)/([^/]+)/postgresql$", log_group)), null) != shown
  }

  settings = {
    CLUSTERS            = length(local.renamed) == 0 ? null : local.clusters_json
    ACCOUNTS            = length(var.notification.accounts) == 0 ? null : jsonencode(var.notification.accounts)
    NOTIFY_ON           = join(",", sort(var.notification.notify_on))
    RULES               = var.notification.rules == null ? null : local.rules_json
    LOG_LINE_PREFIX     = var.notification.log_line_prefix
    LOG_EVENTS_FILTERED = var.filter_pattern == "" ? null : "true"
    MESSAGE_LANGUAGE    = var.notification.language
    MESSAGE_TIME_ZONE   = var.notification.time_zone
    METRICS_NAMESPACE   = var.notification.metrics_namespace
    HISTORY_TABLE       = one(aws_dynamodb_table.history[*].name)
    HISTORY_DAYS        = var.history == null ? null : tostring(var.history.days)
    HISTORY_NETWORKS    = length(try(var.history.networks, [])) == 0 ? null : jsonencode(var.history.networks)
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
  rule_lists   = ["users", "databases", "hosts", "applications", "clusters", "accounts", "events"]
  rule_keys    = concat(local.rule_lists, ["tls", "new", "refusals_before"])
  rule_events  = ["authorized", "rejected", "disconnected", "probed", "suspicious"]
  rule_novelty = "(\"user\"|\"network\"|\"database\")"

  rule_faults = flatten([
    for index, rule in try([for rule in var.notification.rules : rule], []) : [
      for fault in concat(
        try([
          for key in keys(rule) : "has no key \"${key}\""
          if !contains(["when", "then"], key)
        ], ["must be { when = {...}, then = ... }"]),
        try([
          for key in keys(rule.when) : "when has no key \"${key}\"; its keys are ${join(", ", local.rule_keys)}"
          if !contains(local.rule_keys, key)
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
        can(regex("^(true|false|\\[${local.rule_novelty}(,${local.rule_novelty})*\\])$", jsonencode(try(rule.when.new, true)))) ? [] : [
          "when.new must be true, false, or a list of user, network, database"
        ],
        can(regex("^[1-9][0-9]{0,8}$", jsonencode(try(rule.when.refusals_before, 1)))) ? [] : [
          "when.refusals_before must be a whole number, at least 1"
        ],
        var.history == null && can(rule.when.new) ? ["when.new needs history, which knows what is new"] : [],
        can(regex("^(\"ignore\"|\\{\"channel\":\"[^\"]+\"\\})$", jsonencode(rule.then))) ? [] : [
          "then must be \"ignore\" or { channel = \"name\" }"
        ],
      ) : "  rules[${index}]: ${fault}"
    ]
  ])
}
