# What the module refuses in notification.rules: each fault is named, with the rule it stands in.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  log_groups = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip = "versions.tf" # any file: nothing opens it here
}

run "every_form_of_a_rule" {
  command = plan

  variables {
    history = {}
    notification = {
      rules = [
        {
          when = {
            users        = ["rdsadmin", "batch_*"]
            databases    = ["orders_?"]
            hosts        = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "2001:db8::7", "[local]"]
            applications = ["psql"]
            clusters     = ["orders"]
            accounts     = ["210987654321"]
            events       = ["authorized", "rejected", "disconnected", "probed", "suspicious"]
            tls          = false
          }
          then = "ignore"
        },
        { when = { refusals_before = 5 }, then = { channel = "security" } },
        { when = { new = ["user", "network", "database"] }, then = { channel = "new" } },
        { when = { new = false }, then = "ignore" },
        { when = { users = ["dba_*"] }, then = { channel = "dba" } },
        { when = {}, then = "ignore" },
      ]
    }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables.RULES) == var.notification.rules
    error_message = "RULES must hold the rules as they were given."
  }
}

run "unknown_key_of_a_rule" {
  command = plan

  variables {
    notification = { rules = [{ if = {}, when = {}, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "unknown_key_of_when" {
  command = plan

  variables {
    notification = { rules = [{ when = { user = ["batch"] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "rule_without_when" {
  command = plan

  variables {
    notification = { rules = [{ then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "rule_without_then" {
  command = plan

  variables {
    notification = { rules = [{ when = {} }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "rule_that_is_no_object" {
  command = plan

  variables {
    notification = { rules = ["ignore"] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "unknown_then" {
  command = plan

  variables {
    notification = { rules = [{ when = {}, then = "drop" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "then_with_two_keys" {
  command = plan

  variables {
    notification = { rules = [{ when = {}, then = { channel = "dba", level = "high" } }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "channel_without_name" {
  command = plan

  variables {
    notification = { rules = [{ when = {}, then = { channel = "" } }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "users_that_are_no_list" {
  command = plan

  variables {
    notification = { rules = [{ when = { users = "batch" }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "users_without_any" {
  command = plan

  variables {
    notification = { rules = [{ when = { users = [] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "users_with_an_empty_name" {
  command = plan

  variables {
    notification = { rules = [{ when = { users = ["batch", ""] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "users_with_a_number" {
  command = plan

  variables {
    notification = { rules = [{ when = { users = ["batch", 7] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "host_that_is_no_address" {
  command = plan

  variables {
    notification = { rules = [{ when = { hosts = ["10.0.0.0/8", "app.example.com"] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "cidr_block_too_long" {
  command = plan

  variables {
    notification = { rules = [{ when = { hosts = ["10.0.0.0/33"] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "unknown_event" {
  command = plan

  variables {
    notification = { rules = [{ when = { events = ["received"] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "tls_as_a_string" {
  command = plan

  variables {
    notification = { rules = [{ when = { tls = "yes" }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "rules_that_are_no_list" {
  command = plan

  variables {
    notification = { rules = { when = {}, then = "ignore" } }
  }

  expect_failures = [var.notification]
}

run "new_as_a_name" {
  command = plan

  variables {
    history      = {}
    notification = { rules = [{ when = { new = "user" }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "new_of_an_unknown_kind" {
  command = plan

  variables {
    history      = {}
    notification = { rules = [{ when = { new = ["application"] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "new_of_nothing" {
  command = plan

  variables {
    history      = {}
    notification = { rules = [{ when = { new = [] }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "new_without_a_history" {
  command = plan

  variables {
    notification = { rules = [{ when = { new = true }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refusals_before_zero" {
  command = plan

  variables {
    notification = { rules = [{ when = { refusals_before = 0 }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refusals_before_as_a_string" {
  command = plan

  variables {
    notification = { rules = [{ when = { refusals_before = "5" }, then = "ignore" }] }
  }

  expect_failures = [aws_lambda_function.this]
}
