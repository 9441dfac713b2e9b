"""No line that the function reports, or needs to tell a forgery, is held back by the subscription's filter pattern.

A name with line feeds cuts its own line into pieces, of which those with a term pass: the function then tells of a
suspected forgery, as it does when a batch ends between the pieces.

Usage: test_filter_pattern.py [postgresql.log ...]     (default: all in tests/fixtures)
"""

import functools
import itertools
import json
import pathlib
import re
import subprocess
import sys

from checks import check, conclude
from cloudwatch import LOGS, any_term, log_events, passes

MODULE = pathlib.Path(__file__).parents[2] / "terraform"
EVENTS = ("authorized", "rejected", "disconnected")

# With log_error_verbosity=verbose an SQLSTATE stands before the message.
SEVERITY = re.compile(r"\b(LOG|FATAL|ERROR|WARNING|NOTICE|INFO|DEBUG):  (?:[0-9A-Z]{5}: )?")
CONNECTION = re.compile(
    r"connection (received|authenticated|ready): |(replication )?connection authorized: |disconnection: session time: "
)


@functools.cache
def derived_pattern(notify_on):
    variables = {"log_groups": {"orders": "/aws/rds/cluster/orders/postgresql"}, "notification": {"notify_on": notify_on}}
    answer = subprocess.run(
        ["terraform", "console", *(f"-var={name}={json.dumps(value)}" for name, value in variables.items())],
        cwd=MODULE, input="jsonencode(local.filter_pattern)", capture_output=True, text=True,
    )
    if answer.returncode != 0:
        sys.exit(f"terraform console failed; has `terraform init` run in terraform/?\n{answer.stderr}")
    return json.loads(json.loads(answer.stdout))


def needed(records, notify_on):
    """The records that must pass: those of connections, every FATAL, and the reason under a FATAL."""
    after_fatal = False
    for record in records:
        severities = list(SEVERITY.finditer(record))  # more than one where a name or a statement forges a line
        if severities:
            after_fatal = any(severity[1] == "FATAL" for severity in severities)
            if after_fatal or any(CONNECTION.match(record, severity.end()) for severity in severities):
                yield record
        elif "DETAIL:  " in record and after_fatal and "rejected" in notify_on:
            yield record


def check_pattern(notify_on, records):
    terms = any_term(derived_pattern(notify_on))
    must_pass = set(needed(records, notify_on))
    held_back = [record for record in records if not passes(terms, record)]
    lost = [record for record in held_back if record in must_pass]
    others = len([record for record in records if record not in must_pass])
    check(
        f"notify_on {','.join(notify_on)}: all of {len(must_pass)} needed log events pass, "
        f"{len(held_back) - len(lost)} of {others} others are held back",
        must_pass and held_back and not lost,
        "\n".join(lost),
    )


def check_each_term_is_needed(records):
    terms = any_term(derived_pattern(EVENTS))
    must_pass = list(needed(records, EVENTS))
    idle = [term for term in terms if all(passes([t for t in terms if t != term], record) for record in must_pass)]
    check("each term lets a needed log event pass that no other does", not idle, idle)


def check_statements_stay(records):
    terms = [term for term in any_term(derived_pattern(EVENTS)) if term.startswith("DETAIL")]
    details = [record for record in records if re.search(r"DETAIL:  ([Pp]arameters: |Key \()", record)]
    sent = [record for record in details if passes(terms, record)]
    check(f"no term for reasons sends bind parameters or values of rows, {len(details)} log events", details and not sent, sent)


def main(paths):
    records = [record for path in paths for record in log_events(path)]
    for count in (1, 2, 3):
        for notify_on in itertools.combinations(EVENTS, count):
            check_pattern(notify_on, records)
    check_each_term_is_needed(records)
    check_statements_stay(records)


if __name__ == "__main__":
    main([pathlib.Path(argument) for argument in sys.argv[1:]] or sorted(LOGS.glob("*/*/postgresql.log")))
    conclude()
