"""Examples simple and complete, from apply to the message in Slack and to destroy, on a local AWS. Started by run.sh."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
import zipfile
from pathlib import Path

from checks import check, conclude
from cloudwatch import LOGS, control_message, log_events, payload
from local_aws import LocalAws
from local_services import Files, Slack, run_function, unpacked_bootstrap
from stacks import FUNCTION, LOG_GROUP, TOKEN, apply, destroy, empty_plan, sha256_base64, webhook
from terraform import REPOSITORY, outputs, stage, terraform, words


def main():
    lambda_zip, scratch = Path(os.environ["LAMBDA_ZIP"]), Path(os.environ["SCRATCH"])
    stacks, slack = stage(scratch / "stacks"), Slack()
    aws = LocalAws(scratch / "moto-deployment.log")
    try:
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)  # which RDS has made
        without_a_zip(stacks)
        (stacks / "result").mkdir()
        shutil.copy(lambda_zip, stacks / "result/lambda.zip")
        faults_are_named(stacks)
        function_logs = simple(stacks, aws, slack)
        plan_and_apply_apart(stacks, aws)
        zip_from_s3(stacks, aws, lambda_zip)
        function_logs += complete(stacks, aws, slack)  # last: moto keeps its tags beyond destroy
        module_sources(stacks, scratch)
        nothing_holds_the_webhook(stacks, function_logs)
    finally:
        aws.stop()


# What plan refuses


def without_a_zip(stacks):
    simple = stacks / "examples/simple"
    terraform(simple, "init")
    status, output, _ = terraform(simple, "plan", log_group=LOG_GROUP)
    check(
        "without a zip, plan says how to get one",
        status == 1 and "nix build .#lambda-zip" in words(output) and "scripts/build-lambda.sh" in words(output), output,
    )


OWN_STACK = """variable "rules" { type = any }

module "audit" {
  source       = "../../terraform"
  log_groups   = { orders = "/aws/rds/cluster/orders/postgresql" }
  lambda_zip   = "${path.module}/../../result/lambda.zip"
  notification = { rules = var.rules }
}
"""


def faults_are_named(stacks):
    own = stacks / "examples/own"
    own.mkdir()
    (own / "main.tf").write_text(OWN_STACK)
    terraform(own, "init")
    rules = [{"when": {}, "then": "ignore"}, {"when": {"user": ["x"], "hosts": ["db.example"]}, "then": "drop"}]
    status, output, _ = terraform(own, "plan", rules=json.dumps(rules))
    named = ['rules[1]: when has no key "user"', 'when.hosts: "db.example" is not an address', "then must be \"ignore\""]
    each = all(name in words(output) for name in named)
    check("plan names each fault of the rules, with the rule", status == 1 and each, output)

    many = [{"when": {"users": [f"service_{number:03}"]}, "then": "ignore"} for number in range(90)]
    status, output, _ = terraform(own, "plan", rules=json.dumps(many))
    size = f"RULES takes {len(json.dumps(many, separators=(',', ':')))} characters"
    check("plan refuses rules too large for Lambda, and names their size", status == 1 and size in words(output), output)


# Deployment


def deployed(name, stacks, aws):
    """Program and configuration of the function, taken out of the local AWS."""
    function = aws.client("lambda").get_function(FunctionName=FUNCTION)
    configuration, given = function["Configuration"], stacks / "result/lambda.zip"
    code = urllib.request.urlopen(function["Code"]["Location"]).read()
    check(f"{name}: the zip is deployed", code == given.read_bytes() and configuration["CodeSha256"] == sha256_base64(code))
    with zipfile.ZipFile(given) as archive:
        check(f"{name}: the zip holds bootstrap and nothing else", archive.namelist() == ["bootstrap"], archive.namelist())
    [subscription] = aws.subscription_filters(LOG_GROUP)
    whole = subscription["filterPattern"] == "" and subscription["destinationArn"] == configuration["FunctionArn"]
    check(f"{name}: the subscription sends every log event to the function", whole, subscription)
    return os.environ.get("BOOTSTRAP") or unpacked_bootstrap(given, stacks), configuration


def deliver(function, aws):
    """Real PostgreSQL lines to the function. Returns what it answered and logged."""
    bootstrap, configuration = function
    payloads = [control_message(), payload(LOG_GROUP, real_log_events())]
    return run_function(bootstrap, configuration, aws.environment, payloads)


# Server processes in the log: two sessions of app_user, the second with TLS; rdsadmin; an unknown role; a client that
# pg_hba.conf turns away; a superuser; a session that runs statements, with forged lines and failures among them.
BACKENDS = ("4236", "4254", "4246", "4294", "4300", "5485", "5583")


def real_log_events():
    events = log_events(LOGS / "15/rds-default/postgresql.log")
    return [event for event in events if any(f":[{pid}]:" in event.split("\n")[0] for pid in BACKENDS)]


def texts(slack, channel):
    """All words of the messages that arrived by a channel's webhook."""
    return [json.dumps(message, ensure_ascii=False) for path, message in slack.posts if path == f"/services/{channel}/{TOKEN}"]


