# What is counted is Lambda's, SQS's and Kinesis' own, and costs nothing, but for the metrics of metrics_namespace.

locals {
  alarms = { for name, alarm in local.every_alarm : name => alarm if alarm.wanted }

  every_alarm = {
    failures = {
      wanted      = true
      description = "Connections have not been posted for three days. Their log events wait in ${aws_sqs_queue.failures.name} to be redriven."
      metric      = ["AWS/SQS", "ApproximateNumberOfMessagesVisible"]
      dimensions  = { QueueName = aws_sqs_queue.failures.name }
      statistic   = "Maximum"
    }

    lost = {
      wanted      = true
      description = "Lambda could not put a failed batch into ${aws_sqs_queue.retry.name}: no permission, or larger than 1 MiB with its record. Its connections are only in the clusters' log groups."
      metric      = ["AWS/Lambda", "DestinationDeliveryFailures"]
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
    }

    # Not in direct mode: there a throttled Slack is an error, too, and what is not told soon raises `waiting`.
    errors = {
      wanted      = var.stream != null
      description = "The function has been failing for 15 minutes. Its log ${aws_cloudwatch_log_group.function.name} says why. Nothing is lost: it retries by itself."
      metric      = ["AWS/Lambda", "Errors"]
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      periods     = 3
    }

    throttles = {
      wanted      = true
      description = "For 15 minutes no execution was free for the function: its reserved concurrency or the account's is too small. Lambda retries for six hours."
      metric      = ["AWS/Lambda", "Throttles"]
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      periods     = 3
    }

    stream-mode = {
      wanted      = var.stream == null
      description = "For three hours more than one batch a minute had to be retried. Unless Slack was away, there are more batches than Slack accepts messages: it is time for stream mode."
      metric      = ["AWS/SQS", "NumberOfMessagesSent"]
      dimensions  = { QueueName = aws_sqs_queue.retry.name }
      period      = 3600
      periods     = 3
      threshold   = 60
    }

    iterator-age = {
      wanted      = var.stream != null
      description = "Connections are posted 15 minutes late or later: Slack is away, or there are more than the function can post. The stream keeps them for ${try(var.stream.retention_hours, 0)} hours."
      metric      = ["AWS/Lambda", "IteratorAge"]
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Maximum"
      threshold   = 15 * 60 * 1000
    }

    write-throttling = {
      wanted      = var.stream != null
      description = "For 15 minutes CloudWatch Logs wrote more than the stream takes. It retries for up to a day: raise stream.shard_count."
      metric      = ["AWS/Kinesis", "WriteProvisionedThroughputExceeded"]
      dimensions  = { StreamName = one(aws_kinesis_stream.this[*].name) }
      periods     = 3
    }

    # The metric is one of the function's own, which are off without a namespace.
    let-in-after-refusals = {
      wanted      = var.notification.metrics_namespace != null
      description = "A client or a user was let in after it had been refused at least five times within ten minutes. The message in Slack says who."
      metric      = [var.notification.metrics_namespace, "let_in_after_refusals"]
      dimensions  = {}
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  dimensions          = each.value.dimensions
  statistic           = try(each.value.statistic, "Sum")
  period              = try(each.value.period, 300)
  evaluation_periods  = try(each.value.periods, 1)
  comparison_operator = "GreaterThanThreshold"
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

moved {
  from = aws_cloudwatch_metric_alarm.errors
  to   = aws_cloudwatch_metric_alarm.this["errors"]
}

moved {
  from = aws_cloudwatch_metric_alarm.failures
  to   = aws_cloudwatch_metric_alarm.this["failures"]
}

# Something waits that the next window should have taken. After a message's third receive SQS leaves it out of the age of the
# oldest, hence the second condition: something is there though nothing came.
resource "aws_cloudwatch_metric_alarm" "waiting" {
  alarm_name          = "${var.name}-waiting"
  alarm_description   = "A batch has waited in ${aws_sqs_queue.retry.name} for ten minutes or more: Slack is away, or refuses a message. ${aws_cloudwatch_log_group.function.name} says why. It is retried for three days."
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "waiting"
    label       = "batches wait"
    expression  = "IF(FILL(age, 0) > 600 OR (FILL(sent, 0) == 0 AND FILL(visible, 0) + FILL(tried, 0) > 0), 1, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      age     = ["ApproximateAgeOfOldestMessage", "Maximum"]
      sent    = ["NumberOfMessagesSent", "Sum"]
      visible = ["ApproximateNumberOfMessagesVisible", "Minimum"]
      tried   = ["ApproximateNumberOfMessagesNotVisible", "Minimum"]
    }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value[0]
        dimensions  = { QueueName = aws_sqs_queue.retry.name }
        stat        = metric_query.value[1]
        period      = 300
      }
    }
  }
}

# Nothing reads the stream: the mapping is disabled, or may not read. Lambda then counts no error and no iterator age.
resource "aws_cloudwatch_metric_alarm" "stalled" {
  count = var.stream == null ? 0 : 1

  alarm_name          = "${var.name}-stalled"
  alarm_description   = "For 15 minutes records came to the stream and the function was not invoked: its event source mapping is disabled, or cannot read the stream. The stream keeps them for ${var.stream.retention_hours} hours."
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "stalled"
    label       = "nothing is read"
    expression  = "IF(FILL(incoming, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      incoming    = ["AWS/Kinesis", "IncomingRecords", { StreamName = aws_kinesis_stream.this[0].name }]
      invocations = ["AWS/Lambda", "Invocations", { FunctionName = aws_lambda_function.this.function_name }]
    }

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value[0]
        metric_name = metric_query.value[1]
        dimensions  = metric_query.value[2]
        stat        = "Sum"
        period      = 300
      }
    }
  }
}
