# Every check of this repository, one recipe each: `just --list` shows them, `just check` runs what
# needs only Rust and a C compiler. .ci/run and the workflows call the same recipes.

packer := "scripts/package-lambda/Cargo.toml"
zip := "result/lambda.zip"

[private]
default:
    @just --list --unsorted

# all that needs only Rust and a C compiler
check: format lint doc test

# Rust's formatting
format:
    cargo fmt --all --check
    cargo fmt --manifest-path {{ packer }} --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# Clippy, pedantic; and the versions that fuzz/ locks
lint:
    cargo clippy --quiet --locked --all-targets --all-features -- -D warnings
    cargo clippy --quiet --locked --manifest-path {{ packer }} --target-dir target -- -D warnings
    cargo metadata --quiet --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null

# the documentation's links and examples
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --locked --no-deps --all-features

# unit, integration and property tests
test:
    cargo test --locked

# a real server, good and hostile clients; needs PostgreSQL installed (Debian: postgresql)
live:
    cargo test --quiet --locked --features live-tests --test live

# what hostile texts cost grows as they do, in instructions; needs valgrind
linear:
    cargo test --quiet --locked --test linear -- --ignored --exact work_grows_with_the_text

# payloads by Slack's own SDK; needs Python 3 with venv
slack-payloads:
    tests/slack_payloads/run.sh

# licences, bans and sources of all crates; needs cargo-deny
licences:
    cargo-deny check licenses bans sources
    cargo-deny --manifest-path {{ packer }} --config deny.toml check licenses bans sources

# shell scripts; needs shellcheck
shell:
    shellcheck -x .ci/run scripts/*.sh tests/packaging/*.sh tests/deployment/*.sh tests/slack_payloads/run.sh

# the flake without Nix; needs nixfmt and deadnix
flake:
    nixfmt --check flake.nix
    deadnix --fail flake.nix

# the interfaces of the module and its submodules, and the examples; needs Terraform 1.11 and Python 3
terraform:
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p target/ci
    eval "$(tests/deployment/terraform-mirror.sh "$PWD/target/ci")"
    terraform fmt -check -diff -recursive terraform
    terraform fmt -check -diff -recursive examples
    validate() { terraform -chdir="$1" init -backend=false -input=false -no-color >/dev/null && terraform -chdir="$1" validate -no-color; }
    unit_test() { terraform -chdir=terraform test -no-color -filter="$1"; }
    in_one_piece() { local said status=0; said=$("$@" 2>&1) || status=$?; printf '%s: %s\n' "$2" "$said"; return "$status"; }
    export -f validate unit_test in_one_piece
    # Two at a time: most of it waits for the provider to start.
    printf '%s\n' terraform terraform/modules/*/ examples/*/ | xargs -P 2 -I{} bash -c 'in_one_piece validate {}'
    (cd terraform && ls -S tests/*.tftest.hcl) | xargs -P 2 -I{} bash -c 'in_one_piece unit_test {}'
    python3 tests/deployment/readme_tables.py

# the same against the schemas of other AWS providers, oldest and newest; needs Python 3 with venv
provider-schema:
    tests/deployment/provider-schema.sh

# misconfigurations; needs checkov
checkov:
    checkov --directory terraform --framework terraform --skip-download --compact --quiet
    checkov --directory examples --framework terraform --skip-download --compact --quiet

# makes the arm64 zip without Nix; needs Python 3 with pip
build-zip:
    scripts/build-lambda.sh

# the zip's layout and size, and that no path of this machine is in it
zip-layout:
    python3 tests/packaging/check_zip.py {{ zip }} "$PWD" "$HOME" /usr/src

# one invocation of the zip; needs arm64 or qemu-user
zip-run:
    python3 tests/packaging/run_zip.py {{ zip }}

# the packaging rule holds for the zip and refuses others
zip-rule:
    tests/packaging/packaging_rule.sh {{ zip }}

# another folder, home, time and, where root runs it, user make the same bytes
zip-again:
    tests/packaging/reproducible.sh {{ zip }}

# the function for this machine
function:
    cargo build --quiet --locked --release --no-default-features --bin bootstrap

# fleets of 1 to 2000 log streams, directly and by a stream, in simulated time; needs Python 3.11
simulate-fleet *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    [[ -n ${BOOTSTRAP:-} ]] || just function
    scripts/simulate-fleet.py {{ arguments }}

# three small fleets of the same
simulate-fleet-smoke: (simulate-fleet "--smoke")

# apply, messages and destroy on a local AWS; needs Terraform 1.11, Python 3 with venv, git, zip
deployment:
    #!/usr/bin/env bash
    set -euo pipefail
    # An arm64 machine runs the zip's own function.
    [[ $(uname -m) == aarch64 ]] || { just function; export BOOTSTRAP=target/release/bootstrap; }
    tests/deployment/run.sh
