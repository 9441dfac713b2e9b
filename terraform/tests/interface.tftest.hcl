# What the module makes of its variables.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "versions.tf" # any file: nothing opens it here
}

run "only_what_must_be_given" {
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      SLACK_WEBHOOK_SECRET_ID = aws_secretsmanager_secret.slack_webhook[0].arn
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
    condition = (
      aws_cloudwatch_log_subscription_filter.log_group["orders"].log_group_name == "/aws/rds/cluster/orders/postgresql"
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].destination_arn == aws_lambda_function.this.arn
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].filter_pattern == ""
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].name == "aurora-connection-audit-orders"
    )
    error_message = "The log group must be subscribed to, with every log event, by the function itself."
  }

  assert {
    condition     = aws_lambda_permission.log_groups[0].source_arn == "arn:aws:logs:us-east-1:123456789012:log-group:*:*"
    error_message = "Log groups of this account and region may invoke the function; their ARNs end in :*."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid => statement.Resource } == {
      WriteOwnLog      = ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/aurora-connection-audit:*"]
      ReadSlackWebhook = [aws_secretsmanager_secret.slack_webhook[0].arn]
      RetryFailures    = [aws_sqs_queue.retry.arn]
      KeepFailures     = [aws_sqs_queue.failures.arn]
    }
    error_message = "The role may write its log, read its secret and use its two queues, and nothing else."
  }

  assert {
    condition = (
      length(aws_kinesis_stream.this) == 0 && length(aws_cloudwatch_log_destination.this) == 0
      && length(aws_dynamodb_table.history) == 0 && length(aws_scheduler_schedule.access_summary) == 0
      && output.history_table_name == null && output.destination_arn == null && output.stream_arn == null && output.stream_writer_role_arn == null
    )
    error_message = "What is not asked for must not be made."
  }

  assert {
    condition = (
      output.function_arn == aws_lambda_function.this.arn
      && output.function_name == "aurora-connection-audit"
      && output.role_name == "aurora-connection-audit"
      && output.log_group_name == "/aws/lambda/aurora-connection-audit"
      && output.slack_webhook_secret_arn == aws_secretsmanager_secret.slack_webhook[0].arn
      && output.failures_queue_url == aws_sqs_queue.failures.url
      && output.lambda_zip_sha256 == filesha256("versions.tf")
    )
    error_message = "The outputs must name what was made."
  }

  assert {
    condition     = output.test_command == "echo '{\"test\": true}' | aws lambda invoke --region us-east-1 --function-name aurora-connection-audit --payload fileb:///dev/stdin --query FunctionError --output text /dev/stdout | awk 'BEGIN { failed = 1 } { failed = !sub(/None$/, \"\"); print } END { exit failed }'"
    error_message = "The test command must invoke the function in its region."
  }

  assert {
    condition     = output.redrive_command == "aws sqs start-message-move-task --region us-east-1 --source-arn ${aws_sqs_queue.failures.arn} --destination-arn ${aws_sqs_queue.retry.arn}"
    error_message = "The redrive command must name both queues."
  }
}

