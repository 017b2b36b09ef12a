"""One room in each wire form, beside a floor that sends as many bytes to each receiver."""

NAME = "forms"
ABOUT = "chat.v1, Socket.IO, SockJS, STOMP and SSE, 1 and 64 in flight, beside a floor that sends frames of the same size"
FORMS = ("chat.v1", "socket.io", "sockjs", "stomp", "sse")
BARS = {1: dict.fromkeys(FORMS, (">=", 0.94)), 64: dict.fromkeys(FORMS, (">=", 0.95))}
P99_BAR = 1.25


def load_of(form, receivers):
    load = {"form": form, "members": receivers}
    if form == "sse":
        load["publisher_form"] = "plain"  # a stream only receives
    return load


def sizes(bench, load):
    """The bytes of a published message, and of a frame that a receiver gets."""
    with bench.contest([bench.chat({**load, "members": 20})]) as contest:
        entry = contest.entries[0]
        counts = contest.turn(entry, ms=bench.turn_ms, in_flight=8)
        return entry.load.opened["payload_bytes"], round(counts["bytes"] / counts["receiver_deliveries"])


def run(bench):
    receivers = bench.members(1000, 100)
    for form in FORMS:
        load = load_of(form, receivers)
        payload_bytes, frame_bytes = sizes(bench, load)
        floor = bench.floor({"members": receivers, "message_bytes": payload_bytes}, frame_bytes=frame_bytes)
        with bench.contest([floor, *bench.chats(load)]) as contest:
            for depth in bench.options.in_flight or bench.choose((1, 64), (64,)):
                bench.add_rounds(NAME, f"{form}, {frame_bytes} bytes, {depth} in flight", contest.rounds(in_flight=depth),
                                 bar=BARS.get(depth, {}).get(form), p99_bar=P99_BAR)
