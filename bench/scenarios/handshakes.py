"""Clients that connect, perform the handshake and disconnect, 100 at a time."""

NAME = "handshakes"
ABOUT = "WebSocket handshakes per CPU-second, on an empty server and with 10,000 connections open"
EMPTY, EMPTY_FLOOR = "chat, 0 open", "floor, 0 open"


def run(bench):
    opened = bench.members(10_000, 1000)
    entries = []
    for count in (0, opened):
        load = {"members": count, "publishers": 0}
        for entry in (bench.floor(load), *bench.chats(load)):
            entry.name += f", {count:,} open"
            entries.append(entry)
    with bench.contest(entries) as contest:
        rounds = contest.rounds("handshakes", at_once=100)
    bars = {EMPTY: (EMPTY_FLOOR, ">=", 0.75), f"chat, {opened:,} open": (EMPTY, ">=", 0.9)}
    values = {name: [one.handshakes / one.cpu_s for one in ones] for name, ones in rounds.items()}
    for name, ones in values.items():
        bench.results.add(NAME, "plain WebSocket", name, "handshakes per CPU-second", ones,
                          {other: values[other] for other in (EMPTY_FLOOR, EMPTY)}, bar=bars.get(name))
