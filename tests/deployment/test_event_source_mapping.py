"""The stand-in for Lambda's event source mappings does what Lambda documents, with functions that answer as told."""

import base64
import json
import os
from pathlib import Path

from checks import check, conclude
from event_source_mapping import PAYLOAD_BYTES, QueueMapping, StreamMapping, invoke_asynchronously
from local_aws import LocalAws

MAPPING = {
    "EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/played",
    "StartingPosition": "TRIM_HORIZON",
    "MaximumBatchingWindowInSeconds": 0,
    "BatchSize": 10000,
    "ParallelizationFactor": 1,
    "BisectBatchOnFunctionError": True,
}
ALL_TOLD = "response", '{"batchItemFailures":[]}'


def main():
    aws = LocalAws(Path(os.environ["SCRATCH"]) / "moto-event_source_mapping.log")
    try:
        stream(aws)
        queue(aws)
    finally:
        aws.stop()


class Played:
    """A function: `told` holds the data of the records that it answered for, in order."""

    def __init__(self, *answers):
        self.answers, self.told, self.given = list(answers), [], []

    def invoke(self, event):
        data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
        self.given.append([text[:8] for text in data])
        answer = self.answers.pop(0) if self.answers else ALL_TOLD
        kind, body = answer(event) if callable(answer) else answer
        if kind == "response":
            failures = {failure["itemIdentifier"] for failure in json.loads(body)["batchItemFailures"]}
            numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
            first = min((numbers.index(number) for number in failures if number in numbers), default=len(numbers))
            self.told += [text[:8] for text in data[:first]]
        return kind, body


def fails_from(index):
    return lambda event: (
        "response",
        json.dumps({"batchItemFailures": [{"itemIdentifier": event["Records"][index]["kinesis"]["sequenceNumber"]}]}),
    )


def stream(aws):
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName="played", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="played")

    def put(*texts):
        for text in texts:
            kinesis.put_record(StreamName="played", Data=text.encode(), PartitionKey=text[:1])

    function = Played()
    consumer = StreamMapping(MAPPING, kinesis, function.invoke)
    put("a", "b", "c")
    consumer.window()
    check("a window is one invocation, in order", function.given == [["a", "b", "c"]], function.given)
    consumer.window()
    check("an empty window invokes nothing", len(function.given) == 1, function.given)

    function = consumer_of(consumer, Played(fails_from(1)))
    put("d", "e", "f")
    consumer.window()
    check("a partial answer: what went before it is told", function.told == ["d"], function.told)
    put("g")
    consumer.window()
    check("and the rest comes again first, with what is new", function.given[1] == ["e", "f", "g"], function.given)

    function = consumer_of(consumer, Played(("error", "{}"), ("error", "{}")))
    put("h", "i", "j", "k")
    consumer.window()
    check("a failed batch is bisected", function.given == [["h", "i", "j", "k"], ["h", "i"], ["h"]], function.given)
    consumer.window()
    check("and what is left is told in order", function.told == ["h", "i", "j", "k"], function.told)

    function = consumer_of(consumer, Played(("response", '{"batchItemFailures":[{"itemIdentifier":"no such record"}]}')))
    put("l", "m")
    consumer.window()
    check("an answer that names no record of the batch fails all of it", len(consumer.waiting) == 2, consumer.waiting)
    consumer.window()
    check("which comes again", function.given == [["l", "m"]] * 2, function.given)

    function = consumer_of(consumer, Played())
    put(*[f"{number:08}{'x' * 900_000}" for number in range(8)])
    for _ in range(3):
        consumer.window()
    sizes = [len(given) for given in function.given]
    check("a batch holds 6 MB as JSON", sizes == [PAYLOAD_BYTES // 1_200_000, 3], sizes)
    check("none twice, none missing", function.told == [f"{number:08}" for number in range(8)], function.told)


def consumer_of(consumer, function):
    consumer.invoke = function.invoke
    return function


def queue(aws):
    sqs = aws.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
    sqs.create_queue(QueueName="retry", Attributes={"VisibilityTimeout": "420", "RedrivePolicy": redrive})
    config = {
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:retry"}},
    }
    given = []

    def failing(event):
        given.append(event)
        return "error", '{"errorType":"Slack.Throttled"}'

    for number in range(3):
        invoke_asynchronously({"number": number}, failing, config, sqs, "arn:aws:lambda:us-east-1:123456789012:function:f")
    check("without retries an event is given once", [event["number"] for event in given] == [0, 1, 2], given)

    windows = []

    def second_fails(event):
        windows.append([json.loads(record["body"])["requestPayload"]["number"] for record in event["Records"]])
        failed = [record["messageId"] for record in event["Records"] if json.loads(record["body"])["requestPayload"]["number"] == 1]
        return "response", json.dumps({"batchItemFailures": [{"itemIdentifier": it} for it in failed]})

    mapping = {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:retry", "BatchSize": 3}
    consumer = QueueMapping(mapping, sqs, second_fails)
    consumer.window()
    consumer.window()
    check("a failed message is not seen before its visibility timeout ends", len(windows) == 1, windows)
    for _ in range(3):
        consumer.visibility_timeout_ends()
        consumer.window()
    check("then it comes again alone", sorted(windows[0]) == [0, 1, 2] and windows[1:] == [[1], [1]], windows)
    held = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    check("and is a dead letter after its last receive", held == {"ApproximateNumberOfMessages": "1"}, held)


if __name__ == "__main__":
    main()
    conclude()
