# CloudWatch Logs sends the log events that contain one of these terms, and no other.
#
# A term is a part of the message itself. What precedes it depends on log_line_prefix, and with
# log_error_verbosity=verbose an SQLSTATE stands between the severity and the message.

locals {
  # Whatever is notified, the lines of one connection are told from forged ones, and a login that succeeded from one
  # that was refused after "connection authorized", only by holding all of them together.
  connection_terms = [
    "connection received", # the one line that a client's names cannot forge: host, port and process come from the server
    "connection authenticated",
    "connection authorized", # and "replication connection authorized"
    "connection ready",      # PostgreSQL 18
    "FATAL:",
    "disconnection: session time", # a FATAL with one after it ended a session; a FATAL without refused a login
  ]

  # The reason under a FATAL. Not every DETAIL: those of statements carry bind parameters and values of rows.
  reason_terms = [
    "DETAIL:  Role",     # "x" does not exist
    "DETAIL:  User",     # has no password, an expired one, no CONNECT privilege
    "DETAIL:  Password", # does not match
    "DETAIL:  Connection matched",
    "DETAIL:  Only roles with",
    "DETAIL:  Client IP address", # of log_hostname: what the address resolved to
    "DETAIL:  Could not resolve client",
    "DETAIL:  Consistent recovery",
    "DETAIL:  Hot standby",
    "DETAIL:  This could be", # evidence of a man in the middle
  ]

  terms = concat(local.connection_terms, contains(var.notification.notify_on, "rejected") ? local.reason_terms : [])

  filter_pattern = var.filter_pattern == null ? join(" ", [for term in local.terms : "?\"${term}\""]) : var.filter_pattern
}
