"""What the tests share: programs of ours that are started and must end well, and a WebSocket client made of bare bytes.

Everything that waits has a limit, so that a test fails with what it waited for instead of hanging; none waits for time to
pass.
"""

import base64
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
BUILD_DIR = pathlib.Path(os.environ.get("CHAT_BUILD_DIR", SOURCE_DIR / "build" / "dev"))
# How long to wait for what must come. A passing test never uses it up; scripts/test sets it higher on a busy machine.
LIMIT_S = int(os.environ.get("CHAT_TEST_LIMIT_S", 60))

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def connect(*args, **options):
    """A client of the websockets package; its own limit is too tight for a busy machine. Not for TLS: see test_wheel.py."""
    assert "ssl" not in options
    # Imported here: the test of the installed service uses this module where that package is not installed.
    from websockets.sync.client import connect as open_client

    return open_client(*args, open_timeout=LIMIT_S, **options)


def scaled_ms(ms):
    """A server's own time-out that the clients of a test must keep: longer on a busy machine."""
    return max(ms, ms * LIMIT_S // 60)


def wait_until(condition, what="the condition"):
    """Polls for what no descriptor announces, such as a figure in /proc."""
    end = time.monotonic() + LIMIT_S
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)  # On purpose: between two looks.


class Program:
    """A program of ours; its output is collected by threads so that it never waits for us."""

    def __init__(self, name, *args, env=None, pass_fds=(), wrapper=(), cwd=None):
        self.name = name
        self.expected_code = 0
        self.told_to_end = False
        self.lines = []
        self.errors = ""
        self._changed = threading.Condition()
        environment = dict(
            os.environ,
            UBSAN_OPTIONS="print_stacktrace=1",
            LSAN_OPTIONS=f"suppressions={SOURCE_DIR}/tests/lsan.supp:print_suppressions=0",
            TSAN_OPTIONS=f"suppressions={SOURCE_DIR}/tests/tsan.supp",
            **(env or {}),
        )
        self.process = subprocess.Popen(
            [*wrapper, str(BUILD_DIR / "bin" / name), *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            pass_fds=pass_fds,
            text=True,
            errors="replace",
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_errors)]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self):
        return self.process.pid

    def _read_lines(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        self._notify()

    def _read_errors(self):
        for line in self.process.stderr:
            with self._changed:
                self.errors += line
                self._changed.notify_all()
        self._notify()

    def _notify(self):
        with self._changed:
            self._changed.notify_all()

    def _wait(self, ready, what):
        end = time.monotonic() + LIMIT_S
        with self._changed:
            while True:
                result = ready()
                if result:
                    return result
                ended = not any(reader.is_alive() for reader in self._readers)
                if ended or time.monotonic() > end:
                    raise AssertionError(f"{self.name}: waited in vain for {what}:\n{self.errors}")
                self._changed.wait(0.2)

    def take_line(self, fits=lambda line: True):
        def take():
            for index, line in enumerate(self.lines):
                if fits(line):
                    return [self.lines.pop(index)]
            return None

        return self._wait(take, "a line")[0]

    def wait_error(self, pattern):
        return self._wait(lambda: re.search(pattern, self.errors), f"{pattern!r} on standard error")

    def signal(self, number):
        self.told_to_end |= number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def wait(self):
        code = self.process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join(LIMIT_S)
        return code

    def end_gently(self):
        self.signal(signal.SIGTERM)

    def finish(self):
        # A second signal would end chatd before it has said goodbye.
        if self.process.poll() is None and not self.told_to_end:
            self.end_gently()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not end:\n{self.errors}") from None
        finally:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()
        assert not re.search(r"(Address|Leak|Thread|Memory)Sanitizer|runtime error:", self.errors), self.errors
        assert code == self.expected_code, f"{self.name} ended with {code}:\n{self.errors}"

    def is_sanitized(self):
        return re.search(rb"__[at]san_init", pathlib.Path(f"/proc/{self.pid}/exe").read_bytes()) is not None

    def resident_bytes(self):
        return self._status("VmRSS") * 1024

    def peak_bytes(self):
        return self._status("VmHWM") * 1024

    def _status(self, name):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status).group(1))

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Chatd(Program):
    """chatd on a free port of 127.0.0.1, unless the arguments say otherwise."""

    def __init__(self, *args, listen=("--address", "127.0.0.1", "--port", "0"), **options):
        super().__init__("chatd", *listen, "--print-port", *args, **options)
        self.host = "127.0.0.1"
        self.port = int(self.take_line())

    def url(self, address="/chat"):
        return f"ws://{self.host}:{self.port}{address}"


