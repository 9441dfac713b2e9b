# What Slack did not take. An invocation that fails is not repeated: its batch goes to the retry queue, which the same
# function empties in windows, one message a channel for all that a window holds. So Slack's limit of one message a second
# spreads the batches over more windows, and an absent Slack is waited for. Only what has failed for three days goes to the
# dead letters.

locals {
  retry_window = 60 # seconds

  # AWS asks for six times the function's timeout, plus the window.
  retry_visibility = 6 * local.timeout + local.retry_window

  # A failed batch is received again when its visibility timeout ends, never sooner. 618 times 420 seconds are three days:
  # a webhook that is revoked on Friday evening can be replaced on Monday morning, and all is told.
  retry_receives = ceil(3 * 24 * 60 * 60 / local.retry_visibility)

  # The longest that SQS offers. A dead letter keeps the age that it had, so eleven of its days are left.
  queue_retention = 14 * 24 * 60 * 60
}

resource "aws_sqs_queue" "retry" {
  name                       = "${var.name}-retry"
  visibility_timeout_seconds = local.retry_visibility
  message_retention_seconds  = local.queue_retention
  kms_master_key_id          = var.kms_key_arn
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null # conflicts with a key of one's own
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.failures.arn
    maxReceiveCount     = local.retry_receives
  })
}

# The dead letters.
resource "aws_sqs_queue" "failures" {
  name                      = "${var.name}-failures"
  message_retention_seconds = local.queue_retention
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  tags                      = var.tags
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 6 * 60 * 60 # for which Lambda itself repeats what was throttled by concurrency

  destination_config {
    on_failure {
      destination = aws_sqs_queue.retry.arn
    }
  }

  # Lambda tries whether the role may send to the queue.
  depends_on = [aws_iam_role_policy.function]
}

# Also with a stream, where nothing new comes to the queue but a failed access summary: what waited in it is still told.
resource "aws_lambda_event_source_mapping" "retry" {
  event_source_arn                   = aws_sqs_queue.retry.arn
  function_name                      = aws_lambda_function.this.arn
  batch_size                         = 10000
  maximum_batching_window_in_seconds = local.retry_window
  function_response_types            = ["ReportBatchItemFailures"]

  # Two, the fewest that there can be. Without it a long queue would take up to 1000 of the account's executions.
  scaling_config {
    maximum_concurrency = 2
  }

  # Lambda tries whether the role may receive from the queue.
  depends_on = [aws_iam_role_policy.function]
}
