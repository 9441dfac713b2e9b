#!/usr/bin/env bash
# reproducible.sh ZIP: builds the sources a second time and fails unless every byte of ZIP, which
# build-lambda.sh made from them, is the same.
# The second build differs in all that must not matter: folder (with a blank in its name), home,
# cargo's home, time, file times, umask, time zone, language, number of jobs, and the user where root
# runs this on a machine that has more than one. The tools are the same: RUSTC and CARGO as for
# build-lambda.sh.
set -euo pipefail
[[ $# == 1 && -f $1 ]] || { echo "usage: ${0##*/} ZIP" >&2; exit 2; }
zip=$(realpath "$1")
cd "$(dirname "$0")/../.."
other_user=12345 # of nobody's

scratch=$(mktemp -d /var/tmp/"lambda again".XXXXXX)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{checkout/target,home,cargo/registry}
git ls-files -z | xargs -0 cp --parents -t "$scratch/checkout"
cp -r target/lambda-tools "$scratch/checkout/target"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
cp -r "$cargo_home"/registry/{index,cache} "$scratch/cargo/registry" # the crates, to work offline
[[ ! -e $cargo_home/config.toml ]] || cp "$cargo_home/config.toml" "$scratch/cargo"
find "$scratch/checkout" -type f -not -path '*/target/*' -exec touch -d 2001-02-03 {} +

as_other_user=(setpriv --reuid="$other_user" --regid="$other_user" --clear-groups)
if "${as_other_user[@]}" true 2>/dev/null; then
  chown -R $other_user:$other_user "$scratch"
else
  as_other_user=()
  echo "the second build is by the same user: there is no other here"
fi
elsewhere=(
  env -i PATH="$PATH" RUSTC="${RUSTC:-rustc}" CARGO="${CARGO:-cargo}" HOME="$scratch/home"
  RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" CARGO_HOME="$scratch/cargo" CARGO_NET_OFFLINE=true
  CARGO_BUILD_JOBS=3 TZ=Asia/Tokyo LC_ALL=C.UTF-8
)
(umask 077 && cd "$scratch/checkout" && "${as_other_user[@]}" "${elsewhere[@]}" scripts/build-lambda.sh)

again=$scratch/checkout/result/lambda.zip
sha256sum "$zip" "$again"
cmp "$zip" "$again" && echo "the same, byte for byte"
