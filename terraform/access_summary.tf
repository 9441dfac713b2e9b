# Invokes the function by schedule. A summary that fails goes the way of a batch: to the retry queue.

resource "aws_scheduler_schedule" "access_summary" {
  # checkov:skip=CKV_AWS_297: its input is a constant, there is nothing to encrypt
  count = var.access_summary == null ? 0 : 1

  name                         = "${var.name}-access-summary"
  description                  = "Who connected to which cluster, told to Slack"
  schedule_expression          = var.access_summary.schedule
  schedule_expression_timezone = coalesce(var.notification.time_zone, "Asia/Tokyo") # the function's default

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.access_summary[0].arn
    input    = jsonencode({ access_summary = true })
  }

  # A schedule that is due before its role may invoke the function would miss its first time.
  depends_on = [aws_iam_role_policy.access_summary]
}

resource "aws_iam_role" "access_summary" {
  count = var.access_summary == null ? 0 : 1

  name                 = "${var.name}-access-summary"
  description          = "EventBridge Scheduler invokes the function ${var.name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "access_summary" {
  count = var.access_summary == null ? 0 : 1

  name = var.name
  role = aws_iam_role.access_summary[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeFunction"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [aws_lambda_function.this.arn]
    }]
  })
}
