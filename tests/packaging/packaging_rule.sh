#!/usr/bin/env bash
# packaging_rule.sh ZIP: package-lambda packs equal binaries to equal zips, whatever their name, time
# and mode, and refuses what Lambda's arm64 cannot run. build-lambda.sh made ZIP.
set -euo pipefail
[[ $# == 1 && -f $1 ]] || { echo "usage: ${0##*/} ZIP" >&2; exit 2; }
zip=$(realpath "$1")
package=$(realpath "$(dirname "$0")/../../target/package-lambda/release/package-lambda")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m zipfile -e "$zip" unpacked
mv unpacked/bootstrap "another name"
chmod 600 "another name"
touch -d 2001-02-03 "another name"
(umask 077 && TZ=Asia/Tokyo "$package" "another name" again.zip)
cmp "$zip" again.zip

printf '\0' >>"another name" # one byte more
"$package" "another name" longer.zip
if cmp -s "$zip" longer.zip; then
  echo "${0##*/}: another binary, yet the same zip" >&2
  exit 1
fi

head -c 100 "another name" >"cut off"
echo "exit 0" >script
for other in /bin/true "cut off" script; do
  if "$package" "$other" other.zip 2>message || [[ -e other.zip ]]; then
    echo "${0##*/}: packed $other, which is no static arm64 executable" >&2
    exit 1
  fi
  grep -qF "$other is not a static arm64 executable" message
done
echo "one packaging rule: kept"
