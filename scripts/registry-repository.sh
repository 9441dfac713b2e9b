#!/usr/bin/env bash
# Puts a release into a clone of terraform-aws-aurora-connection-audit, the repository that the registries of Terraform
# and OpenTofu read: one commit and one tag. It pushes nothing.
#
#   scripts/registry-repository.sh CLONE LAMBDA.zip VERSION
#
# CLONE is a git repository; an empty one will do. VERSION is without `v`, such as 0.2.0.
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "usage: scripts/registry-repository.sh CLONE LAMBDA.zip VERSION" >&2
  exit 2
fi
fail() {
  echo "scripts/registry-repository.sh: $*" >&2
  exit 1
}
clone=$1 lambda_zip=$(realpath "$2") tag=v$3
[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "$3 is not a version such as 0.2.0"
[ -e "$clone/.git" ] || fail "$clone is no clone of a git repository"
[ -z "$(git -C "$clone" status --porcelain)" ] || fail "$clone has changes that are not committed"
! git -C "$clone" rev-parse --quiet --verify "refs/tags/$tag" >/dev/null || fail "$clone has $tag already; a release does not change"

git -C "$clone" rm -r --quiet --ignore-unmatch .
"$BASH" "$(dirname "$0")/module-folder.sh" "$clone" "$lambda_zip"
git -C "$clone" add --all
git -C "$clone" commit --quiet --allow-empty --message "Release $3"
git -C "$clone" tag --annotate "$tag" --message "Release $3"
echo "$tag: $(git -C "$clone" rev-parse --short HEAD), lambda.zip $(cut -d ' ' -f 1 "$clone/lambda.zip.sha256")"
