#!/usr/bin/env python3
"""run_zip.py ZIP: unpacks the zip as Lambda does and invokes the function once.

The function runs under qemu where the machine is not arm64. It must fetch the webhook from Secrets
Manager, post one message about real PostgreSQL log lines to Slack, and answer the invocation.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import local_aws

SECRET_ID = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:slack-webhook-AbCdEf"
CLUSTER = "orders-production"
LOG_GROUP = "/aws/rds/cluster/orders/postgresql"

# As PostgreSQL 15.18 wrote them, log_line_prefix = '%t:%r:%u@%d:[%p]:'.
LOG_LINES = [
    "2026-11-23 09:37:53 UTC:10.0.1.23(60058):[unknown]@[unknown]:[4237]:LOG:  connection received: host=10.0.1.23 port=60058",
    '2026-11-23 09:37:53 UTC:10.0.1.23(60058):app_user@appdb:[4237]:LOG:  connection authenticated: identity="app_user" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)',
    "2026-11-23 09:37:53 UTC:10.0.1.23(60058):app_user@appdb:[4237]:LOG:  connection authorized: user=app_user database=appdb application_name=myapp",
]


def emulator():
    if platform.machine() in ("aarch64", "arm64"):
        return []
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not qemu:
        sys.exit("run_zip.py: no qemu-aarch64-static: install qemu-user-static")
    return [qemu]


def unpack(zip_path, folder):
    with zipfile.ZipFile(zip_path) as archive:
        entry = archive.getinfo("bootstrap")
        path = archive.extract(entry, folder)
    os.chmod(path, (entry.external_attr >> 16) & 0o777)
    return path


def environment(local):
    return {
        "AWS_LAMBDA_RUNTIME_API": local.address,
        "AWS_LAMBDA_FUNCTION_NAME": "aurora-connection-audit",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/aurora-connection-audit",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{local.address}",
        "SLACK_WEBHOOK_SECRET_ID": SECRET_ID,
        "CLUSTERS": json.dumps({LOG_GROUP: CLUSTER}),
        "MESSAGE_LANGUAGE": "en",
    }


def invoke(bootstrap, event):
    with local_aws.serve(event) as local, tempfile.TemporaryFile() as log:
        started = time.monotonic()
        process = subprocess.Popen(
            emulator() + [bootstrap], env=environment(local), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not local.answered.wait(0.05) and process.poll() is None:
                if time.monotonic() - started > 60:
                    break
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        return local, log.read().decode(errors="replace"), time.monotonic() - started


def faults(local, log):
    if [path for path, _ in local.answers] != [f"/invocation/{local_aws.REQUEST_ID}/response"]:
        yield f"the invocation got no single response: {local.answers}"
    if [body.get("SecretId") for _, body in local.secret_requests] != [SECRET_ID]:
        yield f"asked Secrets Manager for {local.secret_requests}"
    if not all((signature or "").startswith("AWS4-HMAC-SHA256 ") for signature, _ in local.secret_requests):
        yield "a request to Secrets Manager is not signed"
    if len(local.slack_messages) != 1:
        yield f"Slack got {len(local.slack_messages)} messages, not 1"
    shown = json.dumps(local.slack_messages)
    for word in "app_user", "appdb", "10.0.1.23", "myapp", CLUSTER:
        if word not in shown:
            yield f"the Slack message lacks {word}"
    if local_aws.WEBHOOK_PATH in log:
        yield "the log shows the webhook"


def main(zip_path):
    with tempfile.TemporaryDirectory() as folder:
        bootstrap = unpack(zip_path, folder)
        event = local_aws.subscription_event(LOG_GROUP, "orders-1.0", LOG_LINES)
        local, log, seconds = invoke(bootstrap, event)
    found = list(faults(local, log))
    if found:
        print(log, file=sys.stderr)
        for fault in found:
            print(f"run_zip.py: {zip_path}: {fault}", file=sys.stderr)
        return 1
    print(f"answered after {seconds:.1f} s: {local.answers[0][1]}")
    print(f"Slack got: {local.slack_messages[0].get('text')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
