#!/usr/bin/env bash
# package-lambda.sh BOOTSTRAP ZIP: packs the function for AWS Lambda.
# The one packaging rule: flake.nix and build-lambda.sh both end here. Equal binaries give equal
# zips: one entry, mode 0755, the oldest time a zip can hold, no extra fields.
set -euo pipefail
[[ $# == 2 ]] || { echo "usage: ${0##*/} BOOTSTRAP ZIP" >&2; exit 2; }
binary=$1 zip=$2

kind=$(file -b "$binary")
if ! [[ $kind =~ ^ELF\ 64-bit\ LSB.*ARM\ aarch64.*(statically|static-pie)\ linked ]]; then
  echo "${0##*/}: $binary is not a static arm64 executable: $kind" >&2
  exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install -m 755 "$binary" "$folder/bootstrap"
export TZ=UTC # a zip holds local time
touch -t 198001010000 "$folder/bootstrap"
(cd "$folder" && zip -q -X -9 lambda.zip bootstrap)
mkdir -p "$(dirname "$zip")"
install -m 644 "$folder/lambda.zip" "$zip"
