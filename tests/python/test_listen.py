"""Where chatd listens: IPv4, IPv6, a UNIX socket, a descriptor that was handed in; and starts that must fail clearly."""

import os
import signal
import socket
import stat

import pytest
from support import LIMIT_S, PING, PONG, TEXT, Raw

HAS_IPV6 = False
try:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
    HAS_IPV6 = True
except OSError:
    pass
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


def echoes(connection, text="hello"):
    assert connection.upgrade().status == 101
    connection.send_text(text)
    assert connection.read_frame() == (TEXT, text.encode())


def test_ipv4(start_chatd, raw):
    echoes(raw(start_chatd()))


@needs_ipv6
def test_ipv6(start_chatd, raw):
    chatd = start_chatd(listen=("--address", "::1", "--port", "0"))
    echoes(raw(chatd, family=socket.AF_INET6, address=("::1", chatd.port)))
    with pytest.raises(ConnectionRefusedError):
        raw(chatd)


@needs_ipv6
def test_every_address_without_one(start_chatd, raw):
    chatd = start_chatd(listen=("--port", "0"))
    four = raw(chatd)
    six = raw(chatd, family=socket.AF_INET6, address=("::1", chatd.port))
    echoes(four)
    assert six.upgrade().status == 101
    four.send_text("from four")
    assert six.read_frame() == (TEXT, b"from four")


@needs_ipv6
def test_an_origin_with_an_ipv6_host(start_chatd, raw):
    chatd = start_chatd(listen=("--address", "::1", "--port", "0"))
    chatd.host = "[::1]"
    connection = raw(chatd, family=socket.AF_INET6, address=("::1", chatd.port))
    assert connection.upgrade("/chat", [("Origin", f"http://[::1]:{chatd.port}")]).status == 101
    other = raw(chatd, family=socket.AF_INET6, address=("::1", chatd.port))
    assert other.upgrade("/chat", [("Origin", f"http://[::2]:{chatd.port}")]).status == 403


# UNIX sockets --------------------------------------------------------------------------------------------------------


@pytest.fixture
def socket_path(tmp_path):
    return str(tmp_path / "chat.socket")


def unix(raw, chatd, path):
    return raw(chatd, family=socket.AF_UNIX, address=path)


def test_unix_socket(start_chatd, raw, socket_path):
    chatd = start_chatd("--threads", 2, listen=("--unix", socket_path))
    assert chatd.port == 0
    assert socket_path in chatd.wait_error("listening on .*").group(0)
    echoes(unix(raw, chatd, socket_path))
    assert unix(raw, chatd, socket_path).request("GET", "/healthz").status == 200


def test_a_proxy_on_a_unix_socket_is_believed_when_unix_is_trusted(start_chatd, raw, socket_path):
    chatd = start_chatd(
        "--trusted-proxy", "unix", "--max-clients-per-address", 1, listen=("--unix", socket_path)
    )
    outer = [("Origin", "https://chat.example"), ("X-Forwarded-Host", "chat.example"), ("X-Forwarded-Proto", "https")]
    ann = unix(raw, chatd, socket_path)
    assert ann.upgrade("/chat", [*outer, ("X-Forwarded-For", "192.0.2.1:4711")]).status == 101
    ann.settle()
    assert unix(raw, chatd, socket_path).upgrade("/chat", [*outer, ("X-Forwarded-For", "192.0.2.1")]).status == 503
    assert unix(raw, chatd, socket_path).upgrade("/chat", [*outer, ("X-Forwarded-For", "[2001:db8::1]:1")]).status == 101
    forwarded = [("Origin", "https://chat.example"), ("Forwarded", 'for="192.0.2.1:1";host=chat.example;proto=https')]
    assert unix(raw, chatd, socket_path).upgrade("/chat", forwarded).status == 503
    # Over TLS in front, a page that came without it is another origin.
    assert unix(raw, chatd, socket_path).upgrade("/chat", [("Origin", "http://chat.example"), *outer[1:]]).status == 403


def test_nobody_on_a_unix_socket_is_believed_otherwise(start_chatd, raw, socket_path):
    chatd = start_chatd("--trusted-proxy", "127.0.0.1", listen=("--unix", socket_path))
    headers = [("Origin", "https://chat.example"), ("X-Forwarded-Host", "chat.example"), ("X-Forwarded-Proto", "https")]
    assert unix(raw, chatd, socket_path).upgrade("/chat", headers).status == 403


def test_unix_socket_is_gone_afterwards(start_chatd, raw, socket_path):
    chatd = start_chatd(listen=("--unix", socket_path))
    assert stat.S_ISSOCK(os.stat(socket_path).st_mode)
    chatd.signal(signal.SIGTERM)
    assert chatd.wait() == 0
    assert not os.path.exists(socket_path)


