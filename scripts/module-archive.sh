#!/usr/bin/env bash
# Packs the module, its submodules, the examples and the function's zip, to be used as
#   source = "https://.../OUT.zip?checksum=sha256:..."
#   source = "https://.../OUT.zip//modules/sender?checksum=sha256:..."
# The same input gives the same bytes: fixed order, times and modes.
#
#   scripts/module-archive.sh OUT.zip LAMBDA.zip
set -euo pipefail
export LC_ALL=C TZ=UTC

if [ $# -ne 2 ]; then
  echo "usage: scripts/module-archive.sh OUT.zip LAMBDA.zip" >&2
  exit 2
fi
out=$(realpath -m "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$BASH" "$(dirname "$0")/module-folder.sh" "$folder" "$2"

rm -f "$out"
cd "$folder"
find . -type f -exec touch -d 1980-01-01T00:00:00Z {} +
find . -type f -printf '%P\n' | sort | zip --quiet -X -9 -@ "$out"
