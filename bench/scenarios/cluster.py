"""What a cluster costs: a server that shares its rooms through Redis beside one that is alone, and what Redis does for a message."""

import shutil
import subprocess
import sys
import tempfile
import time

from harness.machine import pinned, process_cpu_s

NAME = "cluster"
ABOUT = "a server of a cluster (Redis) beside one that is alone: messages per second and per CPU-second of Redis, latency"
RATE_TURN_MS = 1_000
MEMBERS = 16


class Redis:
    """On a UNIX socket, on the core of the servers' load, so that its CPU time is not the servers'."""

    def __init__(self, folder, core):
        self.url = f"unix://{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", folder, "--save", "",
                   "--logfile", f"{folder}/log"]  # fmt: skip
        self.process = subprocess.Popen(command, preexec_fn=pinned(core, 0))
        ping = ["redis-cli", "-s", f"{folder}/redis.sock", "ping"]
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


def run(bench):
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        print("bench: no cluster: redis-server is not installed", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder, bench.load_cores[0])
        try:
            measure(bench, redis)
        finally:
            redis.end()


def entries(bench, redis, load):
    return [bench.chat(load, "alone"), bench.chat(load, "chat", cluster=redis.url)]


def measure(bench, redis):
    for in_flight in bench.choose([1, 16], [16]):
        case = f"a room of {MEMBERS}, {MEMBERS} publishers, {in_flight} in flight"
        load = {"members": MEMBERS, "publishers": MEMBERS, "message_bytes": 128}
        with bench.contest(entries(bench, redis, load)) as contest:
            before_s = redis.cpu_s()
            rounds = contest.rounds(in_flight=in_flight)
            redis_s = redis.cpu_s() - before_s
        published = sum(one.published for one in rounds["chat"])
        bench.add_rounds(NAME, case, rounds, reference="alone", unit="messages per second",
                         value=lambda one: one.published / one.seconds)
        bench.results.add(NAME, case + ": messages per CPU-second of Redis", "chat", "messages per CPU-second",
                          [published / max(redis_s, 1e-9)], {}, {})
    for rate in bench.choose([1_000, 10_000], [1_000]):
        with bench.contest(entries(bench, redis, {"members": 10})) as contest:
            rounds = contest.rounds(ms=RATE_TURN_MS, rate=rate)
        bench.add_rounds(NAME, f"{rate:,} per second to a room of 10", rounds, reference="alone", unit="messages per second",
                         value=lambda one: one.published / one.seconds)
