locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/lambda.zip")
  secret_arn = var.slack_webhook_secret == null ? one(aws_secretsmanager_secret.slack_webhook[*].arn) : var.slack_webhook_secret.arn

  # Region, account and partition of every log group, read off our own: this needs no data source.
  log_group_arn_prefix = trimsuffix(aws_cloudwatch_log_group.function.arn, aws_cloudwatch_log_group.function.name)
}

# Created before the function. Lambda would otherwise create it without retention, tags and key.
resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50: one outgoing call per message; X-Ray would show nothing that the log does not
  # checkov:skip=CKV_AWS_116: failed events go to the queue of aws_lambda_function_event_invoke_config, which also says why they failed
  # checkov:skip=CKV_AWS_117: calls only Slack and Secrets Manager; in a VPC it would need a NAT gateway for the same calls
  # checkov:skip=CKV_AWS_272: the zip is built and checked by who deploys it; a signing profile belongs to the organisation
  function_name    = var.name
  description      = "Tells Slack who connects to Aurora PostgreSQL"
  role             = aws_iam_role.function.arn
  filename         = local.lambda_zip
  source_code_hash = filebase64sha256(local.lambda_zip)
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  handler          = "bootstrap"
  memory_size      = 256 # Lambda gives CPU by memory; TLS to Slack is slow with less
  timeout          = 60  # leaves room for Slack's Retry-After

  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = local.environment
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.lambda_zip)
      error_message = <<-EOT
        There is no Lambda zip at ${local.lambda_zip}.
        Build it in the repository with `nix build .#lambda-zip` or, without Nix, with `scripts/build-lambda.sh`;
        both leave result/lambda.zip there, to be given as lambda_zip. A release archive of this module has it inside.
      EOT
    }

    precondition {
      condition     = length(local.rule_faults) == 0
      error_message = "notification.rules:\n${join("\n", local.rule_faults)}"
    }

    precondition {
      condition     = local.environment_bytes <= local.environment_bytes_max
      error_message = <<-EOT
        The settings take ${local.environment_bytes} bytes as environment variables. Lambda holds 4096, of which
        ${local.environment_bytes_max} are left beside the secret's ARN. Shorten notification.rules (RULES takes
        ${length(local.rules_json)} characters), or give some of the log_groups to a second instance of the module.
      EOT
    }
  }

  # The role must be able to write the log and read the secret when the first event arrives.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_permission" "log_group" {
  for_each = var.log_groups

  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "logs.amazonaws.com"
  source_arn    = "${local.log_group_arn_prefix}${each.value}:*"
}

resource "aws_cloudwatch_log_subscription_filter" "log_group" {
  for_each = var.log_groups

  # The shown name is part of it: two filters of one name would overwrite each other when a cluster is renamed.
  name            = "${var.name}-${each.key}"
  log_group_name  = each.value
  filter_pattern  = local.filter_pattern
  destination_arn = aws_lambda_function.this.arn

  # CloudWatch Logs tries the permission when the filter is created.
  depends_on = [aws_lambda_permission.log_group]
}

# Created empty: its value is put in from outside, so that it never reaches Terraform's state.
resource "aws_secretsmanager_secret" "slack_webhook" {
  # checkov:skip=CKV2_AWS_57: Slack has no interface to rotate a webhook; the README says how it is done by hand
  count = var.slack_webhook_secret == null ? 1 : 0

  # A prefix, since a destroyed secret keeps its name taken for the 30 days in which it can be restored.
  name_prefix = "${var.name}-slack-webhook-"
  description = "Slack incoming webhook URL, or a JSON object of channel to URL with a default"
  kms_key_id  = var.kms_key_arn
  tags        = var.tags
}
