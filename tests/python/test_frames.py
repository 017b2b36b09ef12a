"""RFC 6455 to the letter, on bare bytes: fragments, control frames, masks, UTF-8, sizes and the closing handshake."""

import re
import struct

import pytest
from support import BINARY, CLOSE, PING, PONG, TEXT, frame


@pytest.fixture
def chatd(start_chatd):
    return start_chatd()


def test_the_accept_key_is_that_of_the_rfc(chatd, raw):
    response = raw(chatd).upgrade("/chat")
    assert response.status == 101
    assert response.headers["upgrade"].lower() == "websocket"
    assert "upgrade" in response.headers["connection"].lower()
    assert response.headers["sec-websocket-accept"] == "ICX+Yqv66kxgM0FcWaLWlFLwTAI="
    assert "sec-websocket-extensions" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Version": "12"},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Key": ""},
        {"Connection": "keep-alive"},
        {"Upgrade": "chat"},
    ],
    ids=str,
)
def test_what_is_no_websocket_handshake_is_not_upgraded(chatd, raw, still_chats, headers):
    wanted = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    wanted.update(headers)
    connection = raw(chatd)
    lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
    connection.send("\r\n".join(["GET /chat HTTP/1.1", f"Host: {connection.host}", *lines, "", ""]))
    answer = connection.read_to_end() if "Connection" not in headers else connection.read_until(b"\r\n\r\n")
    if "Upgrade" in headers:  # A request for another protocol is a plain GET (RFC 9110, section 7.8), which SockJS greets.
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nWelcome to SockJS!\n")
    else:
        assert re.match(rb"HTTP/1.1 (400|426) ", answer), answer
    still_chats(chatd)


def test_post_is_not_upgraded(chatd, raw):
    connection = raw(chatd)
    connection.send(
        f"POST /chat HTTP/1.1\r\nHost: {connection.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 0\r\n\r\n"
    )
    assert not connection.read_to_end().startswith(b"HTTP/1.1 101")


def test_frames_come_back_in_the_shortest_form(chatd, websocket):
    client = websocket(chatd)
    for size, head in [(0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65535, b"\x81\x7e\xff\xff")]:
        client.send_frame(TEXT, b"x" * size)
        assert client.read(len(head) + size) == head + b"x" * size
    client.send_frame(BINARY, b"x" * 65536)
    assert client.read(10 + 65536) == b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + b"x" * 65536


def test_fragments_arrive_as_one_message(chatd, websocket):
    client = websocket(chatd)
    client.send_frame(TEXT, b"one ", fin=False)
    client.send_frame(0, b"two ", fin=False)
    client.send_frame(0, b"", fin=False)
    client.send_frame(0, b"three")
    assert client.read_frame() == (TEXT, b"one two three")
    client.send_frame(BINARY, b"\x00", fin=False)
    client.send_frame(0, b"\xff")
    assert client.read_frame() == (BINARY, b"\x00\xff")
    client.send_frame(TEXT, b"", fin=False)
    client.send_frame(0, b"")
    assert client.read_frame() == (TEXT, b"")


def test_a_ping_between_fragments_is_answered_at_once(chatd, websocket):
    client = websocket(chatd)
    client.send_frame(TEXT, b"one ", fin=False)
    client.send_frame(PING, b"are you there")
    assert client.read_frame() == (PONG, b"are you there")
    client.send_frame(0, b"two", fin=False)
    client.send_frame(PONG, b"unasked")
    client.send_frame(PING)
    assert client.read_frame() == (PONG, b"")
    client.send_frame(0, b"")
    assert client.read_frame() == (TEXT, b"one two")


def test_a_message_byte_by_byte(chatd, websocket):
    client = websocket(chatd)
    for byte in frame(TEXT, "héllo 💬".encode()) + frame(PING, b"p"):
        client.send(bytes([byte]))
    assert client.read_frame() == (TEXT, "héllo 💬".encode())
    assert client.read_frame() == (PONG, b"p")


def test_many_frames_in_one_segment(chatd, websocket):
    client = websocket(chatd)
    client.send(b"".join(frame(TEXT, b"%d" % i) for i in range(300)))
    assert [client.read_frame() for _ in range(300)] == [(TEXT, b"%d" % i) for i in range(300)]


