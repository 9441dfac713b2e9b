variable "name" {
  description = "Name of the function, its role, log group, queue and alarms. A role's name is unique in the account: give each region its own"
  type        = string
  default     = "aurora-connection-audit"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name takes 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "log_groups" {
  description = "Name shown in Slack => log group with the PostgreSQL log, such as `{ orders = \"/aws/rds/cluster/orders/postgresql\" }`"
  type        = map(string)

  validation {
    condition     = length(var.log_groups) > 0
    error_message = "log_groups is empty; give at least one log group."
  }

  validation {
    condition     = alltrue([for shown, log_group in var.log_groups : can(regex("^[^:*]{1,100}$", shown))])
    error_message = "A name shown in Slack (a key of log_groups) takes 1 to 100 characters, without \":\" and \"*\", which a subscription filter's name cannot hold."
  }

  validation {
    condition     = alltrue([for log_group in values(var.log_groups) : can(regex("^[.\\-_/#A-Za-z0-9]{1,512}$", log_group))])
    error_message = "A value of log_groups is a log group's name, such as /aws/rds/cluster/orders/postgresql, not its ARN."
  }

  validation {
    condition     = length(distinct(values(var.log_groups))) == length(var.log_groups)
    error_message = "Two entries of log_groups have the same log group; each log group is shown under one name."
  }
}

variable "slack_webhook_secret" {
  description = "Secret with the Slack webhook URL, or with a JSON object of channel to URL with a `default`, and the customer KMS key it is encrypted with, if any. `null` creates an empty secret, to be filled once"
  type = object({
    arn         = string
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.slack_webhook_secret == null || can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}$", var.slack_webhook_secret.arn))
    error_message = "slack_webhook_secret.arn must be the whole ARN of a secret, with the six random characters at its end. The webhook itself never belongs here."
  }
}

variable "lambda_zip" {
  description = "Path of the function's zip. `null` takes `lambda.zip` inside the module, where a release archive carries it"
  type        = string
  default     = null
}

variable "notification" {
  description = "What is told, and how: `language` (ja, en), `time_zone` (IANA name), `notify_on` (authorized, rejected, disconnected), `rules` (first match wins, see [Rules](#rules)), `log_line_prefix` (the cluster's setting), `metrics_namespace` (turns CloudWatch metrics on). What is left out keeps the function's default: ja, Asia/Tokyo, RDS's own users ignored, RDS's default prefix, no metrics"
  type = object({
    language          = optional(string)
    time_zone         = optional(string)
    notify_on         = optional(set(string), ["authorized", "rejected"])
    rules             = optional(any)
    log_line_prefix   = optional(string)
    metrics_namespace = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.notification.language == null || can(regex("^(ja|en)$", var.notification.language))
    error_message = "notification.language must be \"ja\" or \"en\"."
  }

  validation {
    condition     = var.notification.time_zone == null || can(regex("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", var.notification.time_zone))
    error_message = "notification.time_zone must be an IANA name, such as Asia/Tokyo or UTC."
  }

  validation {
    condition     = length(var.notification.notify_on) > 0 && length(setsubtract(var.notification.notify_on, ["authorized", "rejected", "disconnected"])) == 0
    error_message = "notification.notify_on takes one or more of authorized, rejected, disconnected."
  }

  validation {
    condition     = var.notification.rules == null || startswith(jsonencode(var.notification.rules), "[")
    error_message = "notification.rules must be a list of { when = {...}, then = ... }."
  }

  validation {
    condition     = var.notification.log_line_prefix == null || can(regex("^([^%]|%-?[0-9]*[abcdehilLmnpPqQrstuvx]|%%)+$", var.notification.log_line_prefix))
    error_message = "notification.log_line_prefix must be the cluster's log_line_prefix, such as \"%t:%r:%u@%d:[%p]:\": not empty, and each % followed by one of PostgreSQL's escapes."
  }

  validation {
    condition     = var.notification.metrics_namespace == null || (can(regex("^[0-9A-Za-z._/# -][0-9A-Za-z._/#: -]{0,254}$", var.notification.metrics_namespace)) && !can(regex("^AWS/", var.notification.metrics_namespace)))
    error_message = "notification.metrics_namespace takes 1 to 255 letters, digits, spaces and ._/#:- and begins with neither AWS/ nor a colon."
  }
}

variable "filter_pattern" {
  description = "CloudWatch Logs filter pattern of the subscriptions. `null` derives it from `notification.notify_on`; `\"\"` sends every log event"
  type        = string
  default     = null

  validation {
    condition     = var.filter_pattern == null || try(length(var.filter_pattern) <= 1024, true)
    error_message = "filter_pattern takes at most 1024 characters."
  }
}

variable "kms_key_arn" {
  description = "Customer KMS key for the function's log group and environment, the failures queue and the created secret. Its policy must let CloudWatch Logs use it, see [KMS](#kms)"
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not its id or an alias."
  }
}

variable "log_retention_days" {
  description = "Days for which the function's own log is kept"
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs offers, such as 30, 90, 365 or 3653."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent executions set apart for the function. `null` takes them from the account's pool"
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.reserved_concurrency, 1) >= 1
    error_message = "reserved_concurrency must be at least 1; 0 would stop the function."
  }
}

variable "alarm_actions" {
  description = "ARNs told when an alarm begins and ends, such as an SNS topic"
  type        = list(string)
  default     = []
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the function's role"
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource that takes them"
  type        = map(string)
  default     = {}
  nullable    = false
}
