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
  description = "ARN of the secret that holds the Slack webhook: the given one, or the one to fill"
  value       = local.secret_arn
}

output "failures_queue_url" {
  description = "URL of the SQS queue with the events that could not be delivered"
  value       = aws_sqs_queue.failures.url
}
