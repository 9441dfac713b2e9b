#!/bin/sh
# Checks the payloads of the command line tool with Slack's Python SDK.
# Needs python3 with venv and pip, and cargo.
set -eu
cd "$(dirname "$0")/../.."

python3 -c 'import venv, ensurepip' 2>/dev/null || {
    echo "tests/slack_payloads: install python3 with venv (Debian: python3-venv)" >&2
    exit 1
}
target=${CARGO_TARGET_DIR:-target}
venv=$target/slack_payloads
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    --requirement tests/slack_payloads/requirements.txt
cargo build --quiet --bin aurora-connection-audit
"$venv/bin/python" tests/slack_payloads/check.py "$target/debug/aurora-connection-audit"