def test_a_stale_unix_socket_is_replaced(start_chatd, raw, socket_path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(socket_path)
    echoes(unix(raw, start_chatd(listen=("--unix", socket_path)), socket_path))


def test_a_live_unix_socket_is_left_alone(start_chatd, start_program, raw, socket_path):
    first = start_chatd(listen=("--unix", socket_path))
    second = start_program("chatd", "--unix", socket_path)
    second.expected_code = 1
    assert second.wait() == 1
    assert socket_path in second.errors and "in use" in second.errors
    echoes(unix(raw, first, socket_path))


def test_a_file_in_the_way_is_left_alone(start_program, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    program = start_program("chatd", "--unix", path)
    program.expected_code = 1
    assert program.wait() == 1
    assert str(path) in program.errors
    assert path.read_text() == "data"


@pytest.mark.parametrize("path", ["/nonexistent/folder/chat.socket", "/tmp/" + "x" * 200], ids=["folder", "long"])
def test_an_impossible_unix_path(start_program, path):
    program = start_program("chatd", "--unix", path)
    program.expected_code = 1
    assert program.wait() == 1
    assert path[:20] in program.errors


# Descriptors ---------------------------------------------------------------------------------------------------------


def listening(family=socket.AF_INET, address=("127.0.0.1", 0)):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(16)
    return listener


def test_a_descriptor_handed_in(start_chatd, raw):
    with listening() as listener:
        port = listener.getsockname()[1]
        chatd = start_chatd(listen=("--listen-fd", str(listener.fileno())), pass_fds=[listener.fileno()])
    assert chatd.port == port
    echoes(raw(chatd))


def test_a_unix_descriptor_handed_in(start_chatd, raw, socket_path):
    with listening(socket.AF_UNIX, socket_path) as listener:
        chatd = start_chatd(listen=("--listen-fd", str(listener.fileno())), pass_fds=[listener.fileno()])
    assert chatd.port == 0
    echoes(unix(raw, chatd, socket_path))


@needs_ipv6
def test_an_ipv6_descriptor_handed_in(start_chatd, raw):
    with listening(socket.AF_INET6, ("::1", 0)) as listener:
        chatd = start_chatd(listen=("--listen-fd", str(listener.fileno())), pass_fds=[listener.fileno()])
    echoes(raw(chatd, family=socket.AF_INET6, address=("::1", chatd.port)))


def test_systemd_socket_activation(start_chatd, raw):
    with listening() as listener:
        number = listener.fileno()
        script = f'exec 3<&{number}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        chatd = start_chatd(listen=(), pass_fds=[number], wrapper=("bash", "-c", script, "bash"))
        assert chatd.port == listener.getsockname()[1]
    echoes(raw(chatd))


def test_sockets_meant_for_another_process_are_not_taken(start_chatd, raw):
    chatd = start_chatd(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    echoes(raw(chatd))


def test_a_descriptor_that_is_no_listening_socket(start_program, tmp_path):
    with open(tmp_path / "file", "w") as file, socket.socket() as idle:
        for number in (file.fileno(), idle.fileno(), 999):
            program = start_program("chatd", "--listen-fd", number, pass_fds=[file.fileno(), idle.fileno()])
            program.expected_code = 1
            assert program.wait() == 1
            assert str(number) in program.errors


# Starts that fail ----------------------------------------------------------------------------------------------------


def fails(start_program, *args):
    program = start_program("chatd", *args)
    program.expected_code = 1
    assert program.wait() == 1
    assert program.errors.count("\n") >= 1
    return program.errors


def test_a_taken_port(start_chatd, start_program):
    chatd = start_chatd()
    errors = fails(start_program, "--address", "127.0.0.1", "--port", chatd.port)
    assert str(chatd.port) in errors and "in use" in errors


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "nonsense", "127.0.0.1.5", "example.org"])
def test_an_impossible_address(start_program, address):
    assert address in fails(start_program, "--address", address, "--port", 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind any port")
def test_a_forbidden_port(start_program):
    errors = fails(start_program, "--address", "127.0.0.1", "--port", 1)
    assert "1" in errors and "permission" in errors.lower()


def test_impossible_options(start_program):
    for args, named in [
        (("--trusted-proxy", "not an address"), "not an address"),
        (("--trusted-proxy", "10.0.0.0/33"), "10.0.0.0/33"),
        (("--default-room", "a/b"), "--default-room: room name"),
    ]:
        assert named in fails(start_program, "--port", 0, "--address", "127.0.0.1", *args)


def test_the_port_is_free_at_once_after_the_end(start_chatd, raw):
    first = start_chatd()
    client = raw(first)
    echoes(client)
    client.close()
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    again = start_chatd(listen=("--address", "127.0.0.1", "--port", str(first.port)))
    echoes(raw(again))


def test_out_of_descriptors_is_survived(start_chatd, raw, websocket):
    """Accepting fails for a while, then goes on; who is connected notices nothing, and the log is not flooded."""
    # Its pings tell that the server has had the time to try again and again.
    chatd = start_chatd("--ping-interval-ms", 250, "--max-connections", "off", wrapper=("bash", "-c", 'ulimit -n 60; exec "$@"', "bash"))
    if chatd.is_sanitized():
        pytest.skip("a sanitizer checks addresses through descriptors of its own")
    ann = websocket(chatd)
    crowd = []
    for _ in range(80):
        crowd.append(Raw(chatd))
    chatd.wait_error("accept: Too many open files")
    pings = 0
    while pings < 3:
        opcode, payload = ann.read_frame()
        if opcode == PING:
            ann.send_frame(PONG, payload)
            pings += 1
    ann.send_text("well")
    while (frame := ann.read_frame())[0] == PING:
        ann.send_frame(PONG, frame[1])
    assert frame == (TEXT, b"well")
    for connection in crowd:
        connection.close()
    late = raw(chatd)
    late.socket.settimeout(LIMIT_S)
    assert late.upgrade().status == 101
    chatd.wait_error("connections are accepted again")
    assert chatd.errors.count("Too many open files") == chatd.errors.count("accepted again")
