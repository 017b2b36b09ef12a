"""How the cost of a delivery depends on the number and size of rooms, and on the size of messages."""

NAME = "scaling"
ABOUT = "over rooms (1 to 500), members of a room (2 to 1,000), and message sizes (64 B to 64 KB)"
MEMBERS = 1000
SIZES = (64, 256, 1024, 4096, 16_384, 65_000)
GROUPS = (2, 10, 50, 200, 1000)


def run(bench):
    for group in bench.choose(GROUPS, (2, 50)):
        load = {"members": MEMBERS, "group": group, "publishers": 1}
        with bench.contest([bench.floor(load), *bench.chats(load)]) as contest:
            bench.add_rounds(NAME, f"{MEMBERS // group} rooms of {group}", contest.rounds(in_flight=8))
    for size in bench.choose(SIZES, (1024,)):
        load = {"members": 100, "message_bytes": size}
        with bench.contest([bench.floor(load), *bench.chats(load)]) as contest:
            bench.add_rounds(NAME, f"100 receivers, {size:,} bytes", contest.rounds(in_flight=1))
