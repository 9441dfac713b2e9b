locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/lambda.zip")

  # Account, region and partition, read off our own log group: this needs no data source.
  log_group_arn_prefix = trimsuffix(aws_cloudwatch_log_group.function.arn, aws_cloudwatch_log_group.function.name)
  arn_parts            = split(":", local.log_group_arn_prefix)
  partition            = local.arn_parts[1]
  region               = local.arn_parts[3]
  account_id           = local.arn_parts[4]

  timeout = 60 # seconds; leaves room for Slack's Retry-After
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
  # checkov:skip=CKV_AWS_115: an account whose limit is 10 can reserve nothing, and apply would fail there; see the README
  # checkov:skip=CKV_AWS_116: failed events go to the retry queue of aws_lambda_function_event_invoke_config, which also says why they failed
  # checkov:skip=CKV_AWS_117: calls only Slack and AWS; in a VPC it would need a NAT gateway for the same calls
  # checkov:skip=CKV_AWS_272: the zip is built and checked by who deploys it; a signing profile belongs to the organisation
  function_name     = var.name
  description       = "Tells Slack who connects to Aurora PostgreSQL"
  role              = aws_iam_role.function.arn
  filename          = var.lambda_zip_s3 == null ? local.lambda_zip : null
  source_code_hash  = var.lambda_zip_s3 == null ? filebase64sha256(local.lambda_zip) : null
  s3_bucket         = try(var.lambda_zip_s3.bucket, null)
  s3_key            = try(var.lambda_zip_s3.key, null)
  s3_object_version = try(var.lambda_zip_s3.version, null)
  runtime           = "provided.al2023"
  architectures     = ["arm64"]
  handler           = "bootstrap"
  memory_size       = 256 # Lambda gives CPU by memory; TLS to Slack is slow with less
  timeout           = local.timeout

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
      condition     = var.lambda_zip_s3 != null || fileexists(local.lambda_zip)
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
        ${length(local.rules_json)} characters), name fewer notification.accounts (ACCOUNTS takes
        ${length(jsonencode(var.notification.accounts))}), or show fewer log_groups under a name other than their cluster's (CLUSTERS takes
        ${length(local.clusters_json)}).
      EOT
    }
  }

  # The role must be able to write the log and read the secret when the first event arrives.
  depends_on = [aws_iam_role_policy.function]
}