def test_frames_right_behind_the_handshake(chatd, raw):
    connection = raw(chatd)
    connection.send(
        f"GET /chat HTTP/1.1\r\nHost: {connection.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        + frame(TEXT, b"early")
    )
    assert connection.response().status == 101
    assert connection.read_frame() == (TEXT, b"early")


@pytest.mark.parametrize("size", [1, 125])
def test_pings_are_echoed(chatd, websocket, size):
    client = websocket(chatd)
    client.send_frame(PING, b"x" * size)
    assert client.read_frame() == (PONG, b"x" * size)


def broken_frames():
    yield "reserved data opcode", frame(3, b"x")
    yield "reserved control opcode", frame(11, b"x")
    yield "RSV1", frame(TEXT, b"x", rsv=4)
    yield "RSV2", frame(TEXT, b"x", rsv=2)
    yield "RSV3", frame(TEXT, b"x", rsv=1)
    yield "RSV1 on a ping", frame(PING, b"x", rsv=4)
    yield "fragmented ping", frame(PING, b"x", fin=False)
    yield "long ping", frame(PING, b"x" * 126)
    yield "continuation of nothing", frame(0, b"x")
    yield "a new message within fragments", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y")
    yield "length with the top bit", b"\x82\xff" + struct.pack("!Q", 1 << 63) + b"\x00" * 4
    yield "close of one byte", frame(CLOSE, b"\x03")
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        yield f"close code {code}", frame(CLOSE, struct.pack("!H", code))


@pytest.mark.parametrize("name,data", list(broken_frames()), ids=lambda value: value if isinstance(value, str) else "")
def test_broken_framing_is_1002(chatd, websocket, still_chats, name, data):
    client = websocket(chatd)
    client.send(data)
    assert client.read_close() == 1002
    still_chats(chatd)


def test_nothing_of_a_broken_connection_is_relayed(chatd, websocket):
    other = websocket(chatd)
    client = websocket(chatd)
    client.send(frame(TEXT, b"good") + frame(3, b"bad") + frame(TEXT, b"after"))
    assert other.read_frame() == (TEXT, b"good")
    assert client.read_close() == 1002
    other.send_text("own")
    assert other.read_frame() == (TEXT, b"own")


def test_an_unmasked_frame_is_refused(chatd, websocket, still_chats):
    client = websocket(chatd)
    client.send_frame(TEXT, b"no mask", masked=False)
    assert client.read_close() == 1002
    still_chats(chatd)


INVALID_UTF8 = {
    "stray continuation": b"a\x80",
    "overlong": b"\xc0\xaf",
    "overlong of three": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "cut off": b"caf\xc3",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "late": b"x" * 50_000 + b"\xff",
}


@pytest.mark.parametrize("name", INVALID_UTF8)
def test_invalid_utf8_is_1007(chatd, websocket, still_chats, name):
    other = websocket(chatd)
    client = websocket(chatd)
    client.send_text(INVALID_UTF8[name])
    assert client.read_close() == 1007
    other.send_text("unaffected")
    assert other.read_frame() == (TEXT, b"unaffected")
    still_chats(chatd)


def test_utf8_may_be_split_anywhere_between_fragments(chatd, websocket):
    client = websocket(chatd)
    text = "aé☕💬z".encode()
    for cut in range(1, len(text)):
        client.send_frame(TEXT, text[:cut], fin=False)
        client.send_frame(0, text[cut:])
        assert client.read_frame() == (TEXT, text)
    for byte in text[:-1]:
        client.send_frame(TEXT if byte == text[0] else 0, bytes([byte]), fin=False)
    client.send_frame(0, text[-1:])
    assert client.read_frame() == (TEXT, text)


def test_invalid_utf8_over_fragments_is_1007(chatd, websocket):
    for first, rest in [(b"ok \xc3", b"("), (b"ok \xe2\x98", b""), (b"\xed", b"\xa0\x80"), (b"\xf0\x9f\x92", b"x")]:
        client = websocket(chatd)
        client.send_frame(TEXT, first, fin=False)
        client.send_frame(0, rest)
        assert client.read_close() == 1007, (first, rest)


def test_binary_frames_need_not_be_utf8(chatd, websocket):
    client = websocket(chatd)
    for data in INVALID_UTF8.values():
        client.send_frame(BINARY, data)
        assert client.read_frame() == (BINARY, data)


