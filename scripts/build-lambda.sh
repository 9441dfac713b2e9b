#!/usr/bin/env bash
# build-lambda.sh: makes result/lambda.zip, like `nix build .#lambda-zip`, for those without Nix.
# Needs Rust by rustup, python3, `file` and `zip`. zig (the C compiler and linker for arm64) and
# cargo-zigbuild come from PyPI into target/lambda-tools, at the versions that flake.lock has.
#
# Where rustup cannot add the target, the standard library is compiled from its sources instead.
# RUSTC and CARGO name a Rust that has them; with Debian's rustc-web, cargo-web and rust-web-src:
#   RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo scripts/build-lambda.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTC=${RUSTC:-rustc} CARGO=${CARGO:-cargo}
tools=$PWD/target/lambda-tools

fail() { echo "${0##*/}: $*" >&2; exit 1; }

install_tools() {
  [[ -x $tools/bin/python ]] || python3 -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
    ziglang==0.16.0 cargo-zigbuild==0.22.3 # pip does nothing when it has them
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

for tool in "$RUSTC" "$CARGO" python3 file zip; do
  command -v "$tool" >/dev/null || fail "install $tool first"
done
install_tools
"$CARGO" fetch --locked --quiet # lambda-build-env.sh must see the folder of the crates
source scripts/lambda-build-env.sh
build=(zigbuild --locked --release --no-default-features --bin bootstrap --target-dir target)
build_std=$(standard_library)
if [[ $build_std ]]; then
  build+=("$build_std")
  export RUSTC_BOOTSTRAP=1
  CARGO_ENCODED_RUSTFLAGS+=$'\x1f'-Clink-self-contained=no # crt1.o and libc.a are zig's
fi
PATH=$tools/bin:$PATH cargo-zigbuild "${build[@]}"

[[ ! -L result ]] || rm result # a link to what Nix built
scripts/package-lambda.sh "target/$CARGO_BUILD_TARGET/release/bootstrap" result/lambda.zip
sha256sum result/lambda.zip
