#!/usr/bin/env bash
# build-lambda.sh [TARGET]: makes result/lambda.zip, like `nix build .#lambda-zip`, for those
# without Nix. With a TARGET, such as x86_64-unknown-linux-musl, it builds `bootstrap` in the same
# way for another processor, on which scripts/footprint.py can measure it, and no zip.
# Needs Rust by rustup, a C compiler and python3 with pip. zig (the C compiler and linker for arm64)
# and cargo-zigbuild come from PyPI into target/lambda-tools, in the versions of nixpkgs.
#
# Where rustup cannot add the target, the standard library is compiled from its sources instead.
# RUSTC and CARGO name a Rust that has them; with Debian's rustc-web, cargo-web and rust-web-src:
#   RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo scripts/build-lambda.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTC=${RUSTC:-rustc} CARGO=${CARGO:-cargo}
tools=$PWD/target/lambda-tools
lambda_target=${1:-} # for lambda-build-env.sh

fail() { echo "${0##*/}: $*" >&2; exit 1; }

install_tools() {
  [[ $("$tools/ziglang/zig" version 2>/dev/null) == 0.16.0 &&
    $("$tools/bin/cargo-zigbuild" --version 2>/dev/null) == *" 0.22.3" ]] && return
  rm -rf "$tools"
  python3 -m pip install --quiet --disable-pip-version-check --target "$tools" \
    ziglang==0.16.0 cargo-zigbuild==0.22.3
}

# Prints the options with which cargo gets a standard library for the target.
standard_library() {
  [[ -d $("$RUSTC" --print target-libdir --target "$CARGO_BUILD_TARGET") ]] && return
  if [[ $RUSTC == rustc ]]; then
    rustup target add "$CARGO_BUILD_TARGET" >&2 ||
      fail "rustup could not add $CARGO_BUILD_TARGET; the head of this file names another way"
  elif [[ -d $("$RUSTC" --print sysroot)/lib/rustlib/src/rust/library ]]; then
    echo "-Zbuild-std=std,panic_unwind"
  else
    fail "$RUSTC has neither the target $CARGO_BUILD_TARGET nor the sources of the standard library"
  fi
}

for tool in "$RUSTC" "$CARGO" python3 cc; do
  command -v "$tool" >/dev/null || fail "install $tool first"
done
install_tools
if [[ ! $lambda_target ]]; then
  "$CARGO" build --locked --quiet --release --target-dir target/package-lambda \
    --manifest-path scripts/package-lambda/Cargo.toml
fi
"$CARGO" fetch --locked --quiet # lambda-build-env.sh must see the folder of the crates
source scripts/lambda-build-env.sh
build=(zigbuild --locked --release --no-default-features --bin bootstrap --target-dir target)
build_std=$(standard_library)
if [[ $build_std ]]; then
  build+=("$build_std")
  export RUSTC_BOOTSTRAP=1
  CARGO_ENCODED_RUSTFLAGS+=$'\x1f'-Clink-self-contained=no # crt1.o and libc.a are zig's
fi
# A zig that python3 may have of its own would win over ours, hence no Python.
CARGO_ZIGBUILD_PYTHON_PATH=false CARGO_ZIGBUILD_ZIG_PATH=$tools/ziglang/zig \
  "$tools/bin/cargo-zigbuild" "${build[@]}"

executable=target/$CARGO_BUILD_TARGET/release/bootstrap
if [[ $lambda_target ]]; then
  echo "$executable"
  exit
fi
[[ ! -L result ]] || rm result # a link to what Nix built
target/package-lambda/release/package-lambda "$executable" result/lambda.zip
sha256sum result/lambda.zip
