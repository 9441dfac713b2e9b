# What every build of `bootstrap` has in common. Sourced from the root of the repository by
# build-lambda.sh and, as the first thing of its build, by flake.nix.
# shellcheck shell=bash

export CARGO_BUILD_TARGET=${lambda_target:-aarch64-unknown-linux-musl}

# aws-lc would gather entropy of its own from timing jitter at the first TLS use: 26 ms of CPU at
# every cold start, 3 ms without. The kernel's getrandom stays the source of randomness.
export AWS_LC_SYS_NO_JITTER_ENTROPY=1

lambda_rustflags=(-C target-feature=+crt-static)
# No panic unwinds through C: it needs no tables for that.
lambda_cflags='-fno-unwind-tables -fno-asynchronous-unwind-tables'
# What libcurl has and a JSON client has no use for; nobody could see its verbose messages.
for part in ALTSVC AWS COOKIES DIGEST_AUTH DOH FILE FORM_API HSTS HTTPSIG MIME MQTT NETRC \
  PARSEDATE SHA512_256 VERBOSE_STRINGS WEBSOCKETS; do
  lambda_cflags+=" -DCURL_DISABLE_$part"
done

# No path of the machine that builds may reach the binary: the same sources give the same bytes in
# any folder, for any user. Crates are in cargo's own folder, or in the one that Nix vendors them to.
remap_path() {
  lambda_rustflags+=("--remap-path-prefix=$1=$2")
  lambda_cflags+=" '-ffile-prefix-map=$1=$2'"
}
remap_path "$PWD" /src
for crates in "${cargoVendorDir:-${CARGO_HOME:-$HOME/.cargo}/registry/src}"/*; do
  remap_path "$crates" /crates
done
# The compiler names the standard library's sources by their real place when it has them.
remap_path "$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/rust" /rust

# Separated by the byte 31, so that a folder's name may hold a blank; the C flags are quoted for
# the same reason.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${lambda_rustflags[*]}")
export CARGO_ENCODED_RUSTFLAGS
export CC_SHELL_ESCAPED_FLAGS=1 "CFLAGS_${CARGO_BUILD_TARGET//-/_}=$lambda_cflags"
