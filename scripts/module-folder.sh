#!/usr/bin/env bash
# Lays out the module as users get it: with the function's zip inside, so that they need neither Rust nor Nix.
#
#   scripts/module-folder.sh FOLDER LAMBDA.zip
#
# FOLDER must be empty or new. It gets the module at its root, modules/, examples/, lambda.zip and its SHA-256.
# The release archive and the repository for registries are made of it.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: scripts/module-folder.sh FOLDER LAMBDA.zip" >&2
  exit 2
fi
folder=$1 lambda_zip=$2 repository=$(dirname "$0")/..
[ -f "$lambda_zip" ] || {
  echo "scripts/module-folder.sh: no $lambda_zip; build it with \`nix build .#lambda-zip\` or scripts/build-lambda.sh" >&2
  exit 1
}

copy() { # FROM TO: what Terraform reads and what people read, but no state, no cache, no tests
  mkdir -p "$2"
  cp "$1"/*.tf "$2"
  [ ! -f "$1/README.md" ] || cp "$1/README.md" "$2"
}
copy "$repository/terraform" "$folder"
for source in "$repository"/terraform/modules/*/; do copy "$source" "$folder/modules/$(basename "$source")"; done
for source in "$repository"/examples/*/; do copy "$source" "$folder/examples/$(basename "$source")"; done
cp "$repository"/LICENSE-* "$repository/CHANGELOG.md" "$folder"
cp "$lambda_zip" "$folder/lambda.zip"
(cd "$folder" && sha256sum lambda.zip >lambda.zip.sha256)

# shellcheck disable=SC2016 # the pattern is Terraform's
# One folder less on the way from an example to the module, and no zip to build or name.
sed -i -e 's|"../../terraform"|"../.."|' -e 's|"../../terraform/modules/|"../../modules/|' \
  -e '/^  lambda_zip = "\${path.module}/d' -e '/^#   nix build /d' "$folder"/examples/*/*.tf
sed -i -e 's|(\.\./examples/|(examples/|g' -e 's|(\.\./CHANGELOG|(CHANGELOG|g' "$folder/README.md"
sed -i 's|(\.\./\.\./\.\./examples/|(../../examples/|g' "$folder"/modules/*/README.md
find "$folder" -path "$folder/.git" -prune -o -type f -exec chmod 0644 {} +
