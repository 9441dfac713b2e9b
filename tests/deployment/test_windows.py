"""The function behind its event source mappings: a stream of two accounts, and the retry queue. Started by run.sh."""

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path

from checks import check, conclude
from cloudwatch import CONTROL_MESSAGE, batch, control_message, deliver, payload
from event_source_mapping import QueueMapping, StreamMapping, invoke_asynchronously
from local_aws import LocalAws
from local_services import Function, Handler, Server, Slack
from log_lines import logins
from stacks import FUNCTION, LOG_GROUP, TOKEN, apply, destroy, webhook
from terraform import stage, terraform
from test_fleet import AUDIT, FLEET, STAGING, STAGING_GROUPS


def main():
    scratch = Path(os.environ["SCRATCH"])
    stacks = stage(scratch / "windows")
    (stacks / "result").mkdir()
    shutil.copy(os.environ["LAMBDA_ZIP"], stacks / "result/lambda.zip")
    aws = LocalAws(scratch / "moto-windows.log")
    try:
        accounts = {AUDIT: aws.client, STAGING: aws.of_account(STAGING)}
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)  # which RDS has made
        for log_group in STAGING_GROUPS:
            accounts[STAGING]("logs").create_log_group(logGroupName=log_group)
        stream(stacks / "examples/fleet", aws, accounts, Slack())
        retry_queue(stacks / "examples/simple", aws, accounts, Slack())
    finally:
        aws.stop()


def started(aws, slack, stack, channels):
    """The deployed function with a filled secret, as one warm process."""
    _, secret, _ = terraform(stack, "output", "-raw", "slack_webhook_secret_arn")
    webhooks = json.dumps({channel: webhook(slack, channel) for channel in channels})
    aws.client("secretsmanager").put_secret_value(SecretId=secret.strip(), SecretString=webhooks)
    configuration = aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
    return Function(os.environ["BOOTSTRAP"], configuration, aws.environment)


def mapping_of(aws, service):
    mappings = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    [mapping] = [mapping for mapping in mappings if f":{service}:" in mapping["EventSourceArn"]]
    assert mapping["FunctionArn"].endswith(f":function:{FUNCTION}"), mapping
    return mapping


def posts(slack, channel):
    return [json.dumps(message, ensure_ascii=False) for path, message in slack.posts if path == f"/services/{channel}/{TOKEN}"]


def stream(stack, aws, accounts, slack):
    before = aws.contents()
    apply("stream", stack, **FLEET)
    with started(aws, slack, stack, ("default", "security")) as function:
        consumer = StreamMapping(mapping_of(aws, "kinesis"), aws.client("kinesis"), function.invoke, window_seconds=0.5)

        kind, body = function.invoke({"Records": [consumer.record(empty_record())]})
        takes = kind == "response" and json.loads(body) == {"batchItemFailures": []}
        if not check("stream: a record without log events is answered", takes, (function.log(), kind, body)):
            conclude()

        deliver(accounts, AUDIT, LOG_GROUP, logins("orders_app"))
        deliver(accounts, STAGING, STAGING_GROUPS[0], logins("staging_app"), log_stream="orders-1.0")
        deliver(accounts, STAGING, STAGING_GROUPS[1], logins("ledger_app"), log_stream="ledger-1.0")
        consumer.window()
        [message] = posts(slack, "default") or [""]
        check("stream: a window of three logs is one message", len(slack.posts) == 1, slack.posts)
        for word in ("orders_app", "staging_app", "ledger_app", "staging"):
            check(f"stream: the message names {word}", word in message, message)

        slack.throttled = True
        deliver(accounts, AUDIT, LOG_GROUP, logins("first_user", "second_user"))
        deliver(accounts, AUDIT, LOG_GROUP, logins("third_user"), log_stream="orders-2.0")
        consumer.window()
        check("stream: what Slack does not take stays in the stream", len(consumer.waiting) == 2, consumer.invocations[-1])
        slack.throttled = False
        consumer.window()
        told = posts(slack, "default")[1:]
        once = [sum(user in message for message in told) for user in ("first_user", "second_user", "third_user")]
        check("stream: and is told once when Slack is back", once == [1, 1, 1] and not consumer.waiting, told)

        aws.client("kinesis").put_record(StreamName=FUNCTION, Data=b"no gzip", PartitionKey="x")
        deliver(accounts, AUDIT, LOG_GROUP, logins("after_poison"))
        consumer.window()
        last = posts(slack, "default")[-1]
        check("stream: a record that cannot be read is passed", not consumer.waiting and "after_poison" in last, last)
    destroy("stream", stack, aws, before, **FLEET)


def empty_record():
    data = batch("", [CONTROL_MESSAGE], message_type="CONTROL_MESSAGE")
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"PartitionKey": "x", "SequenceNumber": "0", "Data": data, "ApproximateArrivalTimestamp": now}


def retry_queue(stack, aws, accounts, slack):
    before = aws.contents()
    apply("retry queue", stack, log_group=LOG_GROUP)
    config = aws.client("lambda").get_function_event_invoke_config(FunctionName=FUNCTION)
    sqs = aws.client("sqs")
    with started(aws, slack, stack, ("default",)) as function:
        consumer = QueueMapping(mapping_of(aws, "sqs"), sqs, function.invoke)

        def invoke(event):
            return invoke_asynchronously(event, function.invoke, config, sqs, config["FunctionArn"])

        check("retry queue: a control message is answered", invoke(control_message()) == "response")
        slack.throttled = True
        users = [f"user_{number:02}" for number in range(20)]
        kinds = {invoke(payload(LOG_GROUP, logins(user), log_stream=f"orders-{number}.0")) for number, user in enumerate(users)}
        check("retry queue: a throttled Slack fails each batch", kinds == {"error"}, function.log())
        consumer.window()
        check("retry queue: what is still throttled stays in the queue", len(waiting(sqs, consumer)) == 20, consumer.invocations)

        slack.throttled = False
        consumer.visibility_timeout_ends()
        consumer.window()
        check("retry queue: twenty batches are one message when Slack is back", len(slack.posts) == 1, slack.posts)
        missing = [user for user in users if user not in str(slack.posts)]
        check("retry queue: that tells all of them", not missing and not waiting(sqs, consumer), missing)
        test_command_is_answered(stack, function, slack)
    destroy("retry queue", stack, aws, before, log_group=LOG_GROUP)


def waiting(sqs, consumer):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    held = sqs.get_queue_attributes(QueueUrl=consumer.queue, AttributeNames=names)["Attributes"]
    return range(sum(int(number) for number in held.values()))


class LambdaApi(Server):
    """Answers `aws lambda invoke` with what the function answers."""

    def __init__(self, function):
        class Invoke(Handler):
            def do_POST(self):
                kind, body = function.invoke(json.loads(self.body()))
                self.answer(200, body.encode(), () if kind == "response" else (("x-amz-function-error", "Unhandled"),))

        super().__init__(Invoke)


def test_command_is_answered(stack, function, slack):
    if not shutil.which("aws"):
        return print("skipped: there is no AWS CLI to run test_command with")
    _, command, _ = terraform(stack, "output", "-raw", "test_command")
    environment = os.environ | {"AWS_ENDPOINT_URL_LAMBDA": f"http://{LambdaApi(function).address}"}
    before = len(slack.posts)
    run = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True)
    answered = '{"channels":{"default":"ok"}}' in run.stdout.replace(" ", "") and len(slack.posts) == before + 1
    check("test_command: prints what each channel answered", answered, run)


if __name__ == "__main__":
    main()
    conclude()
