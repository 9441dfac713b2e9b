"""README's "Install it", command by command as a reader types them, from a release archive on a local AWS, with a clock.

Neither Rust nor Nix is on the PATH. Started by run.sh.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
from checks import check, conclude
from local_aws import LocalAws
from local_services import Files, Function, Handler, Server, Slack, unpacked_bootstrap
from stacks import FUNCTION, LOG_GROUP, TOKEN, sha256_base64, webhook
from terraform import REPOSITORY

COMMANDS = ["terraform init", "terraform apply", "put-secret-value", "test_command"]


def main():
    lambda_zip, scratch = Path(os.environ["LAMBDA_ZIP"]), Path(os.environ["SCRATCH"])
    release, stack, slack = scratch / "release of the sitting", scratch / "sitting", Slack()
    stack.mkdir()
    url = released(release, lambda_zip)
    (stack / "main.tf").write_text(main_tf(url))
    aws = LocalAws(scratch / "moto-sitting.log")
    try:
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)  # which RDS has made
        services = LambdaAndSqs(aws, lambda_zip, scratch)
        sitting(stack, slack, environment(aws, services, scratch))
        configuration = aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
        check("the archive's zip is deployed", configuration["CodeSha256"] == sha256_base64(lambda_zip.read_bytes()))
        a_channel_that_is_gone(stack, slack, services, environment(aws, services, scratch))
        dead_letters_go_back(stack, aws, environment(aws, services, scratch))
    finally:
        aws.stop()


# What the reader has


def released(folder, lambda_zip):
    """Serves a release archive; returns its URL with the checksum."""
    folder.mkdir()
    archive = folder / "terraform-module.zip"
    subprocess.run([REPOSITORY / "scripts/module-archive.sh", archive, lambda_zip], check=True)
    checksum = subprocess.run(["sha256sum", archive], check=True, capture_output=True, text=True).stdout.split()[0]
    return f"http://{Files(folder).address}/terraform-module.zip?checksum=sha256:{checksum}"


def install_section():
    readme = (REPOSITORY / "README.md").read_text()
    return re.search(r"^## Install it\n(.*?)^### ", readme, re.M | re.S)[1]


def main_tf(url):
    [block] = re.findall(r"^```hcl\n(.*?)^```", install_section(), re.M | re.S)
    text, replaced = re.subn(r'source = "[^"]*"', f'source = "{url}"', block)
    check("README's main.tf has one source", replaced == 1, block)
    return text


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", install_section(), re.M | re.S)
    return re.findall(r"(?:.*\\\n)*.+\n", "".join(blocks))


# Version 1, which PyPI has, sends SQS to AWS itself unless the endpoint is an option.
AWS_CLI = """#!/bin/sh
[ "$1" != sqs ] || set -- --endpoint-url "$AWS_ENDPOINT_URL_SQS" "$@"
exec {} "$@"
"""


def environment(aws, services, scratch):
    """Terraform and the AWS CLI, and what every machine has."""
    tools = scratch / "tools"
    if not tools.exists():
        tools.mkdir()
        (tools / "terraform").symlink_to(shutil.which("terraform"))
        (tools / "aws").write_text(AWS_CLI.format(Path(sys.executable).parent / "aws"))
        (tools / "aws").chmod(0o755)
    given = {name: value for name, value in os.environ.items() if name in ("TF_CLI_CONFIG_FILE", "HOME", "TMPDIR")}
    return given | aws.environment | services.endpoints | {
        "PATH": f"{tools}:/usr/bin:/bin",
        "TF_CLI_ARGS_apply": "-auto-approve",  # in place of the reader's `yes`
        "TF_CLI_ARGS": "-no-color",
    }


class LambdaAndSqs(Server):
    """What the local AWS leaves out: it invokes the function that was deployed, and moves dead letters."""

    def __init__(self, aws, lambda_zip, scratch):
        self.aws = aws
        self.bootstrap = os.environ.get("BOOTSTRAP") or unpacked_bootstrap(lambda_zip, scratch)
        services = self

        class Request(Handler):
            def do_POST(self):
                body = json.loads(self.body())
                if self.path.endswith("/invocations"):
                    kind, said = services.invoke(self.path.split("/")[3], body)
                    failed = () if kind == "response" else (("x-amz-function-error", "Unhandled"),)
                    return self.answer(200, said.encode(), failed)
                services.move(body["SourceArn"], body["DestinationArn"])
                self.answer(200, b'{"TaskHandle": "1"}', (("content-type", "application/x-amz-json-1.0"),))

        super().__init__(Request)
        address = f"http://{self.address}"
        self.endpoints = {"AWS_ENDPOINT_URL_LAMBDA": address, "AWS_ENDPOINT_URL_SQS": address}

    def invoke(self, name, event):
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        with Function(self.bootstrap, configuration, self.aws.environment) as function:
            return function.invoke(event)

    def move(self, source, destination):
        sqs = self.aws.client("sqs")
        url = {arn: sqs.get_queue_url(QueueName=arn.split(":")[5])["QueueUrl"] for arn in (source, destination)}
        for message in sqs.receive_message(QueueUrl=url[source], MaxNumberOfMessages=10).get("Messages", []):
            sqs.send_message(QueueUrl=url[destination], MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=url[source], ReceiptHandle=message["ReceiptHandle"])


# The sitting


def run(command, stack, environment, typed=""):
    """A line of the README. Terraform's own calls go to the local AWS alone: only the AWS CLI needs its other half."""
    if command.startswith("terraform"):
        environment = {name: value for name, value in environment.items() if not name.startswith("AWS_ENDPOINT_URL_")}
    start = time.monotonic()
    done = subprocess.run(["bash", "-c", command], cwd=stack, env=environment, input=typed, text=True, capture_output=True)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


