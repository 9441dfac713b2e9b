"""Checks with a name, counted."""

import sys

counts = {"passed": 0, "failed": 0}


def check(name, holds, shown_on_failure=""):
    counts["passed" if holds else "failed"] += 1
    print(f"{'ok    ' if holds else 'FAILED'} {name}", flush=True)
    if not holds and shown_on_failure:
        print("       " + str(shown_on_failure)[-3000:].replace("\n", "\n       "), flush=True)
    return holds


def conclude():
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(0 if counts["passed"] and not counts["failed"] else 1)
