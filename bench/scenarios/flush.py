"""What flush_interval_ms saves."""

NAME = "flush"
ABOUT = "500 messages per second to 1,000 receivers, with flush_interval_ms = 10 and without"
LIMIT = 0.65
TURN_MS = 500
WITHOUT = "no interval"


def run(bench):
    load = {"members": bench.members(1000, 200)}
    with bench.contest([bench.chat(load, WITHOUT), *bench.chats(load, flush_interval_ms=10)]) as contest:
        rounds = contest.rounds(ms=TURN_MS, rate=500)
    cost = {name: [one.cpu_s / one.published * 1e6 for one in ones] for name, ones in rounds.items()}
    for name, ones in rounds.items():
        bench.results.add(NAME, f"{load['members']:,} receivers, 500 per second", name, "CPU µs per message", cost[name],
                          {other: cost[other] for other in (WITHOUT, *bench.libraries)},
                          {"per read": ones[-1].per_read, "p99 ms": max(one.latency_ms(0.99) for one in ones)},
                          (WITHOUT, "<=", LIMIT) if name == "chat" else None)
