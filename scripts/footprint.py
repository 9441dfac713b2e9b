#!/usr/bin/env python3
"""What the Lambda function costs before and while it works: start, memory, size.

    cargo build --release --no-default-features --bin bootstrap
    scripts/footprint.py target/release/bootstrap

Starts the file again and again among a local Runtime API, Secrets Manager and Slack, and prints
medians: from exec to the first poll for an event, resident memory at that moment, and resident
memory after a batch of 10 000 log events.
"""

import base64
import gzip
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time

RUNS = 20


class Servers(http.server.ThreadingHTTPServer):
    """All three; `events` are handed out one by one, then polls are left waiting."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events = []
        self.polls = []
        self.polled = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for_polls(self, number, process):
        with self.polled:
            if not self.polled.wait_for(lambda: len(self.polls) >= number, timeout=30):
                process.kill()
                sys.exit(f"no poll {number}; the log:\n{process.stdout.read().decode()}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, headers=()):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        servers = self.server
        with servers.polled:
            servers.polls.append(time.monotonic())
            servers.polled.notify_all()
        while not servers.events:
            time.sleep(0.01)
        deadline = str(int((time.time() + 60) * 1000))
        self.answer(
            servers.events.pop(0),
            [("lambda-runtime-aws-request-id", "1"), ("lambda-runtime-deadline-ms", deadline)],
        )

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("x-amz-target"):
            url = f"http://127.0.0.1:{self.server.server_port}/services"
            self.answer(json.dumps({"SecretString": url}).encode())
        else:
            self.answer(b"ok")


def start(bootstrap, servers):
    address = f"127.0.0.1:{servers.server_port}"
    environment = {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "footprint",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{address}",
        "SLACK_WEBHOOK_SECRET_ID": "local",
    }
    return subprocess.Popen(
        [bootstrap], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def resident(process, field):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(field))
    return int(line.split()[1]) / 1024


def full_batch():
    """5000 logins of two lines each."""
    messages = []
    for number in range(5000):
        remote = f"10.0.{number // 250}.{number % 250}"
        prefix = f"2026-11-23 09:37:53 UTC:{remote}(40000):{{}}:[{1000 + number}]:LOG:  connection "
        messages.append(
            prefix.format("[unknown]@[unknown]") + f"received: host={remote} port=40000"
        )
        messages.append(
            prefix.format(f"user{number % 50}@appdb")
            + f"authorized: user=user{number % 50} database=appdb application_name=psql"
        )
    events = [
        {"id": f"{number:056}", "timestamp": 1795427873000, "message": message}
        for number, message in enumerate(messages)
    ]
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/rds/cluster/orders/postgresql",
        "logStream": "orders-1.0",
        "subscriptionFilters": ["f"],
        "logEvents": events,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
    return json.dumps({"awslogs": {"data": packed}}).encode()


def measure(bootstrap):
    servers = Servers()
    begin = time.monotonic()
    process = start(bootstrap, servers)
    servers.wait_for_polls(1, process)
    first_poll = (servers.polls[0] - begin) * 1000
    idle = resident(process, "VmRSS")
    begin = time.monotonic()
    servers.events.append(full_batch())
    servers.wait_for_polls(2, process)
    batch = (servers.polls[1] - begin) * 1000
    after, peak = resident(process, "VmRSS"), resident(process, "VmHWM")
    process.kill()
    process.wait()
    servers.shutdown()
    return first_poll, idle, batch, after, peak


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bootstrap = os.path.abspath(sys.argv[1])
    runs = list(zip(*(measure(bootstrap) for _ in range(RUNS))))
    names = [
        ("exec to first poll", "ms"),
        ("resident at first poll", "MiB"),
        ("10 000 log events, to the next poll", "ms"),
        ("resident after them", "MiB"),
        ("most resident ever", "MiB"),
    ]
    print(f"{'size':<38}{os.path.getsize(bootstrap) / 1e6:8.2f} MB")
    for (name, unit), values in zip(names, runs):
        low, high = min(values), max(values)
        print(f"{name:<38}{statistics.median(values):8.2f} {unit}  ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
