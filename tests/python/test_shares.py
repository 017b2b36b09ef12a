"""One hostile address, and what is left for others: shares of sockets, sessions, namespaces, rooms, memberships and queued
bytes, the totals, and long replies. Sources are addresses of 127.0.0.0/8, or named by X-Forwarded-For behind a trusted proxy."""

import json

import pytest
from support import TEXT, frame, wait_until
from test_metrics import value
from test_socket_io_http import POLLING, shake_hands

ATTACKER = [("X-Forwarded-For", "192.0.2.1")]
OTHER = [("X-Forwarded-For", "192.0.2.2")]
BEHIND_PROXY = ("--trusted-proxy", "127.0.0.1", "--metrics", "/metrics")


def refusals(raw, chatd, reason):
    return value(raw, chatd, "libchat_refusals_total", reason=reason)


def read_reply(connection, kinds):
    while True:
        reply = json.loads(connection.read_text())
        if reply["type"] in kinds:
            return reply


class Polling:
    """A Socket.IO session on polling whose requests all go over one connection, behind a proxy."""

    def __init__(self, connection, headers):
        self.connection = connection
        self.headers = headers
        answer = connection.request("GET", POLLING, headers)
        self.status = answer.status
        if answer.status == 200:
            self.target = f"{POLLING}&sid={json.loads(answer.body[1:])['sid']}"

    def post(self, body):
        headers = [*self.headers, ("Content-Length", len(body))]
        return self.connection.request("POST", self.target, headers, body.encode()).status

    def poll(self):
        return self.connection.request("GET", self.target, self.headers)


# Connections ---------------------------------------------------------------------------------------------------------


def test_one_address_takes_at_most_half_of_the_connections(start_chatd, raw, websocket):
    chatd = start_chatd("--max-connections", 10, "--metrics", "/metrics")
    held = [websocket(chatd, source="127.0.0.2") for _ in range(5)]
    for _ in range(3):
        refused = raw(chatd, source="127.0.0.2")
        assert b" 503 " in refused.read_to_end()
    friend = websocket(chatd)
    friend.send_text("well")
    assert friend.read_frame() == (1, b"well")
    assert refusals(raw, chatd, "connections_per_address") == 3
    assert "127.0.0.2" in chatd.wait_error("refused .*max_connections_per_address.*").group(0)
    held.pop().close()
    wait_until(lambda: raw(chatd, source="127.0.0.2").upgrade().status == 101, "the place to be free again")


def test_sockets_of_a_trusted_proxy_belong_to_its_clients(start_chatd, raw, websocket):
    chatd = start_chatd("--max-connections-per-address", 2, *BEHIND_PROXY)
    held = [websocket(chatd, headers=ATTACKER) for _ in range(2)]
    assert raw(chatd).upgrade("/chat", ATTACKER).status == 503
    assert raw(chatd).upgrade("/socket.io/?EIO=4&transport=websocket", ATTACKER).status == 503
    assert refusals(raw, chatd, "connections_per_address") == 2
    for number in range(3, 8):
        websocket(chatd, headers=[("X-Forwarded-For", f"192.0.2.{number}")])
    # An IPv6 network counts as one address.
    for host in (1, 2):
        websocket(chatd, headers=[("X-Forwarded-For", f"2001:db8::{host}")])
    assert raw(chatd).upgrade("/chat", [("X-Forwarded-For", "2001:db8::3")]).status == 503
    held[0].close()
    wait_until(lambda: raw(chatd).upgrade("/chat", ATTACKER).status == 101, "the place to be free again")


# Sessions and namespaces ---------------------------------------------------------------------------------------------