def kill(server):
    """Ends a program of ours at once, as expected."""
    server.told_to_end = True
    server.expected_code = -signal.SIGKILL
    server.process.kill()
    server.wait()


class Closed(Exception):
    """The connection has ended; code is that of the close frame, or 1006 without one."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code = code
        self.reason = reason


class Response:
    def __init__(self, status, headers, body=b""):
        self.status = status
        self.headers = headers
        self.body = body


class Raw:
    """A TCP connection on which the test decides about each byte."""

    def __init__(self, server, family=socket.AF_INET, address=None, receive_buffer=None, source=None):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_S)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:  # another address of this machine: all of 127.0.0.0/8 is
            self.socket.bind((source, 0))
        self.socket.connect(address if address is not None else (server.host, server.port))
        self.pending = b""
        self.early = []
        self.host = f"{server.host}:{server.port}"

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends with RST, without any goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def try_send(self, data):
        """Sends although the server may have closed: True when it was taken."""
        try:
            self.send(data)
            return True
        except (ConnectionError, BrokenPipeError):
            return False

    def end_sending(self):
        """Half of a close, when the server has not closed already."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed(1006)
        self.pending += data

    def read(self, size):
        while len(self.pending) < size:
            self._receive()
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def read_until(self, end):
        while end not in self.pending:
            self._receive()
        index = self.pending.index(end) + len(end)
        data, self.pending = self.pending[:index], self.pending[index:]
        return data

    def read_to_end(self):
        try:
            while True:
                self._receive()
        except Closed:
            data, self.pending = self.pending, b""
            return data

    # HTTP ------------------------------------------------------------------------------------------------------------

    def request(self, method, target, headers=(), body=b"", host=True):
        lines = [f"{method} {target} HTTP/1.1"]
        if host:
            lines.append(f"Host: {self.host}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.response(method)

    def response(self, method="GET"):
        head = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {}
        for line in head[1:]:
            if line:
                name, _, value = line.partition(":")
                name, value = name.strip().lower(), value.strip()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = b""
        if method != "HEAD" and status >= 200 and status not in (204, 304) and "content-length" in headers:
            body = self.read(int(headers["content-length"]))
        return Response(status, headers, body)

    # WebSocket -------------------------------------------------------------------------------------------------------

    def upgrade(self, target="/chat", headers=(), key="AAAAAAAAAAAAAAAAAAAAAA==", version="13"):
        return self.request(
            "GET",
            target,
            [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", version),
                ("Sec-WebSocket-Key", key),
                *headers,
            ],
        )

    def settle(self):
        """Resolves what an open connection leaves open: whether the server has put it into its room yet."""
        self.send_frame(PING, b"settled?")
        frames = []
        while (frame_read := self.read_frame()) != (PONG, b"settled?"):
            frames.append(frame_read)
        self.early = frames

    def send_frame(self, opcode, payload=b"", fin=True, rsv=0, masked=True):
        self.send(frame(opcode, payload, fin, rsv, masked))

    def send_text(self, text):
        self.send_frame(TEXT, text.encode() if isinstance(text, str) else text)

    def send_json(self, value):
        self.send_text(json.dumps(value))

    def read_frame(self):
        """(opcode, payload); raises Closed on a close frame or at the end."""
        if self.early:
            return self.early.pop(0)
        first, second = self.read(2)
        size = second & 0x7F
        assert not second & 0x80, "the server masks"
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        payload = self.read(size)
        opcode = first & 0x0F
        if opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
            raise Closed(code, payload[2:].decode())
        return opcode, payload

    def read_text(self):
        while True:
            opcode, payload = self.read_frame()
            if opcode == TEXT:
                return payload.decode()

    def read_json(self, type=None):
        while True:
            value = json.loads(self.read_text())
            if type is None or value["type"] == type:
                return value

    def read_close(self):
        """The code with which the server ends it, whatever it says before."""
        try:
            while True:
                self.read_frame()
        except Closed as closed:
            return closed.code


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + mask + number.to_bytes(len(payload), "big")


def websocket_key():
    return base64.b64encode(os.urandom(16)).decode()
