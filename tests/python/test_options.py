"""chatd's command line: what it prints, and how it says what is wrong."""

import re
import signal
import socket

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
        "address port unix listen-fd threads www socket-io-client tls-cert tls-key origin trusted-proxy allowed-hosts users lists max-clients "
        "max-clients-per-address max-message-bytes max-http-body-bytes outbox-bytes outbox-messages outbox-policy inbound-rate inbound-burst "
        "history-messages history history-sync history-on-failure history-file-bytes history-search socket-io-cluster ping-interval-ms ping-timeout-ms handshake-timeout-ms drain-timeout-ms drain-spread-ms "
        "upgrade-timeout-ms connect-timeout-ms recovery-window-ms recovery-bytes "
        "stomp-room-prefix stomp-application-prefix stomp-user-queue-prefix stomp-heart-beat-ms "
        "flush-interval-ms memory-release-ms send-buffer-bytes permessage-deflate log-level print-port version help"
    ).split():
        assert re.search(rf"--{name}\b", text), name
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert run(start_program, "-h").lines == text.split("\n")


def test_version_is_that_of_the_header(start_program):
    header = (SOURCE_DIR / "capi/include/chat/chat.h").read_text()
    version = re.search(r'CHAT_VERSION_STRING "(.*)"', header).group(1)
    first, second = run(start_program, "--version").lines
    assert first == f"chatd {version}"
    names = [re.fullmatch(r"(\w+) \d[\w.]*", text).group(1) for text in second.split(", ")]
    assert names == ["libwebsockets", "libuv", "OpenSSL", "cJSON", "zlib", "SQLite", "ICU"]


@pytest.mark.parametrize(
    "word,nearest",
    [
        ("--prot", "port"),
        ("--Port", "port"),
        ("-port", "port"),
        ("--adress=127.0.0.1", "address"),
        ("--max_clients", "max-clients"),
        ("--histroy-messages", "history-messages"),
        ("--cert", "tls-cert"),
        ("--ping-interval", "ping-interval-ms"),
        ("--comletion", "completion"),
    ],
)
def test_an_unknown_option_suggests_the_nearest(start_program, word, nearest):
    errors = run(start_program, word, code=2).errors
    assert errors.startswith(f"chatd: unknown option {word.split('=')[0]}; did you mean --{nearest}?\n"), errors


@pytest.mark.parametrize("word", ["--nonsense", "-x", "--", "--" + "y" * 200])
def test_an_option_that_is_like_no_other_suggests_none(start_program, word):
    assert "did you mean" not in run(start_program, word, "stray", code=2).errors


def test_sizes_and_times_have_units(start_program):
    def check(option, value, code=0):
        return run(start_program, "--check", option, value, code=code).errors

    for value in ("100k", "1m", "1M", "100000", "0100000"):
        assert check("--max-message-bytes", value) == ""
    for value in ("25s", "500ms", "2h", "10m", "1d", "25S", "25000"):
        assert check("--history-age-ms", value) == ""
    # 63 KiB are less than two messages of 64 KiB: the unit counts.
    assert "max_outbox_bytes" in run(start_program, "--check", "--max-message-bytes", "64k", "--outbox-bytes", "63k", code=1).errors
    for value in ("64x", "k", "1.5m", "1 k", "64kb", "-1k", "9999999999g", "0k", "5s", ""):
        assert f"--max-message-bytes: '{value}' is not a size" in check("--max-message-bytes", value, code=2), value
    for value in ("5x", "s", "1k", "99999999999999d", "0s"):
        assert f"--ping-timeout-ms: '{value}' is not a time" in check("--ping-timeout-ms", value, code=2), value
    for option in ("--max-clients", "--port", "--threads"):
        assert "is not a number" in check(option, "1k", code=2)


@pytest.mark.parametrize("address", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "::1"])
def test_addresses_as_people_write_them(start_chatd, raw, address):
    chatd = start_chatd(listen=("--address", address, "--port", "0"))
    host = "[::1]" if ":" in address else "127.0.0.1"
    chatd.wait_error(re.escape(f"listening on http://{host}:{chatd.port}/") + "\n")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = raw(chatd, family=family, address=(host.strip("[]"), chatd.port))
    assert connection.request("GET", "/readyz").status == 200