def test_handshakes_of_one_address_keep_nobody_out(start_chatd, raw, websocket):
    chatd = start_chatd("--max-connections", 100, *BEHIND_PROXY)
    attacker = raw(chatd)
    statuses = [attacker.request("GET", POLLING, ATTACKER).status for _ in range(60)]
    assert statuses[:50] == [200] * 50
    assert refusals(raw, chatd, "sessions_per_address") > 0
    for _ in range(3):
        friend = Polling(raw(chatd), OTHER)
        assert friend.post("40") == 200
        assert friend.poll().body.startswith(b"40")


def test_sessions_without_a_namespace_make_way_for_a_client(start_chatd, raw):
    chatd = start_chatd("--max-connections", 20, "--max-clients-per-address", "off", *BEHIND_PROXY)
    connection = raw(chatd)
    used = Polling(connection, ATTACKER)
    assert used.post("40") == 200
    assert used.poll().status == 200
    oldest = Polling(connection, ATTACKER)
    assert shake_hands(connection, 18) == [200] * 18

    def come():
        arrival = raw(chatd)
        session = Polling(arrival, OTHER)
        if session.status != 200:
            arrival.close()
        return session.status == 200 and session

    friend = wait_until(come, "a session to be old enough")
    assert friend.post("40") == 200
    assert friend.poll().body.startswith(b"40")
    assert refusals(raw, chatd, "sessions") > 0
    oldest.connection = used.connection = raw(chatd)
    assert oldest.poll().status == 400  # it has made way
    assert used.post("42[\"chat message\",\"still here\"]") == 200


def test_namespaces_of_one_address_are_bounded_in_memory(start_chatd, raw):
    chatd = start_chatd("--max-connections", 1_000, *BEHIND_PROXY)
    before = chatd.resident_bytes()
    attacker = raw(chatd)
    body = "\x1e".join("40/" + f"n{number}".ljust(128, "x") + "," for number in range(100))
    sessions = 0
    while refusals(raw, chatd, "clients_per_address") == 0:
        session = Polling(attacker, ATTACKER)
        assert session.post(body) == 200
        sessions += 1
        assert sessions < 1_000, "no end"
    clients = value(raw, chatd, "libchat_clients", protocol="socket.io")
    assert clients == 16_384
    if not chatd.is_sanitized():
        assert chatd.resident_bytes() - before < 100_000_000
    friend = Polling(raw(chatd), OTHER)
    assert friend.post("40") == 200
    assert friend.poll().body.startswith(b'40{"sid"')


# Rooms and memberships -----------------------------------------------------------------------------------------------


def join_many(connection, rooms):
    """How many of them it got into."""
    connection.send(b"".join(text_frame({"type": "join", "room": room}) for room in rooms))
    replies = [read_reply(connection, ("joined", "error")) for _ in rooms]
    for reply in replies:
        assert reply["type"] == "joined" or reply["code"] == "too_many", reply
    return sum(reply["type"] == "joined" for reply in replies)


def text_frame(message):
    return frame(TEXT, json.dumps(message).encode(), True, 0, True)


def test_rooms_of_one_address_leave_room_for_others(start_chatd, raw, websocket):
    chatd = start_chatd("--max-rooms", 400, *BEHIND_PROXY)
    greedy = [websocket(chatd, f"/chat.v1?room=g{number}", ATTACKER) for number in range(3)]
    joined = sum(join_many(one, [f"g{index}-{number}" for number in range(99)]) for index, one in enumerate(greedy))
    assert joined == 200 - 3
    assert refusals(raw, chatd, "rooms_per_address") == 3 * 99 - joined
    # It still gets into rooms that exist, and everybody into the default room.
    assert raw(chatd).upgrade("/chat.v1?room=g0-1", ATTACKER).status == 101
    friends = [websocket(chatd, "/chat.v1?room=f0", OTHER), websocket(chatd, "/chat.v1?room=f1", OTHER)]
    joined = sum(join_many(one, [f"f{index}-{number}" for number in range(99)]) for index, one in enumerate(friends))
    assert joined == 198
    assert raw(chatd).upgrade("/chat.v1?room=third", [("X-Forwarded-For", "192.0.2.3")]).status == 403
    assert refusals(raw, chatd, "rooms") > 0
    for headers in (ATTACKER, OTHER, [("X-Forwarded-For", "192.0.2.3")]):
        for target in ("/chat", "/chat.v1"):
            assert raw(chatd).upgrade(target, headers).status == 101
        newcomer = Polling(raw(chatd), headers)
        assert newcomer.post("40") == 200
        assert newcomer.poll().body.startswith(b'40{"sid"')


