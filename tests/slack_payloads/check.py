#!/usr/bin/env python3
"""Checks what `aurora-connection-audit preview --json` makes of real, hostile and large logs.

Slack's own Python SDK reads and validates every block; the limits that it does not know are
checked here. First the check is checked: payloads with one fault each must be refused.

Usage: check.py PATH-OF-aurora-connection-audit
"""

import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, SectionBlock

FIXTURES = Path(__file__).parent.parent / "fixtures"
LANGUAGES = ["ja", "en"]
MARKUP = re.compile(r"<(https://[^<>|]+\|[^<>|]+|!date\^\d+\^\{date_num\} \{time_secs\}\|[^<>|]+)>")
ENTITY = re.compile(r"&(amp|lt|gt);")
INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2067\u206a-\u206f\ufeff\U000e0000-\U000e007f]"
)


class Invalid(Exception):
    """Slack would refuse the payload, or show what a client wrote as markup."""


def require(condition, what):
    if not condition:
        raise Invalid(what)


def units(text):
    """UTF-16 code units, the strictest way to count."""
    return len(text.encode("utf-16-le")) // 2


def check_text(text, most, what):
    require(isinstance(text, str) and text, f"{what}: no text")
    require(units(text) <= most, f"{what}: {units(text)} units, at most {most}")
    rest = ENTITY.sub("", MARKUP.sub("", text))
    require(not re.search("[<>&]", rest), f"{what}: markup that is not ours: {rest!r}")
    require(not INVISIBLE.search(text), f"{what}: invisible characters: {text!r}")
    return units(text)


def check_object(text, kind, most, what):
    require(text.get("type") == kind, f"{what}: not {kind}")
    if kind == "mrkdwn":
        require(text.get("verbatim") is True, f"{what}: Slack would link plain text")
    return check_text(text.get("text"), most, what)


def check_block(block, what):
    """Returns the units of all texts in it."""
    try:
        parsed = Block.parse(block)
        require(parsed is not None, f"{what}: unknown type of block")
        parsed.validate_json()
    except (SlackObjectFormationError, TypeError) as error:
        raise Invalid(f"{what}: {error}") from error
    require(parsed.to_dict() == block, f"{what}: Slack's SDK reads it as {parsed.to_dict()}")
    if isinstance(parsed, HeaderBlock):
        return check_object(block["text"], "plain_text", 150, what)
    if isinstance(parsed, SectionBlock) and parsed.text is not None:
        return check_object(block["text"], "mrkdwn", 3000, what)
    if isinstance(parsed, SectionBlock):
        return sum(check_object(field, "mrkdwn", 2000, what) for field in block["fields"])
    require(isinstance(parsed, ContextBlock), f"{what}: a block we do not use")
    return sum(check_object(element, "mrkdwn", 3000, what) for element in block["elements"])


def check_payload(payload):
    """Returns the number of blocks and the units in all of them."""
    known = {"text", "blocks", "unfurl_links", "unfurl_media"}
    require(set(payload) <= known, f"unknown keys {set(payload) - known}")
    check_text(payload.get("text"), 3000, "text")
    blocks = payload.get("blocks")
    require(isinstance(blocks, list) and 1 <= len(blocks) <= 50, "not 1 to 50 blocks")
    total = sum(check_block(block, f"block {n}") for n, block in enumerate(blocks, 1))
    require(total <= 11_000, f"{total} units in all blocks, at most 11000")
    return len(blocks), total


# Faults that the check must see. Each changes a valid payload.

VALID = {
    "text": "a",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "a", "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "a &amp; b", "verbatim": True}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "a", "verbatim": True}]},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": "<https://a.b/|c>", "verbatim": True}],
        },
    ],
}


def set_text(block, text):
    def change(payload):
        payload["blocks"][block]["text"]["text"] = text

    return change


FAULTS = {
    "no text": lambda p: p.pop("text"),
    "an empty text": lambda p: p.update(text=""),
    "a long text": lambda p: p.update(text="x" * 3001),
    "an unknown key": lambda p: p.update(colour="red"),
    "no blocks": lambda p: p.update(blocks=[]),
    "51 blocks": lambda p: p.update(blocks=[p["blocks"][1]] * 51),
    "an unknown block": lambda p: p["blocks"].append({"type": "secton"}),
    "an unknown key in a block": lambda p: p["blocks"][1].update(colour="red"),
    "a header of 151 units": set_text(0, "x" * 151),
    "a header of 76 emoji": set_text(0, "🔗" * 76),
    "a header with markup": lambda p: p["blocks"][0]["text"].update(type="mrkdwn"),
    "a section of 3001 units": set_text(1, "x" * 3001),
    "an empty section": set_text(1, ""),
    "a section of nothing": lambda p: p["blocks"][1].pop("text"),
    "11 fields": lambda p: p["blocks"][2].update(fields=p["blocks"][2]["fields"] * 11),
    "a field of 2001 units": lambda p: p["blocks"][2]["fields"][0].update(text="x" * 2001),
    "11 elements": lambda p: p["blocks"][3].update(elements=p["blocks"][3]["elements"] * 11),
    "12000 units in all": lambda p: p.update(
        blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000, "verbatim": True}}] * 4
    ),
    "a mention": set_text(1, "<!channel>"),
    "a link of another kind": set_text(1, "<mailto:a@b.c|d>"),
    "a bare ampersand": set_text(1, "a & b"),
    "a turned direction": set_text(1, "\u202eb"),
    "a terminal's escape": set_text(1, "\x1b[31m"),
    "links of plain text": lambda p: p["blocks"][1]["text"].pop("verbatim"),
}

