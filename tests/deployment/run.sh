#!/usr/bin/env bash
# Deploys the examples to a local AWS, and follows real PostgreSQL log lines through them to a local Slack.
#
#   [BOOTSTRAP=target/release/bootstrap] [LAMBDA_ZIP=result/lambda.zip] [SCRATCH=target/deployment] [TESTS="..."] \
#     tests/deployment/run.sh
#
# BOOTSTRAP   the function built for this machine; without it the zip's own is started, which needs an arm64 machine
# LAMBDA_ZIP  what is deployed
# SCRATCH     where it writes: run/, made anew each time, and venv/, which is kept
# TESTS       which of tests/deployment/test_*.py, as in "fleet windows"
# JOBS        so many of them at once, each with a local AWS of its own; 3, since they wait more than they work
#
# Needs: Terraform >= 1.11, Python 3 with venv, git, zip.
set -euo pipefail

# The longest first.
: "${TESTS:=fleet deployment upgrade windows history sitting registry event_source_mapping filter_pattern}" "${JOBS:=3}"

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
for tool in terraform python3 git zip; do
  command -v "$tool" >/dev/null || fail "tests/deployment/run.sh needs $tool; install it"
done

export LAMBDA_ZIP BOOTSTRAP SCRATCH
LAMBDA_ZIP=$(realpath "${LAMBDA_ZIP:-result/lambda.zip}")
[ -f "$LAMBDA_ZIP" ] || fail "no $LAMBDA_ZIP: build it with \`nix build .#lambda-zip\` or scripts/build-lambda.sh, or name it in LAMBDA_ZIP"
BOOTSTRAP=${BOOTSTRAP:+$(realpath "$BOOTSTRAP")}
[ -z "$BOOTSTRAP" ] || [ -x "$BOOTSTRAP" ] || fail "no $BOOTSTRAP: build it with \`cargo build --release --bin bootstrap\`"
[ -n "$BOOTSTRAP" ] || [ "$(uname -m)" = aarch64 ] || fail "the zip's bootstrap is for arm64: name one for this machine in BOOTSTRAP"

mkdir -p "${SCRATCH:=target/deployment}"
venv=$(realpath "$SCRATCH")/venv
SCRATCH=$(realpath "$SCRATCH")/run
rm -rf "$SCRATCH"
mkdir "$SCRATCH"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"

eval "$("$here/terraform-mirror.sh" "$SCRATCH")"

# What a test says is shown in one piece.
run_test() {
  local status=0 since=$SECONDS
  "$venv/bin/python" "$here/test_$1.py" >"$SCRATCH/$1.log" 2>&1 || status=$?
  printf '\n-- %s: %d s\n%s\n' "$1" $((SECONDS - since)) "$(cat "$SCRATCH/$1.log")"
  return "$status"
}
export -f run_test
export here venv
tr ' ' '\n' <<<"$TESTS" | sed '/^history$/d' | xargs -r -P "$JOBS" -I{} bash -c 'run_test {}'
# By itself: the function waits a second for the table, which is too short for a local one among others.
[[ " $TESTS " != *" history "* ]] || run_test history