def test_memberships_of_one_address_are_bounded(start_chatd, raw, websocket):
    chatd = start_chatd("--max-memberships", 100, *BEHIND_PROXY)
    greedy = [websocket(chatd, "/chat.v1", ATTACKER) for _ in range(2)]
    assert join_many(greedy[0], [f"r{number}" for number in range(40)]) == 40
    assert join_many(greedy[1], [f"r{number}" for number in range(40)]) == 10
    assert refusals(raw, chatd, "memberships_per_address") == 30
    # A first room is always there.
    assert raw(chatd).upgrade("/chat?room=r0", ATTACKER).status == 101
    friends = [websocket(chatd, "/chat.v1", OTHER) for _ in range(2)]
    assert join_many(friends[0], [f"r{number}" for number in range(50)]) == 50
    assert join_many(websocket(chatd, "/chat.v1", [("X-Forwarded-For", "192.0.2.3")]), ["r0"]) == 0
    assert refusals(raw, chatd, "memberships") == 1


# Queued bytes --------------------------------------------------------------------------------------------------------


def test_what_waits_for_one_address_is_bounded_in_all(start_chatd, raw, websocket):
    chatd = start_chatd("--max-queued-bytes", 1_000_000, *BEHIND_PROXY, "--inbound-rate", "off")
    friend = websocket(chatd, "/chat.v1?room=friend", OTHER)
    # Each has a room of its own and hears itself, or rather does not.
    hoarders = [websocket(chatd, f"/chat.v1?room=h{number}", ATTACKER, receive_buffer=4_096) for number in range(3)]
    message = text_frame({"type": "send", "text": "x" * 60_000})
    for _ in range(2_000):
        if refusals(raw, chatd, "queued_bytes_per_address") > 0:
            break
        for hoarder in hoarders:
            hoarder.try_send(message)
    assert refusals(raw, chatd, "queued_bytes_per_address") > 0
    assert refusals(raw, chatd, "slow_reader") == 0  # the sum of all was too much first
    assert refusals(raw, chatd, "queued_bytes") == 0

    wait_until(lambda: value(raw, chatd, "libchat_clients", protocol="chat.v1") < 4, "the end of one of them")
    friend.send_json({"type": "send", "text": "well", "ref": 1})
    assert read_reply(friend, ("ack",))["ref"] == 1


def test_bodies_that_do_not_end_count(start_chatd, raw, still_chats):
    chatd = start_chatd("--max-queued-bytes", 1_000_000, *BEHIND_PROXY, "--outbox-bytes", 100_000)
    held = []

    def begin(headers):
        session = Polling(raw(chatd), headers)
        lines = [f"POST {session.target} HTTP/1.1", f"Host: {session.connection.host}", "Content-Length: 100000"]
        lines += [f"{name}: {text}" for name, text in headers]
        session.connection.send("\r\n".join([*lines, "", ""]).encode() + bytes(90_000))
        held.append(session)
        return session.connection

    while refusals(raw, chatd, "queued_bytes_per_address") == 0:
        last = begin(ATTACKER)
        assert len(held) < 100
    assert last.response().status == 503
    other = begin(OTHER)
    other.send(bytes(10_000))
    # What it says is nonsense, but all of it was read.
    assert other.response().status != 503
    assert refusals(raw, chatd, "queued_bytes") == 0
    still_chats(chatd)


