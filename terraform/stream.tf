# Stream mode: CloudWatch Logs -> Kinesis Data Streams -> the function, one message a window and channel for all clusters.
# The stream keeps order within a log stream, takes from other accounts, and waits while Slack is away.

resource "aws_kinesis_stream" "this" {
  # checkov:skip=CKV_AWS_185: kms_key_arn is the customer key; without one AWS's own key encrypts
  count = var.stream == null ? 0 : 1

  name             = var.name
  shard_count      = var.stream.shard_count
  retention_period = var.stream.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = coalesce(var.kms_key_arn, "alias/aws/kinesis")
  tags             = var.tags

  # Provisioned: on demand costs three times as much when idle.
  stream_mode_details {
    stream_mode = "PROVISIONED"
  }

  # When the stream is given up, the filters to the function are there before it goes.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  count = var.stream == null ? 0 : 1

  event_source_arn                   = aws_kinesis_stream.this[0].arn
  function_name                      = aws_lambda_function.this.arn
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.stream.window_seconds
  parallelization_factor             = 1 # one consumer a shard, so that the function sees a log in order
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true # if it cannot even answer, half of the batch may be what it can
  maximum_retry_attempts             = -1   # as long as the stream keeps the record
  maximum_record_age_in_seconds      = -1

  # A new stream is read from its beginning, whatever CloudWatch Logs has put in before Lambda begins to read.
  starting_position = "TRIM_HORIZON"

  # Told of records that grew too old for the stream. It names them, and does not hold them.
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failures.arn
    }
  }

  lifecycle {
    # A mapping made anew by hand begins AT_TIMESTAMP, since TRIM_HORIZON would tell a day again. See the README.
    ignore_changes = [starting_position, starting_position_timestamp]
  }

  # Lambda tries whether the role may read the stream.
  depends_on = [aws_iam_role_policy.function]
}

# What CloudWatch Logs writes to the stream with, for the filters of this account and for the destination.
resource "aws_iam_role" "stream_writer" {
  count = var.stream == null ? 0 : 1

  name                 = "${var.name}-stream-writer"
  description          = "CloudWatch Logs writes to the stream ${var.name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "logs.amazonaws.com" }
        Condition = { StringLike = { "aws:SourceArn" = [
          for account_id in sort(setunion([local.account_id], var.stream.account_ids)) : "arn:${local.partition}:logs:*:${account_id}:*"
        ] } }
      }],
      [for organization_id in var.stream.organization_id[*] : {
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "logs.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceOrgID" = organization_id } }
      }],
    )
  })
}

resource "aws_iam_role_policy" "stream_writer" {
  count = var.stream == null ? 0 : 1

  name = var.name
  role = aws_iam_role.stream_writer[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "WriteStream"
        Effect   = "Allow"
        Action   = ["kinesis:PutRecord"]
        Resource = [aws_kinesis_stream.this[0].arn]
      }],
      [for key in var.kms_key_arn[*] : {
        Sid      = "EncryptForStream"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = [key]
      }],
    )
  })
}

# Where other accounts send to. Always made with a stream, and free: whether there are others may not be known at plan.
resource "aws_cloudwatch_log_destination" "this" {
  count = var.stream == null ? 0 : 1

  name       = var.name
  role_arn   = aws_iam_role.stream_writer[0].arn
  target_arn = aws_kinesis_stream.this[0].arn
  tags       = var.tags

  # CloudWatch Logs tries the role when the destination is created.
  depends_on = [aws_iam_role_policy.stream_writer]
}

resource "aws_cloudwatch_log_destination_policy" "this" {
  count = var.stream == null ? 0 : 1

  destination_name = aws_cloudwatch_log_destination.this[0].name

  access_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Accounts" # our own among them, so that there is a policy without any other
        Effect    = "Allow"
        Action    = ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
        Resource  = aws_cloudwatch_log_destination.this[0].arn
        Principal = { AWS = sort(setunion([local.account_id], var.stream.account_ids)) }
      }],
      [for organization_id in var.stream.organization_id[*] : {
        Sid       = "Organization"
        Effect    = "Allow"
        Action    = ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
        Resource  = aws_cloudwatch_log_destination.this[0].arn
        Principal = "*"
        Condition = { StringEquals = { "aws:PrincipalOrgID" = organization_id } }
      }],
    )
  })
}