# Logs.

PREFIX = "2024-01-01 03:00:{second:02} UTC:{host}({port}):{user}@{database}:[{pid}]:"

HOSTILE = [
    "<!channel>",
    "<!here|x>",
    "<@U012AB3CD>",
    "<https://evil.example/|CloudWatch Logs>",
    "&lt;!channel&gt;",
    "*bold* _it_ ~gone~ `code` ```block```",
    ":fire::skull:",
    "@here @everyone #general",
    "https://evil.example/ a@evil.example",
    "x\nユーザー名: admin",
    "x\r\n> quote",
    "\u202enimda",
    "a\u200bd\u2060m\ufeffin",
    "\x1b]0;owned\x07\x1b[2J",
    "\u2028\u2029\x85",
    "&" * 63,
    "<" * 63,
    "`" * 63,
    "\U000e0041" * 15,
    "日本語ユーザー",
    "🔗" * 15,
    " ",
    "a" * 63,
]


def line(n, user, database, message, host="10.0.1.23"):
    prefix = PREFIX.format(
        second=n % 60, host=host, port=40000 + n % 20000, user=user, database=database, pid=1000 + n
    )
    return f"{prefix}{message}\n"


def received(n):
    message = f"LOG:  connection received: host=10.0.1.23 port={40000 + n % 20000}"
    return line(n, "[unknown]", "[unknown]", message)


def authorized(n, user, database="appdb", application="psql"):
    application = re.sub("[^ -~]", "?", application)  # as PostgreSQL does
    message = f"LOG:  connection authorized: user={user} database={database} application_name={application}"
    return received(n) + line(n, user, database, message)


def rejected(n, user, database="appdb"):
    message = f'FATAL:  password authentication failed for user "{user}"'
    return received(n) + line(n, user, database, message.replace("\n", "\n\t"))


def disconnected(n, user, database="appdb"):
    return line(
        n,
        user,
        database,
        f"LOG:  disconnection: session time: 0:00:0{n % 10}.007 user={user} database={database} "
        f"host=10.0.1.23 port={40000 + n % 20000}",
    )


def cases():
    """Name, log, and whether a message must come of it."""
    for path in sorted(FIXTURES.rglob("*.log")):
        yield f"fixture {path.relative_to(FIXTURES)}", path.read_bytes(), path.parent.name == "pictures"
    for n, name in enumerate(HOSTILE):
        yield f"hostile name {n} entering", authorized(1, name, name, name), True
        yield f"hostile name {n} refused", rejected(1, name, name), True
    every = "".join(
        authorized(n, name, name, name) + rejected(n + 500, name, name) for n, name in enumerate(HOSTILE)
    )
    yield "all hostile names at once", every, True
    yield "10000 entries of one user", "".join(authorized(n, "app_user") for n in range(10_000)), True
    yield "10000 users", "".join(authorized(n, f"user_{n}") for n in range(10_000)), True
    yield "10000 refused names", "".join(rejected(n, f"{n:063}") for n in range(10_000)), True
    hostile = "".join(rejected(n, f"<{HOSTILE[n % 9]}&{n}") for n in range(10_000))
    yield "10000 hostile names", hostile, True
    mixed = "".join(
        (authorized, rejected, disconnected)[n % 3](n, f"user_{n % 700}") for n in range(10_000)
    )
    yield "10000 of every kind", mixed, True
    other = "".join(f"{n} connection received: host=10.0.1.23 port={n}\n" for n in range(100))
    yield "no line readable", other, False
    yield "an empty log", "", False


def payloads(cli, log, language):
    with tempfile.NamedTemporaryFile() as file:
        file.write(log if isinstance(log, bytes) else log.encode())
        file.flush()
        command = [cli, "preview", file.name, "--json", "--language", language]
        command += ["--notify-on", "authorized,rejected,disconnected"]
        command += ["--region", "ap-northeast-1", "--log-stream", "writer-1.0"]
        command += ["--log-group", "/aws/rds/cluster/aurora-postgresql-cluster/postgresql"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    require(done.returncode == 0, f"exit {done.returncode}: {done.stderr.decode()[:300]}")
    return [json.loads(text) for text in done.stdout.decode().splitlines()]


def check_log(cli, log, must_tell):
    summary = []
    for language in LANGUAGES:
        messages = payloads(cli, log, language)
        require(messages or not must_tell, f"{language}: no message")
        require(len(messages) <= 1, f"{language}: {len(messages)} messages for one channel")
        for message in messages:
            count, total = check_payload(message)
            size = len(json.dumps(message, ensure_ascii=False).encode())
            summary.append(f"{language}: {count} blocks, {total} units, {size} bytes")
    return "; ".join(summary) or "no message"


def check_fault(change):
    payload = copy.deepcopy(VALID)
    change(payload)
    try:
        check_payload(payload)
    except Invalid as error:
        return str(error)[:60]
    raise Invalid("not seen")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tests = [("a valid payload", lambda: check_payload(VALID))]
    tests += [(f"fault: {name}", lambda change=change: check_fault(change)) for name, change in FAULTS.items()]
    tests += [
        (name, lambda log=log, must=must: check_log(sys.argv[1], log, must)) for name, log, must in cases()
    ]
    failed = 0
    for name, test in tests:
        try:
            print(f"ok   {name}: {test()}")
        except Invalid as error:
            failed += 1
            print(f"FAIL {name}: {error}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
