"""chatd's log: nobody waits for its reader, what is missing is counted, the journal and JSON have forms of their own, and refusals
are in it."""

import fcntl
import json
import os
import re
import signal
import socket
import time

import pytest
from support import BUILD_DIR, LIMIT_S, Program, Raw, wait_until

F_SETPIPE_SZ = 1031
PAGE = 4096


class Piped:
    """chatd whose standard error is a pipe of one page, which only the test reads."""

    def __init__(self, *args, environment=None, kind="pipe"):
        if kind == "pipe":
            self.reader, self.writer = os.pipe()
            fcntl.fcntl(self.writer, F_SETPIPE_SZ, PAGE)
        else:
            pair = socket.socketpair()
            self.reader, self.writer = (end.detach() for end in pair)
        ready, port_writer = os.pipe()
        command = [BUILD_DIR / "bin" / "chatd", "--address", "127.0.0.1", "--port", "0", "--print-port", *args]
        actions = [(os.POSIX_SPAWN_DUP2, port_writer, 1), (os.POSIX_SPAWN_DUP2, self.writer, 2)]
        variables = {**os.environ, **(environment(os.fstat(self.writer)) if environment else {})}
        self.pid = os.posix_spawn(command[0], [str(word) for word in command], variables, file_actions=actions)
        os.close(port_writer)
        with os.fdopen(ready) as stream:
            self.port = int(stream.readline())
        self.host = "127.0.0.1"
        self.code = None

    def fill(self):
        """Uses up the pipe, as another program at its end could."""
        flags = fcntl.fcntl(self.writer, fcntl.F_GETFL)
        # chatd has the same pipe, but by a description of its own.
        own = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while os.write(own, b"x" * PAGE) == PAGE:
                pass
        except BlockingIOError:
            pass
        finally:
            os.close(own)
        assert fcntl.fcntl(self.writer, fcntl.F_GETFL) == flags

    def read_until(self, pattern, text=""):
        os.set_blocking(self.reader, False)
        end = time.monotonic() + LIMIT_S
        while not re.search(pattern, text):
            assert time.monotonic() < end, text  # On purpose: the shared limit.
            try:
                text += os.read(self.reader, 65536).decode()
            except BlockingIOError:
                time.sleep(0.01)  # On purpose: between two looks.
        return text

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self):
        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            return pid

        if self.code is None:
            wait_until(ended, "the end of chatd")
        return self.code

    def close(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def piped():
    programs = []

    def start(*args, **options):
        programs.append(Piped(*args, **options))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


def reload(chatd):
    """One line of the log for each."""
    os.kill(chatd.pid, signal.SIGHUP)


def pending_signals(chatd):
    with open(f"/proc/{chatd.pid}/status") as status:
        return int(re.search(r"ShdPnd:\s*(\w+)", status.read()).group(1), 16)


def test_a_full_pipe_stops_nothing(piped, websocket):
    chatd = piped()
    chatd.fill()
    talker = websocket(chatd)
    for number in range(200):
        reload(chatd)
        wait_until(lambda: not pending_signals(chatd), "the signal to be taken")
        if number % 20 == 0:
            talker.send_text(f"still {number}")
            assert talker.read_text() == f"still {number}"
            assert Raw(chatd).request("GET", "/healthz").status == 200
    assert chatd.end() == 0


def test_what_is_dropped_is_counted_and_told(piped):
    chatd = piped()
    chatd.fill()
    # More than the queue takes.
    count = 30_000
    for _ in range(count):
        reload(chatd)
        while pending_signals(chatd):
            pass
    text = chatd.read_until(r"(\d+) log lines were dropped, because the log was not read\n")
    dropped = int(re.search(r"(\d+) log lines were dropped", text).group(1))
    assert dropped > 0
    assert text.count("nothing to reload") + dropped == count
    reload(chatd)
    chatd.read_until("nothing to reload", text[text.rindex("dropped") :])
    assert chatd.end() == 0


def test_at_the_end_everything_is_written(piped):
    chatd = piped()
    text = chatd.read_until("listening")
    for _ in range(20):
        reload(chatd)
        wait_until(lambda: not pending_signals(chatd), "the signal to be taken")
    os.kill(chatd.pid, signal.SIGTERM)
    text = chatd.read_until("stopping\n", text)
    assert chatd.wait() == 0
    assert text.count("nothing to reload") == 20


def test_a_reader_that_has_gone_stops_nothing(start_program):
    program = Program("chatd", "--address", "127.0.0.1", "--port", "0", "--print-port", wrapper=("bash", "-c", 'exec "$@" 2> >(exec true)', "bash"))
    try:
        program.port, program.host = int(program.take_line()), "127.0.0.1"
        for _ in range(3):
            program.signal(signal.SIGHUP)
            assert Raw(program).request("GET", "/healthz").status == 200
    finally:
        program.finish()


def journal_variable(status):
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def test_the_journal_gets_priorities_and_no_second_time(piped):
    chatd = piped(environment=journal_variable, kind="socket")
    text = chatd.read_until(r"\n")
    assert text == f"<6>listening on http://127.0.0.1:{chatd.port}/\n"
    os.kill(chatd.pid, signal.SIGTERM)
    assert chatd.read_until(r"stopping\n").endswith("<6>stopping\n")
    assert chatd.wait() == 0


def test_another_descriptor_than_the_journals_is_text(piped):
    chatd = piped(environment=lambda status: {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z info chatd: listening on", chatd.read_until(r"\n"))


def test_errors_of_the_start_have_a_priority_too():
    command = f'exec {BUILD_DIR / "bin/chatd"} --port'
    ours, theirs = socket.socketpair()
    variables = {**os.environ, **journal_variable(os.fstat(theirs.fileno()))}
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", command + " abc"], variables, file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 2)])
    theirs.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    assert ours.recv(1000).startswith(b"<3>--port: 'abc' is not a number")
    ours.close()


def test_json_has_one_object_in_each_line(start_chatd, raw):
    chatd = start_chatd("--log-format", "json")
    assert raw(chatd).upgrade(headers=[("Origin", 'http://"\\evil')]).status == 403
    chatd.wait_error("Origin")
    chatd.end_gently()
    assert chatd.wait() == 0
    lines = [json.loads(line) for line in chatd.errors.splitlines()]
    for line in lines:
        assert list(line)[:3] == ["time", "level", "message"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] == "info"
    assert lines[0]["url"] == f"http://127.0.0.1:{chatd.port}/" and lines[0]["port"] == str(chatd.port)
    assert lines[1]["message"] == 'refused 127.0.0.1: the Origin is not allowed (allowed_origins): http://"\\evil'
    assert lines[-1]["message"] == "stopping"


def test_json_in_the_journal_has_a_priority_before_it(piped):
    chatd = piped("--log-format", "json", environment=journal_variable, kind="socket")
    text = chatd.read_until(r"\n")
    assert text.startswith("<6>{") and json.loads(text[3:])["level"] == "info"


def test_refusals_are_logged_with_address_and_reason(start_chatd, raw):
    chatd = start_chatd("--trusted-proxy", "127.0.0.1")
    forwarded = ("X-Forwarded-For", "192.0.2.7")
    assert raw(chatd).upgrade(headers=[("Origin", "https://evil.example"), forwarded]).status == 403
    chatd.wait_error(r"info chatd: refused 192\.0\.2\.7: the Origin is not allowed \(allowed_origins\): https://evil\.example\n")
    connection = raw(chatd)
    connection.send(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
    assert connection.response().status == 400
    chatd.wait_error(r"info chatd: refused 127\.0\.0\.1: the input breaks its protocol's rules: .+\n")
    connection = raw(chatd)
    connection.send(b"GET / HTTP/1.1\r\nA: " + b"a" * 9000)
    assert connection.response().status == 431
    chatd.wait_error(r"info chatd: refused 127\.0\.0\.1: the request's head is too large \(max_header_bytes\)")


@pytest.mark.parametrize(
    "target", ["/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket", "/chat", "/chat.v1"]
)
def test_a_refused_origin_is_logged_on_every_transport(start_chatd, raw, target):
    chatd = start_chatd()
    headers = [("Origin", "https://evil.example")]
    connection = raw(chatd)
    answer = connection.request("GET", target, headers) if "polling" in target else connection.upgrade(target, headers)
    assert answer.status == 403
    chatd.wait_error(r"refused 127\.0\.0\.1: the Origin is not allowed")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n",
        b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["length", "handshake", "chunk", "tls"],
)
def test_malformed_requests_are_logged(start_chatd, raw, request_bytes):
    chatd = start_chatd()
    connection = raw(chatd)
    connection.send(request_bytes)
    connection.read_to_end()
    chatd.wait_error(r"refused 127\.0\.0\.1: the input breaks its protocol's rules: .*\n")


def test_a_malformed_frame_is_logged(start_chatd, websocket):
    chatd = start_chatd()
    client = websocket(chatd)
    client.send_frame(1, b"hello", masked=False)
    assert client.read_close() == 1002
    chatd.wait_error(r"refused 127\.0\.0\.1: the input breaks its protocol's rules: .*\n")


def test_a_flood_of_refusals_is_one_line(start_chatd, raw):
    chatd = start_chatd()
    for _ in range(50):
        assert raw(chatd).upgrade(headers=[("Origin", "https://evil.example")]).status == 403
    chatd.end_gently()
    assert chatd.wait() == 0
    assert chatd.errors.count("refused") <= 2
