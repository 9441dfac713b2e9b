output "function_arn" {
  description = "ARN of the Lambda function"
  value       = aws_lambda_function.this.arn
}

output "function_name" {
  description = "Name of the Lambda function"
  value       = aws_lambda_function.this.function_name
}

output "role_name" {
  description = "Name of the function's IAM role"
  value       = aws_iam_role.function.name
}

output "log_group_name" {
  description = "Name of the function's own log group"
  value       = aws_cloudwatch_log_group.function.name
}

output "slack_webhook_secret_arn" {
  description = "ARN of the secret that holds the Slack webhook: yours, or the one to fill"
  value       = local.secret_arn
}

output "failures_queue_url" {
  description = "URL of the SQS queue with the dead letters: what Slack did not take for three days"
  value       = aws_sqs_queue.failures.url
}

output "test_command" {
  description = "Shell command that sends a test message to every channel, prints what each answered, and fails if one did not accept it"
  # By standard input, which every version of the AWS CLI reads as it is. The function's answer comes first, then `None` or the
  # kind of its error: `None` is not shown, and anything else makes the command fail.
  value = join(" ", [
    "echo '{\"test\": true}' |",
    "aws lambda invoke --region ${local.region} --function-name ${aws_lambda_function.this.function_name}",
    "--payload fileb:///dev/stdin --query FunctionError --output text /dev/stdout |",
    "awk 'BEGIN { failed = 1 } { failed = !sub(/None$/, \"\"); print } END { exit failed }'",
  ])
}

output "redrive_command" {
  description = "Shell command that moves the dead letters back to the retry queue"
  value = join(" ", [
    "aws sqs start-message-move-task --region ${local.region}",
    "--source-arn ${aws_sqs_queue.failures.arn} --destination-arn ${aws_sqs_queue.retry.arn}",
  ])
}

output "destination_arn" {
  description = "With `stream`: ARN of the destination that `modules/sender` of other accounts sends to, in this region. Else `null`"
  value       = one(aws_cloudwatch_log_destination.this[*].arn)

  # A sender may subscribe once the policy is there.
  depends_on = [aws_cloudwatch_log_destination_policy.this]
}

output "stream_arn" {
  description = "With `stream`: ARN of the Kinesis stream, for `modules/destination` in other regions. Else `null`"
  value       = one(aws_kinesis_stream.this[*].arn)
}

output "stream_writer_role_arn" {
  description = "With `stream`: ARN of the role that CloudWatch Logs writes to the stream with, for `modules/destination`. Else `null`"
  value       = one(aws_iam_role.stream_writer[*].arn)

  # CloudWatch Logs tries the role when a destination is created.
  depends_on = [aws_iam_role_policy.stream_writer]
}

output "history_table_name" {
  description = "With `history`: name of the DynamoDB table, for `aurora-connection-audit learn`. Else `null`"
  value       = one(aws_dynamodb_table.history[*].name)
}

output "lambda_zip_sha256" {
  description = "SHA-256 of the function's zip, as `sha256sum` prints it; `null` for a zip from S3"
  value       = var.lambda_zip_s3 == null ? try(filesha256(local.lambda_zip), null) : null
}