def test_an_address_may_have_the_port(start_chatd, start_program):
    for address in ("localhost:0", "127.0.0.1:0", "[::1]:0"):
        chatd = start_chatd(listen=("--address", address))
        assert chatd.port not in (0, 3000)
    start_chatd(listen=("--address", "127.0.0.1:0", "--port", "0"))
    errors = run(start_program, "--address", "127.0.0.1:1", "--port", "2", code=2).errors
    assert errors.startswith("chatd: --address: names another port than --port\n")
    for address in ("127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":80", "[::1", "[::1]80", "[]", "[localhost]"):
        errors = run(start_program, "--address", address, code=2).errors
        assert f"--address: '{address}' is not an address" in errors, errors


def test_trusted_proxies_as_people_write_them(start_chatd, raw):
    for proxy in ("localhost", "127.0.0.1"):
        chatd = start_chatd("--trusted-proxy", proxy, "--max-clients-per-address", 1)
        for address in ("192.0.2.1", "192.0.2.2"):
            assert raw(chatd).upgrade(headers=[("X-Forwarded-For", address)]).status == 101
    start_chatd("--trusted-proxy", "[::1]")


def test_every_address_is_shown_as_localhost(start_chatd, tmp_path):
    chatd = start_chatd(listen=("--port", "0"))
    chatd.wait_error(f"listening on http://localhost:{chatd.port}/\n")
    start_chatd(listen=("--unix", tmp_path / "socket")).wait_error(f"listening on unix:{tmp_path}/socket\n")


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


@pytest.mark.parametrize(
    "text,wrong",
    [
        ("only-a-token-here", "the user is missing after the token"),
        ("too-short ann", "the token is shorter than 16 bytes"),
        ("x" * 513 + " ann", "the token is longer than 512 bytes"),
        ("a-token-that-is-long " + "u" * 129, "the user is longer than 128 bytes"),
        ("a-token-that-is-long ann king", "'king' is none of member, moderator and owner"),
        ("a-token-that-is-long ann" + " member" * 33, "more than 32 roles"),
        ("a-token-that-is-long ann\na-token-that-is-long bob", "the token has occurred before"),
        ("\n".join(f"a-token-that-is-long-{n} ann" for n in range(1001)), "more than 1,000 users"),
        ("x" * 2049, "the line is longer than 2,048 bytes"),
    ],
)
def test_a_fault_in_the_file_of_users_is_named(start_program, tmp_path, text, wrong):
    file = tmp_path / "users"
    file.write_text("# TOKEN USER ROLE\n\n" + text + "\n")
    line = 2 + len(text.split("\n"))
    expected = f"--users: {file}:{line}: {wrong}"
    start = run(start_program, "--port", "0", "--users", file, code=1)
    assert expected in start.errors, start.errors
    check = run(start_program, "--check", "--port", "0", "--users", file, code=1)
    assert expected in check.errors + "\n".join(check.lines)


def test_a_file_of_users_must_be_readable(start_program, tmp_path):
    program = run(start_program, "--port", "0", "--users", tmp_path / "nothing", code=1)
    assert f"--users: {tmp_path}/nothing: No such file or directory" in program.errors


def test_what_socket_io_adds_can_be_set(start_chatd, still_chats, tmp_path):
    chatd = start_chatd(
        *("--socket-io-client", tmp_path, "--max-http-body-bytes", 5000, "--upgrade-timeout-ms", 1000),
        *("--connect-timeout-ms", 1000, "--recovery-window-ms", 60_000, "--recovery-bytes", 1000),
    )
    still_chats(chatd)


def test_the_log_has_time_and_level(start_chatd):
    chatd = start_chatd()
    line = chatd.wait_error(r"(?m)^.*listening on .*$").group(0)
    url = re.escape(f"http://127.0.0.1:{chatd.port}/")
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z info chatd: listening on {url}", line)


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
