# A destination in one more region of the audit account: a log group can send to a destination of its own region only.
# The stream stays where it is.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.32"
    }
  }
}

variable "name" {
  description = "Name of the destination"
  type        = string
  default     = "aurora-connection-audit"
}

variable "stream_arn" {
  description = "`stream_arn` of the main module"
  type        = string
}

variable "stream_writer_role_arn" {
  description = "`stream_writer_role_arn` of the main module"
  type        = string
}

variable "organization_id" {
  description = "Every account of this organisation may send, as in `stream` of the main module"
  type        = string
  default     = null
}

variable "account_ids" {
  description = "Accounts that may send, as in `stream` of the main module"
  type        = set(string)
  default     = []
  nullable    = false
}

variable "tags" {
  description = "Tags of the destination"
  type        = map(string)
  default     = {}
  nullable    = false
}

resource "aws_cloudwatch_log_destination" "this" {
  name       = var.name
  role_arn   = var.stream_writer_role_arn
  target_arn = var.stream_arn
  tags       = var.tags
}

resource "aws_cloudwatch_log_destination_policy" "this" {
  destination_name = aws_cloudwatch_log_destination.this.name

  access_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Accounts" # our own among them, so that there is a policy without any other
        Effect    = "Allow"
        Action    = ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
        Resource  = aws_cloudwatch_log_destination.this.arn
        Principal = { AWS = sort(setunion([split(":", var.stream_arn)[4]], var.account_ids)) }
      }],
      [for organization_id in var.organization_id[*] : {
        Sid       = "Organization"
        Effect    = "Allow"
        Action    = ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
        Resource  = aws_cloudwatch_log_destination.this.arn
        Principal = "*"
        Condition = { StringEquals = { "aws:PrincipalOrgID" = organization_id } }
      }],
    )
  })
}

output "destination_arn" {
  description = "ARN that `modules/sender` of this region sends to"
  value       = aws_cloudwatch_log_destination.this.arn

  # A sender may subscribe once the policy is there.
  depends_on = [aws_cloudwatch_log_destination_policy.this]
}
