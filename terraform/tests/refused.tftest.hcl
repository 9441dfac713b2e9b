# Values that the module refuses.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "versions.tf" # any file: nothing opens it here
}

run "name_with_a_space" {
  command = plan

  variables {
    name = "connection audit"
  }

  expect_failures = [var.name]
}

run "name_too_long" {
  command = plan

  variables {
    name = join("", [for n in range(65) : "a"])
  }

  expect_failures = [var.name]
}

run "no_log_group" {
  command = plan

  variables {
    log_groups = {}
  }

  expect_failures = [var.log_groups]
}

run "log_group_by_arn" {
  command = plan

  variables {
    log_groups = { orders = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/rds/cluster/orders/postgresql:*" }
  }

  expect_failures = [var.log_groups]
}

run "shown_name_with_a_colon" {
  command = plan

  variables {
    log_groups = { "prod:orders" = "/aws/rds/cluster/orders/postgresql" }
  }

  expect_failures = [var.log_groups]
}

run "log_group_twice" {
  command = plan

  variables {
    log_groups = { a = "/aws/rds/cluster/orders/postgresql", b = "/aws/rds/cluster/orders/postgresql" }
  }

  expect_failures = [var.log_groups]
}

run "secret_by_name" {
  command = plan

  variables {
    slack_webhook_secret = { arn = "slack-webhook" }
  }

  expect_failures = [var.slack_webhook_secret]
}

run "secret_without_its_suffix" {
  command = plan

  variables {
    slack_webhook_secret = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack" }
  }

  expect_failures = [var.slack_webhook_secret]
}

run "unknown_language" {
  command = plan

  variables {
    notification = { language = "fr" }
  }

  expect_failures = [var.notification]
}

run "empty_language" {
  command = plan

  variables {
    notification = { language = "" }
  }

  expect_failures = [var.notification]
}

run "time_zone_by_offset" {
  command = plan

  variables {
    notification = { time_zone = "+09:00" }
  }

  expect_failures = [var.notification]
}

run "unknown_event" {
  command = plan

  variables {
    notification = { notify_on = ["authorized", "received"] }
  }

  expect_failures = [var.notification]
}

run "no_event" {
  command = plan

  variables {
    notification = { notify_on = [] }
  }

  expect_failures = [var.notification]
}

run "empty_prefix" {
  command = plan

  variables {
    notification = { log_line_prefix = "" }
  }

  expect_failures = [var.notification]
}

run "prefix_with_an_unknown_escape" {
  command = plan

  variables {
    notification = { log_line_prefix = "%t:%z:" }
  }

  expect_failures = [var.notification]
}

run "prefix_that_ends_in_a_lone_escape" {
  command = plan

  variables {
    notification = { log_line_prefix = "%t:%p:%" }
  }

  expect_failures = [var.notification]
}

run "metrics_namespace_of_aws" {
  command = plan

  variables {
    notification = { metrics_namespace = "AWS/RDS" }
  }

  expect_failures = [var.notification]
}

run "empty_metrics_namespace" {
  command = plan

  variables {
    notification = { metrics_namespace = "" }
  }

  expect_failures = [var.notification]
}

run "filter_pattern_too_long" {
  command = plan

  variables {
    filter_pattern = join("", [for n in range(205) : "terms"])
  }

  expect_failures = [var.filter_pattern]
}

run "key_by_alias" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/audit"
  }

  expect_failures = [var.kms_key_arn]
}

run "empty_key" {
  command = plan

  variables {
    kms_key_arn = ""
  }

  expect_failures = [var.kms_key_arn]
}

run "retention_not_offered" {
  command = plan

  variables {
    log_retention_days = 100
  }

  expect_failures = [var.log_retention_days]
}

run "concurrency_that_stops_it" {
  command = plan

  variables {
    reserved_concurrency = 0
  }

  expect_failures = [var.reserved_concurrency]
}

run "two_zips" {
  command = plan

  variables {
    lambda_zip_s3 = { bucket = "releases", key = "lambda.zip" }
  }

  expect_failures = [var.lambda_zip_s3]
}

run "account_by_name" {
  command = plan

  variables {
    notification = { accounts = { staging = "210987654321" } }
  }

  expect_failures = [var.notification]
}

run "account_with_an_empty_name" {
  command = plan

  variables {
    notification = { accounts = { "210987654321" = "" } }
  }

  expect_failures = [var.notification]
}

run "window_too_long" {
  command = plan

  variables {
    stream = { window_seconds = 301 }
  }

  expect_failures = [var.stream]
}

run "window_of_half_a_second" {
  command = plan

  variables {
    stream = { window_seconds = 0.5 }
  }

  expect_failures = [var.stream]
}

run "stream_that_keeps_too_little" {
  command = plan

  variables {
    stream = { retention_hours = 23 }
  }

  expect_failures = [var.stream]
}

run "stream_that_keeps_too_long" {
  command = plan

  variables {
    stream = { retention_hours = 169 }
  }

  expect_failures = [var.stream]
}

run "stream_without_a_shard" {
  command = plan

  variables {
    stream = { shard_count = 0 }
  }

  expect_failures = [var.stream]
}

run "organization_by_arn" {
  command = plan

  variables {
    stream = { organization_id = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5" }
  }

  expect_failures = [var.stream]
}

run "account_id_too_short" {
  command = plan

  variables {
    stream = { account_ids = ["12345678901"] }
  }

  expect_failures = [var.stream]
}

run "history_of_no_days" {
  command = plan

  variables {
    history = { days = 0 }
  }

  expect_failures = [var.history]
}

run "history_of_more_than_a_year" {
  command = plan

  variables {
    history = { days = 366 }
  }

  expect_failures = [var.history]
}

run "network_without_a_length" {
  command = plan

  variables {
    history = { networks = ["10.0.0.0"] }
  }

  expect_failures = [var.history]
}

run "table_that_takes_nothing" {
  command = plan

  variables {
    history = { max_write_units = 0 }
  }

  expect_failures = [var.history]
}

run "half_a_read_unit" {
  command = plan

  variables {
    history = { max_read_units = 0.5 }
  }

  expect_failures = [var.history]
}

run "summary_without_a_schedule" {
  command = plan

  variables {
    history        = {}
    access_summary = { schedule = "daily" }
  }

  expect_failures = [var.access_summary]
}

run "summary_without_a_history" {
  command = plan

  variables {
    access_summary = { schedule = "rate(1 day)" }
  }

  expect_failures = [var.access_summary]
}
