locals {
  secret_arn = var.slack_webhook_secret == null ? one(aws_secretsmanager_secret.slack_webhook[*].arn) : var.slack_webhook_secret.arn
}

# Created empty: its value is put in from outside, so that it never reaches Terraform's state.
resource "aws_secretsmanager_secret" "slack_webhook" {
  # checkov:skip=CKV2_AWS_57: Slack has no interface to rotate a webhook; the README says how it is done by hand
  count = var.slack_webhook_secret == null ? 1 : 0

  # A prefix, since a destroyed secret keeps its name taken for the 30 days in which it can be restored.
  name_prefix = "${var.name}-slack-webhook-"
  description = "Slack incoming webhook URL, or a JSON object of channel to URL with a default"
  kms_key_id  = var.kms_key_arn
  tags        = var.tags
}
