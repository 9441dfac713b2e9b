"""Terraform in a staged copy of the repository's stacks."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
STATE_AND_CACHE = shutil.ignore_patterns(".terraform*", "*.tfstate*", "lambda.zip")

outputs = []  # of every command, to be searched for the webhook


def stage(folder):
    """Copies what a user has after a clone: the stacks, not yet a zip."""
    for name in ("terraform", "examples"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=STATE_AND_CACHE)
    return folder


def terraform(folder, *arguments, **variables):
    """Returns exit status, output, and seconds."""
    start = time.monotonic()
    environment = os.environ | {f"TF_VAR_{name}": value for name, value in variables.items()}
    run = subprocess.run(
        ["terraform", *arguments, "-no-color"], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment | {"TF_INPUT": "0", "TF_IN_AUTOMATION": "1"},
    )
    outputs.append(run.stdout)
    return run.returncode, run.stdout, time.monotonic() - start


def words(output):
    """Terraform wraps its messages and draws a border: this undoes both."""
    return re.sub(r"[\s│╷╵]+", " ", output)
