variable "name" {
  description = "Name of the role, of the filters and of the policy. A role's name is unique in the account: give each region its own"
  type        = string
  default     = "aurora-connection-audit-sender"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name takes 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "destination_arn" {
  description = "Destination in the audit account: `destination_arn` of the main module or, for another region, of `modules/destination`. It must be in the region of the log groups"
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:logs:[^:]+:[0-9]{12}:destination:.+$", var.destination_arn))
    error_message = "destination_arn must be the ARN of a CloudWatch Logs destination, as the main module's output destination_arn gives it."
  }
}

variable "log_groups" {
  description = "Log groups with PostgreSQL logs, such as `[\"/aws/rds/cluster/orders/postgresql\"]`: each gets a subscription filter"
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for log_group in var.log_groups : can(regex("^[.\\-_/#A-Za-z0-9]{1,512}$", log_group))])
    error_message = "log_groups takes names of log groups, such as /aws/rds/cluster/orders/postgresql, not their ARNs."
  }

  validation {
    condition     = (length(var.log_groups) > 0) != (var.account_policy != null)
    error_message = "Give log_groups or account_policy: one of the two, since with both each of the log groups would be sent twice."
  }
}

variable "account_policy" {
  description = "Instead of `log_groups`: one policy that subscribes every log group of the account and region, including future ones, except `except_log_groups`. For accounts that hold databases and little else, because all other logs are sent and paid for, too"
  type = object({
    except_log_groups = optional(list(string), [])
  })
  default = null
}

variable "filter_pattern" {
  description = "CloudWatch Logs filter pattern. `\"\"` sends every log event. Give the main module the same"
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.filter_pattern) <= 1024
    error_message = "filter_pattern takes at most 1024 characters."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role"
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role"
  type        = map(string)
  default     = {}
  nullable    = false
}
