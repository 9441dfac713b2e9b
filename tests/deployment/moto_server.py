"""A local AWS: moto's server, with what it leaves out of its answers and Terraform or this test reads."""

import base64
import json
import sys

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.kinesis.models import Stream
from moto.logs.models import LogsBackend, logs_backends
from moto.logs.responses import LogsResponse
from moto.rds.models import DBCluster
from moto.server import main
from moto.sqs.models import Queue


def keep_logging_config():
    """moto takes LoggingConfig and never returns it, which Terraform would see as a change."""
    init = LambdaFunction.__init__
    get_configuration = LambdaFunction.get_configuration
    update_configuration = LambdaFunction.update_configuration

    def with_logging_config(self, account_id, spec, *args, **kwargs):
        init(self, account_id, spec, *args, **kwargs)
        self.logging_config = spec.get("LoggingConfig")

    def returned(self, *args, **kwargs):
        return get_configuration(self, *args, **kwargs) | {"LoggingConfig": self.logging_config}

    def updated(self, spec):
        self.logging_config = spec.get("LoggingConfig", self.logging_config)
        return update_configuration(self, spec)

    LambdaFunction.__init__ = with_logging_config
    LambdaFunction.get_configuration = returned
    LambdaFunction.update_configuration = updated


def give_the_zip_back():
    """AWS answers GetFunction with a URL of the zip; moto's points to a bucket that does not exist."""
    get_code = LambdaFunction.get_code

    def with_zip(self):
        location = "data:application/zip;base64," + base64.b64encode(self.code_bytes).decode()
        return get_code(self) | {"Code": {"RepositoryType": "S3", "Location": location}}

    LambdaFunction.get_code = with_zip


def leave_out_serverless_v1():
    """moto answers with empty scaling of the first Serverless where a cluster has none."""
    info = DBCluster.scaling_configuration_info.fget
    DBCluster.scaling_configuration_info = property(lambda self: info(self) if self.scaling_configuration else None)


def subscribe_to_destinations():
    """moto takes the destination of another account for a log group, and finds none of its name."""
    put = LogsBackend.put_subscription_filter

    def put_subscription_filter(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn):
        if ":destination:" not in destination_arn:
            return put(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)
        _, _, _, region, account, _, _ = destination_arn.split(":", 6)
        [destination] = [it for it in logs_backends[account][region].destinations.values() if it.arn == destination_arn]
        if not destination.access_policy:
            raise ValueError(f"{destination_arn} is open to nobody")
        self.groups[log_group_name].put_subscription_filter(filter_name, filter_pattern, destination_arn, role_arn)

    LogsBackend.put_subscription_filter = put_subscription_filter


def take_account_policies():
    """moto does not know the policies that subscribe all log groups of an account."""
    policies = {}

    def of_request(self):
        return self.current_account, self.region, self._get_param("policyType"), self._get_param("policyName")

    def put_account_policy(self):
        names = ("policyName", "policyDocument", "policyType", "scope", "selectionCriteria")
        given = {name: self._get_param(name) for name in names if self._get_param(name)}
        policies[of_request(self)] = given | {"accountId": self.current_account}
        return json.dumps({"accountPolicy": policies[of_request(self)]})

    def describe_account_policies(self):
        account, region, kind, name = of_request(self)
        found = [it for key, it in policies.items() if key[:3] == (account, region, kind) and name in (None, key[3])]
        return json.dumps({"accountPolicies": found})

    def delete_account_policy(self):
        policies.pop(of_request(self))
        return "{}"

    for operation in (put_account_policy, describe_account_policies, delete_account_policy):
        setattr(LogsResponse, operation.__name__, operation)


def change_invoke_config():
    """moto keeps the first of a function's configurations of asynchronous invocation for ever."""
    put = LambdaBackend.put_function_event_invoke_config

    def put_function_event_invoke_config(self, function_name, config):
        self.get_function(function_name).event_invoke_config.clear()
        return put(self, function_name, config)

    LambdaBackend.put_function_event_invoke_config = put_function_event_invoke_config


def return_redrive_policy_as_given():
    """moto puts spaces into it, which Terraform would see as a change."""
    attributes = Queue.attributes.fget

    def compact(self):
        found = attributes(self)
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    Queue.attributes = property(compact)


def keep_on_demand_throughput():
    """moto takes OnDemandThroughput and never returns it, which Terraform would see as a change."""
    describe = Table.describe
    given = {}  # by table name

    def asked(operation):
        def with_throughput(self):
            if "OnDemandThroughput" in self.body:
                given[self.body["TableName"]] = self.body["OnDemandThroughput"]
            return operation(self)

        return with_throughput

    def returned(self, *args, **kwargs):
        answer = describe(self, *args, **kwargs)
        if self.name in given:
            answer[next(iter(answer))]["OnDemandThroughput"] = given[self.name]
        return answer

    DynamoHandler.create_table = asked(DynamoHandler.create_table)
    DynamoHandler.update_table = asked(DynamoHandler.update_table)
    Table.describe = returned


def name_the_operations():
    """Who asked for which operation of DynamoDB stands in the server's log, so that a role's permissions can be held to it."""
    dispatch = DynamoHandler.call_action

    def call_action(self):
        print(f"dynamodb {self.access_key} {self.headers['X-Amz-Target'].split('.')[1]}\n", end="", flush=True)
        return dispatch(self)

    DynamoHandler.call_action = call_action


def leave_invoking_to_the_test():
    """moto would receive each record and message itself, to start the function in Docker."""
    for source in (Queue, Stream):
        source.lambda_event_source_mappings = property(lambda self: {}, lambda self, mappings: None)


keep_logging_config()
change_invoke_config()
return_redrive_policy_as_given()
keep_on_demand_throughput()
name_the_operations()
leave_invoking_to_the_test()
subscribe_to_destinations()
take_account_policies()
give_the_zip_back()
leave_out_serverless_v1()
main(sys.argv[1:])
