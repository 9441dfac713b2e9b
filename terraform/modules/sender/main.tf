# Sends the PostgreSQL logs of one account and region to the destination of the audit account.

locals {
  arn_parts = split(":", var.destination_arn)
  partition = local.arn_parts[1]
  region    = local.arn_parts[3]

  # Read off our own role: this needs no data source.
  account_id    = split(":", aws_iam_role.this.arn)[4]
  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:"
}

# Where the destination is open to an organisation, CloudWatch Logs proves with this role which account the logs are of.
resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "CloudWatch Logs sends PostgreSQL logs to ${var.destination_arn}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "logs.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = var.name
  role = aws_iam_role.this.id

  # A policy of a role holds 10 240 characters, about 100 log groups: those of RDS go by one wildcard.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "SendLogs"
      Effect = "Allow"
      Action = ["logs:PutLogEvents"]
      Resource = var.account_policy != null ? ["${local.log_group_arn}*"] : distinct([
        for log_group in sort(var.log_groups) :
        startswith(log_group, "/aws/rds/") ? "${local.log_group_arn}/aws/rds/*" : "${local.log_group_arn}${log_group}:*"
      ])
    }]
  })
}

resource "aws_cloudwatch_log_subscription_filter" "this" {
  for_each = var.log_groups

  name            = var.name
  log_group_name  = each.value
  filter_pattern  = var.filter_pattern
  destination_arn = var.destination_arn
  role_arn        = aws_iam_role.this.arn
  distribution    = "ByLogStream" # to one shard, in order

  # CloudWatch Logs tries the role when the filter is created.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_account_policy" "this" {
  count = var.account_policy == null ? 0 : 1

  policy_name = var.name
  policy_type = "SUBSCRIPTION_FILTER_POLICY"
  scope       = "ALL"

  policy_document = jsonencode({
    DestinationArn = var.destination_arn
    RoleArn        = aws_iam_role.this.arn
    FilterPattern  = var.filter_pattern
    Distribution   = "ByLogStream"
  })

  # The one form that CloudWatch Logs takes here.
  selection_criteria = length(var.account_policy.except_log_groups) == 0 ? null : (
    "LogGroupName NOT IN ${jsonencode(var.account_policy.except_log_groups)}"
  )

  # CloudWatch Logs tries the role when the policy is created.
  depends_on = [aws_iam_role_policy.this]
}
