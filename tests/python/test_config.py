"""chatd --config and --check: the same options in a file, what goes before what, and errors with their line."""

import re
import socket
import subprocess

import pytest
from support import SOURCE_DIR

CONF = SOURCE_DIR / "examples/chatd/chatd.conf"


def run(start_program, *args, code=0, **options):
    program = start_program("chatd", *args, **options)
    program.expected_code = code
    assert program.wait() == code, program.errors
    return program


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "chatd.conf"

    def write(text):
        path.write_text(text)
        return path

    return write


@pytest.fixture
def pair(tmp_path):
    """Two pairs of certificate and key: one fits together."""
    for name in ("a", "b"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
            + ["-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"],
            check=True,
            capture_output=True,
        )
    return tmp_path


def options_of_help(start_program):
    text = "\n".join(run(start_program, "--help").lines)
    return set(re.findall(r"^  (?:-h,)?--([a-z-]+)", text, re.M)) - {"help", "version", "config", "check", "completion"}


def test_the_file_that_is_shipped_shows_every_option(start_program, conf):
    lines = CONF.read_text().splitlines()
    shown = [match.group(1) for line in lines if (match := re.match(r"#([a-z-]+) = ", line))]
    assert len(shown) == len(set(shown))
    assert set(shown) == options_of_help(start_program)
    assert all(line == "" or line.startswith("#") for line in lines)
    uncommented = "\n".join(re.sub(r"^#(?=[a-z-]+ = )", "", line) for line in lines)
    assert uncommented.count("\nport = 3000\n") == 1
    assert run(start_program, "--config", conf(uncommented), "--check").lines == ["ok"]
    assert run(start_program, "--config", CONF, "--check").lines == ["ok"]


def test_its_defaults_are_those_of_the_help(start_program):
    text = "\n".join(run(start_program, "--help").lines)
    for name, value in re.findall(r"(?m)^#([a-z-]+) = ([0-9]+)$", CONF.read_text()):
        described = re.search(rf"(?m)^  --{name} \S+ +(.*)$", text).group(1)
        assert re.match(rf"({value}|{int(value):,})\b", described), (name, described)


