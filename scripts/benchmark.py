#!/usr/bin/env python3
"""Speed beside other ways to do the same: prints the tables of docs/performance.md.

    scripts/benchmark.py

Needs cargo, Go (Debian: golang-go) and valgrind. One run, one table: ratios are between figures of
this run. Ends with an error when an event of ours is wrong.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
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


def run(*command, cwd=ROOT):
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: failed\n{done.stdout}")
    return done.stdout


def target_directory():
    metadata = json.loads(run("cargo", "metadata", "--format-version=1", "--no-deps"))
    return pathlib.Path(metadata["target_directory"])


def executable(bench):
    """The path of a bench that is not to be run by cargo."""
    lines = run("cargo", "bench", "--no-run", "--message-format=json", "--bench", bench)
    messages = [json.loads(line) for line in lines.splitlines()]
    return next(
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact"
        and message["target"]["name"] == bench
        and message["executable"]
    )


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
    binary = target / "go-rivals"
    run("go", "build", "-o", binary, ".", cwd=ROOT / "benches/go")
    output = run(binary, target / "tmp/corpus.log", target / "tmp/corpus-few.log")
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
    for tool, package in (("cargo", "rustup"), ("go", "golang-go"), ("valgrind", "valgrind")):
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
    binary = executable("instructions")
    print("\n| instructions | a line |\n|---|---|")
    for name, what in (("text to events", "parse"), ("payload to events", "payload")):
        print(f"| {name} | {instructions(binary, what):.0f} |")


if __name__ == "__main__":
    main()
