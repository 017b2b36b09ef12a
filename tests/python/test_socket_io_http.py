"""Hostile HTTP at the Socket.IO endpoint: bodies that are framed in odd ways, connections that break off, requests held and
sessions that nobody fetches anything from. What matters is that each POST means one thing or is refused, that a session ends
when its request does, and that nobody else notices."""

import json
import pathlib
import re

import pytest
from support import Closed, scaled_ms, wait_until

POLLING = "/socket.io/?EIO=4&transport=polling"
UNKNOWN_SID = (400, {"code": 1, "message": "Session ID unknown"})
MAX_BODY = 1000


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def chatd(request, start_chatd):
    """With several threads a session's requests come to other loops than its own."""
    return start_chatd("--threads", request.param, "--max-http-body-bytes", MAX_BODY)


class Session:
    """A Socket.IO session over polling, in the main namespace. Each request has a connection of its own."""

    def __init__(self, server, raw, connect=True):
        self.server = server
        self.raw = raw
        answer = raw(server).request("GET", POLLING)
        assert answer.status == 200, answer.status
        self.sid = json.loads(answer.body[1:])["sid"]
        self.target = f"{POLLING}&sid={self.sid}"
        if connect:
            assert self.post(b"40") == (200, b"ok")
            assert self.poll().startswith(b'40{"sid":')

    def post(self, body):
        answer = self.raw(self.server).request("POST", self.target, [("Content-Length", len(body))], body)
        return answer.status, answer.body

    def poll(self):
        answer = self.raw(self.server).request("GET", self.target)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.body

    def echo(self, text):
        """What the session says comes back to it: it lives, and nothing is queued before."""
        assert self.post(f'42["chat message","{text}"]'.encode()) == (200, b"ok")
        assert self.hears() == [text]

    def hears(self):
        packets = self.poll().split(b"\x1e")
        return [json.loads(packet[2:])[1] for packet in packets if packet.startswith(b"42")]

    def send_head(self, *lines, method="POST", connection=None):
        """The head of a request of this session, as it is."""
        connection = connection or self.raw(self.server)
        head = [f"{method} {self.target} HTTP/1.1", f"Host: {connection.host}", *lines, "", ""]
        connection.send("\r\n".join(head))
        return connection

    def hold(self):
        """A GET that the server holds: it has read it."""
        connection = self.send_head(method="GET")
        return self.wait_until_read(connection)

    def wait_until_read(self, connection):
        wait_until(lambda: unread_bytes(self.server, connection) == 0, "the server to read the request")
        return connection

    def is_known(self):
        answer = self.raw(self.server).request("GET", f"{self.target}&EIO=3")  # a bad request, but not of a session
        code = json.loads(answer.body)["code"]
        assert answer.status == 400 and code in (1, 3), answer.body
        return code == 3

    def wait_for_the_end(self):
        wait_until(lambda: not self.is_known(), "the end of the session")
        answer = self.raw(self.server).request("GET", self.target)
        assert (answer.status, json.loads(answer.body)) == UNKNOWN_SID


@pytest.fixture
def session(chatd, raw):
    return Session(chatd, raw)


def unread_bytes(server, connection):
    """What the server's end of the connection has received and nobody has read."""
    ours = f":{connection.socket.getsockname()[1]:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        if local.endswith(f":{server.port:04X}") and remote.endswith(ours):
            return int(queues.split(":")[1], 16)
    return None


def message(text):
    return f'42["chat message","{text}"]'.encode()


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def one_by_one(connection, data):
    for position in range(len(data)):
        connection.send(data[position : position + 1])


# Framing of bodies ---------------------------------------------------------------------------------------------------


def test_chunks_whole_and_in_single_bytes(session):
    body = message("one") + b"\x1e" + message("two")
    for split in (False, True):
        connection = session.send_head("Transfer-Encoding: chunked")
        data = chunks(body[:3], body[3:20], body[20:])
        one_by_one(connection, data) if split else connection.send(data)
        answer = connection.response()
        assert (answer.status, answer.body) == (200, b"ok")
        assert connection.read_to_end() == b""
        assert session.hears() == ["one", "two"]


def test_a_request_in_single_bytes(session):
    connection = session.raw(session.server)
    body = message("slowly")
    head = f"POST {session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    one_by_one(connection, head + body)
    assert connection.response().status == 200
    assert session.hears() == ["slowly"]


