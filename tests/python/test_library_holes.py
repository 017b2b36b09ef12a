"""What once hung or corrupted a loop inside libwebsockets 4.1: each was found by a reproduction like the one here."""

import concurrent.futures
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time

import pytest
from support import BINARY, PING, TEXT, frame, wait_until

SIZE = 60_000


def cpu_seconds(program):
    fields = pathlib.Path(f"/proc/{program.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def start_tls_chatd(start_chatd, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return lambda *args: start_chatd("--tls-cert", certificate, "--tls-key", key, *args)


def secure(connection):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection.socket = context.wrap_socket(connection.socket)


def over_tls(raw, server, target="/chat"):
    connection = raw(server)
    secure(connection)
    assert connection.upgrade(target).status == 101
    connection.settle()
    return connection


def test_a_tls_record_above_the_rate_stops_nobody(start_tls_chatd, raw):
    """Reading is paused in the middle of a record that libwebsockets has decrypted already."""
    chatd = start_tls_chatd("--inbound-burst", 100)
    other = over_tls(raw, chatd, "/chat?room=other")
    flood = over_tls(raw, chatd, "/chat?room=flood")
    messages = [b"%03d" % number + b"." * 27 for number in range(430)]
    flood.send(b"".join(frame(TEXT, message) for message in messages))
    other.send_text("still there?")
    assert other.read_text() == "still there?"
    for message in messages:  # none is lost on the way
        assert flood.read_frame() == (TEXT, message)


def test_what_is_no_tls_ends_alone(start_tls_chatd, raw):
    """The first bytes are there when the socket is handed over, and are refused before the hand-over has returned."""
    chatd = start_tls_chatd()
    for _ in range(50):
        connection = raw(chatd)
        connection.try_send("GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        connection.close()
    other = over_tls(raw, chatd)
    other.send_text("still there?")
    assert other.read_text() == "still there?"


def test_a_process_that_was_stopped_lets_handshakes_go_on(start_tls_chatd, raw):
    """The handshakes' time is over when the process continues, but they waited for the server, not for the client."""
    # All must be accepted, and the last be open, within this time, also on a busy machine.
    chatd = start_tls_chatd("--handshake-timeout-ms", 3000)
    clients = [raw(chatd) for _ in range(8)]
    over_tls(raw, chatd)  # accepted after the others
    os.kill(chatd.pid, signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as threads:
        handshakes = [threads.submit(secure, client) for client in clients]
        time.sleep(5)  # On purpose: the handshakes' time must pass.
        os.kill(chatd.pid, signal.SIGCONT)
        answers = [handshake.exception() or client.upgrade() for handshake, client in zip(handshakes, clients, strict=True)]
    # On a busy machine a client may take more than a second to answer.
    assert any(getattr(answer, "status", None) == 101 for answer in answers), answers


def test_a_request_behind_a_stalled_one_stops_nobody(start_chatd, raw, still_chats, tmp_path):
    """The second has a body, and its response does not fit the socket."""
    (tmp_path / "large.bin").write_bytes(b"x" * 20_000_000)
    chatd = start_chatd("--www", tmp_path)
    connection = raw(chatd, receive_buffer=4096)
    connection.send(
        f"GET /healthz HTTP/1.1\r\nHost: {connection.host}\r\n\r\n"
        f"GET /large.bin HTTP/1.1\r\nHost: {connection.host}\r\nContent-Length: 10\r\n\r\n"
    )
    assert connection.response().status == 200
    still_chats(chatd)


def test_a_pong_does_not_land_inside_a_large_frame(start_chatd, websocket):
    chatd = start_chatd("--inbound-rate", "off")
    publisher = websocket(chatd)
    for number in range(8):
        publisher.send_frame(TEXT, bytes([ord("a") + number]) * SIZE)
        publisher.read_frame()
    asking = websocket(chatd, "/chat.v1", receive_buffer=4096)
    asking.read_json("welcome")
    for _ in range(3):
        asking.send_json({"type": "history", "ref": "h"})
    for number in range(10):
        asking.send_frame(PING, b"PING%d" % number)
    for _ in range(3):
        messages = json.loads(asking.read_text())["messages"]
        assert [message["text"][0] for message in messages] == list("abcdefgh")
        assert all(len(set(message["text"])) == 1 for message in messages)


@pytest.mark.parametrize("ending", ["end", "protocol error"])
def test_closing_with_unsent_output_costs_nothing(start_chatd, websocket, ending):
    """libwebsockets would wait 5 seconds for the output to go, woken all the while by input that it does not take."""
    chatd = start_chatd("--inbound-rate", "off", "--outbox-bytes", 8_000_000)
    publisher = websocket(chatd)
    before = chatd.descriptor_count()
    slow = websocket(chatd, receive_buffer=4096)
    for _ in range(75):
        publisher.send_frame(BINARY, b"x" * SIZE)
        publisher.read_frame()
    used = cpu_seconds(chatd)
    if ending == "end":
        slow.end_sending()
    else:
        slow.try_send(frame(3, b"no such opcode"))
        slow.try_send(frame(TEXT, b"y" * 100) * 2000)
    wait_until(lambda: chatd.descriptor_count() == before, "the end of the connection")
    assert cpu_seconds(chatd) - used < 2
