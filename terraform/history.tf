# What the function knows of earlier logins: first seen, and refusals that other processes have seen.

resource "aws_dynamodb_table" "history" {
  # checkov:skip=CKV_AWS_28: history.point_in_time_recovery, off by default: a lost table tells logins as new once more
  # checkov:skip=CKV_AWS_119: kms_key_arn is the customer key; without one DynamoDB's own key encrypts
  # checkov:skip=CKV2_AWS_16: on demand, there is nothing to scale
  count = var.history == null ? 0 : 1

  name                        = "${var.name}-history"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "k"
  deletion_protection_enabled = var.history.deletion_protection
  tags                        = var.tags

  attribute {
    name = "k"
    type = "S"
  }

  ttl {
    enabled        = true
    attribute_name = "ttl"
  }

  # A bound on what a month can cost. What is throttled is written with the next such login; until it is read, all is told.
  on_demand_throughput {
    max_write_request_units = var.history.max_write_units
    max_read_request_units  = var.history.max_read_units
  }

  point_in_time_recovery {
    enabled = var.history.point_in_time_recovery
  }

  # Without a key of one's own there is no block: DynamoDB's own key encrypts and costs nothing.
  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn[*]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
