"""Connections whose client does not do its part at the end: it does not take its answer, or does not close."""

import time

from support import wait_until


def connections(raw, chatd):
    asking = raw(chatd)
    text = asking.request("GET", "/metrics", [("Connection", "close")]).body.decode()
    asking.close()
    return int(next(line.split()[-1] for line in text.splitlines() if line.startswith("libchat_connections{")))


def begin(start_chatd, raw, *options):
    chatd = start_chatd("--metrics", "/metrics", *options)
    wait_until(lambda: connections(raw, chatd) == 1, "an idle server")
    return chatd


def end_with_an_error(client):
    """The server answers and closes its direction; the client keeps its own open."""
    client.send(b"nonsense\r\n\r\n")
    assert client.response().status == 400
    assert client.read_to_end() == b""


def test_who_does_not_close_is_closed_after_two_seconds(start_chatd, raw):
    chatd = begin(start_chatd, raw)
    client = raw(chatd)
    started = time.monotonic()
    end_with_an_error(client)
    wait_until(lambda: connections(raw, chatd) == 1, "the end of the connection")
    # On purpose: not before the 2 s that are documented.
    assert time.monotonic() - started >= 2


def test_who_goes_on_sending_is_closed_after_a_mebibyte(start_chatd, raw):
    chatd = begin(start_chatd, raw)
    client = raw(chatd)
    end_with_an_error(client)
    # The kernel may take some more, which nobody reads.
    sent = 0
    while client.try_send(bytes(65536)):
        sent += 65536
        assert sent < 64 << 20
    wait_until(lambda: connections(raw, chatd) == 1, "the end of the connection")


def test_who_does_not_take_an_answer_is_closed(start_chatd, raw, tmp_path):
    (tmp_path / "large").write_bytes(bytes(32 << 20))
    chatd = begin(start_chatd, raw, "--www", tmp_path)
    client = raw(chatd, receive_buffer=4096)
    started = time.monotonic()
    client.send(f"GET /large HTTP/1.1\r\nHost: {client.host}\r\n\r\n")
    wait_until(lambda: connections(raw, chatd) == 2, "the request")
    # On purpose: not before the 30 s that are documented.
    while connections(raw, chatd) == 2 and time.monotonic() - started < 30:
        time.sleep(0.5)  # On purpose: between two looks.
    assert time.monotonic() - started >= 30
    wait_until(lambda: connections(raw, chatd) == 1, "the end of the connection")
