#!/usr/bin/env python3
"""Writes two windows of a stream of so many clusters, for `aurora-connection-audit replay`: an everyday minute, and one in
which things happen.

    scripts/fleet-windows.py CLUSTERS >windows.jsonl"""

import base64
import gzip
import json
import sys
import time

START = 1_795_426_680  # 2026-11-23 09:38:00 UTC
SERVICES = "orders payments customers catalog shipping billing search stock reviews accounts".split()
ACCOUNTS = "123456789012 210987654321 345678901234 456789012345".split()
FORGED = "\n2026-11-23 09:38:41 UTC:10.9.9.9(40001):admin@appdb:[4711]:LOG:  connection authorized: user=admin database=appdb"


class Log:
    """The log of a cluster's writer in one window."""

    def __init__(self, number, window):
        service, stage = SERVICES[number % len(SERVICES)], number // len(SERVICES)
        self.name = f"{service}-{stage:03}" if stage else service
        self.number, self.start, self.events = number, START + 60 * (window - 1), []
        self.pid = 4000 + window * 1000

    def line(self, second, client, who, text):
        at = self.start + second
        moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
        number = f"{self.number:08}{self.start:012}{len(self.events):06}".zfill(56)
        message = f"{moment}:{client}:{who}:[{self.pid}]:{text}"
        self.events.append({"id": number, "timestamp": at * 1000, "message": message})

    def arrival(self, second, host):
        self.pid += 1
        port = 40000 + self.pid
        self.line(second, f"{host}({port})", "[unknown]@[unknown]", f"LOG:  connection received: host={host} port={port}")
        return f"{host}({port})"

    def login(self, second, host, user, database="appdb", application="app"):
        client = self.arrival(second, host)
        rule = "(/rdsdbdata/config/pg_hba.conf:18)"
        self.line(second, client, f"{user}@{database}", f'LOG:  connection authenticated: identity="{user}" method=scram-sha-256 {rule}')
        tls = "SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"
        named = f"user={user} database={database} application_name={application}"
        self.line(second, client, f"{user}@{database}", f"LOG:  connection authorized: {named} {tls}")

    def refusal(self, second, host, user, database="appdb"):
        client = self.arrival(second, host)
        self.line(second, client, f"{user}@{database}", f'FATAL:  password authentication failed for user "{user}"')

    def everyday(self, logins):
        for number in range(logins):
            host = f"10.{self.number // 250}.{self.number % 250}.{20 + number % 2}"
            self.login(7 + 17 * number, host, "app_user")

    def record(self):
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNTS[self.number % len(ACCOUNTS)],
            "logGroup": f"/aws/rds/cluster/{self.name}/postgresql",
            "logStream": f"{self.name}-writer.0",
            "logEvents": self.events,
        }
        data = gzip.compress(json.dumps(payload).encode(), mtime=0)
        return {"eventID": "shard:1", "kinesis": {"data": base64.b64encode(data).decode()}}


def happens(logs):
    """What a reader should see first, in the second window."""
    first, second, third = logs[0], logs[1], logs[2]
    for attempt in range(7):
        second.refusal(5 + 3 * attempt, "10.0.44.7", "report_writer", "payments")
    second.login(41, "10.0.44.7", "report_writer", "payments", "psql")
    first.login(23, "10.0.9.5", "analyst", "appdb", "DBeaver")
    third.refusal(31, "10.0.3.77", "postgres", "postgres")
    for log in logs[3::97]:
        for attempt in range(2):
            log.refusal(11 + attempt, "172.31.5.9", "admin", "postgres")
    for log in logs[5::400]:
        log.login(17, "10.200.0.8", "app_user", "appdb", "app")
    if len(logs) > 100:
        logs[7].refusal(40, "10.9.9.9", f"x{FORGED}")


def main():
    count = int(sys.argv[1])
    for window in (0, 1):
        logs = [Log(number, window) for number in range(count)]
        for log in logs:
            log.everyday(3 if window else 1)
        if window:
            happens(logs)
        print(json.dumps({"Records": [log.record() for log in logs]}))


if __name__ == "__main__":
    main()
