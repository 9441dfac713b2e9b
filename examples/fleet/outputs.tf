output "slack_webhook_secret_arn" {
  description = "The secret to fill: a JSON object of channel to webhook URL, with `default` and `security`"
  value       = module.connection_audit.slack_webhook_secret_arn
}

output "test_command" {
  description = "Sends a test message to both channels"
  value       = module.connection_audit.test_command
}

output "destination_arn" {
  description = "What the senders of other accounts need"
  value       = module.connection_audit.destination_arn
}
