"""What is new, by the deployed function and a real table: first logins, two processes, a lost table. Started by run.sh."""

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import check, conclude
from cloudwatch import payload
from event_source_mapping import QueueMapping, invoke_asynchronously
from local_aws import LocalAws
from local_services import Function, Slack
from log_lines import logins, wrong_passwords
from stacks import FUNCTION, LOG_GROUP, TOKEN, apply, destroy, empty_plan, webhook
from terraform import stage, terraform

TABLE = f"{FUNCTION}-history"
ACCESS_KEY = "FUNCTIONSACCESSKEY00"  # by which the local AWS tells the function from everybody else

STACK = f"""module "audit" {{
  source     = "../../terraform"
  log_groups = {{ orders = "{LOG_GROUP}" }}
  lambda_zip = "${{path.module}}/../../result/lambda.zip"

  history        = {{ networks = ["10.0.0.0/16"], point_in_time_recovery = true }}
  access_summary = {{ schedule = "cron(0 9 ? * MON *)" }}

  notification = {{
    language          = "en"
    metrics_namespace = "ConnectionAudit"
    rules = [
      {{ when = {{ events = ["rejected"] }}, then = {{ channel = "security" }} }},
      {{ when = {{ refusals_before = 5 }}, then = {{ channel = "security" }} }},
      {{ when = {{ new = false }}, then = "ignore" }},
      {{ when = {{ new = ["user"] }}, then = {{ channel = "newcomers" }} }},
    ]
  }}
}}

output "secret" {{
  value = module.audit.slack_webhook_secret_arn
}}
"""


def main():
    scratch = Path(os.environ["SCRATCH"])
    stacks = stage(scratch / "history")
    (stacks / "result").mkdir()
    shutil.copy(os.environ["LAMBDA_ZIP"], stacks / "result/lambda.zip")
    server_log = scratch / "moto-history.log"
    aws = LocalAws(server_log)
    try:
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)  # which RDS has made
        stack = stacks / "examples/history"
        stack.mkdir()
        (stack / "main.tf").write_text(STACK)
        before = aws.contents()
        apply("history", stack)
        as_asked_for(aws)
        deployment = Deployment(aws, stack)
        first_logins(deployment)
        two_at_once(deployment)
        let_in_after_refusals(deployment)
        access_summary(deployment)
        lost_table(deployment, stack)
        permissions(deployment, server_log)
        destroy("history", stack, aws, before)
    finally:
        aws.stop()


class Deployment:
    """The deployed function with a filled secret, and the channels that it posts to."""

    def __init__(self, aws, stack):
        self.aws, self.slack, self.told = aws, Slack(), 0
        _, secret, _ = terraform(stack, "output", "-raw", "secret")
        webhooks = {channel: webhook(self.slack, channel) for channel in ("default", "security", "newcomers")}
        aws.client("secretsmanager").put_secret_value(SecretId=secret.strip(), SecretString=json.dumps(webhooks))

    def process(self):
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
        return Function(os.environ["BOOTSTRAP"], configuration, self.aws.environment | {"AWS_ACCESS_KEY_ID": ACCESS_KEY})

    def new_posts(self):
        """(channel, text) of what was posted since this was asked last."""
        posts, self.told = self.slack.posts[self.told:], len(self.slack.posts)
        return [(path.split("/")[2], message["text"]) for path, message in posts]

    def items(self):
        return self.aws.client("dynamodb").scan(TableName=TABLE)["Items"]


