#!/usr/bin/env bash
# Prints the setting that lets `terraform init` take the AWS provider from an unpacked mirror on this machine
# (a folder registry.terraform.io/hashicorp/aws), for machines without internet access:
#   eval "$(tests/deployment/terraform-mirror.sh FOLDER)"     # FOLDER: where to keep the configuration
# Prints nothing where there is no mirror: Terraform then downloads the provider as usual.
set -euo pipefail

mirror=$(find / -maxdepth 4 -type d -path '*/registry.terraform.io/hashicorp' -not -path '/proc/*' -print -quit 2>/dev/null || true)
[ -n "$mirror" ] || exit 0

cat >"$1/mirror.tfrc" <<EOF
provider_installation {
  filesystem_mirror { path = "${mirror%/registry.terraform.io/hashicorp}" }
}
disable_checkpoint = true
EOF
printf 'export TF_CLI_CONFIG_FILE=%q\n' "$1/mirror.tfrc"
