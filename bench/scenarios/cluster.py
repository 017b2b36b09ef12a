"""Servers that share their rooms through Redis, beside one that is alone, Socket.IO's Redis adapter and Centrifugo."""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

from harness.machine import pinned, process_cpu_s

NAME = "cluster"
ABOUT = "three servers with one Redis beside one that is alone, Socket.IO and Centrifugo: messages per CPU-second of Redis, latency"
SERVERS = 3
PUBLISHERS = 16
RATE_TURN_MS = 1_000
OTHERS = {"socket.io": "socket.io", "centrifugo": "centrifugo"}  # the form of each server's clients
GOAL = 5  # messages per CPU-second of Redis, to those of Socket.IO's adapter


class Redis:
    """On a UNIX socket, on the core of the load, so that its CPU time is not the servers'."""

    def __init__(self, core):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder.name, "--save", "",
                   "--logfile", f"{self.folder.name}/log"]  # fmt: skip
        self.process = subprocess.Popen(command, preexec_fn=pinned(core, 0))
        ping = ["redis-cli", "-s", self.path, "ping"]
        for _ in range(200):
            if subprocess.run(ping, capture_output=True, check=False).stdout == b"PONG\n":
                return
            time.sleep(0.05)  # On purpose: nothing announces that it listens.
        self.end()
        raise RuntimeError("redis-server does not start")

    def cpu_s(self):
        return process_cpu_s(self.process.pid)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def entries(bench, stack, load, servers):
    """One server that is alone, and so many of each kind with a Redis of their own."""

    def redis():
        one = Redis(bench.load_cores[0])
        stack.callback(one.end)
        return one

    found = [bench.chat(load, "alone")]
    store = redis()
    found.append(bench.chat(load, "chat", cluster=f"unix://{store.path}").share(store, servers))
    for name, form in OTHERS.items():
        store = redis()
        if entry := bench.peers.entry(name, {**load, "form": form}, store.path):
            entry.optional = True
            found.append(entry.share(store, servers))
    return found


def closed_loop(bench, members, depth):
    case = f"{SERVERS} servers, {members:,} receivers, {PUBLISHERS} publishers, {depth} in flight"
    with ExitStack() as stack:
        load = {"members": members, "publishers": PUBLISHERS, "message_bytes": 128}
        with bench.contest(entries(bench, stack, load, SERVERS)) as contest:
            rounds = contest.rounds(in_flight=depth)
    bench.add_rounds(NAME, case, rounds, reference="alone")
    add_redis(bench, case, rounds)


def add_redis(bench, case, rounds):
    shared = {name: [one.published_per_store_cpu_s for one in ones] for name, ones in rounds.items() if name != "alone"}
    for name, values in shared.items():
        bench.results.add(NAME, f"{case}: Redis", name, "messages per CPU-second of Redis", values,
                          {other: shared[other] for other in OTHERS if other in shared}, {},
                          ("socket.io", ">=", GOAL) if name == "chat" and "socket.io" in shared else None)


def open_loop(bench, rate):
    with ExitStack() as stack:
        with bench.contest(entries(bench, stack, {"members": 9, "publishers": 1}, SERVERS)) as contest:
            rounds = contest.rounds(ms=RATE_TURN_MS, rate=rate)
    case = f"{SERVERS} servers, 9 receivers, {rate:,} messages per second"
    bench.add_rounds(NAME, case, rounds, reference="alone",
                     unit="messages per second", value=lambda one: one.published / one.seconds)
    add_redis(bench, case, rounds)


def run(bench):
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        print("bench: no cluster: redis-server is not installed", file=sys.stderr)
        return
    for depth in bench.choose((1, 16), (16,)):
        closed_loop(bench, 48, depth)
    if not bench.short:
        closed_loop(bench, 900, 1)
    for rate in bench.choose((1_000, 10_000), (1_000,)):
        open_loop(bench, rate)
