"""libchat beside other libraries, each with its usual way to send to everyone."""

NAME = "peers"
ABOUT = "one room: Node's ws and socket.io, Python's websockets, uWebSockets (socketify), plain libwebsockets"
PLAIN = ("ws", "websockets", "socketify")
BARS = {1: (">=", 11), 64: (">=", 60)}  # of libchat's Socket.IO to Node's


def run(bench):
    receivers = bench.members(1000, 200)
    load = {"members": receivers}
    depths = bench.options.in_flight or (1, 64)
    with bench.contest([bench.floor(load), bench.lws_direct(load), *bench.chats(load), *bench.peers.entries(PLAIN, load)]) as contest:
        for depth in depths:
            bench.add_rounds(NAME, f"plain, {receivers:,} receivers, {depth} in flight", contest.rounds(in_flight=depth))
    load = {"members": receivers, "form": "socket.io"}
    if node := bench.peers.entry("socket.io", load):
        with bench.contest([node, *bench.chats(load)]) as contest:
            for depth in depths:
                bench.add_rounds(NAME, f"Socket.IO, {receivers:,} receivers, {depth} in flight", contest.rounds(in_flight=depth),
                                 reference="socket.io", bar=BARS.get(depth))
