# A fleet: an audit account with the function and a stream, and an account that sends to it. One message a minute for all.
#
#   nix build .#lambda-zip            # at the repository root; without Nix: scripts/build-lambda.sh
#   terraform init
#   terraform apply -var organization_id=o-... -var staging_account_id=... -var staging_role_arn=arn:aws:iam::...
#
# Then fill the secret and send the test message, as in ../simple.

module "connection_audit" {
  source = "../../terraform"

  log_groups = { for cluster in var.clusters : cluster => "/aws/rds/cluster/${cluster}/postgresql" }
  lambda_zip = "${path.module}/../../result/lambda.zip"

  stream = {
    window_seconds  = 60
    organization_id = var.organization_id
  }

  history        = {}
  access_summary = { schedule = "cron(0 9 ? * MON *)" }

  notification = {
    accounts = { (var.staging_account_id) = "staging" }

    # What is new at once, known logins never, refusals to a channel of their own.
    rules = [
      { when = { events = ["rejected"] }, then = { channel = "security" } },
      { when = { refusals_before = 5 }, then = { channel = "security" } },
      { when = { new = false }, then = "ignore" },
    ]
  }
}

module "staging" {
  source    = "../../terraform/modules/sender"
  providers = { aws = aws.staging }

  destination_arn = module.connection_audit.destination_arn
  log_groups      = [for cluster in var.staging_clusters : "/aws/rds/cluster/${cluster}/postgresql"]
}
