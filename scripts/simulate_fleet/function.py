"""Real `bootstrap` processes, and everything they talk to: a Runtime API, Secrets Manager and Slack.

One thread, one invocation at a time. Slack answers by a clock that the simulation sets, so an hour takes seconds."""

import json
import os
import selectors
import socket
import subprocess
import time
from pathlib import Path

# The function posts to a webhook once a second at most, by the real clock: a process rests so long after a post.
REST = 1.02
# By the real clock: too short for a second attempt after a 429, so that an invocation never sleeps. See fleet.py.
PATIENCE = 0.5 + 0.9


class Slack:
    """One post a second for each webhook, by the simulated clock; away while `away` says so."""

    def __init__(self, away=None):
        self.away = away or (0, 0)
        self.next = 0.0
        self.posts, self.throttled, self.unavailable = [], 0, 0  # posts: (time, payload)

    def takes(self, now):
        return not self.is_away(now) and now >= self.next

    def is_away(self, now):
        return self.away[0] <= now < self.away[1]

    def post(self, now, body):
        if self.is_away(now):
            self.unavailable += 1
            return 503, "30"  # the process gives up at once; fleet.py plays how it would try again
        if now < self.next:
            self.throttled += 1
            return 429, "1"
        self.next = now + 1.0
        self.posts.append((now, json.loads(body)))
        return 200, None


class Outcome:
    """What came of an invocation: its answer, what Slack said, and what it took of a processor."""

    def __init__(self):
        self.failed, self.body, self.statuses, self.cpu = False, None, [], 0.0


class Function:
    def __init__(self, bootstrap, slack, processes, folder, environment=None):
        self.slack, self.now, self.current = slack, 0.0, None
        self.selector = selectors.DefaultSelector()
        self.port = self.listen("service", None)
        self.processes = []
        for number in range(processes):
            process = Process(self, bootstrap, Path(folder) / f"function-{number}.log", environment or {})
            self.processes.append(process)
        self.pump(lambda: all(process.waiting for process in self.processes))

    def listen(self, kind, process):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        self.selector.register(listener, selectors.EVENT_READ, ("listen", kind, process))
        return listener.getsockname()[1]

    def invoke(self, event, now, patience=PATIENCE, preferred=None):
        """One invocation at a simulated time, by a process that has rested."""
        process = self.rested(preferred)
        self.now, self.current = now, Outcome()
        before = process.cpu()
        process.give(event, patience)
        self.pump(lambda: process.waiting)
        self.current.cpu = process.cpu() - before
        if self.current.statuses:
            process.rests_until = time.monotonic() + REST
        return self.current, process

    def rested(self, preferred):
        if preferred is not None and preferred.rests_until <= time.monotonic():
            return preferred
        process = min(self.processes, key=lambda process: process.rests_until)
        time.sleep(max(0.0, process.rests_until - time.monotonic()))
        return process

    def pump(self, is_done, limit=100):
        end = time.monotonic() + limit
        while not is_done():
            if time.monotonic() > end:
                raise TimeoutError("the function does not come back")
            for key, _ in self.selector.select(1):
                kind, *rest = key.data
                if kind == "listen":
                    connection, _ = key.fileobj.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(connection, selectors.EVENT_READ, ("connection", *rest, bytearray()))
                else:
                    self.read(key.fileobj, *rest)

    def read(self, connection, kind, process, buffer):
        try:
            data = connection.recv(1 << 20)
        except ConnectionError:
            data = b""
        buffer += data
        while data and (request := take_request(connection, buffer)):
            head, body = request
            if kind == "service":
                self.serve(connection, head, body)
            else:
                process.serve(connection, head, body)
        if not data:
            self.selector.unregister(connection)
            connection.close()

    def serve(self, connection, head, body):
        if b"getsecretvalue" in head.lower():
            secret = f"http://127.0.0.1:{self.port}/services/T0/B0/WEBHOOK"
            return answer(connection, 200, json.dumps({"SecretString": secret}).encode())
        if self.current.statuses:  # a second attempt within one moment: nothing has changed
            return answer(connection, 429, b"rate_limited", "retry-after: 1\r\n")
        status, retry_after = self.slack.post(self.now, body)
        self.current.statuses.append(status)
        header = f"retry-after: {retry_after}\r\n" if retry_after else ""
        answer(connection, status, b"ok" if status == 200 else b"rate_limited", header)

    def counts(self):
        """The fields of the function's own log lines, added up."""
        sums = {}
        for process in self.processes:
            for line in process.log.read_text(errors="replace").splitlines():
                fields = json.loads(line).get("fields", {}) if line.startswith("{") else {}
                for name, value in fields.items():
                    if isinstance(value, int) and not isinstance(value, bool):
                        sums[name] = sums.get(name, 0) + value
        return sums

    def close(self):
        for process in self.processes:
            process.child.kill()
            process.child.wait()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


class Process:
    def __init__(self, function, bootstrap, log, environment):
        self.function, self.log, self.rests_until, self.number = function, log, 0.0, 0
        self.connection = None  # where the process waits for its next event
        port = function.listen("runtime", self)
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{function.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_LAMBDA_FUNCTION_NAME": "simulated",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": "simulated",
            "AWS_LAMBDA_LOG_STREAM_NAME": "simulated",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "SLACK_WEBHOOK_SECRET_ID": "slack",
            "MESSAGE_LANGUAGE": "en",
            "MESSAGE_TIME_ZONE": "UTC",
            **environment,
        }
        with open(log, "wb") as out:
            self.child = subprocess.Popen([bootstrap], env=environment, stdout=out, stderr=out)

    @property
    def waiting(self):
        return self.connection is not None

    def give(self, event, patience):
        connection, self.connection = self.connection, None
        self.number += 1
        deadline = int((time.time() + patience) * 1000)
        answer(
            connection,
            200,
            event.encode(),
            f"lambda-runtime-aws-request-id: {self.number}\r\nlambda-runtime-deadline-ms: {deadline}\r\n"
            "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:simulated\r\n",
        )

    def serve(self, connection, head, body):
        path = head.split(b" ", 2)[1].decode()
        if path.endswith("/invocation/next"):
            self.connection = connection
            return
        if path.endswith("/init/error"):
            raise RuntimeError(f"bootstrap does not start: {body.decode()}")
        outcome = self.function.current
        outcome.failed, outcome.body = path.endswith("/error"), json.loads(body)
        answer(connection, 202, b"{}")

    def cpu(self):
        """Seconds of a processor, from the scheduler."""
        tasks = f"/proc/{self.child.pid}/task"
        return sum(int(Path(tasks, task, "schedstat").read_text().split()[0]) for task in os.listdir(tasks)) / 1e9


def take_request(connection, buffer):
    """The first whole HTTP request of `buffer`, removed from it."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    low = head.lower()
    start = end + 4
    if b"transfer-encoding: chunked" in low:
        body, at = bytearray(), start
        while True:
            line = buffer.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(buffer[at:line], 16)
            if len(buffer) < line + 2 + size + 2:
                return None
            body += buffer[line + 2 : line + 2 + size]
            at = line + 2 + size + 2
            if size == 0:
                del buffer[:at]
                return head, bytes(body)
    length = int(low.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in low else 0
    if len(buffer) < start + length:
        if b"expect:" in low and len(buffer) == start:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None
    body = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return head, body


def answer(connection, status, body, headers=""):
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    connection.sendall(head.encode() + body)
