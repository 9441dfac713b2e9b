#!/usr/bin/env python3
"""What the Lambda function costs before and while it works: start, HTTPS, memory, size.

    scripts/build-lambda.sh x86_64-unknown-linux-musl # or the processor at hand
    scripts/footprint.py target/x86_64-unknown-linux-musl/release/bootstrap

Starts the file again and again among a local Runtime API, Secrets Manager and Slack, and prints
medians: from exec to the first poll for an event (beside a program that does nothing else),
resident memory at that moment and after a batch of log events. Then the CPU time of HTTPS requests,
each with a whole handshake, to a local server with a root of its own: benches/https.
Needs cargo, rustc and openssl.
"""

import base64
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = 20
BATCHES = (1, 100, 1000, 10_000)


class Servers(http.server.ThreadingHTTPServer):
    """All three; `events` are handed out one by one, then polls are left waiting."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events = []
        self.polls = []
        self.polled = threading.Condition()
        self.closed = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def hand_out(self, event):
        with self.polled:
            self.events.append(event)
            self.polled.notify_all()

    def close(self):
        """No thread of these servers may slow down what is measured after them."""
        with self.polled:
            self.closed = True
            self.polled.notify_all()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """The process may be killed while it waits for an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def wait_for_polls(self, number, process):
        with self.polled:
            if not self.polled.wait_for(lambda: len(self.polls) >= number, timeout=30):
                process.kill()
                sys.exit(f"no poll {number}; the log:\n{process.stdout.read().decode()}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets

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
            servers.polled.wait_for(lambda: servers.events or servers.closed)
        if servers.closed:
            self.close_connection = True
            return
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


def start(command, servers):
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
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def resident(process, field):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def batch_of(events):
    """Logins of two lines each."""
    messages = []
    for number in range((events + 1) // 2):
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
        for number, message in enumerate(messages[:events])
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


def first_poll(*command):
    """Milliseconds from exec to the first poll."""
    servers = Servers()
    begin = time.monotonic()
    process = start(command, servers)
    servers.wait_for_polls(1, process)
    stop(process, servers)
    return (servers.polls[0] - begin) * 1000


def batch(bootstrap, events):
    """Resident memory before and after a batch and at its peak, and how long it took."""
    servers = Servers()
    process = start([bootstrap], servers)
    servers.wait_for_polls(1, process)
    idle = resident(process, "VmRSS")
    begin = time.monotonic()
    servers.hand_out(batch_of(events))
    servers.wait_for_polls(2, process)
    duration = (servers.polls[1] - begin) * 1000
    after, peak = resident(process, "VmRSS"), resident(process, "VmHWM")
    stop(process, servers)
    return idle, after, peak, duration


def stop(process, servers):
    process.kill()
    process.wait()
    servers.close()


class TlsHandler(http.server.BaseHTTPRequestHandler):
    """Every request has a connection of its own, ended as TLS wants it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"ok")
        with contextlib.suppress(OSError):
            self.connection.unwrap()


@contextlib.contextmanager
def tls_server(folder):
    """A port and the path of the root that its certificate comes from. No session tickets: every
    handshake is a whole one."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj")
    openssl("req", "-x509", *key, "/CN=footprint root", "-keyout", "root.key", "-out", "root.pem")
    openssl("req", *key, "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
    pathlib.Path(folder, "san").write_text("subjectAltName=DNS:localhost\n", encoding="ascii")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "root.pem", "-CAkey", "root.key",
            "-CAcreateserial", "-extfile", "san", "-out", "certificate.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TlsHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, f"{folder}/root.pem"
    server.shutdown()


def https():
    """CPU milliseconds of the client's making, the first request, and the median of later ones."""
    as_released = {**os.environ, "AWS_LC_SYS_NO_JITTER_ENTROPY": "1"}
    built = subprocess.run(
        ["cargo", "bench", "--no-run", "--message-format=json", "--bench", "https"],
        cwd=ROOT, env=as_released, check=True, stdout=subprocess.PIPE, text=True,
    )
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    program = next(
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact"
        and message["target"]["name"] == "https"
        and message["executable"]
    )
    runs = []
    with tempfile.TemporaryDirectory() as folder, tls_server(folder) as (port, root):
        for _ in range(RUNS):
            done = subprocess.run(
                [program, str(port), root], check=True, stdout=subprocess.PIPE, text=True
            )
            client, first, *later = [
                int(line.split("\t")[1]) / 1000 for line in done.stdout.splitlines()
            ]
            runs.append((client, first, statistics.median(later)))
    return zip(*runs)


def row(name, values, unit):
    low, high = min(values), max(values)
    print(f"| {name} | {statistics.median(values):.2f} {unit} | {low:.2f} to {high:.2f} |")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bootstrap = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        least = f"{folder}/first_poll"
        source = ROOT / "scripts/footprint/first_poll.rs"
        subprocess.run(["rustc", "-O", "--edition=2024", source, "-o", least], check=True)
        starts = [
            (first_poll(least), first_poll(least, "secret"), first_poll(bootstrap))
            for _ in range(RUNS)
        ]
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print(f"| {RUNS} runs each | median | range |\n|---|---|---|")
    print(f"| size | {os.path.getsize(bootstrap) / 1e6:.2f} MB | |")
    names = ("a program that only polls", "one that asks for a secret, too", "the function")
    for name, values in zip(names, zip(*starts)):
        row(f"exec to first poll, {name}", values, "ms")
    for events in BATCHES:
        idle, after, peak, duration = zip(*(batch(bootstrap, events) for _ in range(RUNS // 4)))
        if events == BATCHES[0]:
            row("resident at the first poll", idle, "MB")
        row(f"resident after {events} log events", after, "MB")
        row(f"most resident ever, {events} log events", peak, "MB")
        row(f"{events} log events, to the next poll", duration, "ms")
    names = ("making the HTTPS client, CPU", "first HTTPS request, CPU", "later HTTPS requests, CPU")
    for name, values in zip(names, https()):
        row(name, values, "ms")


if __name__ == "__main__":
    main()
