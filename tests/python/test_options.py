"""chatd's command line: what it prints, and how it says what is wrong."""

import re
import signal

import pytest
from support import SOURCE_DIR


def run(start_program, *args, code=0):
    program = start_program("chatd", *args)
    program.expected_code = code
    assert program.wait() == code, program.errors
    return program


def test_help_names_every_option(start_program):
    text = "\n".join(run(start_program, "--help").lines)
    for name in (
        "address port unix listen-fd threads www socket-io-client tls-cert tls-key origin trusted-proxy lists max-clients "
        "max-clients-per-address max-message-bytes max-http-body-bytes outbox-bytes outbox-messages outbox-policy inbound-rate inbound-burst "
        "history-messages ping-interval-ms ping-timeout-ms handshake-timeout-ms drain-timeout-ms drain-spread-ms "
        "upgrade-timeout-ms connect-timeout-ms recovery-window-ms recovery-bytes "
        "flush-interval-ms memory-release-ms send-buffer-bytes permessage-deflate log-level print-port version help"
    ).split():
        assert re.search(rf"--{name}\b", text), name
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert run(start_program, "-h").lines == text.split("\n")


def test_version_is_that_of_the_header(start_program):
    header = (SOURCE_DIR / "capi/include/chat/chat.h").read_text()
    version = re.search(r'CHAT_VERSION_STRING "(.*)"', header).group(1)
    assert run(start_program, "--version").lines == [f"chatd {version}"]


@pytest.mark.parametrize(
    "args,named",
    [
        (["--nonsense"], "--nonsense"),
        (["-x"], "-x"),
        (["stray"], "stray"),
        (["--port"], "--port"),
        (["--port", "abc"], "--port"),
        (["--port", "65536"], "--port"),
        (["--port", "-1"], "--port"),
        (["--port", ""], "--port"),
        (["--port", "30 00"], "--port"),
        (["--threads", "0"], "--threads"),
        (["--max-clients", "0"], "--max-clients"),
        (["--max-clients", "many"], "--max-clients"),
        (["--ping-timeout-ms", "off"], "--ping-timeout-ms"),
        (["--max-message-bytes", "99999999999999999999"], "--max-message-bytes"),
        (["--outbox-policy", "drop"], "--outbox-policy"),
        (["--log-level", "loud"], "--log-level"),
        (["--lists=yes"], "--lists"),
        (["--tls-cert", "a.pem"], "--tls-key"),
        (["--unix", "/tmp/x", "--listen-fd", "5"], "--unix"),
        (["--ping"], "--ping"),
        (["--www", ""], "--www"),
        (["--socket-io-client", ""], "--socket-io-client"),
        (["--max-http-body-bytes", "0"], "--max-http-body-bytes"),
        (["--upgrade-timeout-ms", "off"], "--upgrade-timeout-ms"),
        (["--connect-timeout-ms", "soon"], "--connect-timeout-ms"),
        (["--recovery-window-ms", "0"], "--recovery-window-ms"),
        (["--recovery-bytes", "off"], "--recovery-bytes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_option_is_named(start_program, args, named):
    program = run(start_program, *args, code=2)
    first = program.errors.split("\n")[0]
    assert first.startswith("chatd: ") and named in first, first
    assert program.lines == []


def test_what_socket_io_adds_can_be_set(start_chatd, still_chats, tmp_path):
    chatd = start_chatd(
        *("--socket-io-client", tmp_path, "--max-http-body-bytes", 5000, "--upgrade-timeout-ms", 1000),
        *("--connect-timeout-ms", 1000, "--recovery-window-ms", 60_000, "--recovery-bytes", 1000),
    )
    still_chats(chatd)


def test_the_log_has_time_and_level(start_chatd):
    chatd = start_chatd()
    line = chatd.wait_error(r"(?m)^.*listening on port.*$").group(0)
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z info chatd: listening on port {chatd.port}", line)


def test_the_log_level_silences(start_chatd, websocket):
    chatd = start_chatd("--log-level", "error")
    websocket(chatd).close()
    chatd.signal(signal.SIGTERM)
    assert chatd.wait() == 0
    assert chatd.errors == ""


def test_what_clients_send_cannot_forge_log_lines(start_chatd, raw, still_chats):
    chatd = start_chatd("--log-level", "debug", "--handshake-timeout-ms", 1000)
    connection = raw(chatd)
    connection.try_send(b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\nX-A: \x1b]0;x\x07\r\n\r\n")
    connection.read_to_end()
    still_chats(chatd)
    chatd.signal(signal.SIGTERM)
    chatd.wait()
    assert "\x1b" not in chatd.errors
    for line in chatd.errors.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\S+Z (error|warning|info|debug) chatd: ", line), line
