"""Servers of a cluster, their Redis, and clients of chat.v1 that talk through them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from support import LIMIT_S, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


class Redis:
    """A redis-server on a free port of 127.0.0.1. Without append_only it is empty after a restart."""

    def __init__(self, append_only=False):
        self.append_only = append_only
        self.folder = tempfile.mkdtemp(prefix="libchat-redis-")
        self.port = 0
        self.process = None
        self.start()

    @staticmethod
    def installed():
        return shutil.which("redis-server") is not None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        for _ in range(20):
            if self.port == 0:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    self.port = probe.getsockname()[1]
            options = {"--port": self.port, "--bind": "127.0.0.1", "--dir": self.folder, "--save": "", "--appendonly": "no",
                       "--logfile": os.path.join(self.folder, "log")}  # fmt: skip
            if self.append_only:
                options |= {"--appendonly": "yes", "--appendfsync": "always"}
            words = [str(word) for option in options.items() for word in option]
            self.process = subprocess.Popen(["redis-server", *words], stdin=subprocess.DEVNULL)
            if self._answers():
                return
            self.kill()
            self.port = 0  # another program was faster
        raise AssertionError("redis-server does not start")

    def _answers(self):
        def answers():
            return self.process.poll() is not None or self._ping()

        wait_until(answers)
        return self.process.poll() is None

    def _ping(self):
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def command(self, *words):
        """The first line of the answer, without its kind."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as link:
            request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            link.sendall(request.encode())
            answer = b""
            while b"\r\n" not in answer:
                part = link.recv(4096)
                if not part:
                    raise OSError("closed")
                answer += part
            return answer.split(b"\r\n")[0].decode()[1:]

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(LIMIT_S)

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Talker:
    """A client of chat.v1 in one room. It keeps what it receives in the order in which it came."""

    def __init__(self, server, room="dev", since=None, token=None):
        self.room = room
        place = f"&epoch={since[0]}&seq={since[1]}" if since else ""
        place += f"&token={token}" if token else ""
        self.context = connect(f"ws://127.0.0.1:{server.port}/chat.v1?room={room}{place}", open_timeout=LIMIT_S)
        self.socket = self.context.__enter__()
        self.refs = 0
        self.events = []
        self.changed = threading.Condition()
        self.closed = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.welcome = self.wait(lambda event: event["type"] == "welcome")

    def _read(self):
        try:
            for text in self.socket:
                with self.changed:
                    self.events.append(json.loads(text))
                    self.changed.notify_all()
        except ConnectionClosed:
            pass
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wait(self, fits, limit_s=LIMIT_S):
        """The first event that fits, also of those that came before."""

        def found():
            return next((event for event in self.events if fits(event)), None)

        with self.changed:
            assert self.changed.wait_for(lambda: found() or self.closed, limit_s), self.events
            event = found()
        if event is None:
            raise ConnectionError("closed")
        return event

    def request(self, type, **fields):
        self.refs += 1
        self.socket.send(json.dumps({"type": type, "ref": self.refs, **fields}))
        return self.refs

    def answer(self, ref, limit_s=LIMIT_S):
        return self.wait(lambda event: event.get("ref") == ref, limit_s)

    def say(self, text, **fields):
        """The acknowledgement or the error."""
        return self.answer(self.request("send", room=self.room, text=text, **fields))

    def messages(self):
        """(epoch, seq, text) of each numbered message."""
        with self.changed:
            return [(event["epoch"], event["seq"], event["text"]) for event in self.events
                    if event["type"] == "message" and "seq" in event]  # fmt: skip

    def texts(self):
        return [text for _, _, text in self.messages()]

    def heard(self, text):
        return self.wait(lambda event: event["type"] == "message" and event.get("text") == text)

    def close(self):
        self.context.__exit__(None, None, None)
        self.reader.join(LIMIT_S)
