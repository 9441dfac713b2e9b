# Log groups of this account and region. Those of others are subscribed by modules/sender.

# One permission for all of them: Lambda's resource policy holds 20 KB, about 55 permissions.
resource "aws_lambda_permission" "log_groups" {
  count = var.stream == null ? 1 : 0

  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "logs.amazonaws.com"
  source_arn    = "${local.log_group_arn_prefix}*:*"

  # When the stream takes over, its filters are there before the permission goes: nothing is refused meanwhile.
  lifecycle {
    create_before_destroy = true
  }
}

# The permissions that 0.1 gave, one for each log group. They are forgotten and not removed: Terraform could take them
# away before the new one is there. They go with the function.
removed {
  from = aws_lambda_permission.log_group

  lifecycle {
    destroy = false
  }
}

resource "aws_cloudwatch_log_subscription_filter" "log_group" {
  for_each = var.log_groups

  # The shown name is part of it: two filters of one name would overwrite each other when a cluster is renamed. So is the
  # mode, since another destination is another filter, which is made before the old one goes.
  name            = "${var.name}-${var.stream == null ? "" : "stream-"}${each.key}"
  log_group_name  = each.value
  filter_pattern  = var.filter_pattern
  destination_arn = var.stream == null ? aws_lambda_function.this.arn : one(aws_kinesis_stream.this[*].arn)
  role_arn        = one(aws_iam_role.stream_writer[*].arn)
  distribution    = "ByLogStream" # to one shard, in order; a function ignores it

  # A stream takes half a minute to be made. Without a filter, what is logged meanwhile would never be sent.
  lifecycle {
    create_before_destroy = true
  }

  # CloudWatch Logs tries the permission, or the role, when the filter is created.
  depends_on = [aws_lambda_permission.log_groups, aws_iam_role_policy.stream_writer]
}
