"""Slack and the Lambda Runtime API on loopback, and a function started as Lambda starts it."""

import http.server
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A function that is killed leaves its connections open: that is no error of the server."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Slack(Server):
    """Takes every message; `posts` holds (path of the webhook, message). Is `throttled` while that is true."""

    def __init__(self):
        self.posts, self.throttled, self.refused = [], False, 0
        slack = self

        class Webhook(Handler):
            def do_POST(self):
                message = json.loads(self.body())
                if slack.throttled:
                    slack.refused += 1
                    return self.answer(429, b"rate_limited", (("retry-after", "30"),))
                slack.posts.append((self.path, message))
                self.answer(200, b"ok")

        super().__init__(Webhook)


class Files(Server):
    """Serves the files of one folder, as a release page does."""

    def __init__(self, folder):
        class File(Handler):
            def do_HEAD(self):
                self.answer(200 if (folder / self.path.lstrip("/").split("?")[0]).is_file() else 404)

            def do_GET(self):
                file = folder / self.path.lstrip("/").split("?")[0]
                self.answer(200, file.read_bytes()) if file.is_file() else self.answer(404)

        super().__init__(File)


class RuntimeApi(Server):
    """Hands out `events` one by one; `answers` gets (kind, body): response, error or init/error."""

    def __init__(self, function_arn, timeout_seconds):
        self.events = events = queue.Queue()
        self.answers = answers = queue.Queue()

        class Runtime(Handler):
            def do_GET(self):  # /2018-06-01/runtime/invocation/next
                event = events.get()
                self.answer(200, json.dumps(event).encode(), (
                    ("content-type", "application/json"),
                    ("lambda-runtime-aws-request-id", f"00000000-0000-4000-8000-{events.qsize():012}"),
                    ("lambda-runtime-deadline-ms", str(int((time.time() + timeout_seconds) * 1000))),
                    ("lambda-runtime-invoked-function-arn", function_arn),
                    ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
                ))

            def do_POST(self):  # .../invocation/<id>/response, .../invocation/<id>/error, .../init/error
                kind = "init/error" if self.path.endswith("/init/error") else self.path.rsplit("/", 1)[1]
                answers.put((kind, self.body().decode()))
                self.answer(202, b"{}", (("content-type", "application/json"),))

        super().__init__(Runtime)


def unpacked_bootstrap(zip_file, folder):
    with zipfile.ZipFile(zip_file) as archive:
        bootstrap = Path(archive.extract("bootstrap", folder))
    bootstrap.chmod(0o755)
    return bootstrap


class Function:
    """`bootstrap`, started as Lambda would with this configuration; one warm process."""

    def __init__(self, bootstrap, configuration, aws):
        self.timeout = configuration["Timeout"]
        self.runtime = RuntimeApi(configuration["FunctionArn"], self.timeout)
        self.written = tempfile.TemporaryFile()
        environment = configuration["Environment"]["Variables"] | aws | {
            "AWS_LAMBDA_RUNTIME_API": self.runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"]["LogGroup"],
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_LAMBDA_LOG_FORMAT": configuration["LoggingConfig"]["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": configuration["LoggingConfig"]["ApplicationLogLevel"],
            "_HANDLER": configuration["Handler"],
        }
        self.process = subprocess.Popen([bootstrap], env=environment, stdout=self.written, stderr=self.written)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def invoke(self, event):
        """(kind, body): `response`, `error`, `init/error`, `exited` or `timeout`."""
        self.runtime.events.put(event)
        return next_answer(self.runtime.answers, self.process, self.timeout)

    def log(self):
        self.written.seek(0)
        return self.written.read().decode(errors="replace")


def run_function(bootstrap, configuration, aws, events):
    """Starts the function and feeds it `events`. Returns the (kind, body) of each answer, and all that it wrote to its log."""
    answers = []
    with Function(bootstrap, configuration, aws) as function:
        for event in events:
            answers.append(function.invoke(event))
            if answers[-1][0] in ("init/error", "exited", "timeout"):
                break
    return answers, function.log()


def next_answer(answers, process, timeout_seconds):
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        try:
            return answers.get(timeout=0.2)
        except queue.Empty:
            if process.poll() is not None and answers.empty():
                return "exited", f"status {process.returncode}"
    return "timeout", f"no answer in {timeout_seconds} seconds"
