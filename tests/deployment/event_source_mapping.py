"""What Lambda does between a stream or a queue and the function, by the settings of its event source mapping."""

import base64
import hashlib
import json
import time

PAYLOAD_BYTES = 6 * 1024 * 1024  # of one synchronous invocation


class StreamMapping:
    """One shard: windows, batches, order, partial answers, retries. `invoke(event)` returns (kind, body)."""

    def __init__(self, mapping, kinesis, invoke, window_seconds=None):
        assert mapping["ParallelizationFactor"] == 1, "several batches of a shard at once are not played here"
        self.mapping, self.kinesis, self.invoke = mapping, kinesis, invoke
        self.window_seconds = mapping["MaximumBatchingWindowInSeconds"] if window_seconds is None else window_seconds
        self.stream = mapping["EventSourceArn"].split("/")[1]
        [shard] = kinesis.list_shards(StreamName=self.stream)["Shards"]
        self.shard = shard["ShardId"]
        self.iterator = kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId=self.shard, ShardIteratorType=mapping["StartingPosition"]
        )["ShardIterator"]
        self.waiting = []  # read, and not yet told
        self.invocations = []  # (sequence numbers, kind, body)

    def window(self):
        """Gathers records for a window, or until a batch is full, and hands them to the function once."""
        end = time.monotonic() + self.window_seconds
        while True:
            answer = self.kinesis.get_records(ShardIterator=self.iterator)
            self.iterator = answer["NextShardIterator"]
            self.waiting += [self.record(record) for record in answer["Records"]]
            if len(self.batch()) < len(self.waiting) or time.monotonic() >= end:
                break
            time.sleep(0.02)
        if self.waiting:
            self.tell(self.batch())

    def batch(self):
        """The first records that fit: by number and by what they take as JSON."""
        taken, size = [], len('{"Records":[]}')
        for record in self.waiting[: self.mapping["BatchSize"]]:
            size += len(json.dumps(record)) + 1
            if taken and size > PAYLOAD_BYTES:
                break
            taken.append(record)
        return taken

    def tell(self, records):
        """One invocation, and what follows from its answer. What is left of `records` stays first in `waiting`."""
        numbers = [record["kinesis"]["sequenceNumber"] for record in records]
        kind, body = self.invoke({"Records": records})
        self.invocations.append((numbers, kind, body))
        if kind != "response":
            # The whole batch again or, where that is asked for, its first half by itself.
            if self.mapping["BisectBatchOnFunctionError"] and len(records) > 1:
                self.tell(records[: len(records) // 2])
            return
        failed = [failure["itemIdentifier"] for failure in (json.loads(body) or {}).get("batchItemFailures", [])]
        unknown = [number for number in failed if number not in numbers]
        if unknown:  # Lambda takes the whole batch for failed
            return
        # From the first failed record on: what comes after it is told again, to keep the order.
        told = min((numbers.index(number) for number in failed), default=len(numbers))
        del self.waiting[:told]

    def record(self, record):
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": base64.b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/aurora-connection-audit",
            "awsRegion": self.mapping["EventSourceArn"].split(":")[3],
            "eventSourceARN": self.mapping["EventSourceArn"],
        }


class QueueMapping:
    """The retry queue: a window of messages, of which those that are not named in the answer are deleted."""

    def __init__(self, mapping, sqs, invoke):
        self.mapping, self.sqs, self.invoke = mapping, sqs, invoke
        self.queue = sqs.get_queue_url(QueueName=mapping["EventSourceArn"].split(":")[5])["QueueUrl"]
        self.invocations = []  # (message ids, kind, body)
        self.in_flight = []  # receipt handles of what failed

    def window(self):
        messages, size = [], len('{"Records":[]}')
        while len(messages) < self.mapping["BatchSize"] and size < PAYLOAD_BYTES:
            received = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"])
            if not received.get("Messages"):
                break
            messages += received["Messages"]
            size += len(json.dumps(received["Messages"]))
        if not messages:
            return
        kind, body = self.invoke({"Records": [self.record(message) for message in messages]})
        self.invocations.append(([message["MessageId"] for message in messages], kind, body))
        failed = {message["MessageId"] for message in messages}
        if kind == "response":
            failed = {failure["itemIdentifier"] for failure in (json.loads(body) or {}).get("batchItemFailures", [])}
        for message in messages:
            if message["MessageId"] in failed:
                self.in_flight.append(message["ReceiptHandle"])
            else:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def visibility_timeout_ends(self):
        """As if the time had passed: every message that was received and not deleted is there again."""
        for handle in self.in_flight:
            self.sqs.change_message_visibility(QueueUrl=self.queue, ReceiptHandle=handle, VisibilityTimeout=0)
        self.in_flight = []

    def record(self, message):
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": hashlib.md5(message["Body"].encode()).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.mapping["EventSourceArn"],
            "awsRegion": self.mapping["EventSourceArn"].split(":")[3],
        }


def invoke_asynchronously(event, invoke, invoke_config, sqs, function_arn):
    """As CloudWatch Logs and the scheduler do: what fails goes to the destination, with what the function was given."""
    for attempt in range(1 + invoke_config["MaximumRetryAttempts"]):
        kind, body = invoke(event)
        if kind == "response":
            return kind
    queue = invoke_config["DestinationConfig"]["OnFailure"]["Destination"].split(":")[5]
    record = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "requestContext": {
            "requestId": "e4b46cbf-b738-4880-a18c-df61200e0000",
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempt + 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(body),
    }
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody=json.dumps(record))
    return kind