def test_chunks_with_extensions_and_trailers(session):
    connection = session.send_head("Transfer-Encoding: chunked")
    body = message("hello")
    connection.send(b"%x;name=value\r\n%s\r\n0;last\r\nX-Trailer: 1\r\nContent-Length: 5\r\n\r\n" % (len(body), body))
    assert connection.response().status == 200
    assert session.hears() == ["hello"]


@pytest.mark.parametrize("line", ["TRANSFER-ENCODING: Chunked", "transfer-encoding:chunked", "Transfer-Encoding:   CHUNKED"])
def test_chunked_has_many_spellings(session, line):
    connection = session.send_head(line)
    connection.send(chunks(message("spelled")))
    assert connection.response().status == 200
    assert session.hears() == ["spelled"]


@pytest.mark.parametrize(
    "lines, status",
    [
        (["Content-Length: 2", "Transfer-Encoding: chunked"], 400),
        (["Transfer-Encoding: chunked", "Content-Length: 2"], 400),
        (["Content-Length: 2", "Transfer-Encoding: identity"], 400),
        (["Transfer-Encoding: gzip, chunked"], 501),
        (["Transfer-Encoding: chunked, chunked"], 501),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], 400),
        (["Content-Length: -1"], 400),
        (["Content-Length: -9223372036854775808"], 400),
        (["Content-Length: +2"], 400),
        (["Content-Length: 0x2"], 400),
        (["Content-Length: 2,2"], 400),
        (["Content-Length: 18446744073709551617"], 400),
        (["Content-Length: 9223372036854775807"], 413),
        (["Content-Length: 2", "Content-Length: 2"], 400),
        (["Content-Length: 2", "Content-Length: 3"], 400),
        (["Content-Length: 0", "Content-Length: 2"], 400),
        ([], 411),
    ],
    ids=str,
)
def test_a_body_whose_end_is_in_doubt_is_refused(session, lines, status):
    """The connection ends, so that nothing behind it is taken for a request; the session has not been told of it."""
    connection = session.send_head(*lines)
    connection.try_send(b"1\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n")
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 %d " % status, answer), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    session.echo("it lives")


@pytest.mark.parametrize("lines", [["Transfer-Encoding : chunked"], ["Content-Length : 2", "Transfer-Encoding: chunked"]])
def test_a_blank_before_the_colon_hides_nothing(session, lines):
    """RFC 9112 section 5.1. Beside the other length the hidden one would make another request of the same bytes."""
    connection = session.send_head("Content-Length: 2" if len(lines) == 1 else "X-Nothing: 1", *lines)
    connection.try_send(b"2\r\n41\r\n0\r\n\r\n")
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 400 ", answer), answer
    session.echo("it lives")


@pytest.mark.parametrize("name", ["X", "Content"])
def test_a_header_that_begins_as_another_hides_nothing(session, name):
    """Its name is the beginning of one that libwebsockets knows: 4.1 takes the line behind it for a part of its name."""
    connection = session.raw(session.server)
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    connection.send(
        f"GET /nothing HTTP/1.1\r\nHost: {connection.host}\r\n{name}: 1\r\nContent-Length: {len(smuggled)}\r\n\r\n"
    )
    connection.send(smuggled)
    connection.end_sending()
    assert b"HTTP/1.1 200 " not in connection.read_to_end()
    connection = session.send_head("Content-Length: 2", f"{name}: 1", "Transfer-Encoding: chunked")
    connection.try_send(b"2\r\n41\r\n0\r\n\r\n")
    assert re.match(rb"HTTP/1.1 400 ", connection.read_to_end())
    session.echo("it lives")


@pytest.mark.parametrize("data", [b"zz\r\n", b"1\n6\n0\n\n", b"-1\r\n", b"1\r\n6666\r\n", b"10000000000000001\r\n", b"\r\n"])
def test_ill_formed_chunks_end_the_session(session, data):
    """As when a request breaks off: what the client wanted to say is not whole."""
    connection = session.send_head("Transfer-Encoding: chunked")
    connection.send(data)
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 4(00|13) ", answer), answer
    if b" 413 " in answer:
        session.echo("it lives")
    else:
        session.wait_for_the_end()


def test_an_empty_body_is_no_payload(session):
    """The POST is answered as any other, and the session is unknown from then on."""
    assert session.post(b"") == (200, b"ok")
    session.wait_for_the_end()


