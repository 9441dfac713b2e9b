#!/usr/bin/env python3
"""Hands hostile payloads to the real `bootstrap`, and prints what it answers, how long it takes, and
how much memory it needs at the most. Ends with 1 if a payload takes more than 192 MB, makes the
process panic, or is answered otherwise than it should be: each that can be read is taken, and posted
once where it has something to tell.

    cargo build --release --no-default-features --bin bootstrap
    scripts/hostile-payloads.py [target/release/bootstrap]
"""

import base64
import gzip
import http.server
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time

MOST_MEMORY = 192_000  # KiB
PATIENCE = 60  # seconds


class Servers(http.server.ThreadingHTTPServer):
    """A Lambda Runtime API, a Secrets Manager and a Slack on one port."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.answers, self.posts = queue.Queue(), queue.Queue(), 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A function that is stopped closes its connections; that is no error."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        event = self.server.events.get()
        deadline = str(int(time.time() * 1000) + PATIENCE * 1000)
        self.answer(200, event, [
            ("lambda-runtime-aws-request-id", "r"),
            ("lambda-runtime-deadline-ms", deadline),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:1:function:f"),
        ])

    def do_POST(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body = self.chunks()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("x-amz-target"):
            url = f"http://127.0.0.1:{self.server.server_address[1]}/services/x"
            self.answer(200, json.dumps({"SecretString": url}).encode())
        elif self.path.startswith("/2018-06-01/runtime/"):
            self.server.answers.put(("error" in self.path, body.decode("utf-8", "replace")))
            self.answer(202, b"{}")
        else:
            self.server.posts += 1
            self.answer(200, b"ok")

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


def wrap(raw, level=9):
    return json.dumps({"awslogs": {"data": packed(raw, level)}}).encode()


def packed(raw, level=9):
    return base64.b64encode(gzip.compress(raw, level)).decode()


def document(messages, **members):
    events = [{"id": f"{at:056}", "timestamp": 1, "message": text} for at, text in enumerate(messages)]
    whole = {
        "messageType": "DATA_MESSAGE", "owner": "123456789012",
        "logGroup": "/aws/rds/cluster/orders/postgresql", "logStream": "i.0",
        "subscriptionFilters": ["x"], "logEvents": events,
    }
    return json.dumps(whole | members).encode()


def stream(raws, level=1):
    records = [
        {"eventID": f"shardId-0:{at}", "kinesis": {"data": packed(raw, level), "sequenceNumber": str(at)}}
        for at, raw in enumerate(raws)
    ]
    return json.dumps({"Records": records}).encode()


HEAD = "2026-11-23 09:38:10 UTC:10.0.0.1(%d):"
LOGIN = [
    HEAD % 5000 + "[unknown]@[unknown]:[7]:LOG:  connection received: host=10.0.0.1 port=5000",
    HEAD % 5000 + "alice@orders:[7]:LOG:  connection authorized: user=alice database=orders application_name=psql",
]


def many(line, size=30 << 20):
    """One message of lines, as many as have room."""
    lines, length, at = [], 0, 0
    while length < size:
        lines.append(line(at))
        length += len(lines[-1].encode()) + 2
        at += 1
    return document(["\n".join(lines)])


def long(part, size, start=""):
    return document([HEAD % 5000 + start + part * (size // len(part))])


AUTHORIZED = "a@b:[7]:LOG:  connection authorized: user=a database=b application_name="
PAYLOADS = {
    "a login": wrap(document(LOGIN)),
    "no JSON object": b"[1]",
    "100 000 brackets outside": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100 000 brackets inside": wrap(document(LOGIN)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "two awslogs": b'{"awslogs":{"data":"x"},"awslogs":{"data":"y"}}',
    "no base64": b'{"awslogs":{"data":"!"}}',
    "no gzip": b'{"awslogs":{"data":"aGVsbG8="}}',
    "gzip that is cut off": json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(document(LOGIN))[:-9]).decode()}}).encode(),
    "30 000 empty gzip members": json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(b"") * 30_000 + gzip.compress(document(LOGIN))).decode()}}).encode(),
    "700 MiB of blanks": json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(b" " * (700 << 20))[:740_000]).decode()}}).encode(),
    "33 MiB of blanks": wrap(b" " * (33 << 20) + document(LOGIN)),
    "no JSON inside": wrap(b"hello"),
    "log events null": wrap(document([], logEvents=None)),
    "a time stamp of 1e400": wrap(document(LOGIN).replace(b'"timestamp": 1', b'"timestamp": 1e400')),
    "a time stamp of -9e18": wrap(document(LOGIN).replace(b'"timestamp": 1', b'"timestamp": -9000000000000000000')),
    "half surrogate pairs": wrap(document(LOGIN).replace(b"alice", b"\\ud800")),
    "1 300 000 empty log events": wrap(json.dumps({"messageType": "D", "logGroup": "g", "logStream": "s.0", "logEvents": []}).encode().replace(b"[]", b"[" + b",".join([b'{"id":"","message":""}'] * 1_300_000) + b"]")),
    "30 MiB of logins": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1({i % 65000}):a@b:[{i}]:LOG:  connection authorized: user=a database=b")),
    "30 MiB of logins of as many users": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):u{i}@b:[7]:LOG:  connection authorized: user=u{i} database=b")),
    "30 MiB of clients received": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1({i % 65000}):[unknown]@[unknown]:[{i}]:LOG:  connection received: host=1 port={i % 65000}")),
    "30 MiB of refusals from as many hosts": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:2001:db8::{i:x}(5):a@b:[{i}]:FATAL:  password authentication failed for user \"a\"")),
    "30 MiB of refusals of as many users": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):u{i}@b:[7]:FATAL:  password authentication failed for user \"u{i}\"")),
    "30 MiB of scans": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):[unknown]@[unknown]:[{i}]:LOG:  invalid length of startup packet")),
    "30 MiB of ends": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):a@b:[{i}]:LOG:  disconnection: session time: 0:00:00.000 user=a database=b host=1 port=1")),
    "30 MiB of forged lines of a session": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):a@b:[{i}]:LOG:  connection authorized: user=x database=y")),
    "30 MiB of `FATAL:  `": wrap(many(lambda _: "FATAL:  ")),
    "30 MiB of line feeds": wrap(document(["\n" * (15 << 20)])),
    "30 MiB of tabs behind line feeds": wrap(document(["\n\t" * (7 << 20)])),
    "30 MiB of heads without an end": wrap(many(lambda _: "2026-11-23 09:38:10 UTC:1(1):x")),
    "30 MiB of names of `@`": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):{'@' * 60}:[{i % 99}]:FATAL:  no")),
    # The dearest to read: longer than a batch of its own is tried to be posted.
    "14 MiB of names of ten `@`": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):{'@' * 10}:[{i % 99}]:FATAL:  no", 14 << 20)),
    "30 MiB of names of `:[7]:LOG:  `": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):a@{':[7]:LOG:  ' * 5}:[{i % 99}]:FATAL:  no")),
    "30 MiB of names of bytes that are no UTF-8": wrap(many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):{chr(0xfffd) * 60}@{chr(0xfffd) * 60}:[{i % 99}]:FATAL:  no", 14 << 20)),
    "a record of 30 MiB": wrap(long("x", 30 << 20, "a@b:[7]:LOG:  statement: ")),
    "an application name of 1 MiB of ` GSS (`": wrap(long(" GSS (authenticated=", 1 << 20, AUTHORIZED)),
    "an application name of 1 MiB of ` SSL enabled (`": wrap(long(" SSL enabled (protocol=a, cipher=b, bits=1)", 1 << 20, AUTHORIZED)),
    "1 MiB of ` database=x`": wrap(long(" database=x application_name=y", 1 << 20, "a@b:[7]:LOG:  connection authorized: user=a")),
    "a stream of 6 MB": stream([document([f"{x} {at}" for at in range(700) for x in LOGIN]) for _ in range(200)]),
    "a stream of records of 30 MiB": stream([many(lambda i: f"2026-11-23 09:38:10 UTC:1(1):u{i % 99}@b:[7]:LOG:  connection authorized: user=u{i % 99} database=b", 30 << 20)] * 30, 9),
    "a stream of 10 000 records that are none": json.dumps({"Records": [{"kinesis": {"data": "!"}, "eventID": str(at)} for at in range(10_000)]}).encode(),
}

# Of those that cannot be read; all others are taken.
ERRORS = {
    "no JSON object": "Payload.NotASubscription",
    "100 000 brackets outside": "Payload.NotASubscription",
    "two awslogs": "Payload.NotASubscription",
    "no base64": "Payload.Base64",
    "no gzip": "Payload.Gzip",
    "gzip that is cut off": "Payload.Gzip",
    "700 MiB of blanks": "Payload.TooLarge",
    "33 MiB of blanks": "Payload.TooLarge",
    "no JSON inside": "Payload.Json",
    "log events null": "Payload.Json",
    "a time stamp of 1e400": "Payload.Json",
}


def run(bootstrap, event):
    servers = Servers()
    host = f"127.0.0.1:{servers.server_address[1]}"
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
        "SLACK_WEBHOOK_SECRET_ID": "local", "AWS_LAMBDA_RUNTIME_API": host,
        "AWS_ENDPOINT_URL": f"http://{host}", "NO_PROXY": "127.0.0.1",
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([bootstrap], env=environment, stdout=log, stderr=log)
        start = time.time()
        servers.events.put(event)
        try:
            failed, answer = servers.answers.get(timeout=PATIENCE + 5)
        except queue.Empty:
            failed, answer = True, "NO ANSWER"
        seconds = time.time() - start
        with open(f"/proc/{process.pid}/status") as status:
            peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1])
        process.kill()
        process.wait()
        log.seek(0)
        panicked = b"panicked" in log.read()
    servers.shutdown()
    servers.server_close()
    return seconds, peak, failed, answer, panicked, servers.posts


def said(failed, answer):
    if not failed:
        return "taken"
    return json.loads(answer).get("errorType", answer) if answer[:1] == "{" else answer


def fault(name, peak, failed, answer, panicked, posts):
    """What is wrong with an answer, if anything is."""
    if panicked:
        return "panicked"
    if peak > MOST_MEMORY:
        return "too much memory"
    if said(failed, answer) != ERRORS.get(name, "taken"):
        return f"should be {ERRORS.get(name, 'taken')}"
    if posts > (0 if failed else 1):
        return f"posted {posts} times"
    return ""


def main():
    bootstrap = sys.argv[1] if len(sys.argv) > 1 else "target/release/bootstrap"
    print(f"{len(PAYLOADS)} payloads\n{'payload':52} {'KiB':>6} {'s':>6} {'peak MB':>8} {'posts':>5}  answer")
    bad = 0
    for name, event in PAYLOADS.items():
        seconds, peak, failed, answer, panicked, posts = run(bootstrap, event)
        wrong = fault(name, peak, failed, answer, panicked, posts)
        bad += bool(wrong)
        mark = f"  <-- {wrong}" if wrong else ""
        print(f"{name:52} {len(event) / 1024:6.0f} {seconds:6.2f} {peak / 1000:8.1f} {posts:5}  {said(failed, answer)}{mark}", flush=True)
    print(f"{bad} of {len(PAYLOADS)} payloads are not taken as they should be")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
