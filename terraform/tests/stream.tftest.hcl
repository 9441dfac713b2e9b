# Stream mode.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "versions.tf" # any file: nothing opens it here
  stream     = {}
}

run "by_default" {
  assert {
    condition = (
      aws_kinesis_stream.this[0].shard_count == 1 && aws_kinesis_stream.this[0].retention_period == 24
      && one(aws_kinesis_stream.this[0].stream_mode_details).stream_mode == "PROVISIONED"
      && aws_kinesis_stream.this[0].encryption_type == "KMS" && aws_kinesis_stream.this[0].kms_key_id == "alias/aws/kinesis"
    )
    error_message = "One encrypted, provisioned shard that keeps a day."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream[0].event_source_arn == aws_kinesis_stream.this[0].arn
      && aws_lambda_event_source_mapping.stream[0].function_name == aws_lambda_function.this.arn
      && aws_lambda_event_source_mapping.stream[0].batch_size == 10000
      && aws_lambda_event_source_mapping.stream[0].maximum_batching_window_in_seconds == 60
      && aws_lambda_event_source_mapping.stream[0].parallelization_factor == 1
      && aws_lambda_event_source_mapping.stream[0].function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error
      && aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts < 0
      && aws_lambda_event_source_mapping.stream[0].maximum_record_age_in_seconds < 0
      && aws_lambda_event_source_mapping.stream[0].starting_position == "TRIM_HORIZON"
      && one(one(aws_lambda_event_source_mapping.stream[0].destination_config).on_failure).destination_arn == aws_sqs_queue.failures.arn
    )
    error_message = "The function must read the stream in windows, in order, for as long as it keeps a record."
  }

  assert {
    condition = (
      aws_cloudwatch_log_subscription_filter.log_group["orders"].destination_arn == aws_kinesis_stream.this[0].arn
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].role_arn == aws_iam_role.stream_writer[0].arn
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].distribution == "ByLogStream"
      && length(aws_lambda_permission.log_groups) == 0
      && aws_cloudwatch_log_subscription_filter.log_group["orders"].name == "aurora-connection-audit-stream-orders"
    )
    error_message = "The log groups must be sent to the stream, a log stream to one shard, by filters of another name than the function's."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid => {
      actions = statement.Action, on = statement.Resource
      } if contains(["ReadStream", "KeepFailures"], statement.Sid) } == {
      ReadStream = {
        actions = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
        on      = [aws_kinesis_stream.this[0].arn]
      }
      KeepFailures = { actions = ["sqs:SendMessage"], on = [aws_sqs_queue.failures.arn] }
    }
    error_message = "The function may read its stream, and nothing more of Kinesis."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.stream_writer[0].policy).Statement : [statement.Action, statement.Resource]] == [
      [["kinesis:PutRecord"], [aws_kinesis_stream.this[0].arn]]
    ]
    error_message = "CloudWatch Logs may put records into the stream, and nothing more."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role.stream_writer[0].assume_role_policy).Statement : statement.Condition] == [
      { StringLike = { "aws:SourceArn" = ["arn:aws:logs:*:123456789012:*"] } }
    ]
    error_message = "CloudWatch Logs may write for this account alone."
  }

  assert {
    condition = (
      aws_cloudwatch_log_destination.this[0].target_arn == aws_kinesis_stream.this[0].arn
      && aws_cloudwatch_log_destination.this[0].role_arn == aws_iam_role.stream_writer[0].arn
      && [for statement in jsondecode(aws_cloudwatch_log_destination_policy.this[0].access_policy).Statement : statement.Principal] == [{ AWS = ["123456789012"] }]
      && output.destination_arn == aws_cloudwatch_log_destination.this[0].arn
      && output.stream_arn == aws_kinesis_stream.this[0].arn
      && output.stream_writer_role_arn == aws_iam_role.stream_writer[0].arn
    )
    error_message = "The destination must lead to the stream, and be open to nobody else."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["errors", "failures", "iterator-age", "lost", "throttles", "write-throttling"]
    error_message = "Stream mode must have these alarms."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["iterator-age"].threshold == 900000
      && aws_cloudwatch_metric_alarm.this["iterator-age"].dimensions == tomap({ FunctionName = "aurora-connection-audit" })
      && aws_cloudwatch_metric_alarm.this["write-throttling"].dimensions == tomap({ StreamName = "aurora-connection-audit" })
    )
    error_message = "An iterator 15 minutes behind, and a full shard, must raise an alarm."
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.stalled[0].metric_query : query.id => jsonencode([for metric in query.metric : metric.dimensions]) } == {
      stalled     = "[]"
      incoming    = jsonencode([{ StreamName = "aurora-connection-audit" }])
      invocations = jsonencode([{ FunctionName = "aurora-connection-audit" }])
    }
    error_message = "A stream that nobody reads counts neither errors nor an age, and must raise an alarm."
  }

  # What waited in it when the stream was turned on is still told.
  assert {
    condition     = aws_lambda_event_source_mapping.retry.event_source_arn == aws_sqs_queue.retry.arn
    error_message = "The retry queue must be emptied in stream mode, too."
  }
}

