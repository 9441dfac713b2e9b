#!/usr/bin/env bash
# Holds module, submodules and examples against the AWS provider's schemas: of their floors, and of the newest at hand.
#
#   tests/deployment/provider-schema.sh [FOLDER]     # FOLDER: where wheels and venv are kept, target/provider-schema
#
# Needs Python 3 with venv. The wheels hold the provider's generated bindings; they are unpacked, never imported.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:-target/provider-schema}
wheels=(
  cdktf-cdktf-provider-aws==19.1.0  # provider 5.32.0, modules/destination's floor
  cdktf-cdktf-provider-aws==19.27.0 # 5.59.0, modules/sender's
  cdktf-cdktf-provider-aws==19.39.0 # 5.73.0, the module's
  cdktf-cdktf-provider-aws==19.54.0 # 5.88.0, that of examples/complete
  cdktn-provider-aws==25.8.1        # 6.69.1
)
[ -x "$folder/venv/bin/python" ] || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-hcl2==8.1.4
for wheel in "${wheels[@]}"; do
  found=("$folder/wheels/$(tr - _ <<<"${wheel%%==*}")-${wheel##*==}"-*.whl)
  [ -f "${found[0]}" ] || "$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$folder/wheels" "$wheel"
done
"$folder/venv/bin/python" tests/deployment/provider_schema.py "$folder/wheels" terraform terraform/modules/*/ examples/*/
