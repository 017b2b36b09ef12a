"""A client that says too much: it is slowed and told, the others notice nothing."""

import time

import pytest
from support import TEXT, Closed, frame


def test_above_the_rate_there_are_errors(start_chatd, websocket):
    chatd = start_chatd("--inbound-rate", 50, "--inbound-burst", 100)
    flooder = websocket(chatd, "/chat.v1")
    flooder.read_json("welcome")
    other = websocket(chatd, "/chat?room=elsewhere")
    for number in range(150):
        flooder.send_json({"type": "send", "text": str(number), "ref": number})
    acked, refused = [], []
    while len(acked) + len(refused) < 150:
        value = flooder.read_json()
        if value["type"] == "ack":
            acked.append(value["ref"])
        elif value["type"] == "error":
            assert value["code"] == "rate_limited"
            refused.append(value["ref"])
    assert len(acked) >= 100
    assert acked[:100] == list(range(100))
    assert len(refused) >= 1
    assert sorted(acked + refused) == list(range(150))
    other.send_text("unaffected")
    assert other.read_frame() == (TEXT, b"unaffected")


def test_a_steady_flood_is_held_to_the_rate(start_chatd, websocket):
    """A plain client cannot be told, so it is slowed: beyond what one read brings in, the rate holds."""
    rate, burst, one_read = 2000, 200, 600
    chatd = start_chatd("--inbound-rate", rate, "--inbound-burst", burst, "--outbox-messages", 100_000)
    flooder = websocket(chatd)
    other = websocket(chatd, "/chat?room=elsewhere")
    started = time.monotonic()
    flooder.send(b"".join(frame(TEXT, b"%d" % i) for i in range(5000)))
    flooder.send_frame(9, b"all read")
    heard = 0
    while flooder.read_frame()[0] != 10:
        heard += 1
    elapsed = time.monotonic() - started
    assert heard <= burst + rate * elapsed + one_read
    other.send_text("unaffected")
    assert other.read_frame() == (TEXT, b"unaffected")


def test_the_default_is_generous(start_chatd, websocket):
    chatd = start_chatd()
    client = websocket(chatd)
    for number in range(400):
        client.send_text(str(number))
    for number in range(400):
        assert client.read_frame() == (TEXT, b"%d" % number)


@pytest.mark.parametrize("threads", [1, 2])
def test_others_are_served_while_one_floods(start_chatd, websocket, threads):
    chatd = start_chatd("--threads", threads)
    flooder = websocket(chatd, "/chat?room=flood")
    flooder.socket.settimeout(0.05)  # On purpose: for sending only.
    ann = websocket(chatd)
    bob = websocket(chatd)
    pile = b"".join(frame(TEXT, b"x" * 200) for _ in range(2000))
    held_back = 0
    for round in range(20):
        try:
            flooder.send(pile)
        except (TimeoutError, ConnectionError):
            held_back += 1
        ann.send_text(f"round {round}")
        assert bob.read_frame() == (TEXT, b"round %d" % round)
        assert ann.read_frame() == (TEXT, b"round %d" % round)
    # So the flood never ended, and the others were served in spite of it.
    assert held_back > 0


def test_memory_is_bounded_under_a_flood(start_chatd, websocket, still_chats):
    chatd = start_chatd("--inbound-rate", 100)
    before = chatd.peak_bytes()
    flooders = [websocket(chatd) for _ in range(5)]
    pile = b"".join(frame(TEXT, b"x" * 60_000) for _ in range(20))
    for flooder in flooders:
        flooder.socket.settimeout(0.2)  # On purpose: for sending only.
        try:
            for _ in range(50):
                flooder.send(pile)
        except (TimeoutError, ConnectionError, Closed):
            pass
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 48 * 1024 * 1024
    still_chats(chatd)


def test_connects_have_a_rate_of_their_own(start_chatd, raw, still_chats):
    """Each CONNECT asks the application. Those of one session are limited, also when they are refused."""
    chatd = start_chatd("--metrics", "/metrics", "--inbound-rate", 5, "--inbound-burst", 10)
    client = raw(chatd)
    assert client.upgrade("/socket.io/?EIO=4&transport=websocket").status == 101
    for number in range(200):
        if not client.try_send(frame(TEXT, f"40/room-{number},".encode())):
            break
    client.read_to_end()
    text = raw(chatd).request("GET", "/metrics").body.decode()
    assert 'libchat_refusals_total{reason="connect_rate"} 1' in text.splitlines()
    still_chats(chatd)


def test_sessions_that_enter_no_namespace_are_counted(start_chatd, raw):
    chatd = start_chatd("--metrics", "/metrics", "--connect-timeout-ms", 300)
    client = raw(chatd)
    assert client.upgrade("/socket.io/?EIO=4&transport=websocket").status == 101
    client.read_to_end()
    text = raw(chatd).request("GET", "/metrics").body.decode()
    assert 'libchat_refusals_total{reason="request_timeout"} 1' in text.splitlines()
    chatd.wait_error("refused 127.0.0.1: .*no namespace was entered")
