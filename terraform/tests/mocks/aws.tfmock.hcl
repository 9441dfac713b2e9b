# Values that AWS would give, where the provider looks at their form.

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/aurora-connection-audit"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/aurora-connection-audit"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn = "arn:aws:lambda:us-east-1:123456789012:function:aurora-connection-audit"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:aurora-connection-audit-slack-webhook-a1b2c3"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:us-east-1:123456789012:aurora-connection-audit-failures"
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/aurora-connection-audit-failures"
  }
}

mock_resource "aws_kinesis_stream" {
  defaults = {
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/aurora-connection-audit"
  }
}

mock_resource "aws_cloudwatch_log_destination" {
  defaults = {
    arn = "arn:aws:logs:us-east-1:123456789012:destination:aurora-connection-audit"
  }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/aurora-connection-audit-history"
  }
}