# Whatever Slack does, a batch is in Slack, in the retry queue or with the dead letters.
run "direct_mode_bends" {
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
      && one(one(aws_lambda_function_event_invoke_config.this.destination_config).on_failure).destination == aws_sqs_queue.retry.arn
    )
    error_message = "A failed batch must go to the retry queue at once."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.retry.event_source_arn == aws_sqs_queue.retry.arn
      && aws_lambda_event_source_mapping.retry.function_name == aws_lambda_function.this.arn
      && aws_lambda_event_source_mapping.retry.batch_size == 10000
      && aws_lambda_event_source_mapping.retry.maximum_batching_window_in_seconds == 60
      && one(aws_lambda_event_source_mapping.retry.scaling_config).maximum_concurrency == 2
      && aws_lambda_event_source_mapping.retry.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "The function must empty the retry queue in windows of a minute, at most two at once."
  }

  assert {
    condition     = aws_sqs_queue.retry.visibility_timeout_seconds >= 6 * aws_lambda_function.this.timeout + aws_lambda_event_source_mapping.retry.maximum_batching_window_in_seconds
    error_message = "AWS asks for a visibility timeout of six times the function's, plus the window."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.retry.redrive_policy).maxReceiveCount * aws_sqs_queue.retry.visibility_timeout_seconds >= 3 * 24 * 60 * 60
    error_message = "Slack away from Friday evening to Monday morning must heal by itself."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.retry.redrive_policy).maxReceiveCount <= 1000
      && aws_sqs_queue.retry.message_retention_seconds == 14 * 24 * 60 * 60
      && aws_sqs_queue.failures.message_retention_seconds == 14 * 24 * 60 * 60
    )
    error_message = "SQS takes a receive count of at most 1000; a batch keeps its age in the dead letters, so both must keep it longest."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["failures", "lost", "stream-mode", "throttles"]
    error_message = "Direct mode must have these alarms."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["failures"].dimensions == tomap({ QueueName = "aurora-connection-audit-failures" })
      && aws_cloudwatch_metric_alarm.this["stream-mode"].dimensions == tomap({ QueueName = "aurora-connection-audit-retry" })
      && aws_cloudwatch_metric_alarm.this["stream-mode"].period == 3600
      && length(aws_cloudwatch_metric_alarm.waiting.metric_query) == 5
      && alltrue(flatten([for query in aws_cloudwatch_metric_alarm.waiting.metric_query : [for metric in query.metric : metric.dimensions.QueueName == "aurora-connection-audit-retry"]]))
    )
    error_message = "Each alarm must watch its own queue."
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
      accounts          = { "210987654321" = "staging" }
    }
    filter_pattern           = "?\"connection authorized\" ?\"FATAL:\""
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
      CLUSTERS                = "{\"/aws/rds/cluster/orders/postgresql\":\"受注\"}"
      ACCOUNTS                = "{\"210987654321\":\"staging\"}"
      NOTIFY_ON               = "authorized,disconnected,rejected"
      LOG_EVENTS_FILTERED     = "true"
      LOG_LINE_PREFIX         = "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:"
      MESSAGE_LANGUAGE        = "en"
      MESSAGE_TIME_ZONE       = "Europe/Berlin"
      METRICS_NAMESPACE       = "ConnectionAudit"
    })
    error_message = "Each setting must reach the function under its own variable, and a shown name where it differs from the instance's."
  }

  assert {
    condition     = length(aws_secretsmanager_secret.slack_webhook) == 0
    error_message = "A given secret takes the place of the created one."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid => statement.Resource } == {
      WriteOwnLog         = ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/aurora-connection-audit:*"]
      ReadSlackWebhook    = [var.slack_webhook_secret.arn]
      RetryFailures       = [aws_sqs_queue.retry.arn]
      KeepFailures        = [aws_sqs_queue.failures.arn]
      UseOwnKey           = [var.kms_key_arn]
      DecryptSlackWebhook = [var.slack_webhook_secret.kms_key_arn]
    }
    error_message = "The role may use the two keys, and nothing more than without them."
  }

  assert {
    condition = alltrue([for key in [
      aws_lambda_function.this.kms_key_arn, aws_cloudwatch_log_group.function.kms_key_id,
      aws_sqs_queue.failures.kms_master_key_id, aws_sqs_queue.retry.kms_master_key_id,
    ] : key == var.kms_key_arn])
    error_message = "The customer key must encrypt the environment, the log and the queues."
  }

  assert {
    condition     = { for shown, filter in aws_cloudwatch_log_subscription_filter.log_group : shown => filter.filter_pattern } == { ledger = var.filter_pattern, "受注" = var.filter_pattern }
    error_message = "Each log group needs a filter, with the given pattern."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_lambda_function.this.reserved_concurrent_executions == 2
    error_message = "Retention and reserved concurrency must be as given."
  }

  assert {
    condition = alltrue([for alarm in concat([aws_cloudwatch_metric_alarm.waiting], values(aws_cloudwatch_metric_alarm.this)) :
      alarm.alarm_actions == toset(var.alarm_actions) && alarm.ok_actions == toset(var.alarm_actions) && alarm.tags == var.tags
    ])
    error_message = "All alarms must be told, when they begin and when they end."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["let-in-after-refusals"].namespace == "ConnectionAudit"
      && aws_cloudwatch_metric_alarm.this["let-in-after-refusals"].metric_name == "let_in_after_refusals"
    )
    error_message = "With metrics, a let-in after refusals must raise an alarm."
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role must carry the permissions boundary."
  }

  assert {
    condition = alltrue([for resource in [
      aws_lambda_function.this, aws_cloudwatch_log_group.function, aws_iam_role.function, aws_sqs_queue.failures,
      aws_sqs_queue.retry,
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

# 0.1 ended at 55 log groups: one permission each, and each one's name in the environment.
run "a_thousand_log_groups" {
  command = plan

  variables {
    log_groups = merge(
      { for number in range(500) : "cluster-${number}" => "/aws/rds/cluster/cluster-${number}/postgresql" },
      { for number in range(300) : "instance-${number}" => "/aws/rds/instance/instance-${number}/postgresql" },
      { for number in range(200) : "central-${number}" => "210987654321/eu-west-1/aws/rds/cluster/central-${number}/postgresql" },
    )
  }

  assert {
    condition     = length(aws_cloudwatch_log_subscription_filter.log_group) == 1000 && length(aws_lambda_permission.log_groups) == 1
    error_message = "Each log group needs a filter, and all of them one permission."
  }

  assert {
    condition     = local.environment_bytes == 64
    error_message = "Names that the function reads off the log group must take no room in the environment."
  }
}

run "only_whole_ids_of_rds_are_read_off" {
  command = plan

  variables {
    log_groups = {
      orders  = "/aws/rds/cluster/orders-2/postgresql"
      upgrade = "/aws/rds/cluster/upgrade/upgrade"
      custom  = "/databases/custom/postgresql"
      ledger  = "/aws/rds/cluster/ledger/postgresql"
    }
  }

  assert {
    condition     = jsondecode(local.settings.CLUSTERS) == { for shown, log_group in var.log_groups : log_group => shown if shown != "ledger" }
    error_message = "Where the log group's name does not end in the shown id, the function must be told."
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

run "zip_from_s3" {
  variables {
    lambda_zip    = null
    lambda_zip_s3 = { bucket = "releases", key = "0.2.0/lambda.zip", version = "abc" }
  }

  assert {
    condition = (
      aws_lambda_function.this.s3_bucket == "releases" && aws_lambda_function.this.s3_key == "0.2.0/lambda.zip"
      && aws_lambda_function.this.s3_object_version == "abc" && aws_lambda_function.this.filename == null
      && output.lambda_zip_sha256 == null
    )
    error_message = "A zip in S3 must be taken from there, whatever files there are."
  }
}
