terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.73" # the module
    }
  }
}

# The audit account: the caller's own.
provider "aws" {
  region = var.region
}

# Another account, with clusters. A real fleet has a stack there, with `destination_arn` as a variable.
provider "aws" {
  alias  = "staging"
  region = var.region

  assume_role {
    role_arn = var.staging_role_arn
  }
}
