"""HTTP on the same port: the health page, errors, connections that stay, and requests meant to do harm."""

import json
import re

import pytest
from support import TEXT, Closed, frame


@pytest.fixture
def chatd(start_chatd):
    return start_chatd("--handshake-timeout-ms", 1500)


def test_healthz(chatd, raw):
    connection = raw(chatd)
    got = connection.request("GET", "/healthz")
    assert got.status == 200
    assert got.body
    if got.headers["content-type"].startswith("application/json"):
        json.loads(got.body)
    head = connection.request("HEAD", "/healthz")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert connection.request("GET", "/healthz?verbose=1").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_healthz_is_only_read(chatd, raw, method):
    body = [] if method in ("DELETE", "OPTIONS") else [("Content-Length", "0")]
    answer = raw(chatd).request(method, "/healthz", body)
    assert answer.status == 405
    assert set(re.split(r",\s*", answer.headers["allow"])) == {"GET", "HEAD"}


def test_readyz_until_the_drain(start_chatd, raw, websocket):
    chatd = start_chatd("--drain-timeout-ms", 600_000)
    answer = raw(chatd).request("GET", "/readyz")
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"ready\n", "no-store")
    assert raw(chatd).request("POST", "/readyz", [("Content-Length", "0")]).status == 405
    client, probe = websocket(chatd), raw(chatd)
    # What comes along with a whole request has been read when the loop has had another turn.
    whole = f"GET /healthz HTTP/1.1\r\nHost: {probe.host}\r\n\r\n"
    probe.send(whole + f"GET /readyz HTTP/1.1\r\nHost: {probe.host}\r\n")
    assert probe.response().status == 200
    client.settle()
    chatd.end_gently()
    assert client.read_close() == 1001  # and does not answer it, so the drain goes on
    probe.send("\r\n")
    assert probe.response().status == 503
    client.close()


def test_unknown_methods_are_refused(chatd, raw, still_chats):
    for method, status in (("BREW", 405), ("TRACE", 405), ("CONNECT", 400)):
        connection = raw(chatd)
        connection.send(f"{method} /healthz HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 0\r\n\r\n")
        answer = connection.read_to_end()
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    still_chats(chatd)


def test_unknown_paths_are_404(chatd, raw):
    connection = raw(chatd)
    for target in ("/nothing", "/healthz/more", "/chat/x", "/%63hatter", "/index.html"):
        answer = connection.request("GET", target)
        assert answer.status == 404, target
        assert "content-length" in answer.headers


def test_a_chat_address_without_upgrade_says_so(start_chatd, raw):
    chatd = start_chatd("--sockjs", "off")
    for path in ("/chat", "/chat.v1"):
        assert raw(chatd).request("GET", path).status == 426


def test_several_requests_on_one_connection_then_the_chat(chatd, raw):
    connection = raw(chatd)
    for _ in range(5):
        assert connection.request("GET", "/healthz").status == 200
        assert connection.request("GET", "/nothing").status == 404
    assert connection.upgrade().status == 101
    connection.send_text("hello")
    assert connection.read_frame() == (TEXT, b"hello")


def test_connection_close_is_obeyed(chatd, raw):
    connection = raw(chatd)
    assert connection.request("GET", "/healthz", [("Connection", "close")]).status == 200
    assert connection.read_to_end() == b""


