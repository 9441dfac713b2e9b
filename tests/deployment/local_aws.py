"""A local AWS on loopback, and what is in it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3

REGION = "us-east-1"


class LocalAws:
    def __init__(self, log):
        """`log` is the file that the server writes to."""
        port, self.log = free_port(), log
        self.url = f"http://127.0.0.1:{port}"
        # Environment alone points Terraform's AWS provider, boto3 and the function at it.
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "3",  # an error of the local AWS is not to be tried for minutes
        }
        os.environ.update(self.environment)
        server = Path(__file__).parent / "moto_server.py"
        with open(log, "w") as output:
            self.process = subprocess.Popen([sys.executable, server, "-p", str(port)], stdout=output, stderr=output)
        self.wait_until_ready()

    def wait_until_ready(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                sys.exit(f"moto's server stopped; its log is {self.log}")
            try:
                return urllib.request.urlopen(f"{self.url}/moto-api/data.json").read()
            except OSError:
                time.sleep(0.2)
        sys.exit("moto's server did not answer in 60 seconds")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self, service):
        return boto3.client(service)

    def of_account(self, account_id):
        """What makes clients of another account: its role `deploy` is assumed."""
        role = self.client("sts").assume_role(RoleArn=deploy_role(account_id), RoleSessionName="test")["Credentials"]
        session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], REGION)
        return session.client

    def contents(self, client=None):
        """Everything that Terraform could have left behind, by service; of another account by its `client`."""
        client = client or self.client
        aliases = client("kms").list_aliases()["Aliases"]
        of_aws = [it.get("TargetKeyId") for it in aliases if it["AliasName"].startswith("alias/aws/")]
        keys = [client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in client("kms").list_keys()["Keys"]]
        log_groups = client("logs").get_paginator("describe_log_groups").paginate().build_full_result()["logGroups"]
        found = {
            "functions": [it["FunctionName"] for it in client("lambda").list_functions()["Functions"]],
            "mappings": [it["UUID"] for it in client("lambda").list_event_source_mappings()["EventSourceMappings"]],
            "roles": [it["RoleName"] for it in client("iam").list_roles()["Roles"]],
            "log groups": [it["logGroupName"] for it in log_groups],
            "destinations": [it["destinationName"] for it in client("logs").describe_destinations()["destinations"]],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "streams": client("kinesis").list_streams()["StreamNames"],
            "tables": client("dynamodb").list_tables()["TableNames"],
            "schedules": [it["Name"] for it in client("scheduler").list_schedules()["Schedules"]],
            "alarms": [it["AlarmName"] for it in client("cloudwatch").describe_alarms()["MetricAlarms"]],
            "secrets": [it["Name"] for it in client("secretsmanager").list_secrets()["SecretList"] if "DeletedDate" not in it],
            "topics": [it["TopicArn"] for it in client("sns").list_topics()["Topics"]],
            "clusters": [it["DBClusterIdentifier"] for it in client("rds").describe_db_clusters()["DBClusters"]],
            "instances": [it["DBInstanceIdentifier"] for it in client("rds").describe_db_instances()["DBInstances"]],
            "keys": [it["KeyId"] for it in keys if it["KeyState"] != "PendingDeletion" and it["KeyId"] not in of_aws],
        }
        return {kind: names for kind, names in found.items() if names}

    def subscription_filters(self, log_group):
        return self.client("logs").describe_subscription_filters(logGroupName=log_group)["subscriptionFilters"]


def deploy_role(account_id):
    return f"arn:aws:iam::{account_id}:role/deploy"


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]
