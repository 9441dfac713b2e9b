"""Applies, plans again and destroys the stacks, with the time that each took."""

import base64
import hashlib
import secrets

from checks import check, conclude
from terraform import terraform

LOG_GROUP = "/aws/rds/cluster/orders/postgresql"
TOKEN = secrets.token_hex(12)  # what makes a webhook URL a secret
FUNCTION = "aurora-connection-audit"


def apply(name, stack, **variables):
    terraform(stack, "init")
    status, output, seconds = terraform(stack, "apply", "-auto-approve", **variables)
    if not check(f"{name}: apply, {seconds:.0f} s", status == 0, output):
        conclude()
    empty_plan(name, stack, **variables)


def empty_plan(name, stack, **variables):
    status, output, seconds = terraform(stack, "plan", "-detailed-exitcode", "-out=plan", **variables)
    check(f"{name}: the next plan is empty, {seconds:.0f} s", status == 0, output)
    terraform(stack, "show", "-json", "plan")


def destroy(name, stack, aws, left, *options, **variables):
    status, output, seconds = terraform(stack, "destroy", "-auto-approve", *options, **variables)
    check(f"{name}: destroy, {seconds:.0f} s", status == 0, output)
    contents = aws.contents()
    check(f"{name}: destroy leaves nothing", contents == left, difference(contents, left))


def difference(contents, left):
    return {kind: sorted(set(contents.get(kind, [])) ^ set(left.get(kind, []))) for kind in contents | left}


def webhook(slack, channel):
    return f"http://{slack.address}/services/{channel}/{TOKEN}"


def sha256_base64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
