terraform {
  required_version = ">= 1.9" # optional() with `any`, and preconditions that read other variables

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.32" # aws_lambda_function.logging_config
    }
  }
}
