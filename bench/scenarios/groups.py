"""Many small rooms."""

NAME = "groups"
ABOUT = "rooms of 10 members with one publisher each, 1, 8 and 64 in flight"
BAR = (">=", 0.85)
P99_BAR = 1.25


def run(bench):
    load = {"members": bench.members(1000, 200), "group": 10, "publishers": 1}
    with bench.contest([bench.floor(load), *bench.chats(load)]) as contest:
        for depth in bench.options.in_flight or bench.choose((1, 8, 64), (1,)):
            bench.add_rounds(NAME, f"{load['members'] // 10} rooms, {depth} in flight", contest.rounds(in_flight=depth),
                             bar=BAR, p99_bar=P99_BAR)
