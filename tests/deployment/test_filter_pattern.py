"""No line that the function reports, or needs to tell a forgery, is held back by the README's narrower filter pattern.

A name with line feeds cuts its own line into pieces, of which those with a term pass: the function then tells of a
suspected forgery, as it does when a batch ends between the pieces.

Usage: test_filter_pattern.py [postgresql.log ...]     (default: all in tests/fixtures)
"""

import json
import pathlib
import re
import sys

from checks import check, conclude
from cloudwatch import LOGS, any_term, log_events, passes


# With log_error_verbosity=verbose an SQLSTATE stands before the message.
SEVERITY = re.compile(r"\b(LOG|FATAL|ERROR|WARNING|NOTICE|INFO|DEBUG):  (?:[0-9A-Z]{5}: )?")
CONNECTION = re.compile(
    r"connection (received|authenticated|ready): |(replication )?connection authorized: |disconnection: session time: "
)


README = pathlib.Path(__file__).parents[2] / "terraform/README.md"


def readme_pattern():
    """The pattern of the README, which builds it of its terms."""
    block = re.search(r"^filter_pattern = .*\[for term in \[\n(.*?)^\] : ", README.read_text(), re.M | re.S)
    if not block:
        sys.exit("terraform/README.md: there is no `filter_pattern = join(\" \", [for term in [...`")
    return " ".join(f'?"{term}"' for term in json.loads(f"[{block[1].strip().rstrip(',')}]"))


def needed(records):
    """The records that must pass: those of connections, every FATAL, and the reason under a FATAL."""
    after_fatal = False
    for record in records:
        severities = list(SEVERITY.finditer(record))  # more than one where a name or a statement forges a line
        if severities:
            after_fatal = any(severity[1] == "FATAL" for severity in severities)
            if after_fatal or any(CONNECTION.match(record, severity.end()) for severity in severities):
                yield record
        elif "DETAIL:  " in record and after_fatal:
            yield record


def check_pattern(terms, records):
    must_pass = set(needed(records))
    held_back = [record for record in records if not passes(terms, record)]
    lost = [record for record in held_back if record in must_pass]
    others = len([record for record in records if record not in must_pass])
    check(
        f"all of {len(must_pass)} needed log events pass, "
        f"{len(held_back) - len(lost)} of {others} others are held back",
        must_pass and held_back and not lost,
        "\n".join(lost),
    )


def check_each_term_is_needed(terms, records):
    must_pass = list(needed(records))
    idle = [term for term in terms if all(passes([t for t in terms if t != term], record) for record in must_pass)]
    check("each term lets a needed log event pass that no other does", not idle, idle)


def check_statements_stay(terms, records):
    terms = [term for term in terms if term.startswith("DETAIL")]
    details = [record for record in records if re.search(r"DETAIL:  ([Pp]arameters: |Key \()", record)]
    sent = [record for record in details if passes(terms, record)]
    check(f"no term for reasons sends bind parameters or values of rows, {len(details)} log events", details and not sent, sent)


def main(paths):
    records = [record for path in paths for record in log_events(path)]
    terms = any_term(readme_pattern())
    check_pattern(terms, records)
    check_each_term_is_needed(terms, records)
    check_statements_stay(terms, records)


if __name__ == "__main__":
    main([pathlib.Path(argument) for argument in sys.argv[1:]] or sorted(LOGS.glob("*/*/postgresql.log")))
    conclude()
