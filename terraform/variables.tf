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
    condition     = length(var.log_groups) > 0 || var.stream != null
    error_message = "log_groups is empty; give at least one log group, or a stream that other accounts send to."
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
  description = "Secret that holds the Slack webhook URL, or a JSON object of channels and URLs with a `default`, and the customer KMS key that encrypts it, if any. `null` creates an empty secret for you to fill"
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
  description = "Path of the function's zip. `null` takes `lambda.zip` inside the module, which a release archive includes"
  type        = string
  default     = null
}

variable "lambda_zip_s3" {
  description = "The function's zip in S3, instead of a file. Terraform recognizes a new zip by its `version` or `key`"
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
  })
  default = null

  validation {
    condition     = var.lambda_zip_s3 == null || var.lambda_zip == null
    error_message = "Give lambda_zip or lambda_zip_s3, not both."
  }
}

variable "notification" {
  description = "What is posted, and how: `language` (ja, en), `time_zone` (IANA name), `notify_on` (authorized, rejected, disconnected, probed), `rules` (first match wins, see [Rules](#rules)), `log_line_prefix` (the clusters' setting), `metrics_namespace` (turns CloudWatch metrics on), `accounts` (account id => name, shown in Slack if there are several accounts). Anything left out keeps the function's default: ja, Asia/Tokyo, RDS's own users ignored, RDS's default prefix, no metrics, accounts shown by their ids"
  type = object({
    language          = optional(string)
    time_zone         = optional(string)
    notify_on         = optional(set(string), ["authorized", "rejected"])
    rules             = optional(any)
    log_line_prefix   = optional(string)
    metrics_namespace = optional(string)
    accounts          = optional(map(string), {})
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
    condition     = length(var.notification.notify_on) > 0 && length(setsubtract(var.notification.notify_on, ["authorized", "rejected", "disconnected", "probed"])) == 0
    error_message = "notification.notify_on takes one or more of authorized, rejected, disconnected, probed."
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

  validation {
    condition     = alltrue([for account_id, shown in var.notification.accounts : can(regex("^[0-9]{12}$", account_id)) && can(regex("^.{1,100}$", shown))])
    error_message = "notification.accounts is account id => name: ids have 12 digits, names 1 to 100 characters."
  }
}

variable "filter_pattern" {
  description = "CloudWatch Logs filter pattern of the subscriptions. `\"\"` sends every log event; anything else loses connections, see [Filter pattern](#filter-pattern)"
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.filter_pattern) <= 1024
    error_message = "filter_pattern takes at most 1024 characters."
  }
}

variable "stream" {
  description = "Stream mode: CloudWatch Logs writes to a Kinesis stream, which the function reads in windows. `window_seconds` (0 to 300) between messages, `retention_hours` (24 to 168) to keep records while Slack is away, `shard_count` (1 MB/s each), and who else may send to it: every account of `organization_id`, and `account_ids`. `null`: CloudWatch Logs invokes the function directly"
  type = object({
    window_seconds  = optional(number, 60)
    retention_hours = optional(number, 24)
    shard_count     = optional(number, 1)
    organization_id = optional(string)
    account_ids     = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.stream == null || try(var.stream.window_seconds >= 0 && var.stream.window_seconds <= 300 && floor(var.stream.window_seconds) == var.stream.window_seconds, false)
    error_message = "stream.window_seconds must be a whole number from 0 to 300."
  }

  validation {
    condition     = var.stream == null || try(var.stream.retention_hours >= 24 && var.stream.retention_hours <= 168 && floor(var.stream.retention_hours) == var.stream.retention_hours, false)
    error_message = "stream.retention_hours must be a whole number from 24 to 168."
  }

  validation {
    condition     = var.stream == null || try(var.stream.shard_count >= 1 && floor(var.stream.shard_count) == var.stream.shard_count, false)
    error_message = "stream.shard_count must be a whole number, at least 1."
  }

  validation {
    condition     = try(var.stream.organization_id, null) == null || can(regex("^o-[a-z0-9]{10,32}$", var.stream.organization_id))
    error_message = "stream.organization_id must be an organisation's id, such as o-a1b2c3d4e5."
  }

  validation {
    condition     = var.stream == null || try(alltrue([for account_id in var.stream.account_ids : can(regex("^[0-9]{12}$", account_id))]), false)
    error_message = "stream.account_ids takes account ids of 12 digits."
  }
}

variable "history" {
  description = "A DynamoDB table that remembers logins, so that messages say what is new. `days` (1 to 365) without a login until it is forgotten, `networks` (CIDR blocks that count as one network each, instead of /24 and /64), `point_in_time_recovery`, `deletion_protection`, `max_write_units` and `max_read_units` a second (they limit what the table can cost, see [Cost](#cost)). `null`: nothing is remembered"
  type = object({
    days                   = optional(number, 30)
    networks               = optional(list(string), [])
    point_in_time_recovery = optional(bool, false)
    deletion_protection    = optional(bool, false)
    max_write_units        = optional(number, 500)
    max_read_units         = optional(number, 2000)
  })
  default = null

  validation {
    condition     = var.history == null || try(var.history.days >= 1 && var.history.days <= 365 && floor(var.history.days) == var.history.days, false)
    error_message = "history.days must be a whole number from 1 to 365."
  }

  validation {
    condition     = var.history == null || try(alltrue([for network in var.history.networks : can(cidrhost(network, 0))]), false)
    error_message = "history.networks takes CIDR blocks, such as 10.0.0.0/16 or 2001:db8::/48."
  }

  validation {
    condition     = var.history == null || try(alltrue([for units in [var.history.max_write_units, var.history.max_read_units] : units >= 1 && floor(units) == units]), false)
    error_message = "history.max_write_units and history.max_read_units must be whole numbers, at least 1."
  }
}

variable "access_summary" {
  description = "A message by `schedule`, such as `cron(0 9 ? * MON *)` in the time zone of `notification`: who connected to which cluster, what was new, who has not connected for a while. Needs `history`"
  type = object({
    schedule = string
  })
  default = null

  validation {
    condition     = var.access_summary == null || can(regex("^(cron|rate|at)[(].+[)]$", var.access_summary.schedule))
    error_message = "access_summary.schedule must be an expression of EventBridge Scheduler, such as cron(0 9 ? * MON *) or rate(1 day)."
  }

  validation {
    condition     = var.access_summary == null || var.history != null
    error_message = "access_summary needs history: the summary is read from its table."
  }
}

variable "kms_key_arn" {
  description = "Customer KMS key for the function's log group and environment, the queues, the stream, the table and the created secret. Its policy must let CloudWatch Logs use it, see [KMS](#kms)"
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not its id or an alias."
  }
}

variable "log_retention_days" {
  description = "Days to keep the function's own log"
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs offers, such as 30, 90, 365 or 3653."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent executions reserved for the function, see [Concurrency](#concurrency). `null` uses the account's pool"
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.reserved_concurrency, 1) >= 1
    error_message = "reserved_concurrency must be at least 1; 0 would stop the function."
  }
}

variable "alarm_actions" {
  description = "ARNs to notify when an alarm begins and ends, such as an SNS topic"
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
  description = "Tags for every resource that takes tags"
  type        = map(string)
  default     = {}
  nullable    = false
}
