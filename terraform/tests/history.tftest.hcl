# What the function remembers, and the summary of it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "versions.tf" # any file: nothing opens it here
  history    = {}
}

run "by_default" {
  assert {
    condition = (
      aws_dynamodb_table.history[0].hash_key == "k" && one(aws_dynamodb_table.history[0].attribute).type == "S"
      && one(aws_dynamodb_table.history[0].ttl).attribute_name == "ttl" && one(aws_dynamodb_table.history[0].ttl).enabled
      && aws_dynamodb_table.history[0].billing_mode == "PAY_PER_REQUEST"
      && aws_dynamodb_table.history[0].deletion_protection_enabled == false
      && one(aws_dynamodb_table.history[0].point_in_time_recovery).enabled == false
      && length(aws_dynamodb_table.history[0].server_side_encryption) == 0
      && one(aws_dynamodb_table.history[0].on_demand_throughput).max_write_request_units == 500
      && one(aws_dynamodb_table.history[0].on_demand_throughput).max_read_request_units == 2000
    )
    error_message = "The table must be as the function reads it."
  }

  assert {
    condition = { for variable, value in aws_lambda_function.this.environment[0].variables : variable => value if startswith(variable, "HISTORY_") } == {
      HISTORY_TABLE = output.history_table_name
      HISTORY_DAYS  = "30"
    } && output.history_table_name == "aurora-connection-audit-history"
    error_message = "The function, and whoever learns from a log, must know the table."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : [statement.Action, statement.Resource] if statement.Sid == "KnowLogins"] == [
      [["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], [aws_dynamodb_table.history[0].arn]]
    ]
    error_message = "Two actions on one table."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "let-in-after-refusals")
    error_message = "Without metrics there is nothing that the alarm could watch."
  }

  assert {
    condition     = length(aws_scheduler_schedule.access_summary) == 0 && length(aws_iam_role.access_summary) == 0
    error_message = "No summary unless asked for."
  }
}

run "everything_given" {
  variables {
    history = {
      days                   = 90
      networks               = ["10.0.0.0/16", "2001:db8::/48"]
      point_in_time_recovery = true
      deletion_protection    = true
      max_write_units        = 50
      max_read_units         = 100
    }
    access_summary           = { schedule = "cron(0 9 ? * MON *)" }
    notification             = { time_zone = "Europe/Berlin", rules = [{ when = { new = true }, then = { channel = "new" } }] }
    kms_key_arn              = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    tags                     = { team = "platform" }
  }

  assert {
    condition = (
      aws_dynamodb_table.history[0].deletion_protection_enabled
      && one(aws_dynamodb_table.history[0].point_in_time_recovery).enabled
      && one(aws_dynamodb_table.history[0].server_side_encryption).kms_key_arn == var.kms_key_arn
      && aws_dynamodb_table.history[0].tags == var.tags
      && one(aws_dynamodb_table.history[0].on_demand_throughput).max_write_request_units == 50
      && one(aws_dynamodb_table.history[0].on_demand_throughput).max_read_request_units == 100
    )
    error_message = "Protection, recovery, key, tags and caps must be as given."
  }

  assert {
    condition = (
      aws_lambda_function.this.environment[0].variables.HISTORY_DAYS == "90"
      && aws_lambda_function.this.environment[0].variables.HISTORY_NETWORKS == "[\"10.0.0.0/16\",\"2001:db8::/48\"]"
    )
    error_message = "Days and networks must reach the function."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Action if statement.Sid == "KnowLogins"] == [
      ["dynamodb:BatchGetItem", "dynamodb:UpdateItem", "dynamodb:Scan"]
    ]
    error_message = "The summary, and nothing else, reads the whole table."
  }

  assert {
    condition = (
      aws_scheduler_schedule.access_summary[0].schedule_expression == "cron(0 9 ? * MON *)"
      && aws_scheduler_schedule.access_summary[0].schedule_expression_timezone == "Europe/Berlin"
      && one(aws_scheduler_schedule.access_summary[0].target).arn == aws_lambda_function.this.arn
      && one(aws_scheduler_schedule.access_summary[0].target).role_arn == aws_iam_role.access_summary[0].arn
      && one(aws_scheduler_schedule.access_summary[0].target).input == "{\"access_summary\":true}"
    )
    error_message = "The schedule must ask the function for the summary."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.access_summary[0].policy).Statement : [statement.Action, statement.Resource]] == [
      [["lambda:InvokeFunction"], [aws_lambda_function.this.arn]]
    ]
    error_message = "The schedule may invoke this function, and nothing else."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role.access_summary[0].assume_role_policy).Statement : [statement.Principal, statement.Condition]] == [
      [{ Service = "scheduler.amazonaws.com" }, { StringEquals = { "aws:SourceAccount" = "123456789012" } }]
    ]
    error_message = "EventBridge Scheduler may take the role, for this account alone."
  }

  assert {
    condition     = aws_iam_role.access_summary[0].permissions_boundary == var.permissions_boundary_arn && aws_iam_role.access_summary[0].tags == var.tags
    error_message = "Every role must carry the boundary and the tags."
  }
}

run "summary_in_the_functions_own_time_zone" {
  command = plan

  variables {
    access_summary = { schedule = "rate(1 day)" }
  }

  assert {
    condition     = aws_scheduler_schedule.access_summary[0].schedule_expression_timezone == "Asia/Tokyo"
    error_message = "Without a time zone the function's default is the schedule's."
  }
}