def sitting(stack, slack, environment):
    listed, total = commands(), 0
    check("README installs by these commands", [any(part in it for it in listed) for part in COMMANDS] == [True] * 4
          and len(listed) == 4, listed)
    for command in listed:
        typed = webhook(slack, "all") if "put-secret-value" in command else ""
        status, shown, errors, seconds = run(command, stack, environment, typed)
        total += seconds
        named = " ".join(command.split()).split(" # ")[0]
        check(f"{seconds:5.1f} s  {named}", status == 0, shown + errors)
    check("the test command prints what the channel answered", '"default":"ok"' in shown.replace(" ", ""), shown + errors)
    arrived = [path for path, _ in slack.posts]
    check("the test message is in Slack", arrived == [f"/services/all/{TOKEN}"], slack.posts)
    check(f"{total:5.1f} s  all commands", True)


def a_channel_that_is_gone(stack, slack, services, environment):
    """`test_command` names it, and fails, so that a pipeline notices."""
    client = boto3.client("secretsmanager", endpoint_url=environment["AWS_ENDPOINT_URL"])
    _, secret, _, _ = run("terraform output -raw slack_webhook_secret_arn", stack, environment)
    gone = f"http://{Files(stack).address}/services/gone/{TOKEN}"
    both = json.dumps({"default": webhook(slack, "all"), "security": gone})
    client.put_secret_value(SecretId=secret.strip(), SecretString=both)
    status, shown, errors, _ = run('eval "$(terraform output -raw test_command)"', stack, environment)
    check("a channel that does not answer is named, and the command fails", status != 0 and "security" in shown, (status, shown, errors))
    check("the webhook is not in what it prints", TOKEN not in shown + errors, shown + errors)


def dead_letters_go_back(stack, aws, environment):
    sqs = aws.client("sqs")
    retry, failures = (sqs.get_queue_url(QueueName=f"{FUNCTION}-{name}")["QueueUrl"] for name in ("retry", "failures"))
    sqs.send_message(QueueUrl=failures, MessageBody="a batch")
    status, shown, errors, _ = run('eval "$(terraform output -raw redrive_command)"', stack, environment)
    moved = sqs.receive_message(QueueUrl=retry).get("Messages", [])
    check("the redrive command moves dead letters to the retry queue", status == 0 and [it["Body"] for it in moved] == ["a batch"],
          (status, shown, errors, moved))


if __name__ == "__main__":
    main()
    conclude()
