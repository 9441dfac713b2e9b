resource "aws_iam_role" "function" {
  name                 = var.name
  description          = "Role of the Lambda function ${var.name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name = var.name
  role = aws_iam_role.function.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteOwnLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
        },
        {
          Sid      = "ReadSlackWebhook"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = [local.secret_arn]
        },
        {
          Sid      = "KeepFailures"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = [aws_sqs_queue.failures.arn]
        },
      ],
      # Environment, queue and, where the module creates it, the secret.
      [for key in var.kms_key_arn[*] : {
        Sid      = "UseOwnKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [key]
      }],
      [for key in var.slack_webhook_secret[*].kms_key_arn : {
        Sid       = "DecryptSlackWebhook"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [key]
        Condition = { StringEquals = { "kms:EncryptionContext:SecretARN" = local.secret_arn } }
      } if key != null],
    )
  })
}
