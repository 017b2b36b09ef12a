"""Under which names a server may be addressed: --allowed-hosts, against DNS rebinding."""

import re

import pytest
from support import TEXT

ALLOWED = ("--allowed-hosts", "chat.example", "--allowed-hosts", "*.chat.example", "--allowed-hosts", "other.example:8443")
TARGETS = (
    "/",
    "/healthz",
    "/metrics",
    "/chat.js",
    "/page.js",
    "/chat",
    "/nowhere",
    "/style.css",
    "/socket.io/socket.io.js",
    "/socket.io/?EIO=4&transport=polling",
)


@pytest.fixture
def chatd(start_chatd, tmp_path):
    (tmp_path / "style.css").write_text("body{}")
    return start_chatd(*ALLOWED, "--metrics", "/metrics", "--page", "/", "--www", tmp_path)


def status(raw, chatd, host, target="/healthz", **options):
    connection = raw(chatd)
    connection.host = host
    return connection.request("GET", target, **options).status


def test_every_other_host_is_421_whatever_it_asks_for(chatd, raw):
    for target in TARGETS:
        for method, body in (("GET", b""), ("POST", b"0123456789"), ("OPTIONS", b""), ("HEAD", b"")):
            connection = raw(chatd)
            connection.host = "evil.example"
            headers = [("Content-Length", str(len(body)))] if body else []
            answer = connection.request(method, target, [("Origin", "http://evil.example"), *headers], body)
            assert answer.status == 421, (method, target)
            # Nothing that a page of another origin could read.
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert answer.headers["connection"] == "close"
            assert connection.read_to_end() == b""


def test_websockets_of_other_hosts_are_421(chatd, raw):
    for target in ("/chat", "/chat.v1", "/socket.io/?EIO=4&transport=websocket", "/nowhere"):
        connection = raw(chatd)
        connection.host = "evil.example"
        # What a rebound page sends: its Origin is that of its Host.
        assert connection.upgrade(target, [("Origin", "http://evil.example")]).status == 421, target
        connection = raw(chatd)
        connection.host = "chat.example"
        assert connection.upgrade(target, [("Origin", "http://chat.example")]).status in (101, 404), target


def test_which_hosts_are_allowed(chatd, raw):
    for host in ("chat.example", "CHAT.example:3000", "chat.example.", "a.chat.example", "a.b.chat.example:1", "other.example:8443"):
        assert status(raw, chatd, host) == 200, host
    for host in ("evil.example", "chat.example.evil.example", "xchat.example", "other.example", "other.example:80", "127.0.0.1", "localhost", "[::1]"):
        assert status(raw, chatd, host) == 421, host
    assert status(raw, chatd, f"127.0.0.1:{chatd.port}") == 421


def test_a_request_without_a_host_or_with_another_one_in_its_target(chatd, raw):
    connection = raw(chatd)
    connection.send("GET /healthz HTTP/1.0\r\n\r\n")
    assert connection.response().status == 421
    # The target takes precedence over the Host (RFC 9112 section 3.2.2).
    assert status(raw, chatd, "chat.example", "http://evil.example/healthz") == 421
    assert status(raw, chatd, "evil.example", "http://chat.example/healthz") == 200


def test_behind_a_trusted_proxy_the_outer_host_counts(start_chatd, raw):
    trusting = start_chatd(*ALLOWED, "--trusted-proxy", "127.0.0.1")
    wary = start_chatd(*ALLOWED)
    for outer, of_trusting in (("chat.example", 200), ("evil.example", 421)):
        for inner, of_wary in (("chat.example", 200), ("evil.example", 421)):
            headers = [("X-Forwarded-Host", outer)]
            assert status(raw, trusting, inner, headers=headers) == of_trusting, (outer, inner)
            assert status(raw, wary, inner, headers=headers) == of_wary, (outer, inner)
    # Without one it is the proxy's own way to say which host was asked for.
    assert status(raw, trusting, "chat.example") == 200


def test_refusals_are_counted_and_logged_once(start_chatd, raw):
    chatd = start_chatd("--allowed-hosts", "127.0.0.1", "--metrics", "/metrics")
    for _ in range(50):
        assert status(raw, chatd, "evil.example") == 421
    text = raw(chatd).request("GET", "/metrics").body.decode()
    assert re.search(r'^libchat_refusals_total\{reason="host"\} 50$', text, re.MULTILINE)
    chatd.wait_error("refused 127.0.0.1: the Host is not allowed")
    chatd.end_gently()
    chatd.wait()
    # At most one in ten seconds; the fifty took less on any machine that is not standing still.
    assert 1 <= chatd.errors.count("the Host is not allowed") < 10


def test_without_the_option_every_host_is_served(start_chatd, raw):
    assert status(raw, start_chatd(), "evil.example") == 200


def test_clients_at_an_allowed_host_chat(start_chatd, websocket):
    chatd = start_chatd("--allowed-hosts", "127.0.0.1")
    ann, bob = websocket(chatd), websocket(chatd)
    ann.send_text("hello")
    assert bob.read_frame() == (TEXT, b"hello")


@pytest.mark.parametrize("entry", ["*", "https://chat.example", "chat.example/", "::1", ".chat.example", "a b"])
def test_an_entry_that_is_no_host_stops_the_start(start_program, entry):
    program = start_program("chatd", "--port", "0", "--allowed-hosts", entry)
    program.expected_code = None
    assert program.wait() != 0
    program.expected_code = program.process.returncode
    assert "--allowed-hosts: " in program.errors
