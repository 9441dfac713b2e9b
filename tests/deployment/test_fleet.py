"""A fleet on a local AWS: two accounts, a stream, a thousand log groups, and the way between the modes. Started by run.sh."""

import base64
import gzip
import json
import os
import shutil
from pathlib import Path

from checks import check, conclude
from cloudwatch import deliver, log_events, LOGS
from local_aws import LocalAws, deploy_role
from stacks import FUNCTION, LOG_GROUP, apply, destroy, difference, empty_plan
from terraform import stage, terraform

AUDIT, STAGING = "123456789012", "210987654321"
STAGING_GROUPS = [f"/aws/rds/cluster/{cluster}/postgresql" for cluster in ("orders", "ledger")]
FLEET = {"region": "us-east-1", "organization_id": "o-a1b2c3d4e5", "staging_account_id": STAGING, "staging_role_arn": deploy_role(STAGING)}


def main():
    scratch = Path(os.environ["SCRATCH"])
    stacks = stage(scratch / "fleet")
    (stacks / "result").mkdir()
    shutil.copy(os.environ["LAMBDA_ZIP"], stacks / "result/lambda.zip")
    aws = LocalAws(scratch / "moto-fleet.log")
    try:
        accounts = {AUDIT: aws.client, STAGING: aws.of_account(STAGING)}
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)  # which RDS has made
        for log_group in STAGING_GROUPS:
            accounts[STAGING]("logs").create_log_group(logGroupName=log_group)
        fleet(stacks / "examples/fleet", aws, accounts)
        modes(stacks, aws)
        whole_account(stacks, aws, accounts[STAGING])
        thousand_log_groups(stacks, aws)
    finally:
        aws.stop()


def fleet(stack, aws, accounts):
    before, before_staging = aws.contents(), aws.contents(accounts[STAGING])
    apply("fleet", stack, **FLEET)

    staging = [accounts[STAGING]("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"] for group in STAGING_GROUPS]
    _, destination, _ = terraform(stack, "output", "-raw", "destination_arn")
    sent_to = {subscription["destinationArn"] for [subscription] in staging}
    check("fleet: the other account's log groups go to the destination", sent_to == {destination.strip()}, staging)
    elsewhere = aws.contents(accounts[STAGING])
    added = {kind for kind, names in difference(elsewhere, before_staging).items() if names}
    check("fleet: nothing else is made there but a role", added == {"roles"}, elsewhere)

    events = log_events(LOGS / "15/rds-default/postgresql.log")[:50]
    invoked = deliver(accounts, AUDIT, LOG_GROUP, events)
    for group in STAGING_GROUPS:
        invoked += deliver(accounts, STAGING, group, events, log_stream=f"{group.split('/')[4]}-1.0")
    check("fleet: CloudWatch Logs invokes nothing by itself", invoked == [], invoked)
    read = [json.loads(gzip.decompress(record["Data"])) for record in records(aws.client("kinesis"))]
    check(
        "fleet: the stream holds all three logs, each with its account",
        [(batch["owner"], batch["logGroup"], len(batch["logEvents"])) for batch in read]
        == [(AUDIT, LOG_GROUP, 50), *((STAGING, group, 50) for group in STAGING_GROUPS)],
        read,
    )

    destroy("fleet", stack, aws, before, **FLEET)
    left = aws.contents(accounts[STAGING])
    check("fleet: destroy leaves nothing in the other account", left == before_staging, difference(left, before_staging))