def test_the_command_line_goes_before_the_file(start_chatd, raw, conf, tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("of the folder")
    path = conf(
        f"""
        # what is here
        ; and this is a comment too
        metrics = "/counted"   # where
        www = '{tmp_path}/www'
        script = /a.js
        default-room = "of the file"
        """
    )
    chatd = start_chatd("--config", path, "--script", "/b.js")
    connection = raw(chatd)
    assert connection.request("GET", "/counted").status == 200
    assert connection.request("GET", "/").body == b"of the folder"
    assert connection.request("GET", "/a.js").status == 404
    assert connection.request("GET", "/b.js").status == 200
    page = raw(start_chatd("--page", "/p", f"--config={path}")).request("GET", "/p/")
    assert b'content="of the file"' in page.body


def test_lists_and_flags(start_chatd, raw, websocket, conf):
    path = conf(
        "origin = [https://a.example, https://b.example]\norigin = https://c.example\nlists = true\npermessage-deflate = false\n"
    )
    chatd = start_chatd("--config", path)
    for origin, status in (("a", 101), ("b", 101), ("c", 101), ("d", 403)):
        assert raw(chatd).upgrade(headers=[("Origin", f"https://{origin}.example")]).status == status, origin
    client = websocket(chatd, "/chat.v1")
    client.send_json({"type": "rooms", "ref": 1})
    assert client.read_json("rooms")["rooms"]
    other = start_chatd("--config", path, "--origin", "https://d.example")
    for origin, status in (("a", 403), ("d", 101)):
        assert raw(other).upgrade(headers=[("Origin", f"https://{origin}.example")]).status == status, origin


def test_a_socket_of_systemd_beats_port_and_address(start_chatd, raw, conf):
    path = conf("port = 0\naddress = 127.0.0.1\nprint-port = true\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f'exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        wrapper = ("bash", "-c", script, "bash")
        chatd = start_chatd("--config", path, listen=(), pass_fds=[listener.fileno()], wrapper=wrapper)
        assert chatd.port == listener.getsockname()[1]
    assert raw(chatd).request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "text,line,named",
    [
        ("port = abc", 1, "port: 'abc'"),
        ("# a comment\n\nport = 70000", 3, "port: '70000'"),
        ("nonsense = 1", 1, "unknown option nonsense"),
        ("threads = 1\nprot = 3000", 2, "unknown option prot; did you mean port?"),
        ("completion = bash", 1, "unknown option completion"),
        ("max-message-bytes = 64x", 1, "max-message-bytes: '64x'"),
        ("address = [::1", 1, "address: the list"),
        ("config = other.conf", 1, "unknown option config"),
        ("help = true", 1, "unknown option help"),
        ("version = true", 1, "unknown option version"),
        ("check = true", 1, "unknown option check"),
        ("port = 1\nport = 2", 2, "port: is already set in line 1"),
        ("[chatd]\nport = 1", 1, "sections"),
        ("www", 1, "www: needs a value"),
        ("x", 1, "'x'"),
        ("port =", 1, "port: ''"),
        ("www = a b", 1, "www: takes one value"),
        ('www = "a#b"', 1, "www: the quotes"),
        ("origin = [https://a.example,", 1, "origin: the list"),
        ("lists = maybe", 1, "lists: must be true or false"),
        ("lists = [true, false]", 1, "lists: must be true or false"),
        ("max-clients = many", 1, "max-clients: 'many'"),
        ("outbox-policy = drop", 1, "outbox-policy: 'drop'"),
        ("endpoint = /chat", 1, "endpoint: '/chat'"),
        ("endpoint = [/a=plain, /b=soap]", 1, "endpoint: '/b=soap'"),
        ("metrics = metrics", 1, "metrics: 'metrics'"),
        ("a.b = 1", 1, "a.b"),
        ("= 1", 1, "= 1"),
        ("port = 1 = 2", 1, "port: takes one value"),
        ("\x00\x01\x02", 1, ""),
        ("port = \x1b[31m", 1, "port"),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, str) else "",
)
def test_a_wrong_line_is_named(start_program, conf, text, line, named):
    path = conf(text + "\n")
    for more in ((), ("--check",)):
        program = run(start_program, "--config", path, *more, code=2)
        first = program.errors.split("\n")[0]
        assert first.startswith(f"chatd: {path}:{line}: ") and named in first, first
        assert program.lines == []


def test_a_file_that_cannot_be_read_is_named(start_program, tmp_path):
    for path in (tmp_path / "missing.conf", tmp_path):
        assert str(path) in run(start_program, "--config", path, code=2).errors
    assert "--config" in run(start_program, "--config", code=2).errors
    assert "--config: the value is empty" in run(start_program, "--config", "", code=2).errors


def test_what_does_not_go_together(start_program, conf):
    for text, line, named in (
        ("port = 0\ntls-cert = a.pem\n", 2, "tls-cert: needs --tls-key"),
        ("tls-key = a.key\n", 1, "tls-key: needs --tls-cert"),
        ("unix = /tmp/x\nlisten-fd = 5\n", 1, "unix: cannot be combined with --listen-fd"),
    ):
        path = conf(text)
        errors = run(start_program, "--config", path, code=2).errors
        assert errors.startswith(f"chatd: {path}:{line}: {named}"), errors
    assert "--tls-cert: needs --tls-key" in run(start_program, "--tls-cert", "a.pem", code=2).errors


def test_what_the_library_refuses_is_named_as_it_was_given(start_program, conf, pair):
    for text, line, named in (
        ("port = 0\ndefault-room = a/b", 2, "default-room: room name"),
        ("trusted-proxy = [127.0.0.1, 10.0.0.0/99]", 1, "trusted-proxy: 10.0.0.0/99"),
        ("port = 0\norigin = [https://a.example, b]", 2, "origin: allowed_origins[1] "),
        ("endpoint = [/a=plain, /a=chat.v1]", 1, "endpoint: endpoints[1].path occurs twice: /a"),
        ("max-message-bytes = 100\noutbox-bytes = 5", 2, "outbox-bytes: max_outbox_bytes is smaller"),
        ("max-header-bytes = 9999999999", 1, "max-header-bytes: max_header_bytes is 9999999999"),
        ("ephemeral-event = connect", 1, "ephemeral-event: "),
        ("page = /chat", 1, "page: /chat is already used by"),
        ("script = /chat", 1, "script: /chat is already used by"),
        ("metrics = /chat", 1, "metrics: /chat is already used by"),
        (f"tls-cert = {pair}/a.key\ntls-key = {pair}/a.key", 1, f"tls-cert: certificate file {pair}/a.key"),
        (f"tls-cert = {pair}/a.pem\ntls-key = {pair}/a.pem", 2, f"tls-key: private key file {pair}/a.pem"),
    ):
        path = conf(text)
        for more in ((), ("--check",)):
            errors = run(start_program, "--config", path, *more, code=1).errors
            assert errors.startswith(f"chatd: {path}:{line}: {named}"), errors
    path = conf("origin = https://a.example\norigin = b")  # which of the lines the library cannot know
    assert f"{path}: origin: allowed_origins[1] " in run(start_program, "--config", path, "--check", code=1).errors
    assert "--page: /chat is already used by" in run(start_program, "--page", "/chat", code=1).errors


def test_check_reports_every_error(start_program, conf, pair):
    path = conf(
        f"""
        port = abc
        www = /no/such
        origin = [https://a.example, b]
        prot = 1
        default-room = a/b
        tls-cert = {pair}/a.pem
        tls-key = {pair}/b.key
        trusted-proxy = here
        outbox-bytes = 5
        page = /chat
        ping-interval-ms = soon
        """
    )
    expected = [
        (2, "port: 'abc' is not a number"),
        (5, "unknown option prot; did you mean port?"),
        (12, "ping-interval-ms: 'soon' is not a time"),
        (3, "www: /no/such: No such file"),
        (4, "origin: allowed_origins[1] "),
        (6, "default-room: room name"),
        (8, f"tls-key: private key file {pair}/b.key"),
        (9, "trusted-proxy: here"),
        (10, "outbox-bytes: max_outbox_bytes is smaller"),
        (11, "page: /chat is already used by"),
    ]
    errors = run(start_program, "--config", path, "--check", code=2).errors
    lines = errors.splitlines()
    for line, named in expected:
        assert any(text.startswith(f"chatd: {path}:{line}: {named}") for text in lines), (line, named, errors)
    assert len(lines) == len(expected), errors
    # A start reports what it found before it gave up: every line that cannot be read.
    started = run(start_program, "--config", path, code=2).errors.splitlines()
    assert started == [*lines[:3], "Try chatd --help."]


def test_a_faulty_line_does_not_count_as_missing(start_program, conf, pair):
    path = conf(f"tls-cert = a b\ntls-key = {pair}/a.key\nport = 0")
    errors = run(start_program, "--config", path, "--check", code=2).errors.splitlines()
    assert len(errors) == 1 and errors[0].startswith(f"chatd: {path}:1: tls-cert: takes one value"), errors


def test_check_beside_a_daemon_reports_the_port_and_says_ok(start_program, start_chatd, conf, pair):
    chatd = start_chatd()
    path = conf(f"port = {chatd.port}\naddress = 127.0.0.1\ntls-cert = {pair}/a.pem\ntls-key = {pair}/a.key\nwww = {pair}\n")
    program = run(start_program, "--config", path, "--check")
    assert program.lines == ["ok"]
    assert program.errors.startswith(f"chatd: {path}:1: port: {chatd.port} is in use"), program.errors
    program = run(start_program, "--check", "--address", f"localhost:{chatd.port}")
    assert program.errors.startswith(f"chatd: --address: {chatd.port} is in use"), program.errors
    program = run(start_program, "--check", "--port", chatd.port)
    assert program.errors.startswith(f"chatd: --port: {chatd.port} is in use"), program.errors
    for address in ("127.0.0.1:0", "127.0.0.2:" + str(chatd.port)):
        assert run(start_program, "--check", "--address", address).errors == ""


def test_check_of_a_unix_socket(start_program, start_chatd, pair):
    path = pair / "new.sock"
    program = run(start_program, "--check", "--unix", path)
    assert (program.lines, program.errors) == (["ok"], "")
    assert not path.exists()
    start_chatd(listen=("--unix", path))
    program = run(start_program, "--check", "--unix", path)
    assert program.lines == ["ok"] and program.errors.startswith(f"chatd: --unix: {path} is in use"), program.errors


def test_check_finds_what_a_start_would(start_program, conf, pair):
    (pair / "not.pem").write_text("no certificate")
    for text, line, named in (
        ("\nwww = /no/such/folder", 2, "www: /no/such/folder: No such file"),
        (f"www = {pair}/a.pem", 1, "www: "),
        ("socket-io-client = /no/such", 1, "socket-io-client: /no/such"),
        ("address = example.org", 1, "address: example.org is not an address"),
        ("address = 192.0.2.1", 1, "address: 192.0.2.1"),
        ("unix = /no/such/folder/socket", 1, "unix: /no/such"),
        ("unix = /" + "x" * 200, 1, "unix: "),
        ("listen-fd = 999", 1, "listen-fd: 999"),
        (f"tls-cert = /no.pem\ntls-key = {pair}/a.key", 1, "tls-cert: /no.pem"),
        (f"tls-cert = {pair}/a.pem\ntls-key = /no.key", 2, "tls-key: /no.key"),
    ):
        path = conf(text)
        errors = run(start_program, "--config", path, "--check", code=1).errors
        assert errors.startswith(f"chatd: {path}:{line}: {named}"), errors
    for args, named in (
        (("--www", "/no/such"), "--www: /no/such"),
        (("--tls-cert", pair / "a.pem", "--tls-key", pair / "b.key"), "b.key"),
        (("--tls-cert", pair / "not.pem", "--tls-key", pair / "a.key"), "not.pem"),
        (("--trusted-proxy", "here"), "here"),
        (("--origin", "example.org"), "allowed_origins"),
        (("--default-room", "a/b"), "--default-room: room name"),
        (("--page", "/chat"), "--page: /chat is already used by"),
        (("--outbox-bytes", "10"), "max_outbox_bytes"),
    ):
        program = run(start_program, "--check", *args, code=1)
        assert program.errors.startswith("chatd: ") and named in program.errors, program.errors
        assert program.lines == []


def test_the_command_line_is_named_when_it_is_what_counts(start_program, conf):
    path = conf("www = /tmp\n")
    errors = run(start_program, "--config", path, "--www", "/no/such", "--check", code=1).errors
    assert errors.startswith("chatd: --www: /no/such")
