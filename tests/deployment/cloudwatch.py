"""What CloudWatch Logs does between a log group and the function."""

import base64
import gzip
import json
import pathlib
import re

LOGS = pathlib.Path(__file__).parents[1] / "fixtures/postgres-logs"  # of real servers, PostgreSQL 12 to 18


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


def payload(log_group, log_events, message_type="DATA_MESSAGE"):
    """What the function is invoked with."""
    data = {
        "messageType": message_type,
        "owner": "123456789012",
        "logGroup": log_group,
        "logStream": "orders-1.0",
        "subscriptionFilters": ["aurora-connection-audit"],
        "logEvents": [
            {"id": f"{number:056}", "timestamp": 1795426673000 + number, "message": message}
            for number, message in enumerate(log_events)
        ],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}


def control_message():
    """What CloudWatch Logs sends when a subscription is made."""
    return payload("", ["CWL CONTROL MESSAGE: Checking health of destination Lambda function"], "CONTROL_MESSAGE")
