# The clusters, as they must be for the audit: the parameter group writes the lines, the export brings them to
# CloudWatch Logs. They are made in the default VPC, and scale to zero when nobody is connected.

locals {
  clusters = toset(["orders", "ledger"])
}

resource "aws_rds_cluster_parameter_group" "audited" {
  name        = "connection-audit-aurora-postgresql16"
  family      = "aurora-postgresql16"
  description = "Logs connections and disconnections"

  parameter {
    name  = "log_connections"
    value = "1"
  }

  # Told if notification.notify_on has "disconnected".
  parameter {
    name  = "log_disconnections"
    value = "1"
  }

  # A name in place of the address is what the client's DNS says, so it stays off, which is RDS's default.
  parameter {
    name  = "log_hostname"
    value = "0"
  }
}

# Created before the cluster. RDS would otherwise create it without retention and key.
resource "aws_cloudwatch_log_group" "cluster" {
  for_each = local.clusters

  name              = "/aws/rds/cluster/${each.key}/postgresql"
  retention_in_days = 365
  kms_key_id        = aws_kms_key.audit.arn
}

resource "aws_rds_cluster" "this" {
  # checkov:skip=CKV_AWS_139: an example that can be destroyed; a cluster with data sets deletion_protection
  # checkov:skip=CKV2_AWS_8: backups are no part of the audit; Aurora keeps its own
  # checkov:skip=CKV2_AWS_27: statements are not audited here, and their log holds the data of the tables
  for_each = local.clusters

  cluster_identifier              = each.key
  engine                          = "aurora-postgresql"
  engine_version                  = "16.6"
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.audited.name
  enabled_cloudwatch_logs_exports = ["postgresql"]

  master_username                     = "postgres"
  manage_master_user_password         = true
  iam_database_authentication_enabled = true
  storage_encrypted                   = true
  kms_key_id                          = aws_kms_key.audit.arn
  copy_tags_to_snapshot               = true
  skip_final_snapshot                 = true # an example; a cluster with data keeps its snapshot

  serverlessv2_scaling_configuration {
    min_capacity = 0
    max_capacity = 1
  }

  depends_on = [aws_cloudwatch_log_group.cluster]
}

resource "aws_rds_cluster_instance" "this" {
  # checkov:skip=CKV_AWS_118: enhanced monitoring is no part of the audit, and needs a role of its own
  # checkov:skip=CKV_AWS_353: performance insights are no part of the audit
  for_each = aws_rds_cluster.this

  identifier                 = "${each.key}-1"
  cluster_identifier         = each.value.id
  engine                     = each.value.engine
  engine_version             = each.value.engine_version
  instance_class             = "db.serverless"
  auto_minor_version_upgrade = true
}
