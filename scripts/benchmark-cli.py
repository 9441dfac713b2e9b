#!/usr/bin/env python3
"""The tool beside others on the same log, as whole processes: prints the tables of docs/performance.md.

    scripts/benchmark-cli.py            a million lines, all programs
    scripts/benchmark-cli.py --long     and 5 and 10 million lines, to see what grows

Needs cargo, git, Go (Debian: golang-go), pgBadger (Debian: pgbadger) and grep. One run, one table:
ratios are between figures of this run. The first release is built from its commit, which takes a
while; --first PATH takes a tool that is built already, and so does --tool PATH for this one.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

from programs import built, first_release, go_rival, run, target_directory

PREFIX = "%t:%r:%u@%d:[%p]:"
# what is measured, the program that may be slower, how many times faster it must be
FLOORS = [("parse", "first release, parse", 1.5), ("report", "pgBadger", 30)]
GROWTH = 2.1
# MB, however long the log is
MOST_RESIDENT = {"parse": 32, "report": 256, "preview": 256}


def measure(command, output):
    """Seconds by the clock, seconds of all processors, most MB resident."""
    with output.open("wb") as out:
        start = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        clock = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command}: exit code {process.returncode}")
    return clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def medians(command, output, rounds):
    measured = [measure(command, output) for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*measured)]


def programs(tools, log, work):
    tool, first, rust, go = tools
    page = work / "pgbadger.html"
    return {
        "parse": [tool, "parse", log],
        "report": [tool, "report", "--json", log],
        "first release, parse": [first, "parse", log],
        "Rust, `regex`": [rust, "events", log],
        "Go, `regexp`": [go, "events", log],
        "`grep -c 'connection authorized'`": ["grep", "-c", "connection authorized", log],
        "pgBadger": ["pgbadger", "--quiet", "--format", "stderr", "--prefix", PREFIX, "--outfile", page, log],
    }


def megabytes(resident):
    """A child counts what its parent had when it began."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{resident:.1f} MB" if resident > own else f"below {own:.0f} MB"


def print_table(measured):
    parse, report = measured["parse"][0], measured["report"][0]
    print("| program | time | of parse | of report | processors | resident |\n|---|---|---|---|---|---|")
    for name, (clock, processors, resident) in measured.items():
        times = f"{clock / parse:.3g}x | {clock / report:.3g}x"
        print(f"| {name} | {clock:.3f} s | {times} | {processors:.3f} s | {megabytes(resident)} |")
    print("\n| floor | | |\n|---|---|---|")
    for ours, other, floor in FLOORS:
        ratio = measured[other][0] / measured[ours][0]
        print(f"| {ours}, in times of {other} | {ratio:.3g}x | {floor}x{missed(ratio >= floor)} |")


def print_growth(tool, rust, work, rounds):
    print("\n| lines | parse | resident | report | resident | preview | resident |\n|---|---|---|---|---|---|---|")
    clocks = {}
    for lines in (5_000_000, 10_000_000):
        log = written(rust, lines, work)
        cells = []
        for command, most in MOST_RESIDENT.items():
            flags = [] if command == "parse" else ["--json"]
            clock, _, resident = medians([tool, command, *flags, log], work / "output", rounds)
            clocks.setdefault(command, []).append(clock)
            cells += [f"{clock:.2f} s", f"{resident:.1f} MB{missed(resident <= most)}"]
        print(f"| {lines // 1_000_000} million, {log.stat().st_size / 1e9:.2f} GB | {' | '.join(cells)} |")
        log.unlink()
    cells = []
    for (command, most), (short, long) in zip(MOST_RESIDENT.items(), clocks.values()):
        grown = long / short
        cells += [f"{grown:.2f}x{missed(grown <= GROWTH)}", f"at most {most} MB"]
    print(f"| twice the lines, at most {GROWTH}x | {' | '.join(cells)} |")


def missed(is_met):
    return "" if is_met else ", **missed**"


def written(rust, lines, work):
    log = work / f"{lines}.log"
    with log.open("wb") as out:
        subprocess.run([rust, "log", str(lines)], stdout=out, check=True)
    os.sync()  # So that nobody waits for the disk.
    run("wc", "-l", log)
    return log


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--tool", type=pathlib.Path)
    parser.add_argument("--first", type=pathlib.Path)
    parser.add_argument("--rust", type=pathlib.Path, help="the bench `processes`, built")
    return parser.parse_args()


def main():
    given = arguments()
    for tool, package in (("go", "golang-go"), ("pgbadger", "pgbadger"), ("git", "git"), ("grep", "grep")):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: install {package}")
    target = target_directory()
    tool = given.tool or built("build", "--profile", "tool", name="aurora-connection-audit")
    first = given.first or built("build", "--release", name="aurora-connection-audit", cwd=first_release(target))
    rust = given.rust or built("bench", "--no-run", "--bench", "processes", name="processes")
    work = target / "tmp"
    work.mkdir(exist_ok=True)
    log = written(rust, given.lines, work)
    measured = {}
    for name, command in programs((tool, first, rust, go_rival(target)), log, work).items():
        rounds = 1 if name == "pgBadger" else given.rounds
        measured[name] = medians(command, work / "output", rounds)
    log.unlink()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n")
    print_table(measured)
    if given.long:
        print_growth(tool, rust, work, given.rounds)


if __name__ == "__main__":
    main()