run "everything_given" {
  variables {
    log_groups               = {}
    kms_key_arn              = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    tags                     = { team = "platform" }
    stream = {
      window_seconds  = 0
      retention_hours = 168
      shard_count     = 3
      organization_id = "o-a1b2c3d4e5"
      account_ids     = ["210987654321", "123456789012"]
    }
  }

  assert {
    condition = (
      aws_kinesis_stream.this[0].shard_count == 3 && aws_kinesis_stream.this[0].retention_period == 168
      && aws_kinesis_stream.this[0].kms_key_id == var.kms_key_arn
      && aws_lambda_event_source_mapping.stream[0].maximum_batching_window_in_seconds == 0
    )
    error_message = "Shards, retention, window and key must be as given."
  }

  assert {
    condition = [for statement in jsondecode(aws_cloudwatch_log_destination_policy.this[0].access_policy).Statement : {
      actions = statement.Action, on = statement.Resource, principal = jsonencode(statement.Principal), condition = jsonencode(try(statement.Condition, null))
      }] == [for statement in [
      { principal = jsonencode({ AWS = ["123456789012", "210987654321"] }), condition = "null" },
      { principal = jsonencode("*"), condition = jsonencode({ StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }) },
      ] : merge({ actions = ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"], on = aws_cloudwatch_log_destination.this[0].arn }, statement)
    ]
    error_message = "The accounts and the organisation, and nobody else, may subscribe to the destination."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role.stream_writer[0].assume_role_policy).Statement : jsonencode(statement.Condition)] == [
      jsonencode({ StringLike = { "aws:SourceArn" = ["arn:aws:logs:*:123456789012:*", "arn:aws:logs:*:210987654321:*"] } }),
      jsonencode({ StringEquals = { "aws:SourceOrgID" = "o-a1b2c3d4e5" } }),
    ]
    error_message = "CloudWatch Logs may write for the accounts and the organisation alone."
  }

  assert {
    condition     = { for statement in jsondecode(aws_iam_role_policy.stream_writer[0].policy).Statement : statement.Sid => statement.Resource }.EncryptForStream == [var.kms_key_arn]
    error_message = "CloudWatch Logs needs the stream's key."
  }

  assert {
    condition     = aws_iam_role.stream_writer[0].permissions_boundary == var.permissions_boundary_arn
    error_message = "Every role must carry the permissions boundary."
  }

  assert {
    condition = alltrue([for resource in [
      aws_kinesis_stream.this[0], aws_iam_role.stream_writer[0], aws_cloudwatch_log_destination.this[0],
    ] : resource.tags == var.tags])
    error_message = "Every resource that takes tags must have them."
  }
}
