"""What CloudWatch Logs does between a log group and the function."""

import base64
import gzip
import hashlib
import json
import pathlib
import re
import zlib

LOGS = pathlib.Path(__file__).parents[1] / "fixtures/postgres-logs"  # of real servers, PostgreSQL 12 to 18
OWNER = "123456789012"


def log_events(path):
    """The records of a PostgreSQL log: a line and the lines that continue it, which begin with a tab."""
    records = []
    for line in path.read_bytes().split(b"\n"):
        if line.startswith(b"\t") and records:
            records[-1] += b"\n" + line
        elif line:
            records.append(line)
    return [record.decode(errors="replace") for record in records]


def any_term(filter_pattern):
    """The terms of an unstructured pattern `?"term" ?"term"`, of which one must occur in a log event."""
    term = r'\?"((?:[^"\\]|\\.)+)"'
    if not re.fullmatch(rf"{term}(?: {term})*", filter_pattern):
        raise ValueError(f"not a pattern of the form ?\"term\" ?\"term\": {filter_pattern}")
    if len(filter_pattern) > 1024:
        raise ValueError(f"CloudWatch Logs takes 1024 characters, the pattern has {len(filter_pattern)}")
    return re.findall(term, filter_pattern)


def passes(terms, log_event):
    return any(term in log_event for term in terms)


def batch(log_group, log_events, message_type="DATA_MESSAGE", owner=OWNER, log_stream="orders-1.0"):
    """A batch of one log stream, as the gzip that is sent."""
    data = {
        "messageType": message_type,
        "owner": owner,
        "logGroup": log_group,
        "logStream": log_stream,
        "subscriptionFilters": ["aurora-connection-audit"],
        "logEvents": [
            {
                "id": event_id(owner, log_group, log_stream, number, message),
                "timestamp": 1795426673000 + number,
                "message": message,
            }
            for number, message in enumerate(log_events)
        ],
    }
    return gzip.compress(json.dumps(data).encode())


def event_id(*log_event):
    """56 digits, its own for each log event, and the same when that is sent again."""
    return f"{int(hashlib.sha256(repr(log_event).encode()).hexdigest()[:46], 16):056}"


def payload(log_group, log_events, **of_batch):
    """What the function is invoked with."""
    return {"awslogs": {"data": base64.b64encode(batch(log_group, log_events, **of_batch)).decode()}}


def control_message():
    """What CloudWatch Logs sends when a subscription is made."""
    return payload("", [CONTROL_MESSAGE], message_type="CONTROL_MESSAGE")


CONTROL_MESSAGE = "CWL CONTROL MESSAGE: Checking health of destination Lambda function"


def deliver(accounts, owner, log_group, log_events, log_stream="orders-1.0"):
    """Sends the events by every subscription filter of the log group, and returns what invokes a function.

    `accounts` holds, for each account id, what makes a client of a service: a filter of one leads to another's stream.
    """
    invocations = []
    for subscription in accounts[owner]("logs").describe_subscription_filters(logGroupName=log_group)["subscriptionFilters"]:
        sent = log_events
        if subscription["filterPattern"]:
            terms = any_term(subscription["filterPattern"])
            sent = [event for event in log_events if passes(terms, event)]
        service, _, account, resource = arn_parts(subscription["destinationArn"])
        if service == "logs":
            destinations = accounts[account]("logs").describe_destinations()["destinations"]
            [stream] = [it["targetArn"] for it in destinations if it["arn"] == subscription["destinationArn"]]
            service, _, account, resource = arn_parts(stream)
        if service == "lambda":
            invocations.append(payload(log_group, sent, owner=owner, log_stream=log_stream))
        else:
            accounts[account]("kinesis").put_record(
                StreamName=resource.removeprefix("stream/"),
                Data=batch(log_group, sent, owner=owner, log_stream=log_stream),
                # ByLogStream: a log stream keeps to one shard. What the key is is not documented.
                PartitionKey=f"{zlib.crc32(f'{owner}{log_group}{log_stream}'.encode()):x}",
            )
    return invocations


def arn_parts(arn):
    """Service, region, account, resource."""
    return arn.split(":", 5)[2:]