def simple(stacks, aws, slack):
    stack = stacks / "examples/simple"
    before = aws.contents()
    apply("simple", stack, log_group=LOG_GROUP)

    function = deployed("simple", stacks, aws)
    answers, empty_log = deliver(function, aws)
    kind, said = answers[-1]
    check(
        "simple: with an empty secret the function does not start, and says why",
        kind == "init/error" and "put-secret-value" in said, (answers, empty_log),
    )

    _, secret_arn, _ = terraform(stack, "output", "-raw", "slack_webhook_secret_arn")
    aws.client("secretsmanager").put_secret_value(SecretId=secret_arn.strip(), SecretString=webhook(slack, "all"))
    answers, log = deliver(function, aws)
    check("simple: every batch is answered", [kind for kind, _ in answers] == ["response", "response"], (answers, log))
    [message] = texts(slack, "all") or [""]
    check("simple: one message, in Japanese, with the cluster's name", "orders" in message and "接続" in message, message)
    for name in ("app_user", "no_such_role", "postgres", "10.0.1.23", "10.0.9.23"):
        check(f"simple: the message names {name}", name in message, message)
    check("simple: RDS's own user is not reported", "PostgreSQL JDBC Driver" not in message, message)

    redrive_command_is_taken(stack, aws)

    empty_plan("simple, with the secret filled", stack, log_group=LOG_GROUP)
    destroy("simple", stack, aws, before, log_group=LOG_GROUP)
    return [empty_log, log]


def redrive_command_is_taken(stack, aws):
    """moto cannot move messages, so that only the command's form is seen: it must reach SQS with two queues that exist."""
    _, command, _ = terraform(stack, "output", "-raw", "redrive_command")
    arns = re.findall(r"arn:aws:sqs:\S+", command)
    queues = [aws.client("sqs").get_queue_url(QueueName=arn.split(":")[5])["QueueUrl"] for arn in arns]
    check("simple: the redrive command names the dead letters, then the retry queue",
          [queue.rsplit("/")[-1] for queue in queues] == [f"{FUNCTION}-failures", f"{FUNCTION}-retry"], command)


def complete(stacks, aws, slack):
    stack = stacks / "examples/complete"
    aws.client("logs").delete_log_group(logGroupName=LOG_GROUP)  # this stack makes the clusters, too
    before = aws.contents()
    webhooks = json.dumps({channel: webhook(slack, channel) for channel in ("default", "dba", "security")})
    variables = {"slack_webhooks": webhooks, "region": aws.environment["AWS_REGION"]}
    apply("complete", stack, **variables)

    function = deployed("complete", stacks, aws)
    answers, log = deliver(function, aws)
    check("complete: every batch is answered", [kind for kind, _ in answers] == ["response", "response"], (answers, log))
    arrived = {channel: texts(slack, channel) for channel in ("default", "dba", "security")}
    check("complete: one message for each channel", all(len(messages) == 1 for messages in arrived.values()), arrived)
    default, dba, security = ("".join(messages) for messages in arrived.values())
    check("complete: app_user is reported to default, as new", "🆕 new user · app_user" in default and "no_such_role" not in default, default)
    check("complete: postgres is reported to dba", "pglogs_admin" in dba and "app_user" not in dba, dba)
    check("complete: refusals are reported to security", "no_such_role" in security and "10.0.9.23" in security, security)

    answers, again = deliver(function, aws)
    default, dba, security = (texts(slack, channel)[1:] for channel in ("default", "dba", "security"))
    quiet = "new connection" not in "".join(default) and "suspected forger" in "".join(default)
    check("complete: another process tells known logins no more, but still what is suspicious", quiet, (default, again))
    check("complete: and DBAs and refusals each time", len(dba) == 1 and len(security) == 1, (dba, security))

    destroy("complete", stack, aws, before, **variables)
    return [log, again]


# Sources