def test_a_close_reason_must_be_utf8(chatd, websocket):
    client = websocket(chatd)
    client.send_frame(CLOSE, struct.pack("!H", 1000) + b"\xff\xfe")
    assert client.read_close() in (1002, 1006, 1007)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_above_the_limit_is_1009(chatd, websocket, still_chats, opcode):
    client = websocket(chatd)
    client.send_frame(opcode, b"x" * 65_536)
    assert client.read_frame() == (opcode, b"x" * 65_536)
    client.try_send(frame(opcode, b"x" * 65_537))
    assert client.read_close() == 1009
    still_chats(chatd)


def test_the_limit_counts_over_fragments(chatd, websocket, still_chats):
    client = websocket(chatd)
    client.send_frame(TEXT, b"x" * 16_384, fin=False)
    for _ in range(3):
        client.send_frame(0, b"x" * 16_384, fin=False)
    client.send_frame(0, b"")
    assert client.read_frame() == (TEXT, b"x" * 65_536)
    client.send_frame(TEXT, b"x" * 65_536, fin=False)
    client.try_send(frame(0, b"x"))
    assert client.read_close() == 1009
    still_chats(chatd)


def test_the_limit_is_found_before_the_bytes_come(chatd, websocket, still_chats):
    client = websocket(chatd)
    client.send(b"\x82\xff" + struct.pack("!Q", 1 << 40) + b"\x01\x02\x03\x04" + b"x" * 100_000)
    assert client.read_close() == 1009
    assert chatd.peak_bytes() < 400 * 1024 * 1024
    still_chats(chatd)


def test_endless_fragments_are_cut_off(chatd, websocket, still_chats):
    client = websocket(chatd)
    client.send_frame(BINARY, b"x" * 1000, fin=False)
    for _ in range(1000):
        if not client.try_send(frame(0, b"x" * 1000, fin=False)):
            break
    assert client.read_close() in (1009, 1006)
    still_chats(chatd)


def test_a_larger_limit_is_an_option(start_chatd, websocket):
    chatd = start_chatd("--max-message-bytes", 300_000)
    client = websocket(chatd)
    client.send_frame(TEXT, b"x" * 300_000)
    assert client.read_frame() == (TEXT, b"x" * 300_000)
    client.try_send(frame(TEXT, b"x" * 300_001))
    assert client.read_close() == 1009


@pytest.mark.parametrize(
    "payload",
    [b"", struct.pack("!H", 1000), struct.pack("!H", 1001) + b"bye", struct.pack("!H", 3000), struct.pack("!H", 4999) + b"x" * 123],
    ids=["none", "1000", "1001", "3000", "4999"],
)
def test_a_close_is_echoed_and_the_connection_ended(chatd, websocket, payload):
    client = websocket(chatd)
    client.send_frame(CLOSE, payload)
    expected = struct.unpack("!H", payload[:2])[0] if payload else 1005
    assert client.read_close() == expected
    assert client.read_to_end() == b""


def test_nothing_is_taken_after_a_close(chatd, websocket):
    other = websocket(chatd)
    client = websocket(chatd)
    client.send(frame(TEXT, b"before") + frame(CLOSE, struct.pack("!H", 1000)) + frame(TEXT, b"after"))
    assert client.read_close() == 1000
    assert other.read_frame() == (TEXT, b"before")
    other.send_text("own")
    assert other.read_frame() == (TEXT, b"own")


def test_a_close_within_fragments(chatd, websocket):
    other = websocket(chatd)
    client = websocket(chatd)
    client.send_frame(TEXT, b"half", fin=False)
    client.send_frame(CLOSE, struct.pack("!H", 1000))
    assert client.read_close() == 1000
    other.send_text("own")
    assert other.read_frame() == (TEXT, b"own")


def test_connections_that_just_end(chatd, websocket, raw, still_chats):
    for end in ("close", "reset"):
        for bytes_before in (b"", frame(TEXT, b"x" * 1000)[:500], frame(TEXT, b"half", fin=False)):
            client = websocket(chatd)
            client.send(bytes_before)
            getattr(client, end)()
        half = raw(chatd)
        half.send(b"GET /chat HTTP/1.1\r\nHost")
        getattr(half, end)()
    still_chats(chatd)


def test_a_client_that_only_stops_sending_is_let_go(chatd, websocket, still_chats):
    client = websocket(chatd)
    client.send_text("last words")
    client.end_sending()
    # What was said before is heard; whether a close frame follows is up to the server.
    assert client.read_close() in (1000, 1005, 1006)
    still_chats(chatd)