def test_what_is_behind_a_body_is_not_of_it(session):
    connection = session.send_head(f"Content-Length: {len(message('one'))}")
    connection.send(message("one") + b"\x1e" + message("two"))
    assert connection.response().status == 200
    connection.read_to_end()
    assert session.hears() == ["one"]
    connection = session.send_head("Transfer-Encoding: chunked")
    connection.send(chunks(message("three")) + b"GET /healthz HTTP/1.1\r\nHost: next\r\n\r\n")
    assert connection.response().status == 200
    assert connection.response().body == b"ok\n"
    assert session.hears() == ["three"]


# Too much and too little ---------------------------------------------------------------------------------------------


def test_too_large_is_413_and_leaves_the_session(session):
    announced = session.send_head(f"Content-Length: {MAX_BODY + 1}")
    answer = announced.read_to_end()
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    by_size = session.send_head("Transfer-Encoding: chunked")
    by_size.send(b"%x\r\n" % (MAX_BODY + 1))
    answer = by_size.read_to_end()
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    by_sum = session.send_head("Transfer-Encoding: chunked")
    by_sum.try_send(b"".join(b"64\r\n%s\r\n" % (b"4" * 100) for _ in range(MAX_BODY // 100 + 1)))
    answer = by_sum.read_to_end()
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    session.echo("it lives")
    # As much as there may be.
    text = "x" * (MAX_BODY - len(message("")))
    for line, data in (
        (f"Content-Length: {MAX_BODY}", message(text)),
        ("Transfer-Encoding: chunked", chunks(message(text)[:7], message(text)[7:])),
    ):
        connection = session.send_head(line)
        connection.send(data)
        assert connection.response().status == 200
        assert session.hears() == [text]


@pytest.mark.parametrize("framing", [f"Content-Length: {MAX_BODY}", "Transfer-Encoding: chunked"])
def test_a_body_that_never_ends_ends_with_its_session(start_chatd, raw, framing):
    """The client is gone for its pings, and does not keep a request open beyond that."""
    chatd = start_chatd("--ping-interval-ms", scaled_ms(300), "--ping-timeout-ms", scaled_ms(300), "--max-http-body-bytes", MAX_BODY)
    session = Session(chatd, raw)
    connection = session.send_head(framing)
    connection.send(b"3e8\r\n4" if "chunked" in framing else b"4")
    answer = connection.read_to_end()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    session.wait_for_the_end()


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("ending", ["close", "reset", "end_sending"])
def test_a_body_that_breaks_off_ends_the_session(session, framing, ending):
    connection = session.send_head(framing)
    connection.send(b"64\r\n42[" if "chunked" in framing else b"42[")
    session.wait_until_read(connection)
    getattr(connection, ending)()
    session.wait_for_the_end()


# Expect: 100-continue ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["Content-Length: {}", "Transfer-Encoding: chunked"])
def test_who_asks_whether_to_go_on_is_told(session, framing):
    body = message("expected")
    connection = session.send_head(framing.format(len(body)), "Expect: 100-continue")
    assert connection.response().status == 100
    connection.send(chunks(body) if "chunked" in framing else body)
    answer = connection.response()
    assert (answer.status, answer.body) == (200, b"ok")
    assert session.hears() == ["expected"]


def test_who_asks_with_too_much_is_refused_at_once(session):
    connection = session.send_head(f"Content-Length: {MAX_BODY + 1}", "Expect: 100-continue")
    assert connection.response().status == 413
    session.echo("it lives")


def test_who_asks_and_is_refused_hears_of_it(chatd, raw):
    """RFC 9110 section 10.1.1: a final answer at once, where no body is wanted; else both sides wait for each other."""
    for target, status in ((f"{POLLING}&sid=nobody", 400), (POLLING, 400), ("/nothing", 404), ("/healthz", 405)):
        connection = raw(chatd)
        answer = connection.request("POST", target, [("Content-Length", "5"), ("Expect", "100-continue")])
        assert answer.status == status, target


# One connection, several requests ------------------------------------------------------------------------------------


def test_requests_behind_a_post_are_answered_in_order(session):
    connection = session.raw(session.server)
    body = message("first")
    post = f"POST {session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    get = f"GET {session.target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    connection.send(post + get)
    answer = connection.response()
    assert (answer.status, answer.body) == (200, b"ok")
    try:
        assert connection.response().body == message("first")
    except Closed:  # it may as well not be taken, but then it has taken nothing with it
        assert session.hears() == ["first"]
    session.echo("it lives")


def test_a_body_of_a_get_is_not_the_next_request(session):
    smuggled = f"POST {session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1".encode()
    connection = session.send_head(f"Content-Length: {len(smuggled)}", method="GET")
    connection.send(smuggled)
    session.post(message("for the poll"))
    assert connection.response().body == message("for the poll")
    assert connection.read_to_end() == b""
    session.echo("it lives")
    connection = session.send_head("Transfer-Encoding: chunked", method="GET")
    answer = connection.read_to_end()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    session.echo("it still lives")


@pytest.mark.parametrize("more", [b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"junk", b"\x00", b"\r\n"], ids=ascii)
@pytest.mark.parametrize("together", [True, False])
def test_more_behind_a_held_get_is_not_answered_before_it(session, more, together):
    """Its connection ends, and so does the session; or the GET is answered first."""
    if together:
        connection = session.raw(session.server)
        connection.send(f"GET {session.target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + more)
    else:
        connection = session.hold()
        connection.try_send(more)
    wait_until(lambda: not session.is_known() or session.post(message("answer it"))[0] == 200, "one or the other")
    answer = connection.read_to_end() if not session.is_known() else connection.response().body
    assert answer in (b"", message("answer it")), answer
    if answer == b"":
        session.wait_for_the_end()


@pytest.mark.parametrize("ending", ["close", "reset", "end_sending"])
def test_a_held_get_that_is_cut_ends_the_session(session, ending, still_chats):
    connection = session.hold()
    getattr(connection, ending)()
    session.wait_for_the_end()
    status, body = session.post(b"6")
    assert (status, json.loads(body)) == UNKNOWN_SID
    still_chats(session.server)


def test_head(session):
    for target, code in ((POLLING, 2), (session.target, 3), ("/socket.io/", 0), (f"{POLLING}&sid=nobody", 1)):
        connection = session.raw(session.server)
        for _ in range(2):  # nothing of a body stays behind
            answer = connection.request("HEAD", target)
            assert answer.status == 400
            as_get = session.raw(session.server).request("PUT", target, [("Content-Length", "0")])
            assert json.loads(as_get.body)["code"] == code
            assert answer.headers["content-length"] == str(len(as_get.body))
    session.echo("it lives")


# Sessions that cost ---------------------------------------------------------------------------------------------------


def shake_hands(connection, count):
    """So many handshakes at once; their statuses."""
    request = f"GET {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    statuses = []
    for _ in range(count):
        connection.send(request)
        statuses.append(connection.response().status)
    return statuses


def test_thousands_of_sessions_that_nobody_polls(start_chatd, raw, still_chats):
    chatd = start_chatd("--threads", 2, "--ping-interval-ms", scaled_ms(2000), "--ping-timeout-ms", scaled_ms(2000))
    before = chatd.resident_bytes()
    connections = [raw(chatd) for _ in range(4)]
    for connection in connections:
        assert shake_hands(connection, 1000) == [200] * 1000
    still_chats(chatd)
    if not chatd.is_sanitized():
        assert chatd.resident_bytes() - before < 4000 * 12_000
    session = Session(chatd, raw)
    session.echo("unaffected")


def test_sessions_are_bounded_as_connections_are(start_chatd, raw):
    chatd = start_chatd("--max-connections", 20, "--max-clients-per-address", "off")
    connection = raw(chatd)
    assert shake_hands(connection, 25) == [200] * 20 + [503] * 5
    assert connection.request("GET", "/healthz").status == 200
    assert raw(chatd).upgrade("/chat").status == 101  # the connections are counted for themselves
    # Those without a namespace make way, when they have had time to enter one.
    wait_until(lambda: shake_hands(connection, 1) == [200], "the oldest session to be old enough")


def test_sessions_are_bounded_for_each_address(start_chatd, raw):
    chatd = start_chatd("--max-clients-per-address", 3, "--trusted-proxy", "127.0.0.1")
    connection = raw(chatd)
    assert shake_hands(connection, 5) == [200] * 3 + [503] * 2
    other = [("X-Forwarded-For", "192.0.2.1")]
    assert [connection.request("GET", POLLING, other).status for _ in range(4)] == [200] * 3 + [503]


def test_a_session_over_the_bound_by_websocket_is_closed(start_chatd, raw):
    chatd = start_chatd("--max-connections", 5, "--max-clients-per-address", "off")
    assert shake_hands(raw(chatd), 5) == [200] * 5
    connection = raw(chatd)
    answer = connection.upgrade("/socket.io/?EIO=4&transport=websocket")
    assert answer.status == 503 or connection.read_close() == 1013
