"""What more loop threads cost on the same core."""

NAME = "threads"
ABOUT = "1, 2 and 4 loop threads on one core: CPU time of a delivery"
COUNTS = (1, 2, 4)


def run(bench):
    receivers = bench.members(1000, 200)
    cases = (("one room", {"members": receivers}), ("rooms of 10", {"members": receivers, "group": 10, "publishers": 1}))
    for case, load in cases:
        entries = [bench.chat(load, "chat" if count == 1 else f"chat, {count} threads", threads=count) for count in COUNTS]
        with bench.contest(entries) as contest:
            for depth in bench.choose((1, 64), (64,)):
                bench.add_rounds(NAME, f"{case}, {depth} in flight", contest.rounds(in_flight=depth), reference="chat",
                                 unit="CPU µs per 1,000 deliveries", value=lambda one: one.cpu_s / one.deliveries * 1e9)
