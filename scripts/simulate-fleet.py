#!/usr/bin/env python3
"""Plays fleets of 1 to 2000 busy log streams against real `bootstrap` processes, directly and by a stream.

    cargo build --release && scripts/simulate-fleet.py [--smoke] [--only TEXT]

Slack takes one post a second; time is simulated, so that an hour takes seconds. BOOTSTRAP is the function to play against,
target/release/bootstrap without it. Exit code 1: a floor is missed."""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from simulate_fleet.fleet import Fleet, WINDOW
from simulate_fleet.function import Function, Slack
from simulate_fleet.load import Load, busy, quiet_attack

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Scenario:
    mode: str
    streams: int
    seconds: int
    what: str = "busy"
    drain: int = 3600
    concurrency: int = 1000
    floors: tuple = ()

    @property
    def name(self):
        return f"{self.mode} {self.streams} {self.what}"


DIRECT = "told", "dead"
STREAM = "told", "dead", "queue", "429", "one post", "p95", "once", "confirmed"
BUSY, QUIET, AWAY, MIDNIGHT = KINDS = "busy", "quiet attack", "Slack away 30 min", "all at once"


def scenarios(smoke):
    if smoke:
        return [
            Scenario("direct", 5, 60, floors=DIRECT, drain=900),
            Scenario("stream", 5, 120, floors=STREAM),
            Scenario("stream", 100, 60, floors=STREAM),
        ]
    return [
        Scenario("direct", 20, 1800, floors=DIRECT + ("$40", "settled")),
        Scenario("direct", 10, 1800, floors=DIRECT + ("$40", "settled")),
        Scenario("direct", 10, 1800, QUIET, floors=DIRECT + ("named", "settled")),
        Scenario("direct", 10, 2400, AWAY, drain=7200, floors=("told", "dead")),
        Scenario("stream", 2000, 180, floors=STREAM),
        Scenario("direct", 100, 300, drain=3600, floors=DIRECT),
        Scenario("direct", 2000, 30),
        Scenario("direct", 200, 5, MIDNIGHT, floors=DIRECT),
        Scenario("direct", 5, 1800, floors=DIRECT + ("$40", "settled")),
        Scenario("direct", 2, 1800, floors=DIRECT),
        Scenario("direct", 1, 1800, floors=DIRECT),
        Scenario("stream", 10, 2400, AWAY, floors=("told", "dead", "queue", "once", "order")),
        Scenario("stream", 100, 600, floors=STREAM),
        Scenario("stream", 200, 5, MIDNIGHT, floors=DIRECT),
        Scenario("stream", 20, 1800, floors=STREAM),
        Scenario("stream", 10, 1800, floors=STREAM),
        Scenario("stream", 10, 1800, QUIET, floors=STREAM + ("named",)),
        Scenario("stream", 5, 1800, floors=STREAM),
        Scenario("stream", 2, 1800, floors=STREAM),
        Scenario("stream", 1, 1800, floors=STREAM),
    ]


def play(scenario):
    began = time.monotonic()
    chance = random.Random(scenario.name)
    slack = Slack((300, 2100) if scenario.what == AWAY else None)
    per_batch = quiet_attack(chance) if scenario.what == QUIET else busy(chance)
    load = Load(scenario.streams, scenario.seconds, per_batch, chance, together=scenario.what == MIDNIGHT)
    bootstrap = os.environ.get("BOOTSTRAP", str(ROOT / "target/release/bootstrap"))
    with tempfile.TemporaryDirectory() as folder:
        # A stream has one consumer: one process, with its memory. Else as many as may post without resting.
        function = Function(bootstrap, slack, 1 if scenario.mode == "stream" else 48, folder)
        try:
            fleet = Fleet(function, chance, scenario.concurrency)
            fleet.direct(load.batches()) if scenario.mode == "direct" else fleet.stream(load.batches())
            fleet.run(scenario.seconds, scenario.drain)
            return result(scenario, fleet, load, function.counts(), time.monotonic() - began)
        finally:
            function.close()


