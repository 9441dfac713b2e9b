variable "region" {
  description = "Region of the clusters and of the function"
  type        = string
  default     = "ap-northeast-1"
}

variable "slack_webhooks" {
  description = "Channel => webhook URL, with a `default`. Ephemeral: it is in no state and no plan"
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "slack_webhooks_version" {
  description = "To be raised when slack_webhooks changes: Terraform cannot see the change of a write-only value"
  type        = number
  default     = 1
}
