#!/usr/bin/env bash
# Packs the Terraform module with its submodules and the function's zip, to be used as
#   source = "https://.../OUT.zip?checksum=sha256:..."
#   source = "https://.../OUT.zip//modules/sender?checksum=sha256:..."
# The same input gives the same bytes: fixed order, times and modes.
#
#   scripts/module-archive.sh OUT.zip LAMBDA.zip [TERRAFORM_FOLDER]
set -euo pipefail
export LC_ALL=C TZ=UTC

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "usage: scripts/module-archive.sh OUT.zip LAMBDA.zip [TERRAFORM_FOLDER]" >&2
  exit 2
fi
out=$(realpath -m "$1")
lambda_zip=$2
module=${3:-$(dirname "$0")/../terraform}
[ -f "$lambda_zip" ] || {
  echo "scripts/module-archive.sh: no $lambda_zip; build it with \`nix build .#lambda-zip\` or scripts/build-lambda.sh" >&2
  exit 1
}
[ -f "$module/versions.tf" ] || {
  echo "scripts/module-archive.sh: $module is not the module's folder" >&2
  exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for source in "$module" "$module"/modules/*/; do
  target=$folder/$(realpath --relative-to="$module" "$source")
  mkdir -p "$target"
  cp "$source"/*.tf "$source/README.md" "$target"
done
cp "$lambda_zip" "$folder/lambda.zip"

rm -f "$out"
cd "$folder"
find . -type f -exec chmod 0644 {} + -exec touch -d 1980-01-01T00:00:00Z {} +
find . -type f -printf '%P\n' | sort | zip --quiet -X -9 -@ "$out"
