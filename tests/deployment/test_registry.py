"""What registries would read: the generated repository, from git and by a registry's protocol, with version constraints.

Started by run.sh.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from checks import check, conclude
from local_services import Handler, Server
from stacks import LOG_GROUP
from terraform import REPOSITORY, terraform, words

# `host` in the CLI's configuration stands for the discovery document, which a registry serves over TLS.
NAMESPACE = "registry.example.test/acme/aurora-connection-audit/aws"
CLI_CONFIGURATION = """
host "registry.example.test" {{
  services = {{ "modules.v1" = "http://{}/" }}
}}
"""


def main():
    lambda_zip, scratch = Path(os.environ["LAMBDA_ZIP"]), Path(os.environ["SCRATCH"])
    clone = scratch / "terraform-aws-aurora-connection-audit"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    released = [release(clone, lambda_zip, version) for version in ("0.1.9", "0.2.0", "0.3.0")]
    check("each release is one commit with one tag", [it.returncode for it in released] == [0, 0, 0]
          and git(clone, "rev-list", "--count", "HEAD") == "3" and git(clone, "tag") == "v0.1.9\nv0.2.0\nv0.3.0", released)
    check("a release does not change", release(clone, lambda_zip, "0.2.0").returncode == 1)
    check("what is no version is refused", release(clone, lambda_zip, "next").returncode == 1)
    content(clone)
    from_git(clone, scratch)
    from_registry(clone, scratch, Registry(clone))


def release(clone, lambda_zip, version):
    author = {"GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.com",
              "GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@example.com"}
    script = REPOSITORY / "scripts/registry-repository.sh"
    return subprocess.run([script, clone, lambda_zip, version], env=os.environ | author, capture_output=True, text=True)


def git(clone, *arguments):
    return subprocess.run(["git", *arguments], cwd=clone, check=True, capture_output=True, text=True).stdout.strip()


# What is in it


def content(clone):
    for name in ("main.tf", "outputs.tf", "variables.tf", "versions.tf"):
        check(f"modules/sender has {name}", (clone / "modules/sender" / name).is_file())
    names = ("README.md", "LICENSE-MIT", "variables.tf", "outputs.tf", "lambda.zip", "examples/simple/main.tf")
    check("the root has what registries show", all((clone / name).is_file() for name in names), names)
    summed = subprocess.run(["sha256sum", "--check", "--quiet", "lambda.zip.sha256"], cwd=clone, capture_output=True, text=True)
    check("lambda.zip has the SHA-256 beside it", summed.returncode == 0, summed)
    status, output, _ = terraform(clone, "fmt", "-check", "-recursive", "-diff")
    check("it is formatted", status == 0, output)
    tables = subprocess.run([sys.executable, REPOSITORY / "tests/deployment/readme_tables.py", "--module", clone], capture_output=True, text=True)
    check("the tables of its READMEs say what its code says", tables.returncode == 0, tables.stderr)
    links = subprocess.run(["grep", "-rnoE", r"\]\((\.\./)*[a-z][^):#]*", "--include=*.md", "."], cwd=clone, capture_output=True, text=True)
    targets = [(line, Path(line.split(":")[0]).parent / line.split("](")[1]) for line in links.stdout.splitlines()]
    broken = [line for line, target in targets if not (clone / target).exists() and "](http" not in line]
    check(f"each of its {len(targets)} links leads somewhere", len(targets) > 3 and not broken, broken)
    for example in sorted((clone / "examples").iterdir()):
        terraform(example, "init")
        status, output, _ = terraform(example, "validate")
        check(f"examples/{example.name} is valid", status == 0, output)


# How it is used


def stack(scratch, name, source, version=None):
    folder = scratch / name
    folder.mkdir()
    arguments = [f'source     = "{source}"', *([f'version    = "{version}"'] if version else [])]
    given = 'destination_arn = "arn:aws:logs:us-east-1:123456789012:destination:x"\n  log_groups = ["%s"]' % LOG_GROUP \
        if "//modules/sender" in source else 'log_groups = { orders = "%s" }' % LOG_GROUP
    (folder / "main.tf").write_text('module "audit" {\n  ' + "\n  ".join([*arguments, given]) + "\n}\n")
    return folder


def from_git(clone, scratch):
    for name, source in (("git", f"git::file://{clone}?ref=v0.2.0"), ("git sender", f"git::file://{clone}//modules/sender?ref=v0.2.0")):
        folder = stack(scratch, name, source)
        status, output, _ = terraform(folder, "init")
        valid, said, _ = terraform(folder, "validate")
        check(f"init and validate from {name}", status == 0 and valid == 0, output + said)


class Registry(Server):
    """The two requests of the module registry protocol: versions, and where one is."""

    def __init__(self, clone):
        class Request(Handler):
            def do_GET(self):
                parts = self.path.strip("/").split("/")
                if parts[-1] == "versions":
                    versions = [{"version": tag.removeprefix("v")} for tag in git(clone, "tag").split()]
                    return self.answer(200, json.dumps({"modules": [{"versions": versions}]}).encode(),
                                       (("content-type", "application/json"),))
                self.answer(204, headers=(("x-terraform-get", f"git::file://{clone}?ref=v{parts[-2]}"),))

        super().__init__(Request)


def from_registry(clone, scratch, registry):
    configuration = scratch / "registry.tfrc"
    mirror = os.environ.get("TF_CLI_CONFIG_FILE")
    configuration.write_text((Path(mirror).read_text() if mirror else "") + CLI_CONFIGURATION.format(registry.address))
    os.environ["TF_CLI_CONFIG_FILE"] = str(configuration)
    cases = (("~> 0.2.0", NAMESPACE, "0.2.0"), (">= 0.1", NAMESPACE, "0.3.0"), ("< 0.2", NAMESPACE, "0.1.9"),
             ("~> 0.2.0", f"{NAMESPACE}//modules/sender", "0.2.0"), ("~> 1.0", NAMESPACE, None))
    for number, (constraint, source, wanted) in enumerate(cases):
        folder = stack(scratch, f"registry {number}", source, constraint)
        status, output, _ = terraform(folder, "init")
        manifest = folder / ".terraform/modules/modules.json"
        installed = [it.get("Version") for it in json.loads(manifest.read_text())["Modules"] if it["Key"]] if status == 0 else []
        holds = installed == [wanted] if wanted else status == 1 and "Unresolvable module version constraint" in words(output)
        check(f"version {constraint!r} of {source.split('/', 1)[1]} is {wanted or 'refused'}", holds, output)


if __name__ == "__main__":
    main()
    conclude()
