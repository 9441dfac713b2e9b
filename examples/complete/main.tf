# Two Aurora clusters, a customer key, three Slack channels, alarms by SNS.
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
    notify_on = ["authorized", "rejected", "disconnected"]

    rules = [
      # Rules of one's own take the place of the default one, so RDS's own users stand here too. Who fails to log in
      # under their names is told.
      {
        when = {
          users  = ["rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser", "rdshm"]
          events = ["authorized", "disconnected"]
        }
        then = "ignore"
      },
      { when = { events = ["rejected"] }, then = { channel = "security" } },
      { when = { users = ["postgres", "dba_*"] }, then = { channel = "dba" } },
      { when = { hosts = ["10.0.0.0/16"], applications = ["orders-api"] }, then = "ignore" },
    ]
  }

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
