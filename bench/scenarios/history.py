"""What a history in a file costs: beside one in memory, when messages are many and when they are few; and the start."""

import pathlib
import sqlite3
import tempfile
import time

from harness.processes import Server

NAME = "history"
ABOUT = "a history in a file (SQLite) beside one in memory, and one that is searched: messages per second, CPU time of the loop, latency, the start"
CLIENTS = 64
RATE_TURN_MS = 1_000
BAR = ("<=", 1.1)  # what the loop does for a message in the file, to what it does for one in memory


def with_file(bench, load, folder):
    return [bench.chat(load, "memory"), bench.chat(load, "chat", history=folder + "/chat.db"),
            bench.chat(load, "searched", history=folder + "/searched.db", history_search=1)]


def add(bench, case, rounds):
    bench.add_rounds(NAME, case, rounds, reference="memory", unit="messages per second", value=lambda one: one.published / one.seconds)
    bench.add_rounds(NAME, case + ": the loop", rounds, reference="memory", bar=BAR, columns=False, unit="CPU µs of the loop per message",
                     value=lambda one: one.loop_cpu_s / one.published * 1e6)
    bench.add_rounds(NAME, case + ": all threads", rounds, reference="memory", columns=False, unit="CPU µs per message",
                     value=lambda one: one.cpu_s / one.published * 1e6)


def run(bench):
    load = {"members": CLIENTS, "group": 1, "publishers": 1}
    with tempfile.TemporaryDirectory() as folder, bench.contest(with_file(bench, load, folder)) as contest:
        rounds = contest.rounds(in_flight=bench.choose(64, 16))
    add(bench, f"{CLIENTS} rooms, each with a client that publishes all it can", rounds)
    load = {"members": 10}
    with tempfile.TemporaryDirectory() as folder, bench.contest(with_file(bench, load, folder)) as contest:
        rounds = contest.rounds(ms=RATE_TURN_MS, rate=1_000)
    add(bench, "1,000 per second to a room of 10", rounds)
    start(bench, rooms=bench.choose(10_000, 100), messages=100)


def start(bench, rooms, messages):
    """The time until a server listens."""
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/chat.db"
        command = [bench.program("bench_chat_server"), "--history", path]
        Server("empty", command, bench.server_core.number).end()
        fill(path, rooms, messages)
        seconds = []
        resident_mb = 0
        for _ in range(bench.rounds):
            begin_s = time.monotonic()
            server = Server("chat", command, bench.server_core.number)
            seconds.append(time.monotonic() - begin_s)
            status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
            resident_mb = int(status.split("VmRSS:")[1].split()[0]) / 1_024
            server.end()
    bench.results.add(NAME, f"start with {rooms * messages:,} messages in {rooms:,} rooms: seconds", "chat", "seconds", seconds, {},
                      {"resident MB": resident_mb})


def fill(path, rooms, messages):
    now_ms = int(time.time() * 1_000)
    with sqlite3.connect(path) as file:
        file.executemany("INSERT INTO room (id, name, epoch, seq, dropped_seq, count, bytes, oldest_ms, newest_ms) "
                         "VALUES (?, ?, 'e', ?, 0, ?, ?, ?, ?)",
                         ((room, f"room{room}", messages, messages, 450 * messages, now_ms, now_ms) for room in range(1, rooms + 1)))
        file.executemany("INSERT INTO message (room, seq, time_ms, bytes, kind, target_seq, sender_id, sender_name, sender_user, event, "
                         "payload_kind, payload) VALUES (?, ?, ?, 450, 0, 0, 0, '', '', 'chat message', 0, ?)",
                         ((room, seq, now_ms, "x" * 100) for room in range(1, rooms + 1) for seq in range(1, messages + 1)))
    file.close()
