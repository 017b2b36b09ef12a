"""Latency at a fixed rate, counted from the time when a message was due."""

NAME = "rates"
ABOUT = "open loop: 200 and 500 messages per second to 1,000 receivers, latency from the scheduled time"
P99_BAR = 1.1
TURN_MS = 500


def run(bench):
    load = {"members": bench.members(1000, 200)}
    with bench.contest([bench.floor(load), *bench.chats(load)]) as contest:
        for rate in (200, 500):
            bench.add_rounds(NAME, f"{load['members']:,} receivers, {rate} per second", contest.rounds(ms=TURN_MS, rate=rate),
                             p99_bar=P99_BAR)