def module_sources(stacks, scratch):
    """A relative path is what the examples use; here git, and a release archive with the zip inside."""
    repository, release = scratch / "repository", scratch / "release"
    shutil.copytree(stacks / "terraform", repository / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
    for arguments in (["init", "-q"], ["add", "."], [*AUTHOR, "commit", "-qm", "Release"], ["tag", "v1"]):
        subprocess.run(["git", *arguments], cwd=repository, check=True)
    planned("git", scratch, f"git::file://{repository}//terraform?ref=v1", f'lambda_zip = "{stacks}/result/lambda.zip"')

    release.mkdir()
    first, second = release / "module.zip", release / "again.zip"
    for archive in (first, second):
        subprocess.run([REPOSITORY / "scripts/module-archive.sh", archive, stacks / "result/lambda.zip"], check=True)
        os.utime(stacks / "result/lambda.zip")
    check("the release archive is the same each time", first.read_bytes() == second.read_bytes())
    url = f"http://{Files(release).address}/module.zip?checksum=sha256:"
    checksum = hashlib.sha256(first.read_bytes()).hexdigest()
    planned("release archive", scratch, url + checksum, "")
    planned("sender in it", scratch, url.replace("?", "//modules/sender?") + checksum, f'destination_arn = "{DESTINATION}"',
            log_groups=f'["{LOG_GROUP}"]', added=3)

    status, output, _ = terraform(calling(scratch, "forged", url + "0" * 64, ""), "init")
    check("a release archive with another checksum is refused", status == 1 and "Checksums did not match" in words(output), output)


AUTHOR = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
DESTINATION = "arn:aws:logs:us-east-1:123456789012:destination:aurora-connection-audit"
SHOWN_LOG_GROUPS = f'{{ orders = "{LOG_GROUP}" }}'


def calling(scratch, name, source, argument, log_groups=SHOWN_LOG_GROUPS):
    stack = scratch / f"source {name}"
    stack.mkdir()
    arguments = [f'source     = "{source}"', f"log_groups = {log_groups}", argument]
    lines = ['module "audit" {', *(f"  {line}" for line in arguments if line), "}", ""]
    (stack / "main.tf").write_text("\n".join(lines))
    return stack


def planned(name, scratch, source, argument, log_groups=SHOWN_LOG_GROUPS, added=16):
    stack = calling(scratch, name, source, argument, log_groups)
    initialised, output, _ = terraform(stack, "init")
    status, plan, _ = terraform(stack, "plan")
    check(f"as a module source: {name}", initialised == 0 and status == 0 and f"{added} to add" in plan, output + plan)


def plan_and_apply_apart(stacks, aws):
    """A pipeline plans in one job and applies in another, of which each has its own folder."""
    before = aws.contents()
    for name, left_out, wanted in (("with", (), 0), ("without", ("result",), 1)):
        first, second = stacks / "examples/simple", stacks.parent / f"second job {name} zip"
        terraform(first, "init")
        terraform(first, "plan", "-out=plan", log_group=LOG_GROUP)
        shutil.copytree(stacks, second, ignore=shutil.ignore_patterns(*left_out), symlinks=True)
        stack = second / "examples/simple"
        status, output, _ = terraform(stack, "apply", "plan")
        named = wanted == 0 or "lambda.zip" in words(output)
        check(f"a plan is applied in another folder {name} the zip: status {wanted}", status == wanted and named, output)
        shutil.copytree(stacks / "result", second / "result", dirs_exist_ok=True)
        terraform(stack, "destroy", "-auto-approve", log_group=LOG_GROUP)
        check(f"nothing is left of the job {name} the zip", aws.contents() == before, aws.contents())


S3_STACK = f"""module "audit" {{
  source        = "../../terraform"
  log_groups    = {{ orders = "{LOG_GROUP}" }}
  lambda_zip_s3 = {{ bucket = "releases", key = "lambda.zip" }}
}}
"""


def zip_from_s3(stacks, aws, lambda_zip):
    s3, stack = aws.client("s3"), stacks / "examples/s3"
    s3.create_bucket(Bucket="releases")
    s3.put_object(Bucket="releases", Key="lambda.zip", Body=lambda_zip.read_bytes())
    before = aws.contents()
    stack.mkdir()
    (stack / "main.tf").write_text(S3_STACK)
    apply("zip from S3", stack)
    configuration = aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
    check("zip from S3: it is deployed", configuration["CodeSha256"] == sha256_base64(lambda_zip.read_bytes()), configuration)
    destroy("zip from S3", stack, aws, before)


# The secret


def nothing_holds_the_webhook(stacks, function_logs):
    """Searches state, plans, every output of Terraform and the function's log; plans are zip files."""
    searched = [output.encode() for output in outputs] + [log.encode() for log in function_logs]
    for file in stacks.rglob("*"):
        if file.is_file() and ".terraform" not in file.parts:
            searched.append(file.read_bytes())
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    searched += [archive.read(name) for name in archive.namelist()]
    states = list(stacks.rglob("*.tfstate*"))
    plans = list(stacks.rglob("plan"))
    found = sum(TOKEN.encode() in text for text in searched)
    check("the search sees what is in state", sum(b"aurora-connection-audit-slack-webhook-" in text for text in searched) >= 2)
    check(
        f"the webhook is in none of {len(searched)} files and outputs, {len(states)} states and {len(plans)} plans among them",
        len(states) >= 4 and len(plans) >= 2 and found == 0, f"found {found} times",
    )


if __name__ == "__main__":
    main()
    conclude()
