"""The programs that benchmark.py and benchmark-cli.py measure, and how they are built."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The last commit of the first release.
FIRST_RELEASE = "3c848f2"


def run(*command, cwd=ROOT):
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: failed\n{done.stdout}")
    return done.stdout


def target_directory():
    metadata = json.loads(run("cargo", "metadata", "--format-version=1", "--no-deps"))
    return pathlib.Path(metadata["target_directory"])


def built(*arguments, name, cwd=ROOT):
    """The executable that cargo makes."""
    lines = run("cargo", *arguments, "--message-format=json", cwd=cwd).splitlines()
    messages = [json.loads(line) for line in lines]
    return next(
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact"
        and message["target"]["name"] == name
        and message["executable"]
    )


def first_release(target):
    """The source of the first release."""
    source = target / "first-release"
    if not source.exists():
        run("git", "clone", "--quiet", ROOT, source)
    run("git", "checkout", "--quiet", FIRST_RELEASE, cwd=source)
    return source


def go_rival(target):
    run("go", "build", "-o", target / "go-rivals", ".", cwd=ROOT / "benches/go")
    return target / "go-rivals"
