"""The ways in which a Python application receives messages."""

import os
import sys

from harness.build import BuildFailure, build
from harness.contest import Entry
from harness.machine import ROOT
from harness.processes import Failure

NAME = "pychat"
ABOUT = "Python: messages per CPU-second of the server, by plain functions, streams, batches and async functions"
WAYS = {"none": "no callback", "inline": "a plain function", "events": "async for event in events()", "batches": "await stream.take()",
        "async": "async def"}
LOAD = {"members": 16, "group": 1, "publishers": 1, "message_bytes": 32}
IN_FLIGHT = 64


def turn(contest, entry, totals):
    """Messages, and the CPU time until all of them are handled."""
    before = entry.server.cpu_s()
    counts = contest.turn(entry, ms=contest.bench.turn_ms, in_flight=IN_FLIGHT)
    totals[entry.name] += counts["published"]
    answer = entry.server.command(str(totals[entry.name]))
    if answer["refused"] or (entry.name != WAYS["none"] and answer["handled"] != totals[entry.name]):
        raise Failure(entry.name, f"{totals[entry.name]} messages were published, {answer['handled']} handled")
    return counts["published"], entry.server.cpu_s() - before


def run(bench):
    python = bench.options.python or sys.executable
    if not bench.options.no_build:
        try:
            build(bench.build_dir, targets=["_pychat"], python=python)
        except BuildFailure as failure:
            print(f"bench: without pychat: {failure}", file=sys.stderr)
            return
    folder = bench.build_dir / "python"
    if not (folder / "pychat").exists():
        print(f"bench: without pychat: it is not in {folder}", file=sys.stderr)
        return
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    entries = [Entry(name, [python, str(ROOT / "bench" / "python" / "server.py"), way], {"PYTHONPATH": path}, LOAD)
               for way, name in WAYS.items()]
    totals = dict.fromkeys(WAYS.values(), 0)
    values = {name: [] for name in WAYS.values()}
    with bench.contest(entries) as contest:
        for number in range(bench.rounds + 1):
            for entry in entries:
                messages, cpu_s = turn(contest, entry, totals)
                if number > 0:  # the first round is the warm-up
                    values[entry.name].append(messages / cpu_s)
    for name, ones in values.items():
        bench.results.add(NAME, "16 clients, 32 bytes", name, "messages per CPU-second", ones, {WAYS["none"]: values[WAYS["none"]]},
                          {"CPU µs per message": 1e6 / sorted(ones)[len(ones) // 2]})
