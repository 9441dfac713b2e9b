# The least: one cluster, its log group's name. Region and credentials come from the environment, as for the AWS CLI.
#
#   nix build .#lambda-zip            # at the repository root; without Nix: scripts/build-lambda.sh
#   terraform init
#   terraform apply -var log_group=/aws/rds/cluster/orders/postgresql
#
# Then fill the secret, once; paste the webhook's URL and end with Ctrl-D:
#   aws secretsmanager put-secret-value --secret-string file:///dev/stdin \
#     --secret-id "$(terraform output -raw slack_webhook_secret_arn)"
#
# And see a message in Slack:
#   eval "$(terraform output -raw test_command)"

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.73"
    }
  }
}

variable "log_group" {
  description = "Log group with the cluster's PostgreSQL log, such as /aws/rds/cluster/orders/postgresql"
  type        = string
}

module "connection_audit" {
  source = "../../terraform"

  log_groups = { (basename(dirname(var.log_group))) = var.log_group } # shown as the cluster's identifier
  lambda_zip = "${path.module}/../../result/lambda.zip"
}

output "slack_webhook_secret_arn" {
  description = "The secret to fill with the webhook's URL"
  value       = module.connection_audit.slack_webhook_secret_arn
}

output "test_command" {
  description = "Sends a test message"
  value       = module.connection_audit.test_command
}

output "redrive_command" {
  description = "Gives the dead letters to the function again"
  value       = module.connection_audit.redrive_command
}