def as_asked_for(aws):
    dynamodb, scheduler = aws.client("dynamodb"), aws.client("scheduler")
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    check("history: the table is paid by the request, with a cap",
          table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
          and table["OnDemandThroughput"] == {"MaxReadRequestUnits": 2000, "MaxWriteRequestUnits": 500}, table)
    expires = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    check("history: the table forgets by `ttl`", expires == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}, expires)
    backups = dynamodb.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    check("history: it can be recovered, as asked for", recovery == "ENABLED", backups)
    schedule = scheduler.get_schedule(Name=f"{FUNCTION}-access-summary")
    asks = (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"], json.loads(schedule["Target"]["Input"]))
    check("history: a schedule asks for the access summary",
          asks == ("cron(0 9 ? * MON *)", "Asia/Tokyo", {"access_summary": True}), schedule)
    [alarm] = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{FUNCTION}-let-in-after-refusals"])["MetricAlarms"]
    watched = (alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", []))
    check("history: an alarm watches who is let in after refusals", watched == ("ConnectionAudit", "let_in_after_refusals", []), alarm)


def invoke(function, *lines):
    kind, body = function.invoke(payload(LOG_GROUP, list(lines), log_stream="orders-1.0"))
    if kind != "response":
        check("history: the batch is answered", False, (kind, body, function.log()))
    return body


def told(name, deployment, *expected):
    """Each expected (channel, words) is one post, and there is no other."""
    posts = deployment.new_posts()
    fits = len(posts) == len(expected) and all(
        channel == wanted and words in text for (channel, text), (wanted, words) in zip(sorted(posts), sorted(expected)))
    check(f"history: {name}", fits, posts)


def first_logins(deployment):
    with deployment.process() as function:
        invoke(function, *logins("alice"))
        told("the first login of a user goes where the rule for new users sends it", deployment, ("newcomers", "New user: alice"))
        invoke(function, *logins("alice"))
        told("the second is silent", deployment)
        invoke(function, *logins("alice", network="10.0.7"))
        told("so is one from elsewhere in a block that counts as one network", deployment)
        invoke(function, *logins("alice", network="192.168.1"))
        told("a new network is told, to the channel of all else", deployment, ("default", "New network for alice"))
    with deployment.process() as other:
        invoke(other, *logins("alice"))
        told("another process knows what the first has learned", deployment)
        invoke(other, *wrong_passwords("mallory", 1, host="10.0.3.9"))
        told("a refusal is told each time", deployment, ("security", "mallory"))
        invoke(other, *logins("mallory"))
        told("and has made nobody known", deployment, ("newcomers", "New user: mallory"))


def two_at_once(deployment):
    """A window of each of two processes, with the same new logins in it."""
    before, users = len(deployment.items()), [f"worker_{number}" for number in range(3)]
    with deployment.process() as first, deployment.process() as second, ThreadPoolExecutor(2) as both:
        for answer in [both.submit(invoke, process, *logins(*users)) for process in (first, second)]:
            answer.result()
        posts = deployment.new_posts()
        missing = [user for user in users if not any(user in text for _, text in posts)]
        check("history: two processes at once tell every new user", posts and not missing, posts)
        for _ in range(3):  # what a slow machine did not write within the function's second is written with the next login
            invoke(first, *logins(*users))
            invoke(second, *logins(*users))
        deployment.new_posts()
        invoke(first, *logins(*users))
        invoke(second, *logins(*users))
        told("and both know them afterwards", deployment)
    check("history: the table has each user, network and database once", len(deployment.items()) == before + 3 * len(users), deployment.items())
    with deployment.process() as third:
        invoke(third, *logins(*users))
        told("a third process knows them, too", deployment)


def let_in_after_refusals(deployment):
    with deployment.process() as first, deployment.process() as second:
        invoke(first, *wrong_passwords("alice", 3))
        invoke(second, *wrong_passwords("alice", 2))
        deployment.new_posts()
        invoke(first, *logins("alice"))
        told("who is let in after five refusals, seen by two processes, is told though known", deployment, ("security", "after 5 refusals"))


def access_summary(deployment):
    """By the schedule's own words; one that Slack does not take goes the way of a batch."""
    schedule = deployment.aws.client("scheduler").get_schedule(Name=f"{FUNCTION}-access-summary")
    asked, sqs = json.loads(schedule["Target"]["Input"]), deployment.aws.client("sqs")
    config = deployment.aws.client("lambda").get_function_event_invoke_config(FunctionName=FUNCTION)
    with deployment.process() as function:
        kind, body = function.invoke(asked)
        [orders] = json.loads(body)["access_summary"]["clusters"] if kind == "response" else [{}]
        connected = [login["user"] for login in orders.get("connected", [])]
        check("history: the summary answers who connected", connected[:2] == ["alice", "mallory"] and len(connected) == 5, (kind, body))
        told("and tells it in one message", deployment, ("default", "alice, mallory"))

        deployment.slack.throttled = True
        kind = invoke_asynchronously(asked, function.invoke, config, sqs, config["FunctionArn"])
        check("history: a summary that Slack does not take fails", kind == "error", function.log())
        deployment.slack.throttled = False
        [mapping] = deployment.aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        QueueMapping(mapping, sqs, function.invoke).window()
        told("and comes from the retry queue", deployment, ("default", "alice, mallory"))


def lost_table(deployment, stack):
    with deployment.process() as function:
        invoke(function, *logins("alice", hour=12))
        told("alice is known before the table is lost", deployment)
    deployment.aws.client("dynamodb").delete_table(TableName=TABLE)
    with deployment.process() as function:
        invoke(function, *logins("alice", hour=12))
        told("without the table a known login is told, as nothing new", deployment, ("default", "alice"))
        check("history: and the function's log says why", "DynamoDB.NotFound" in function.log(), function.log())
    status, output, seconds = terraform(stack, "apply", "-auto-approve")
    check(f"history: apply makes the table anew, {seconds:.0f} s", status == 0 and "1 added, 0 changed, 0 destroyed" in output, output)
    empty_plan("history, with a table made anew", stack)
    with deployment.process() as function:
        invoke(function, *logins("alice", hour=12))
        told("in it alice is new once", deployment, ("newcomers", "New user: alice"))
        invoke(function, *logins("alice", hour=12))
        told("and known again", deployment)


def permissions(deployment, server_log):
    """What the function has asked DynamoDB for is what its role may do, no more and no less."""
    used = {f"dynamodb:{operation}" for operation in re.findall(rf"^dynamodb {ACCESS_KEY} (\w+)$", server_log.read_text(), re.M)}
    policy = deployment.aws.client("iam").get_role_policy(RoleName=FUNCTION, PolicyName=FUNCTION)["PolicyDocument"]
    [statement] = [it for it in policy["Statement"] if it["Sid"] == "KnowLogins"]
    arn = deployment.aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableArn"]
    check("history: the role may do to its table what the function does, and nothing else",
          used == set(statement["Action"]) and statement["Resource"] in (arn, [arn]), (used, statement))


if __name__ == "__main__":
    main()
    conclude()
