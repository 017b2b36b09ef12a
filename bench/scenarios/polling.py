"""Receivers that poll: Socket.IO's HTTP long polling."""

NAME = "polling"
ABOUT = "Socket.IO long polling, publishers on WebSockets, beside Node's socket.io"
BAR = (">=", 4)


def run(bench):
    receivers = bench.members(500, 100)
    load = {"members": receivers, "form": "polling", "publisher_form": "socket.io"}
    node = bench.peers.entry("socket.io", load)
    with bench.contest([*([node] if node else []), *bench.chats(load)]) as contest:
        for depth in bench.choose((1, 8), (1,)):
            bench.add_rounds(NAME, f"{receivers} pollers, {depth} in flight", contest.rounds(in_flight=depth),
                             reference="socket.io", bar=BAR)
