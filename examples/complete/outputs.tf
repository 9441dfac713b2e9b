output "function_name" {
  description = "Name of the Lambda function"
  value       = module.connection_audit.function_name
}

output "test_command" {
  description = "Sends a test message to every channel"
  value       = module.connection_audit.test_command
}

output "redrive_command" {
  description = "Gives the dead letters to the function again"
  value       = module.connection_audit.redrive_command
}

output "alarm_topic_arn" {
  description = "The topic to subscribe to"
  value       = aws_sns_topic.alarms.arn
}

output "cluster_endpoints" {
  description = "Where to connect, to see the first message in Slack"
  value       = { for name, cluster in aws_rds_cluster.this : name => cluster.endpoint }
}
