"""One room of plain WebSockets, closed loop."""

NAME = "fan-out"
ABOUT = "one room of plain WebSockets: N receivers, 1, 8 and 64 messages of each publisher in flight"
DEPTHS = (1, 8, 64)
BAR = (">=", 0.95)
P99_BAR = 1.25


def run(bench):
    for receivers in bench.options.receivers or bench.choose([100, 1000, 5000, 10000], [100, 1000]):
        load = {"members": receivers}
        with bench.contest([bench.floor(load), *bench.chats(load), *bench.others(load)]) as contest:
            for depth in bench.options.in_flight or DEPTHS:
                rounds = contest.rounds(scale=max(1, receivers // 2000), in_flight=depth)
                bench.add_rounds(NAME, f"{receivers:,} receivers, {depth} in flight", rounds, bar=BAR, p99_bar=P99_BAR)
