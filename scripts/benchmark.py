#!/usr/bin/env python3
"""Speed beside other ways to do the same, and beside the first release: prints the tables of
docs/performance.md.

    scripts/benchmark.py

Needs cargo, git, Go (Debian: golang-go) and valgrind. One run, one table: ratios are between figures
of this run. Ends with an error when an event of ours is wrong.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time

from programs import built, first_release, go_rival, run, target_directory

# name, time of ours, time of the rival: how many times is which one faster, the aim
AIMS = [
    ("parse a line, against Go compiling per call", "line/ours", "go/per-call", 120, 80),
    ("against Go with hoisted regexes", "line/ours", "go/hoisted", 12, 8),
    ("against Rust `regex`, compiling per call", "line/ours", "line/regex-per-call", None, None),
    ("against Rust `regex`, hoisted", "line/ours", "line/regex", 5, 3),
    ("its time in times of `memmem` over every line", "line/memmem", "line/ours", 4, 6),
    ("a 1000-event payload, in times of inflating it", "payload/inflate", "payload/ours", 2.4, 3.3),
    ("the same, against `LogsEvent` and regexes", "payload/ours", "payload/logs-event", 4, 3),
]
KINDS = "received authenticated authorized rejected disconnected forged".split()
ROUNDS = (2, 12)
# `bootstrap` is built for size, the tool for speed.
FOR_SPEED = ("--config", "profile.release.package.aurora-connection-audit.opt-level=3")


def criterion(target):
    """Medians in nanoseconds, by group/name, of a line where the group counts lines."""
    shutil.rmtree(target / "criterion", ignore_errors=True)
    output = run("cargo", "bench", "--bench", "speed")
    counts = [line.split("\t")[1:] for line in output.splitlines() if line.startswith("counts\t")]
    medians = {}
    for path in sorted((target / "criterion").glob("**/new/estimates.json")):
        benchmark = json.loads((path.parent / "benchmark.json").read_text())
        median = json.loads(path.read_text())["median"]["point_estimate"]
        lines = (benchmark["throughput"] or {}).get("Elements", 1)
        medians[benchmark["full_id"]] = median / lines
    return medians, counts


def go(target, truth):
    output = run(go_rival(target), target / "tmp/corpus.log", target / "tmp/corpus-few.log")
    medians, counts = {}, []
    for line in output.splitlines():
        name, nanoseconds, *found = line.split("\t")
        medians[f"go/{name}"] = float(nanoseconds)
        if name == "hoisted":
            of = [f"{number} of {there}" for number, there in zip(found, truth)]
            counts.append([f"Go, {name}", *of, found[-1]])
    return medians, counts


def instructions(binary, what):
    """Instructions a line, without what the start costs."""
    totals = []
    for rounds in ROUNDS:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, what, str(rounds)],
            text=True, capture_output=True, check=False,
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found:
            sys.exit(f"callgrind: {done.stderr}")
        totals.append(int(found[1]))
    return (totals[1] - totals[0]) / (ROUNDS[1] - ROUNDS[0]) / 1000


def kept(binary, target, name):
    """A copy, which the next build leaves alone."""
    return shutil.copy(binary, target / "tmp" / name)


def print_releases(target):
    """The parser alone, of both releases in turn."""
    bench = ("bench", "--no-run", "--bench", "instructions")
    first = built(*bench, name="instructions", cwd=first_release(target))
    releases = {
        "first release": kept(first, target, "first"),
        "now, as `bootstrap` is built": kept(built(*bench, name="instructions"), target, "for-size"),
        "now, with `opt-level = 3`": kept(built(*bench, *FOR_SPEED, name="instructions"), target, "for-speed"),
    }
    fastest = dict.fromkeys(releases, math.inf)
    for _ in range(7):
        for name, binary in releases.items():
            fastest[name] = min(fastest[name], time_of_a_line(binary, "parse"))
    print("\n| text to events | instructions a line | | a line | |\n|---|---|---|---|---|")
    counted = {name: instructions(binary, "parse") for name, binary in releases.items()}
    for name in releases:
        more = counted[name] / counted["first release"]
        longer = fastest[name] / fastest["first release"]
        print(f"| {name} | {counted[name]:.0f} | {more:.2f}x | {duration(fastest[name])} | {longer:.2f}x |")
    payload = instructions(releases["now, as `bootstrap` is built"], "payload")
    print(f"\nPayload to events: {payload:.0f} instructions a line")


def time_of_a_line(binary, what):
    """Nanoseconds, without what the start takes."""
    taken = []
    for rounds in (100, 2100):
        start = time.perf_counter_ns()
        run(binary, what, str(rounds))
        taken.append(time.perf_counter_ns() - start)
    return (taken[1] - taken[0]) / 2000 / 1000


def duration(nanoseconds):
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def print_ratios(medians):
    print("| measure | ours | the other | ratio | aim | floor |\n|---|---|---|---|---|---|")
    for name, below, above, aim, floor in AIMS:
        ours, other = (below, above) if below.endswith("ours") else (above, below)
        ratio = f"{medians[above] / medians[below]:.3g}x"
        bounds = " | ".join(f"{bound}x" if bound else "" for bound in (aim, floor))
        print(f"| {name} | {duration(medians[ours])} | {duration(medians[other])} | {ratio} | {bounds} |")


def print_scale(medians):
    print("\n| payload to messages, by | size | time |\n|---|---|---|")
    scale = [name.split("/")[1:] for name in medians if name.startswith("scale/")]
    for by, size in sorted(scale, key=lambda name: (name[0], int(name[1]))):
        print(f"| {by} | {size} | {duration(medians[f'scale/{by}/{size}'])} |")


def main():
    for tool, package in (("cargo", "rustup"), ("git", "git"), ("go", "golang-go"), ("valgrind", "valgrind")):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: install {package}")
    target = target_directory()
    medians, counts = criterion(target)
    truth = [found.split(" of ")[1] for found in counts[0][1:6]]
    go_medians, go_counts = go(target, truth)
    medians |= go_medians
    print(f"load average at the end: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print_ratios(medians)
    print(f"\n| events found | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for row in counts + go_counts:
        print(f"| {' | '.join(row)} |")
    print_scale(medians)
    print_releases(target)


if __name__ == "__main__":
    main()
