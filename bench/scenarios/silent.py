"""Connections that send nothing, beside many open ones."""

import time

from harness.statistics import median

NAME = "silent"
ABOUT = "CPU time of a TCP connection that sends nothing, with 15,000 connections open"
LIMIT_US = 25
COUNT = 500
SETTLE_S = 0.03
QUIET = 0.005  # of a core


def settle(server):
    """Waits until the server has done its work. Returns its CPU time then."""
    last = server.cpu_s()
    while True:
        # On purpose: whether a server has nothing to do any more shows only over some time.
        time.sleep(SETTLE_S)
        now = server.cpu_s()
        if now - last < SETTLE_S * QUIET:
            return now
        last = now


def run(bench):
    opened = bench.members(15_000, 1000)
    load = {"members": opened, "publishers": 0}
    entries = [bench.floor(load), *bench.chats(load)]
    connects = {entry.name: [] for entry in entries}
    closes = {entry.name: [] for entry in entries}
    with bench.contest(entries):
        for _ in range(bench.rounds):
            for entry in entries:
                before = settle(entry.server)
                entry.load.ask("silent", count=COUNT)
                connected = settle(entry.server)
                entry.load.ask("release")
                connects[entry.name].append((connected - before) / COUNT * 1e6)
                closes[entry.name].append((settle(entry.server) - connected) / COUNT * 1e6)
    for name, ones in connects.items():
        bench.results.add(NAME, f"{opened:,} open", name, "CPU µs per connect", ones, {"floor": connects["floor"]},
                          {"CPU µs per close": median(closes[name])}, (None, "<=", LIMIT_US) if name == "chat" else None)
