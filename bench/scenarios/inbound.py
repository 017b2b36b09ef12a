"""What a message costs that the application handles and nobody receives."""

NAME = "inbound"
ABOUT = "messages that the application consumes, from 64 clients: small ones, one and many in a read, and 16 KB"
CLIENTS = 64
# (name, size, consumed messages before each one that goes back to its sender, one by one, bar)
CASES = (
    ("96 bytes, one in a read", 96, 15, 1, (">=", 0.9)),
    ("96 bytes, 64 in a read", 96, 63, 0, None),
    ("16 KB", 16_384, 7, 1, (">=", 0.95)),
)


def run(bench):
    for case, message_bytes, inbound, spread, bar in CASES:
        load = {"members": CLIENTS, "group": 1, "publishers": 1, "message_bytes": message_bytes, "inbound": inbound, "spread": spread}
        with bench.contest([bench.floor(load, consume=1), *bench.chats(load, consume=1)]) as contest:
            rounds = contest.rounds(in_flight=1)
        bench.add_rounds(NAME, case, rounds, bar=bar, unit="messages per CPU-second",
                         value=lambda one, each=inbound + 1: one.published * each / one.cpu_s)
