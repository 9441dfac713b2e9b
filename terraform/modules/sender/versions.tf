terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.59" # aws_cloudwatch_log_account_policy
    }
  }
}
