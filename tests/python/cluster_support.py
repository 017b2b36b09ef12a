"""Servers of a cluster, their Redis, and clients of chat.v1 that talk through them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from support import LIMIT_S, wait_until
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect


class Redis:
    """A redis-server on a free port of 127.0.0.1. Without append_only it is empty after a restart."""

    def __init__(self, append_only=False, options=None):
        self.append_only = append_only
        self.options = options or {}
        self.folder = tempfile.mkdtemp(prefix="libchat-redis-")
        self.port = 0
        self.process = None
        self.is_frozen = False
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
            options |= self.options
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

    def cli(self, *words):
        """The whole answer, as redis-cli prints it into a pipe."""
        command = ["redis-cli", "-p", str(self.port), *map(str, words)]
        done = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
        return done.stdout.decode(errors="replace").strip()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(LIMIT_S)

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def end(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def partition_of(room):
    """The part of a room in the names of its keys."""
    number = 2166136261
    for byte in room.encode():
        number = ((number ^ byte) * 16777619) % 2**32
    return number % 256


class RedisCluster:
    """A Redis Cluster of three primaries, each with a replica, on free ports of 127.0.0.1."""

    SLOTS = 16384

    def __init__(self):
        self.nodes = []
        try:
            self._start()
        except BaseException:
            self.end()
            raise

    def _start(self):
        for _ in range(6):
            options = {"--cluster-enabled": "yes", "--cluster-port": free_port(), "--cluster-node-timeout": "1000",
                       "--cluster-config-file": "nodes.conf", "--repl-diskless-sync-delay": "0"}  # fmt: skip
            self.nodes.append(Redis(options=options))
        first, *others = self.nodes
        for node in others:
            node.cli("CLUSTER", "MEET", "127.0.0.1", first.port, first.options["--cluster-port"])
        wait_until(lambda: all(len(self._lines(node)) == len(self.nodes) for node in self.nodes))
        ids = [node.cli("CLUSTER", "MYID") for node in self.nodes]
        bounds = [i * self.SLOTS // 3 for i in range(4)]
        for i in range(3):
            self.nodes[i].cli("CLUSTER", "ADDSLOTSRANGE", bounds[i], bounds[i + 1] - 1)
            wait_until(lambda i=i: self._knows(self.nodes[3 + i], ids[i]))
            assert self.nodes[3 + i].cli("CLUSTER", "REPLICATE", ids[i]) == "OK"
        wait_until(self.is_well)

    def _lines(self, node):
        """The nodes that this one knows and has shaken hands with."""
        return [line for line in node.cli("CLUSTER", "NODES").splitlines() if "handshake" not in line and "noaddr" not in line]

    def _knows(self, node, id):
        return any(line.startswith(id) for line in self._lines(node))

    def alive(self):
        return [node for node in self.nodes if node.process.poll() is None and not node.is_frozen]

    def is_well(self):
        """Every node says so, every living one knows who is a primary, and living replicas follow theirs."""
        for node in self.alive():
            if "cluster_state:ok" not in node.cli("CLUSTER", "INFO"):
                return False
            replication = node.cli("INFO", "replication")
            if "role:slave" in replication and "master_link_status:up" not in replication:
                return False
        return len(self.primaries()) == 3

    @property
    def url(self):
        return "redis://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])

    def primaries(self):
        return [node for node in self.alive() if "role:master" in node.cli("INFO", "replication")]

    def slot_of(self, room):
        return int(self.alive()[0].cli("CLUSTER", "KEYSLOT", f"{{{partition_of(room)}}}"))

    def primary_of(self, room):
        """The node that has the room, by what another living node says."""
        return self.owner_of(self.slot_of(room))

    def owner_of(self, slot):
        for node in self.alive():
            for line in self._lines(node):
                id, address, flags, *rest = line.split()
                if "master" not in flags or "fail" in flags:
                    continue
                for slots in rest[5:]:
                    first, _, last = slots.partition("-")
                    if not slots.startswith("[") and int(first) <= slot <= int(last or first):
                        port = int(address.split("@")[0].rpartition(":")[2])
                        return next(node for node in self.nodes if node.port == port)
        return None

    def rooms_at_each(self, name="room"):
        """A room for each primary."""
        rooms = {}
        for number in range(1000):
            node = self.primary_of(f"{name}-{number}")
            rooms.setdefault(node.port, f"{name}-{number}")
            if len(rooms) == 3:
                return list(rooms.values())
        raise AssertionError("a primary has no room")

    def migrate(self, slot, source, target, pause=lambda: None):
        """Moves a slot with its keys, one after the other; calls pause() while they are in two places."""
        target_id, source_id = target.cli("CLUSTER", "MYID"), source.cli("CLUSTER", "MYID")
        assert target.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id) == "OK"
        assert source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id) == "OK"
        while keys := source.cli("CLUSTER", "GETKEYSINSLOT", slot, 10).split():
            for key in keys:
                assert source.cli("MIGRATE", "127.0.0.1", target.port, key, 0, 5000) in ("OK", "NOKEY")
                pause()
        pause()
        for node in (target, source, *self.primaries()):
            assert node.cli("CLUSTER", "SETSLOT", slot, "NODE", target_id) == "OK"

    def end(self):
        for node in self.nodes:
            node.end()


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


@contextlib.contextmanager
def opener(kind):
    """A function that opens clients of a kind; all of them are closed at the end."""
    with contextlib.ExitStack() as opened:

        def open_one(*args, **options):
            return opened.enter_context(contextlib.closing(kind(*args, **options)))

        yield open_one


def ready(server):
    """Says /readyz yes?"""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=LIMIT_S) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        return error.code == 200


def token(number):
    return f"the-token-of-user-{number}"


class Writer(threading.Thread):
    """Sends texts with ids, each until it is acknowledged, and moves to another server when its own does not answer."""

    def __init__(self, number, servers, stop):
        super().__init__(daemon=True)
        self.number, self.servers, self.stop = number, servers, stop
        self.acked = []
        self.problem = None

    def run(self):
        try:
            self.write()
        except Exception as problem:  # noqa: BLE001: the test reports it
            self.problem = problem

    def write(self):
        talker, turn = None, self.number
        while not self.stop.is_set():
            text = f"{self.number}.{len(self.acked)}"
            try:
                if talker is None:
                    turn += 1
                    talker = Talker(self.servers[turn % len(self.servers)], token=token(self.number))
                answer = talker.answer(talker.request("send", room="dev", text=text, id=text), limit_s=20)
            except (OSError, AssertionError, WebSocketException):
                print("writer", self.number, "leaves a server with", text, talker and talker.closed)
                talker = None
                continue
            if answer["type"] == "ack":
                self.acked.append((text, answer["epoch"], answer["seq"]))
            else:
                # A server that is fast acknowledges more in a second than it accepts of one client.
                assert answer["code"] in ("unavailable", "stopped", "timed_out", "rate_limited"), answer
        if talker is not None:
            talker.close()


@contextlib.contextmanager
def writing(servers, count):
    """So many writers at the servers, which write until the block ends. They say afterwards what problem they had."""
    stop = threading.Event()
    writers = [Writer(i, servers, stop) for i in range(count)]
    try:
        for writer in writers:
            writer.start()
        yield writers
    finally:
        stop.set()
        for writer in writers:
            writer.join(LIMIT_S)


def history_at(talk, server):
    reader = talk(server)
    answer = reader.answer(reader.request("history", room="dev", limit=0))
    assert answer["complete"], answer
    return [(message["epoch"], message["seq"], message["text"]) for message in answer["messages"]]


class Way:
    """A TCP way to a port of 127.0.0.1 that can be cut, held up, and made slow."""

    def __init__(self, port):
        self.target = port
        self.delay_s = 0
        self.open = threading.Event()  # cleared: what comes is held
        self.open.set()
        self.is_cut = False
        self.sockets = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), LIMIT_S)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.sockets |= {near, far}
                is_cut = self.is_cut
            if is_cut:
                self._close(near, far)
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while data := one.recv(1 << 16):
                if self.delay_s:
                    time.sleep(self.delay_s)  # On purpose: the way is slow.
                self.open.wait()
                other.sendall(data)
        except OSError:
            pass
        self._close(one, other)

    def _close(self, *sockets):
        for one in sockets:
            with self.lock:
                self.sockets.discard(one)
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def cut(self):
        """Closes all connections, and each new one."""
        with self.lock:
            self.is_cut = True
            sockets = list(self.sockets)
        self._close(*sockets)

    def hold(self):
        """Nothing passes, and nothing is closed."""
        self.open.clear()

    def mend(self):
        self.is_cut = False
        self.open.set()

    def end(self):
        self.listener.close()
        self.cut()
        self.open.set()
