# modules/sender.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::210987654321:role/aurora-connection-audit-sender"
    }
  }
}

variables {
  destination_arn = "arn:aws:logs:eu-west-1:123456789012:destination:aurora-connection-audit"
}

run "log_groups" {
  module {
    source = "./modules/sender"
  }

  variables {
    log_groups               = ["/aws/rds/cluster/orders/postgresql", "/aws/rds/instance/ledger/postgresql", "/databases/own"]
    filter_pattern           = "?\"FATAL:\""
    permissions_boundary_arn = "arn:aws:iam::210987654321:policy/boundary"
    tags                     = { team = "platform" }
  }

  assert {
    condition = alltrue([for log_group in var.log_groups : alltrue([
      aws_cloudwatch_log_subscription_filter.this[log_group].destination_arn == var.destination_arn,
      aws_cloudwatch_log_subscription_filter.this[log_group].role_arn == aws_iam_role.this.arn,
      aws_cloudwatch_log_subscription_filter.this[log_group].filter_pattern == var.filter_pattern,
      aws_cloudwatch_log_subscription_filter.this[log_group].distribution == "ByLogStream",
    ])])
    error_message = "Each log group must be sent to the destination, a log stream to one shard."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [statement.Action, statement.Resource]] == [[["logs:PutLogEvents"], [
      "arn:aws:logs:eu-west-1:210987654321:log-group:/aws/rds/*", "arn:aws:logs:eu-west-1:210987654321:log-group:/databases/own:*",
    ]]]
    error_message = "The role may send these log groups, and nothing else."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn && aws_iam_role.this.tags == var.tags
    error_message = "The role must carry the boundary and the tags."
  }

  assert {
    condition     = length(aws_cloudwatch_log_account_policy.this) == 0
    error_message = "With log groups there is no policy of the account."
  }
}

run "account_policy" {
  module {
    source = "./modules/sender"
  }

  variables {
    account_policy = { except_log_groups = ["/aws/lambda/noisy", "/vpc/flow"] }
  }

  assert {
    condition = jsondecode(aws_cloudwatch_log_account_policy.this[0].policy_document) == {
      DestinationArn = var.destination_arn
      RoleArn        = aws_iam_role.this.arn
      FilterPattern  = ""
      Distribution   = "ByLogStream"
    }
    error_message = "The policy must send every log event to the destination."
  }

  assert {
    condition = (
      aws_cloudwatch_log_account_policy.this[0].policy_type == "SUBSCRIPTION_FILTER_POLICY"
      && aws_cloudwatch_log_account_policy.this[0].selection_criteria == "LogGroupName NOT IN [\"/aws/lambda/noisy\",\"/vpc/flow\"]"
      && length(aws_cloudwatch_log_subscription_filter.this) == 0
    )
    error_message = "All log groups but the excepted ones, by one policy and no filter."
  }
}

run "account_policy_without_exception" {
  command = plan

  module {
    source = "./modules/sender"
  }

  variables {
    account_policy = {}
  }

  assert {
    condition     = aws_cloudwatch_log_account_policy.this[0].selection_criteria == null
    error_message = "Without exceptions there is no selection."
  }
}

run "neither" {
  command = plan

  module {
    source = "./modules/sender"
  }

  expect_failures = [var.log_groups]
}

run "both" {
  command = plan

  module {
    source = "./modules/sender"
  }

  variables {
    log_groups     = ["/aws/rds/cluster/orders/postgresql"]
    account_policy = {}
  }

  expect_failures = [var.log_groups]
}

run "log_group_by_arn" {
  command = plan

  module {
    source = "./modules/sender"
  }

  variables {
    log_groups = ["arn:aws:logs:eu-west-1:210987654321:log-group:/aws/rds/cluster/orders/postgresql"]
  }

  expect_failures = [var.log_groups]
}

run "stream_in_place_of_a_destination" {
  command = plan

  module {
    source = "./modules/sender"
  }

  variables {
    log_groups      = ["/aws/rds/cluster/orders/postgresql"]
    destination_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/aurora-connection-audit"
  }

  expect_failures = [var.destination_arn]
}