def test_messages_that_do_not_end_count(start_chatd, raw, websocket, still_chats):
    chatd = start_chatd("--max-queued-bytes", 1_000_000, *BEHIND_PROXY, "--outbox-bytes", 100_000)
    held = []
    while refusals(raw, chatd, "queued_bytes_per_address") == 0:
        held.append(websocket(chatd, headers=ATTACKER))
        held[-1].try_send(frame(TEXT, b"x" * 60_000, fin=False))
        assert len(held) < 100
    assert held[-1].read_close() == 1013
    still_chats(chatd)


def test_answers_that_are_not_taken_count(start_chatd, raw, websocket, still_chats):
    """Each polling client has a copy of its own, in an answer of which the system takes a part only."""
    chatd = start_chatd("--max-queued-bytes", 4_000_000, *BEHIND_PROXY, "--inbound-rate", "off")
    held = []
    while refusals(raw, chatd, "queued_bytes_per_address") == 0:
        assert len(held) < 20
        room = f"r{len(held)}"
        session = Polling(raw(chatd, receive_buffer=4096), ATTACKER)
        assert session.post(f"40/{room},") == 200
        held.append(session)
        speaker = websocket(chatd, f"/chat?room={room}")
        for _ in range(25):
            speaker.send_text("x" * 60_000)
            speaker.read_frame()
        # All of it goes into the answer, and nothing is left in the outbox.
        lines = [f"GET {session.target} HTTP/1.1", f"Host: {session.connection.host}", "X-Forwarded-For: 192.0.2.1"]
        session.connection.send("\r\n".join([*lines, "", ""]).encode())
        session.connection.read_until(b"\r\n\r\n")
        speaker.close()
    assert len(held) > 1
    assert refusals(raw, chatd, "queued_bytes") == 0
    still_chats(chatd)


# Replies -------------------------------------------------------------------------------------------------------------


def test_long_replies_cost_by_their_bytes(start_chatd, raw, websocket):
    chatd = start_chatd("--metrics", "/metrics")
    writer = websocket(chatd, "/chat.v1?room=long")
    for number in range(16):
        writer.send_json({"type": "send", "text": "x" * 60_000, "ref": number})
        assert read_reply(writer, ("ack", "error"))["type"] == "ack"
    reader = websocket(chatd, "/chat.v1?room=long")
    reader.send(b"".join(text_frame({"type": "history", "ref": number}) for number in range(20)))
    replies = [read_reply(reader, ("history", "error")) for _ in range(20)]
    answered = [reply for reply in replies if reply["type"] == "history"]
    refused = [reply for reply in replies if reply["type"] == "error"]
    assert [reply["ref"] for reply in replies] == list(range(20))
    assert answered and len(answered[0]["messages"]) == 16
    assert refused and all(reply["code"] == "rate_limited" for reply in refused)
    assert refusals(raw, chatd, "reply_rate") == len(refused)
    # Only such requests wait: it may speak.
    reader.send_json({"type": "send", "text": "at once", "ref": "said"})
    assert read_reply(reader, ("ack", "error")) ["type"] == "ack"

    def answered_again():
        reader.send_json({"type": "history", "ref": "later"})
        return read_reply(reader, ("history", "error"))["type"] == "history"

    wait_until(answered_again, "the replies to be paid for")


@pytest.mark.parametrize("request_type", ["members", "rooms"])
def test_lists_are_answered(start_chatd, websocket, request_type):
    chatd = start_chatd("--lists")
    clients = [websocket(chatd, "/chat.v1") for _ in range(3)]
    clients[0].send_json({"type": request_type, "ref": 7})
    reply = read_reply(clients[0], (request_type, "error"))
    assert reply["ref"] == 7
    assert "complete" not in reply
    if request_type == "members":
        assert len(reply["members"]) == 3
    else:
        assert [(room["name"], room["members"]) for room in reply["rooms"]] == [("lobby", 3)]
