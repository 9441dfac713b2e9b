# What the module makes of its variables.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "main.tf" # any file: nothing opens it here
}

run "only_what_must_be_given" {
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      SLACK_WEBHOOK_SECRET_ID = aws_secretsmanager_secret.slack_webhook[0].arn
      CLUSTERS                = "{\"/aws/rds/cluster/orders/postgresql\":\"orders\"}"
      NOTIFY_ON               = "authorized,rejected"
    })
    error_message = "Only what has no default in the function belongs in the environment."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/aurora-connection-audit"
    error_message = "The function must log to the log group that the module makes."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == null && aws_sqs_queue.failures.sqs_managed_sse_enabled
    error_message = "Without a customer key, AWS's own keys encrypt."
  }

  assert {
    condition     = aws_cloudwatch_log_subscription_filter.log_group["orders"].log_group_name == "/aws/rds/cluster/orders/postgresql"
    error_message = "The log group must be subscribed to."
  }

  assert {
    condition     = aws_lambda_permission.log_group["orders"].source_arn == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/rds/cluster/orders/postgresql:*"
    error_message = "Only the log group may invoke the function; its ARN ends in :*."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Resource] == [
      ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/aurora-connection-audit:*"],
      [aws_secretsmanager_secret.slack_webhook[0].arn],
      [aws_sqs_queue.failures.arn],
    ]
    error_message = "The role may write its log, read its secret and send to its queue, and nothing else."
  }

  assert {
    condition = (
      output.function_arn == aws_lambda_function.this.arn
      && output.function_name == "aurora-connection-audit"
      && output.role_name == "aurora-connection-audit"
      && output.log_group_name == "/aws/lambda/aurora-connection-audit"
      && output.slack_webhook_secret_arn == aws_secretsmanager_secret.slack_webhook[0].arn
      && output.failures_queue_url == aws_sqs_queue.failures.url
    )
    error_message = "The outputs must name what was made."
  }
}

run "everything_given" {
  variables {
    name = "audit"
    log_groups = {
      "受注"   = "/aws/rds/cluster/orders/postgresql"
      ledger = "/aws/rds/instance/ledger/postgresql"
    }
    slack_webhook_secret = {
      arn         = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-a1b2c3"
      kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/22222222-2222-2222-2222-222222222222"
    }
    notification = {
      language          = "en"
      time_zone         = "Europe/Berlin"
      notify_on         = ["rejected", "disconnected", "authorized"]
      log_line_prefix   = "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:"
      metrics_namespace = "ConnectionAudit"
    }
    kms_key_arn              = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    log_retention_days       = 30
    reserved_concurrency     = 2
    alarm_actions            = ["arn:aws:sns:us-east-1:123456789012:alarms"]
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    tags                     = { team = "platform" }
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      SLACK_WEBHOOK_SECRET_ID = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-a1b2c3"
      CLUSTERS                = "{\"/aws/rds/cluster/orders/postgresql\":\"受注\",\"/aws/rds/instance/ledger/postgresql\":\"ledger\"}"
      NOTIFY_ON               = "authorized,disconnected,rejected"
      LOG_LINE_PREFIX         = "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:"
      MESSAGE_LANGUAGE        = "en"
      MESSAGE_TIME_ZONE       = "Europe/Berlin"
      METRICS_NAMESPACE       = "ConnectionAudit"
    })
    error_message = "Each setting must reach the function under its own variable."
  }

  assert {
    condition     = length(aws_secretsmanager_secret.slack_webhook) == 0
    error_message = "A given secret takes the place of the created one."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid => statement.Resource } == {
      WriteOwnLog         = ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/aurora-connection-audit:*"]
      ReadSlackWebhook    = [var.slack_webhook_secret.arn]
      KeepFailures        = [aws_sqs_queue.failures.arn]
      UseOwnKey           = [var.kms_key_arn]
      DecryptSlackWebhook = [var.slack_webhook_secret.kms_key_arn]
    }
    error_message = "The role may use the two keys, and nothing more than without them."
  }

  assert {
    condition = alltrue([for key in [
      aws_lambda_function.this.kms_key_arn, aws_cloudwatch_log_group.function.kms_key_id, aws_sqs_queue.failures.kms_master_key_id,
    ] : key == var.kms_key_arn])
    error_message = "The customer key must encrypt the environment, the log and the queue."
  }

  assert {
    condition     = keys(aws_lambda_permission.log_group) == ["ledger", "受注"] && keys(aws_cloudwatch_log_subscription_filter.log_group) == ["ledger", "受注"]
    error_message = "Each log group needs a permission and a filter."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_lambda_function.this.reserved_concurrent_executions == 2
    error_message = "Retention and reserved concurrency must be as given."
  }

  assert {
    condition = alltrue([for alarm in [aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.failures] :
      alarm.alarm_actions == toset(var.alarm_actions) && alarm.ok_actions == toset(var.alarm_actions)
    ])
    error_message = "Both alarms must be told, when they begin and when they end."
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role must carry the permissions boundary."
  }

  assert {
    condition = alltrue([for resource in [
      aws_lambda_function.this, aws_cloudwatch_log_group.function, aws_iam_role.function, aws_sqs_queue.failures,
      aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.failures,
    ] : resource.tags == var.tags])
    error_message = "Every resource that takes tags must have them."
  }
}

run "created_secret_uses_the_customer_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    tags        = { team = "platform" }
  }

  assert {
    condition     = aws_secretsmanager_secret.slack_webhook[0].kms_key_id == var.kms_key_arn && aws_secretsmanager_secret.slack_webhook[0].tags == var.tags
    error_message = "The created secret must be encrypted with the customer key and tagged."
  }
}

run "filter_lets_reasons_through_for_rejected_only" {
  command = plan

  variables {
    notification = { notify_on = ["authorized"] }
  }

  assert {
    condition     = strcontains(local.filter_pattern, "?\"connection received\" ") && !strcontains(local.filter_pattern, "DETAIL")
    error_message = "Without rejected, no DETAIL is needed."
  }
}

run "filter_fits_cloudwatch" {
  command = plan

  variables {
    notification = { notify_on = ["authorized", "rejected", "disconnected"] }
  }

  assert {
    condition     = length(aws_cloudwatch_log_subscription_filter.log_group["orders"].filter_pattern) <= 1024
    error_message = "CloudWatch Logs takes a filter pattern of at most 1024 characters."
  }
}

run "filter_of_ones_own" {
  command = plan

  variables {
    filter_pattern = ""
  }

  assert {
    condition     = aws_cloudwatch_log_subscription_filter.log_group["orders"].filter_pattern == ""
    error_message = "A given filter pattern must be taken as it is."
  }
}

# Lambda holds 4096 bytes. A name of 94 Japanese characters takes 282 of them.
run "environment_just_small_enough" {
  command = plan

  variables {
    log_groups = { for number in range(11) : "${join("", [for n in range(94) : "海"])}-${100 + number}" => "/aws/rds/cluster/c-${100 + number}/postgresql" }
  }

  assert {
    condition     = local.environment_bytes == 3698
    error_message = "The environment must be measured in bytes, as the JSON that Lambda measures."
  }
}

run "environment_too_large" {
  command = plan

  variables {
    log_groups = { for number in range(12) : "${join("", [for n in range(94) : "海"])}-${100 + number}" => "/aws/rds/cluster/c-${100 + number}/postgresql" }
  }

  expect_failures = [aws_lambda_function.this]
}

run "no_zip" {
  command = plan

  variables {
    lambda_zip = null
  }

  expect_failures = [aws_lambda_function.this]
}
