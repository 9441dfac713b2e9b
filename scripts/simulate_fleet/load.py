"""Log streams of busy clusters, in the batches that CloudWatch Logs makes of them, and what a message says of them."""

import base64
import gzip
import json
import re
import time

START = 1_795_426_690  # of the simulated clock, in seconds since 1970
EVERY = 5.0  # seconds between two batches of a stream


class Login:
    __slots__ = ("number", "time", "refused", "told")

    def __init__(self, number, at, refused):
        self.number, self.time, self.refused, self.told = number, at, refused, []


class Batch:
    """What CloudWatch Logs sends of one stream at once."""

    __slots__ = ("time", "stream", "logins", "data", "announced")

    def __init__(self, at, stream, logins):
        self.time, self.stream, self.logins, self.announced = at, stream, logins, 0
        events = []
        for login in logins:
            for line in lines(login):
                number = f"{stream:06}{login.number:012}{len(events):06}"
                events.append({"id": number.zfill(56), "timestamp": int((START + login.time) * 1000), "message": line})
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": "123456789012",
            "logGroup": f"/aws/rds/cluster/cluster-{stream:04}/postgresql",
            "logStream": f"cluster-{stream:04}-writer.0",
            "subscriptionFilters": ["aurora-connection-audit"],
            "logEvents": events,
        }
        self.data = base64.b64encode(gzip.compress(json.dumps(payload).encode(), 6, mtime=0)).decode()


def lines(login):
    """A login or a refusal as PostgreSQL logs it with Aurora's prefix; every user has a name of its own."""
    user, port, pid = f"u{login.number}", 1024 + login.number % 60000, 1000 + login.number % 30000
    # Who fails comes from elsewhere: else the next login would be one after refusals.
    client = f"10.{login.number // 60000 % 250}.{9 if login.refused else 1}.23"
    zeit = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(START + login.time))
    prefix = f"{zeit}:{client}({port}):"
    yield f"{prefix}[unknown]@[unknown]:[{pid}]:LOG:  connection received: host={client} port={port}"
    named = f"{prefix}{user}@appdb:[{pid}]:"
    if login.refused:
        yield f'{named}FATAL:  password authentication failed for user "{user}"'
        yield f'{named}DETAIL:  Connection matched file "/rdsdbdata/config/pg_hba.conf" line 18: "host all all all scram-sha-256"'
        return
    yield f'{named}LOG:  connection authenticated: identity="{user}" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:18)'
    yield (
        f"{named}LOG:  connection authorized: user={user} database=appdb application_name=app"
        " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"
    )


class Load:
    """`per_batch(stream, start)` says what happens in a stream within the seconds before a batch: times and outcomes."""

    def __init__(self, streams, seconds, per_batch, random, together=False):
        self.streams, self.per_batch, self.random = streams, per_batch, random
        self.seconds, self.together, self.logins = seconds, together, []

    def batches(self):
        """In order of time."""
        latest = 0 if self.together else EVERY
        phases = sorted((self.random.uniform(0, latest), stream) for stream in range(self.streams))
        for round_ in range(int(self.seconds / EVERY)):
            for phase, stream in phases:
                start = round_ * EVERY + phase
                logins = []
                for at, refused in self.per_batch(stream, start):
                    logins.append(Login(len(self.logins), at, refused))
                    self.logins.append(logins[-1])
                if logins:
                    yield Batch(start + EVERY, stream, logins)


def busy(random):
    """Three logins in every batch."""
    return lambda stream, start: [(at, False) for at in sorted(random.uniform(start, start + EVERY) for _ in range(3))]


def quiet_attack(random):
    """A failed login in every batch: two a second where there are ten streams. And now and then an everyday login."""

    def per_batch(stream, start):
        logins = [(random.uniform(start, start + EVERY), True)]
        if random.random() < EVERY / 60:
            logins.append((random.uniform(start, start + EVERY), False))
        return sorted(logins)

    return per_batch


HEADLINES = {
    "authorized": re.compile(r"(\d+) (?:new connections?|let in after refusals)\b"),
    "rejected": re.compile(r"(\d+) refused\b"),
    "disconnected": re.compile(r"(\d+) ended\b"),
    "probed": re.compile(r"(\d+) probes?\b"),
    "suspicious": re.compile(r"(\d+) suspected forger"),
}
GROUP = re.compile(r"^• (?:\*(\d+)×\* )?", re.M)
MORE = re.compile(r"and (\d+) more groups? \((\d+) in all\)")
USER = re.compile(r"\bu(\d+)\b")


class Told:
    """What a reader of a message knows."""

    def __init__(self, payload):
        texts = [text for block in payload["blocks"] for text in texts_of(block)]
        headline, body = texts[0], "\n".join(texts[1:])
        self.users = {int(number) for number in USER.findall(body)}
        if "Aurora PostgreSQL:" in headline:
            self.counts = {name: sum(map(int, pattern.findall(headline))) for name, pattern in HEADLINES.items()}
            groups = sum(int(count or 1) for count in GROUP.findall(body))
            self.listed = groups + sum(int(count) for _, count in MORE.findall(body))
        else:
            self.counts = dict.fromkeys(HEADLINES, 0)
            self.counts["rejected" if "refused" in headline else "authorized" if "New connection" in headline else "suspicious"] = 1
            self.listed = 1
        self.adds_up = self.listed == sum(self.counts.values())


def texts_of(block):
    if "elements" in block:
        return [element["text"] for element in block["elements"]]
    if "fields" in block:
        return [field["text"] for field in block["fields"]]
    return [block["text"]["text"]]
