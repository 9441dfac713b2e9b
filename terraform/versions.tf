terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.73" # aws_dynamodb_table.on_demand_throughput; 5.72 has it, and crashes
    }
  }
}
