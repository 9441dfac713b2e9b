"""Lambda's Runtime API, Secrets Manager and Slack on one loopback port, for one invocation."""

import base64
import contextlib
import gzip
import http.server
import json
import threading
from dataclasses import dataclass, field

WEBHOOK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
RUNTIME = "/2018-06-01/runtime"


@dataclass
class Local:
    """What the function asked for and sent."""

    event: bytes
    address: str = ""
    secret_requests: list = field(default_factory=list)
    slack_messages: list = field(default_factory=list)
    answers: list = field(default_factory=list)  # (path, body) of each post to the Runtime API
    answered: threading.Event = field(default_factory=threading.Event)


def subscription_event(log_group, log_stream, messages):
    """The payload with which CloudWatch Logs invokes a function."""
    batch = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": log_group,
        "logStream": log_stream,
        "subscriptionFilters": ["connections"],
        "logEvents": [
            {"id": f"{n:056}", "timestamp": 1795426673000 + n, "message": message}
            for n, message in enumerate(messages)
        ],
    }
    data = base64.b64encode(gzip.compress(json.dumps(batch).encode())).decode()
    return json.dumps({"awslogs": {"data": data}}).encode()


@contextlib.contextmanager
def serve(event):
    local = Local(event)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if local.answered.is_set() or not self.path.endswith("/invocation/next"):
                self.close_connection = True  # no second event: the function waits or stops
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:ap-northeast-1:123456789012:function:f",
            }
            self.answer(200, local.event, "application/json", headers)

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.startswith(RUNTIME):
                local.answers.append((self.path.removeprefix(RUNTIME), body.decode()))
                self.answer(202, b'{"status":"OK"}', "application/json")
                local.answered.set()
            elif self.path == WEBHOOK_PATH:
                local.slack_messages.append(json.loads(body))
                self.answer(200, b"ok", "text/html")
            elif self.headers.get("X-Amz-Target") == "secretsmanager.GetSecretValue":
                local.secret_requests.append((self.headers.get("Authorization"), json.loads(body)))
                secret = {"SecretString": f"http://{local.address}{WEBHOOK_PATH}"}
                self.answer(200, json.dumps(secret).encode(), "application/x-amz-json-1.1")
            else:
                self.answer(404, b"", "text/plain")

        def answer(self, status, body, content_type, headers=None):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    local.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield local
    finally:
        server.shutdown()
        server.server_close()
