variable "region" {
  description = "Region of the clusters and of the function"
  type        = string
  default     = "ap-northeast-1"
}

variable "organization_id" {
  description = "The organisation whose accounts may send, such as o-a1b2c3d4e5"
  type        = string
}

variable "staging_account_id" {
  description = "Id of another account of the organisation"
  type        = string
}

variable "staging_role_arn" {
  description = "Role of that account which may make roles and subscription filters there"
  type        = string
}

variable "clusters" {
  description = "Clusters of the audit account that export their log"
  type        = set(string)
  default     = ["orders"]
}

variable "staging_clusters" {
  description = "Clusters of the other account that export their log"
  type        = set(string)
  default     = ["orders", "ledger"]
}
