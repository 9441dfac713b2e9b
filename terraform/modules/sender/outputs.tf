output "role_name" {
  description = "Name of the role that CloudWatch Logs sends with"
  value       = aws_iam_role.this.name
}
