output "function_name" {
  description = "Name of the Lambda function"
  value       = module.connection_audit.function_name
}

output "failures_queue_url" {
  description = "The queue with what could not be delivered"
  value       = module.connection_audit.failures_queue_url
}

output "alarm_topic_arn" {
  description = "The topic to subscribe to"
  value       = aws_sns_topic.alarms.arn
}

output "cluster_endpoints" {
  description = "Where to connect, to see the first message in Slack"
  value       = { for name, cluster in aws_rds_cluster.this : name => cluster.endpoint }
}