def test_http_1_0(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send("GET /healthz HTTP/1.0\r\n\r\n")
    answer = connection.read_to_end()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    still_chats(chatd)


def test_an_idle_connection_is_closed(start_chatd, raw):
    chatd = start_chatd("--http-idle-timeout-ms", 300)
    connection = raw(chatd)
    assert connection.request("GET", "/healthz").status == 200
    assert connection.read_to_end() == b""


def test_pipelined_requests_are_answered(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send(f"GET /healthz HTTP/1.1\r\nHost: {connection.host}\r\n\r\n" * 3)
    assert [connection.response().status for _ in range(3)] == [200] * 3
    still_chats(chatd)


# libwebsockets takes the head of such a request for its body, and then never comes back.
@pytest.mark.parametrize("address", ["/healthz", "/socket.io/?EIO=4&transport=polling&sid=nobody"])
@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_body_behind_another_request_is_not_sought_in_its_head(chatd, raw, still_chats, address, before):
    connection = raw(chatd)
    get = f"GET /healthz HTTP/1.1\r\nHost: {connection.host}\r\n\r\n"
    post = f"POST {address} HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 2\r\n\r\n40"
    connection.send(get * before + post + get)
    answer = connection.read_to_end()
    assert 1 <= answer.count(b"HTTP/1.1 200 OK") <= before + 1
    assert b"malformed" not in answer
    still_chats(chatd)


# Requests with bodies: nothing here wants one. What matters is that no body is ever taken for the next request.


@pytest.mark.parametrize(
    "length", ["-1", "-9223372036854775808", "18446744073709551616", "99999999999999999999999", "1e3", "0x10", "5 5", "5,5", "abc", ""]
)
def test_an_impossible_length_is_refused(chatd, raw, still_chats, length):
    connection = raw(chatd)
    connection.send(f"POST /healthz HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: {length}\r\n\r\n")
    connection.try_send("GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n")
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 (400|405) ", answer), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    still_chats(chatd)


def test_a_huge_length_is_not_waited_for(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send(f"POST /healthz HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 9223372036854775807\r\n\r\n")
    connection.try_send(b"x" * 1_000_000)
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer
    still_chats(chatd)


def test_two_lengths_are_refused(chatd, raw, still_chats):
    for first, second in (("0", "5"), ("5", "0"), ("3", "3")):
        connection = raw(chatd)
        connection.send(
            f"POST /healthz HTTP/1.1\r\nHost: {connection.host}\r\n"
            f"Content-Length: {first}\r\nContent-Length: {second}\r\n\r\n"
        )
        connection.try_send("GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        answer = connection.read_to_end()
        assert b"HTTP/1.1 200 " not in answer, answer
    still_chats(chatd)


def test_a_length_and_chunks_are_refused(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send(
        f"POST /healthz HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    )
    answer = connection.read_to_end()
    assert b"HTTP/1.1 200 " not in answer, answer
    still_chats(chatd)


def test_a_body_on_a_get_is_not_the_next_request(chatd, raw, still_chats):
    connection = raw(chatd)
    smuggled = "GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    connection.send(
        f"GET /nothing HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: {len(smuggled)}\r\n\r\n{smuggled}"
    )
    answer = connection.read_to_end()
    assert b"HTTP/1.1 200 " not in answer, answer
    still_chats(chatd)


def test_a_body_that_never_comes_is_not_waited_for_long(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send(f"POST /healthz HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 100\r\n\r\nabc")
    answer = connection.read_to_end()
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer
    still_chats(chatd)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET http://[::1/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nT: 1\r\nContent-Length: 5\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: x\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_what_is_no_request_harms_nobody(chatd, raw, still_chats, request_bytes):
    connection = raw(chatd)
    connection.send(request_bytes)
    connection.end_sending()
    answer = connection.read_to_end()
    assert b"HTTP/2" not in answer and b" 101 " not in answer and not answer.startswith(b"\x00\x00")
    still_chats(chatd)


def test_http2_is_not_offered(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.send(
        f"GET /healthz HTTP/1.1\r\nHost: {connection.host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
    )
    connection.end_sending()
    answer = connection.read_to_end()
    assert b" 101 " not in answer.split(b"\r\n")[0], answer
    still_chats(chatd)


def test_another_upgrade_is_refused_on_a_connection_in_use(chatd, raw, still_chats):
    """What libwebsockets 4.1 reads after it was freed: an upgrade to something else as the second request."""
    for protocol in ("h2c", "nothing", "", "websocket, h2c"):
        connection = raw(chatd)
        assert connection.request("GET", "/healthz").status == 200
        connection.send(f"GET /healthz HTTP/1.1\r\nHost: {connection.host}\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n")
        connection.end_sending()
        assert b" 101 " not in connection.read_to_end()
    still_chats(chatd)


def test_a_line_break_in_the_address_begins_no_header(start_program, raw):
    """libwebsockets 4.1 decodes %0A in the address before it looks for the end of the line."""
    testd = start_program("testd", "trusted_proxy=127.0.0.1")
    testd.end_gently = testd.process.stdin.close
    testd.host = "127.0.0.1"
    testd.port = json.loads(testd.take_line(lambda line: '"listening"' in line))["port"]
    for line_break in ("%0A", "%0a", "%0D%0A", "%0D", "%0A%0D"):
        for target in (
            f"/chat?x=1{line_break}X-Forwarded-For:10.9.8.7,",
            f"/chat?x=1%20HTTP/1.1{line_break}X-Forwarded-For:10.9.8.7,",
            f"/chat{line_break}X-Forwarded-For:10.9.8.7,",
            f"/chat?x=1{line_break}Cookie:session=planted;",
            f"/chat?x=1{line_break}Authorization:Bearer%20planted",
        ):
            try:
                status = raw(testd).upgrade(target).status
            except Closed:
                continue
            if status != 101:
                continue
            seen = json.loads(testd.take_line(lambda line: '"type":"connect"' in line))
            assert seen["address"] == "127.0.0.1", target
            assert (seen["cookies"], seen["token"]) == ({}, ""), target
            assert "x-forwarded-for" not in seen["headers"], target


# Slow and oversized requests.


@pytest.mark.parametrize("begun", ["", "G", "GET /chat HTTP/1.1\r\n", "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upg"])
def test_a_request_that_does_not_end_is_cut_off(start_chatd, raw, still_chats, begun):
    chatd = start_chatd("--handshake-timeout-ms", 400)
    connection = raw(chatd)
    connection.send(begun)
    answer = connection.read_to_end()
    assert answer == b"" or re.match(rb"HTTP/1.1 4\d\d ", answer), answer
    still_chats(chatd)


def test_trickling_headers_win_no_time(start_chatd, raw, still_chats):
    chatd = start_chatd("--handshake-timeout-ms", 800)
    connection = raw(chatd)
    connection.send("GET /chat HTTP/1.1\r\n")
    connection.socket.settimeout(0.02)  # On purpose: its pace.
    # The pace comes from the short time-out of the reads in between.
    for number in range(1500):
        if not connection.try_send(f"X-{number}: y\r\n"):
            break
        try:
            if connection.socket.recv(1000) == b"":
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    else:
        raise AssertionError("it went on for more than thirty seconds")
    still_chats(chatd)


def test_too_many_headers_close_the_connection(chatd, raw, still_chats):
    floods = {
        "many": "".join(f"X-Header-{i}: {'y' * 50}\r\n" for i in range(2000)),
        "one long": f"X-Long: {'y' * 100_000}\r\n",
        "long name": f"{'X' * 100_000}: y\r\n",
        "long target": None,
        "cookie": f"Cookie: {'a=b; ' * 5000}\r\n",
    }
    for name, headers in floods.items():
        connection = raw(chatd)
        target = "/healthz" if headers else "/healthz?" + "q" * 100_000
        connection.try_send(f"GET {target} HTTP/1.1\r\nHost: {connection.host}\r\n{headers or ''}\r\n")
        answer = connection.read_to_end()
        assert b"HTTP/1.1 200 " not in answer, name
    still_chats(chatd)


def test_headers_just_below_the_limit_are_fine(chatd, raw):
    answer = raw(chatd).request("GET", "/healthz", [(f"X-Header-{i}", "y" * 90) for i in range(60)])
    assert answer.status == 200


def test_endless_headers_take_no_memory(chatd, raw, still_chats):
    before = chatd.peak_bytes()
    for _ in range(20):
        connection = raw(chatd)
        connection.try_send("GET /healthz HTTP/1.1\r\n" + "X-Flood: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 50_000)
        connection.read_to_end()
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 16 * 1024 * 1024
    still_chats(chatd)


def test_many_query_arguments_harm_nobody(chatd, raw, still_chats):
    connection = raw(chatd)
    connection.try_send(f"GET /chat?{'&'.join(f'a{i}={i}' for i in range(500))} HTTP/1.1\r\nHost: {connection.host}\r\n\r\n")
    connection.end_sending()
    assert b" 101 " not in connection.read_to_end()
    still_chats(chatd)


def test_long_subprotocols_harm_nobody(chatd, raw, still_chats):
    for offered in ("x" * 63, "x" * 64, "x" * 2000, ",".join(f"p{i}" for i in range(200)), ",,,", "chat.v1," * 100):
        connection = raw(chatd)
        connection.try_send(
            f"GET /chat HTTP/1.1\r\nHost: {connection.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: {offered}\r\n\r\n"
        )
        connection.try_send(frame(TEXT, b"x"))
        connection.end_sending()
        connection.read_to_end()
    still_chats(chatd)


def test_header_injection_through_the_subprotocol_is_impossible(chatd, raw):
    try:
        answer = raw(chatd).upgrade("/chat.v1", [("Sec-WebSocket-Protocol", "a\tb; c=d")])
    except Closed:
        return
    assert answer.status != 101 or "c=d" not in answer.headers.get("sec-websocket-protocol", "")


def test_a_hundred_silent_connections_delay_nobody(chatd, raw, still_chats):
    silent = [raw(chatd) for _ in range(100)]
    still_chats(chatd)
    assert raw(chatd).request("GET", "/healthz").status == 200
    for connection in silent:
        assert connection.read_to_end() == b""
