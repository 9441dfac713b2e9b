# modules/destination.

mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_destination" {
    defaults = {
      arn = "arn:aws:logs:eu-central-1:123456789012:destination:aurora-connection-audit"
    }
  }
}

run "leads_to_the_stream" {
  module {
    source = "./modules/destination"
  }

  variables {
    stream_arn             = "arn:aws:kinesis:us-east-1:123456789012:stream/aurora-connection-audit"
    stream_writer_role_arn = "arn:aws:iam::123456789012:role/aurora-connection-audit-stream-writer"
    organization_id        = "o-a1b2c3d4e5"
    account_ids            = ["210987654321"]
  }

  assert {
    condition = (
      aws_cloudwatch_log_destination.this.target_arn == var.stream_arn
      && aws_cloudwatch_log_destination.this.role_arn == var.stream_writer_role_arn
      && output.destination_arn == aws_cloudwatch_log_destination.this.arn
    )
    error_message = "The destination must lead to the stream, by the main module's role."
  }

  assert {
    condition = [for statement in jsondecode(aws_cloudwatch_log_destination_policy.this.access_policy).Statement : jsonencode([statement.Principal, try(statement.Condition, null)])] == [
      jsonencode([{ AWS = ["123456789012", "210987654321"] }, null]),
      jsonencode(["*", { StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }]),
    ]
    error_message = "The accounts and the organisation, and nobody else, may subscribe to the destination."
  }
}
