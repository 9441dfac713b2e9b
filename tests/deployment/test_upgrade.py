"""From 0.1 to 0.2: what plan shows, and in which order apply changes it. Started by run.sh.

release_0_1/ is the module as it was released. What matters of the order: CloudWatch Logs invokes the function the whole time.
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

from checks import check, conclude
from local_aws import LocalAws
from stacks import FUNCTION, LOG_GROUP, apply, destroy, empty_plan
from terraform import REPOSITORY, stage, terraform

STACK = """module "audit" {
  source       = "%s"
  log_groups   = { orders = "/aws/rds/cluster/orders/postgresql", "billing, live" = "/aws/rds/cluster/billing/postgresql" }
  lambda_zip   = "${path.module}/lambda.zip"
  notification = { language = "en" }
}
"""
LOG_GROUPS = (LOG_GROUP, "/aws/rds/cluster/billing/postgresql")

NEW = {
    "aws_sqs_queue.retry", "aws_lambda_event_source_mapping.retry", "aws_lambda_permission.log_groups[0]",
    "aws_cloudwatch_metric_alarm.waiting", 'aws_cloudwatch_metric_alarm.this["lost"]',
    'aws_cloudwatch_metric_alarm.this["throttles"]', 'aws_cloudwatch_metric_alarm.this["stream-mode"]',
}
CHANGED = {
    "aws_lambda_function.this", "aws_iam_role_policy.function", "aws_lambda_function_event_invoke_config.this",
    'aws_cloudwatch_metric_alarm.this["failures"]',
    'aws_cloudwatch_log_subscription_filter.log_group["orders"]', 'aws_cloudwatch_log_subscription_filter.log_group["billing, live"]',
}
GONE = {'aws_cloudwatch_metric_alarm.this["errors"]'}
FORGOTTEN = {'aws_lambda_permission.log_group["orders"]', 'aws_lambda_permission.log_group["billing, live"]'}


def main():
    scratch = Path(os.environ["SCRATCH"])
    stacks = stage(scratch / "upgrade")
    shutil.copytree(REPOSITORY / "tests/deployment/release_0_1", stacks / "release_0_1")
    stack = stacks / "examples/upgraded"
    stack.mkdir()
    aws = LocalAws(scratch / "moto-upgrade.log")
    try:
        for log_group in LOG_GROUPS:
            aws.client("logs").create_log_group(logGroupName=log_group)
        before = aws.contents()
        use(stack, "../../release_0_1", b"0.1")
        apply("0.1", stack)
        permissions = statements(aws)
        use(stack, "../../terraform", b"0.2")
        changes_are_planned(stack)
        nothing_is_refused_meanwhile(stack)
        empty_plan("0.2", stack)
        left_alone(aws, permissions)
        destroy("0.2", stack, aws, left=before)
    finally:
        aws.stop()


def use(stack, source, bootstrap):
    (stack / "main.tf").write_text(STACK % source)
    with zipfile.ZipFile(stack / "lambda.zip", "w") as archive:
        archive.writestr("bootstrap", bootstrap)
    terraform(stack, "init")


def statements(aws):
    policy = json.loads(aws.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"])
    return {it["Sid"] for it in policy["Statement"]}


def changes_are_planned(stack):
    status, output, seconds = terraform(stack, "plan", "-out=plan")
    print("\n".join(line for line in output.splitlines() if line.startswith(("Plan:", "  # module", " # module"))), flush=True)
    check(f"plan from 0.1 to 0.2, {seconds:.0f} s", status == 0, output)
    _, shown, _ = terraform(stack, "show", "-json", "plan")
    changes = {}
    for change in json.loads(shown)["resource_changes"]:
        changes.setdefault("/".join(change["change"]["actions"]), set()).add(change["address"].removeprefix("module.audit."))
    wanted = {"create": NEW, "update": CHANGED, "delete": GONE, "forget": FORGOTTEN}
    changes.pop("no-op", None)
    check("plan replaces nothing, and takes away one alarm", changes == wanted, changes)


def nothing_is_refused_meanwhile(stack):
    """The old filters send to the old function until the new one is there, which may be invoked, and may keep what fails."""
    status, output, seconds = terraform(stack, "apply", "-json", "plan")
    check(f"apply of 0.2, {seconds:.0f} s", status == 0, output)
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    begun, ended = ({it["hook"]["resource"]["resource"]: number for number, it in enumerate(events) if it["type"] == kind}
                    for kind in ("apply_start", "apply_complete"))
    filters = [it for it in begun if it.startswith("aws_cloudwatch_log_subscription_filter")]
    order = [("aws_sqs_queue.retry", "aws_iam_role_policy.function"), ("aws_iam_role_policy.function", "aws_lambda_function.this")]
    order += [("aws_lambda_function.this", it) for it in ("aws_lambda_event_source_mapping.retry", *filters)]
    order += [("aws_lambda_permission.log_groups[0]", it) for it in filters]
    order += [("aws_iam_role_policy.function", "aws_lambda_function_event_invoke_config.this")]
    for first, then in order:
        check(f"{first}, then {then}", ended.get(first, len(events)) < begun.get(then, -1), (ended, begun))


def left_alone(aws, permissions):
    """What CloudWatch Logs and Lambda need while apply runs."""
    policy = aws.client("iam").get_role_policy(RoleName=FUNCTION, PolicyName=FUNCTION)["PolicyDocument"]
    queues = {resource.rsplit("-", 1)[1] for it in policy["Statement"] if "sqs:SendMessage" in it["Action"] for resource in it["Resource"]}
    check("the role may send to the old queue as well as to the new one", queues == {"failures", "retry"}, policy)
    now = statements(aws)
    check("the old permissions are still there, and the new one", permissions < now and len(now) == len(permissions) + 1, now)
    for log_group in LOG_GROUPS:
        filters = [(it["filterName"], it["filterPattern"]) for it in aws.subscription_filters(log_group)]
        check(f"{log_group} has its one filter, which sends everything", len(filters) == 1 and filters[0][1] == "", filters)


if __name__ == "__main__":
    main()
    conclude()