def records(kinesis):
    iterator = kinesis.get_shard_iterator(
        StreamName=FUNCTION, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return kinesis.get_records(ShardIterator=iterator)["Records"]


OWN_STACK = """variable "log_groups" { type = map(string) }
variable "stream" {
  type    = object({})
  default = null
}

module "audit" {
  source     = "../../terraform"
  log_groups = var.log_groups
  lambda_zip = "${path.module}/../../result/lambda.zip"
  stream     = var.stream
}
"""


def own_stack(stacks, name, text):
    stack = stacks / "examples" / name
    stack.mkdir()
    (stack / "main.tf").write_text(text)
    return stack


def modes(stacks, aws):
    """From direct to stream and back: what is subscribed leads to what is there at any time."""
    stack, before = own_stack(stacks, "modes", OWN_STACK), aws.contents()
    direct = {"log_groups": json.dumps({"orders": LOG_GROUP})}
    apply("direct mode", stack, **direct)
    for name, variables, goes_last in (
        ("direct to stream", direct | {"stream": "{}"}, "aws_lambda_permission.log_groups"),
        ("stream to direct", direct, "aws_kinesis_stream.this"),
    ):
        status, output, seconds = terraform(stack, "apply", "-auto-approve", **variables)
        check(f"{name}: apply, {seconds:.0f} s", status == 0, output)
        empty_plan(name, stack, **variables)
        made = output.find('subscription_filter.log_group["orders"]: Creation complete')
        old_filter = output.find('subscription_filter.log_group["orders"] (deposed')
        last = output.find(f"{goes_last}[0]: Destroying...")
        check(f"{name}: the new filter, then the old one goes, then {goes_last}", 0 < made < old_filter < last, output)
        [subscription] = aws.subscription_filters(LOG_GROUP)
        streams = "stream" in variables
        given = (":kinesis:" in subscription["destinationArn"], bool(subscription.get("roleArn")))
        check(f"{name}: the filter has what its destination needs", given == (streams, streams), subscription)
    destroy("modes", stack, aws, before, **direct)


ACCOUNT_POLICY = f"""provider "aws" {{
  assume_role {{ role_arn = "{deploy_role(STAGING)}" }}
}}

module "sender" {{
  source          = "../../terraform/modules/sender"
  destination_arn = "arn:aws:logs:us-east-1:{AUDIT}:destination:audit"
  account_policy  = {{ except_log_groups = ["/aws/lambda/noisy"] }}
}}
"""


def whole_account(stacks, aws, client):
    stack, before = own_stack(stacks, "whole account", ACCOUNT_POLICY), aws.contents()
    apply("account policy", stack)
    [policy] = client("logs").describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
    [role] = [role["Arn"] for role in client("iam").list_roles()["Roles"]]
    document = json.loads(policy["policyDocument"])
    check("account policy: sends with the account's own role", document["RoleArn"] == role and f":{STAGING}:" in role, policy)
    destroy("account policy", stack, aws, before)
    left = client("logs").describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
    check("account policy: destroy leaves none", left == [], left)


def thousand_log_groups(stacks, aws):
    groups = {f"cluster-{number:04}": f"/aws/rds/cluster/cluster-{number:04}/postgresql" for number in range(1000)}
    logs = aws.client("logs")
    for log_group in groups.values():
        logs.create_log_group(logGroupName=log_group)
    stack, before = own_stack(stacks, "thousand", OWN_STACK), aws.contents()
    variables = {"log_groups": json.dumps(groups)}
    terraform(stack, "init")
    status, output, seconds = terraform(stack, "plan", "-out=first", **variables)
    check(f"1000 log groups: the first plan, {seconds:.0f} s", status == 0, output)
    status, output, seconds = terraform(stack, "apply", "first")
    check(f"1000 log groups: apply, {seconds:.0f} s", status == 0, output)
    empty_plan("1000 log groups", stack, **variables)

    configuration = aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
    size = len(json.dumps(configuration["Environment"]["Variables"], separators=(",", ":")).encode())
    check(f"1000 log groups: the environment takes {size} of 4096 bytes", size < 1024, size)
    policy = aws.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"]
    check(f"1000 log groups: the function's policy takes {len(policy)} of 20 480 bytes", len(policy) < 1024, policy)
    subscribed = [group for group in groups.values() if len(aws.subscription_filters(group)) == 1]
    check("1000 log groups: all are subscribed", len(subscribed) == 1000, len(subscribed))
    destroy("1000 log groups", stack, aws, before, "-refresh=false", **variables)  # what is there was just planned


if __name__ == "__main__":
    main()
    conclude()