def result(scenario, fleet, load, counts, took):
    logins, slack = load.logins, fleet.slack
    told = [login for login in logins if login.told]
    waits = sorted(login.told[0][0] - login.time for login in told) or [float("nan")]
    everyday = [login for login in logins if not login.refused]
    waiting = {id(login) for login in logins if not login.told}
    in_queue = fleet.pending - len(fleet.dead)
    figures = {
        "mode": scenario.mode,
        "streams": scenario.streams,
        "what": scenario.what,
        "logins": len(logins),
        "told": 100 * len(told) / len(logins),
        "wrong": len(fleet.wrong),
        "lost": len(waiting) if not in_queue and not fleet.dead else 0,
        "queue": in_queue,
        "waiting": fleet.waiting_at,
        "dead": len(fleet.dead),
        "429s": slack.throttled,
        "away": slack.unavailable,
        "posts": len(slack.posts),
        "p50": waits[len(waits) // 2],
        "p95": waits[int(len(waits) * 0.95)],
        "max": waits[-1],
        "twice": sum(len(login.told) > 1 for login in logins),
        "everyday named": 100 * sum(any(named for _, named in login.told) for login in everyday) / max(1, len(everyday)),
        "in order": in_order(logins),
        "GB-s": fleet.billed * 0.25,
        "a month": fleet.monthly_cost(scenario.seconds) if scenario.what != MIDNIGHT else float("nan"),
        "processes": fleet.most_running,
        "most posts": fleet.most_posts,
        "invocations": fleet.invocations,
        "unconfirmed": counts.get("unconfirmed", 0),
        "took": took,
        "examples": fleet.wrong[:2],
    }
    figures["missed"] = [floor for floor in scenario.floors if not holds(floor, figures)]
    return figures


def in_order(logins):
    """No login is told before one that is older by more than a batch, which may come from another stream."""
    told = sorted((login.time, login.told[0][0]) for login in logins if login.told)
    latest, older = 0.0, 0
    for at, when in told:
        while told[older][0] < at - 5.0:
            latest = max(latest, told[older][1])
            older += 1
        if when < latest - 0.001:
            return False
    return True


def holds(floor, figures):
    return {
        "told": figures["told"] == 100 and not figures["wrong"],
        "dead": figures["dead"] == 0,
        "queue": figures["queue"] == 0,
        "429": figures["429s"] == 0,
        "one post": figures["most posts"] <= 1 and figures["posts"] <= figures["invocations"],
        "p95": figures["p95"] <= WINDOW + 5,
        "once": figures["twice"] == 0,
        "order": figures["in order"],
        "confirmed": figures["unconfirmed"] == 0,
        "named": figures["everyday named"] == 100,
        "$40": figures["a month"] < 40,
        # What waits is no more than five minutes of load: it does not grow for half an hour.
        "settled": max(figures["waiting"]) <= 5 * 12 * figures["streams"],
    }[floor]


def table(results):
    heads = "mode streams load told lost queued dead 429s posts p50 p95 longest GB-s invocations processes $/month".split()
    rows = [heads]
    for it in results:
        rows.append(
            [
                it["mode"],
                str(it["streams"]),
                it["what"],
                f"{it['told']:.4g} %",
                str(it["lost"]),
                str(it["queue"]),
                str(it["dead"]),
                str(it["429s"]),
                str(it["posts"]),
                f"{it['p50']:.0f} s",
                f"{it['p95']:.0f} s",
                f"{it['max']:.0f} s",
                f"{it['GB-s']:.0f}",
                str(it["invocations"]),
                str(it["processes"]),
                f"{it['a month']:.0f}" if it["what"] != MIDNIGHT else "",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(text.ljust(width) if column in (0, 2) else text.rjust(width) for column, (text, width) in enumerate(zip(row, widths)))
        for row in rows
    ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="three small fleets, in half a minute")
    parser.add_argument("--only", default="", help="the scenarios whose names hold this text, as `stream 2000`")
    options = parser.parse_args()
    chosen = [scenario for scenario in scenarios(options.smoke) if options.only in scenario.name]
    if not chosen:
        parser.error("no scenario has such a name")
    with multiprocessing.Pool(min(4, len(chosen))) as pool:
        results = []
        for it in pool.imap_unordered(play, chosen, chunksize=1):
            results.append(it)
            print(f"{it['mode']} {it['streams']} {it['what']}: {it['took']:.0f} s", file=sys.stderr, flush=True)
    results.sort(key=lambda it: (KINDS.index(it["what"]), it["streams"], it["mode"]))
    print("\n".join(table(results)), end="\n\n")
    for it in results:
        print(
            f"{it['mode']} {it['streams']} {it['what']}: {it['logins']} logins,"
            f" waiting batches at the quarters of the load {it['waiting']}, {it['away']} posts while Slack was away,"
            f" {it['twice']} told twice, {it['unconfirmed']} unconfirmed, {it['everyday named']:.0f} % of everyday logins by name,"
            f" {it['wrong']} wrong messages {it['examples'] or ''}"
        )
    missed = [f"{it['mode']} {it['streams']} {it['what']}: {', '.join(it['missed'])}" for it in results if it["missed"]]
    print("\n" + ("floors missed:\n" + "\n".join(missed) if missed else "every floor is met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
