# Two Aurora clusters, a customer key, three Slack channels, alarms by SNS, what is new, a summary each Monday.
#
#   nix build .#lambda-zip            # at the repository root; without Nix: scripts/build-lambda.sh
#   terraform init
#   export TF_VAR_slack_webhooks='{"default":"https://hooks.slack.com/...","dba":"...","security":"..."}'
#   terraform apply

module "connection_audit" {
  source = "../../terraform"

  log_groups = { for shown, log_group in aws_cloudwatch_log_group.cluster : shown => log_group.name }
  lambda_zip = "${path.module}/../../result/lambda.zip"

  slack_webhook_secret = {
    arn         = aws_secretsmanager_secret.slack_webhooks.arn
    kms_key_arn = aws_kms_key.audit.arn
  }

  notification = {
    language  = "en"
    time_zone = "UTC"

    # What is new at once, known logins never, refusals to a channel of their own. DBAs are told each time.
    rules = [
      { when = { events = ["rejected"] }, then = { channel = "security" } },
      { when = { refusals_before = 5 }, then = { channel = "security" } },
      { when = { users = ["postgres", "dba_*"] }, then = { channel = "dba" } },
      { when = { new = false }, then = "ignore" },
    ]
  }

  history = {
    networks               = ["172.31.0.0/16"] # the default VPC is one network, whatever addresses its clients get
    point_in_time_recovery = true
  }
  access_summary = { schedule = "cron(0 9 ? * MON *)" }

  kms_key_arn   = aws_kms_key.audit.arn
  alarm_actions = [aws_sns_topic.alarms.arn]
  tags          = { service = "connection-audit" }

  # The role can read the webhooks only once they are there.
  depends_on = [aws_secretsmanager_secret_version.slack_webhooks]
}

resource "aws_secretsmanager_secret" "slack_webhooks" {
  # checkov:skip=CKV2_AWS_57: Slack has no interface to rotate a webhook
  name_prefix = "slack-webhooks-"
  kms_key_id  = aws_kms_key.audit.arn
}

resource "aws_secretsmanager_secret_version" "slack_webhooks" {
  secret_id                = aws_secretsmanager_secret.slack_webhooks.id
  secret_string_wo         = jsonencode(var.slack_webhooks)
  secret_string_wo_version = var.slack_webhooks_version
}

resource "aws_sns_topic" "alarms" {
  name              = "connection-audit-alarms"
  kms_master_key_id = aws_kms_key.audit.arn
}
