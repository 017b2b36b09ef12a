"""The work of a server whose clients are silent: pings and timers."""

import time

NAME = "idle-cpu"
ABOUT = "CPU time per idle connection and second, with the default pings"
SECONDS = 50  # two pings of each client
SHORT_SECONDS = 5
SHORT_PING_MS = 2500


def run(bench):
    members = bench.members(10_000, 500)
    seconds = bench.choose(SECONDS, SHORT_SECONDS)
    pings = {"ping_interval_ms": SHORT_PING_MS} if bench.short else {}
    entries = []
    for form in ("plain", "socket.io"):
        for entry in bench.chats({"members": members, "publishers": 0, "form": form}, **pings):
            entry.name += f", {form}"
            entries.append(entry)
    with bench.contest(entries) as contest:
        # The servers are idle together: the time is a process's own.
        before = [entry.server.cpu_s() for entry in contest.entries]
        # On purpose: the work of this time is measured.
        time.sleep(seconds)
        for entry, cpu_s in zip(contest.entries, before):
            bench.results.add(NAME, f"{members:,} connections, {seconds} s", entry.name, "CPU µs per connection and second",
                              [(entry.server.cpu_s() - cpu_s) / members / seconds * 1e6])
