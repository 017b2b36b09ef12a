"""chat_broadcast() from a thread of the application."""

from harness.processes import Failure
from harness.statistics import median

NAME = "calls"
ABOUT = "chat_broadcast() per second from a foreign thread: to an empty room, and to 100 members"
COUNT = 20_000
MESSAGE_BYTES = 96
OUTBOX = {"outbox_messages": 1 << 20, "outbox_bytes": 1 << 30}  # the caller is faster than the loop


def measure(bench, contest, members, count):
    """The calls per CPU-second of the caller, and the CPU time of the whole server per call, for each entry."""
    calls = {entry.name: [] for entry in contest.entries}
    costs_us = {entry.name: [] for entry in contest.entries}
    for _ in range(bench.rounds):
        for entry in contest.entries:
            before = entry.server.cpu_s()
            answer = entry.server.command(f"broadcast {count} {MESSAGE_BYTES}")
            if answer["failed"]:
                raise Failure(entry.name, f"{answer['failed']} calls failed")
            if members:
                contest.turn(entry, "receive", count=count)
            calls[entry.name].append(count / answer["caller_cpu_s"])
            costs_us[entry.name].append((entry.server.cpu_s() - before) / count * 1e6)
    return calls, costs_us


def run(bench):
    count = bench.choose(COUNT, COUNT // 10)
    for members in (0, 100):
        entries = bench.chats({"members": members, "publishers": 0}, **OUTBOX)
        with bench.contest(entries) as contest:
            calls, costs_us = measure(bench, contest, members, count)
        for name, ones in calls.items():
            bench.results.add(NAME, f"{members} members" if members else "an empty room", name, "calls per CPU-second of the caller",
                              ones, {other: calls[other] for other in bench.libraries},
                              {"CPU µs of the server per call": median(costs_us[name])})
