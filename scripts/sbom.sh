#!/usr/bin/env bash
# sbom.sh [FILE]: what is inside lambda.zip, by name, version, checksum and licence, as a CycloneDX
# bill of materials. FILE is result/bootstrap.cdx.json unless given.
# Needs jq and cargo-cyclonedx: cargo install --locked cargo-cyclonedx@0.5.9
set -euo pipefail
output=$(realpath -m "${1:-result/bootstrap.cdx.json}")
cd "$(dirname "$0")/.."

for tool in jq cargo-cyclonedx; do
  command -v "$tool" >/dev/null || { echo "${0##*/}: install $tool first" >&2; exit 1; }
done

function_only=(--no-default-features --target aarch64-unknown-linux-musl)
export SOURCE_DATE_EPOCH=315532800 # a fixed time: equal sources give an equal file
cargo cyclonedx --quiet --format json --spec-version 1.5 --override-filename sbom "${function_only[@]}"
trap 'rm -f sbom.json' EXIT

# cargo-cyclonedx lists all that Cargo.lock could bring; cargo tree knows what is compiled in.
inside=$(cargo tree --locked "${function_only[@]}" --edges normal,no-proc-macro \
  --prefix none --no-dedupe --format '{p}' | awk '{ sub(/^v/, "", $2); print $1 "@" $2 }' | sort -u)
rust=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
mkdir -p "$(dirname "$output")"
jq --arg inside "$inside" --arg root "path+file://$PWD#" --arg rust "$rust" '
  ($inside | split("\n")) as $crates
  | .components |= map(select("\(.name)@\(.version)" as $crate | $crates | index($crate)))
  | ([.components[]["bom-ref"], .metadata.component["bom-ref"]]) as $refs
  | .dependencies |= map(
      select(.ref as $ref | $refs | index($ref))
      | if .dependsOn then .dependsOn |= map(select(. as $ref | $refs | index($ref))) else . end)
  | (.components[] | select(.name == "curl-sys").version | split("+curl-")[1]) as $curl
  | .components += [
      { type: "library", name: "libcurl", version: $curl, description: "C library, in curl-sys",
        licenses: [{ license: { id: "curl" } }] },
      { type: "library", name: "zlib", description: "C library, in libz-sys", licenses: [{ license: { id: "Zlib" } }] },
      { type: "library", name: "rust-std", version: $rust, licenses: [{ expression: "MIT OR Apache-2.0" }] },
      { type: "library", name: "musl", description: "C library, of zig 0.16.0", licenses: [{ expression: "MIT" }] },
      { type: "library", name: "libunwind", description: "of LLVM, by zig 0.16.0",
        licenses: [{ expression: "Apache-2.0 WITH LLVM-exception" }] }]
  | del(.metadata.component.components)
  | walk(if type == "string" then ltrimstr($root) else . end)
' sbom.json >"$output"
jq -r '"\(.components | length) components: \([.components[].licenses[]? | .expression // .license.id] | unique | join(", "))"' "$output"
