"""A history in a store of the application's own: a store in memory, with coroutines and with plain functions."""

import asyncio
import contextlib
import json
import pickle
import random
import subprocess
import sys
import threading

import pychat
import pytest
from pychat_support import LIMIT_S, connect, make_server, url, wait_until
from websockets.exceptions import ConnectionClosed


class MemoryStore(pychat.HistoryStore):
    """Keeps everything in memory, beyond the end of a server."""

    def __init__(self):
        self.rooms = {}
        self.messages = {}
        self.values = {}
        self.fault = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.loops = set()
        self.closed = 0

    def load_now(self):
        return [pychat.HistoryRoom(*room[:7], self.values.get(name, [])) for name, room in self.rooms.items()]

    def read_now(self, query):
        if self.fault:
            raise self.fault
        found = [
            message
            for message in reversed(self.messages.get(query.room, []))
            if message.epoch == query.epoch and query.after_seq < message.seq < query.before_seq
        ]
        return found[: query.limit]

    def write_now(self, changes):
        if self.fault:
            raise self.fault
        for change in changes:
            name = change.room.room
            if change.clear or change.remove:
                self.messages.pop(name, None)
            if change.remove:
                self.rooms.pop(name, None)
                continue
            self.rooms[name] = change.room
            rows = {message.seq: message for message in self.messages.get(name, [])}
            for message in change.messages:
                assert self.keeps_changes or message.seq not in rows
                rows[message.seq] = message
            self.messages[name] = [rows[seq] for seq in sorted(rows) if seq > change.room.dropped_seq]


class AsyncStore(MemoryStore):
    async def load(self):
        self.loops.add(asyncio.get_running_loop())
        return self.load_now()

    async def read(self, query):
        self.loops.add(asyncio.get_running_loop())
        return self.read_now(query)

    async def write(self, changes):
        self.loops.add(asyncio.get_running_loop())
        while not self.go_on.is_set():
            await asyncio.sleep(0.001)  # On purpose: a slow database.
        self.write_now(changes)

    async def close(self):
        self.closed += 1


class PlainStore(MemoryStore):
    def load(self):
        return self.load_now()

    def read(self, query):
        return self.read_now(query)

    def write(self, changes):
        self.go_on.wait(LIMIT_S)
        self.write_now(changes)


def stored(server, count):
    wait_until(lambda: server.stats().history_stored == count)


@pytest.fixture(params=[AsyncStore, PlainStore])
def store(request):
    return request.param()


def test_a_room_continues_with_its_epoch(store):
    with make_server(history_store=store) as server:
        server.publish("dev", "one", from_name="Ann", attributes={"a": "b"})
        server.publish("dev", {"x": 1}, b"\0\xff", event="drawn")
        stored(server, 2)
        before = server.history("dev")
    with make_server(history_store=store) as server:
        after = server.history("dev")
        assert [(m.seq, m.epoch, m.time_ms, m.event, m.args, m.from_name, m.attributes) for m in after] == [
            (m.seq, m.epoch, m.time_ms, m.event, m.args, m.from_name, m.attributes) for m in before
        ]
        assert [m.seq for m in after] == [1, 2]
        with connect(url(server, f"/chat.v1?room=dev&epoch={after[0].epoch}&seq=1")) as client:
            assert '"complete":true' in client.recv()
            assert '"event":"drawn"' in client.recv()
        server.publish("dev", "three")
        stored(server, 1)
        server.close_room("dev")
        wait_until(lambda: not store.rooms)
    if isinstance(store, AsyncStore):
        assert store.closed == 2
        assert len(store.loops) == 2 and all(loop.is_closed() for loop in store.loops)


def test_a_repeated_message_is_recognised_after_a_restart(store):
    def send(server):
        with connect(url(server, "/chat.v1?room=dev")) as client:
            client.recv()
            client.send('{"type":"send","text":"hello","id":"m1","ref":1}')
            while True:
                answer = json.loads(client.recv())
                if answer["type"] == "ack":
                    return answer["seq"]

    reads = []
    read = store.read_now
    store.read_now = lambda query: reads.append(query) or read(query)
    with make_server(history_store=store) as server:
        server.publish("silent", "x")
        assert send(server) == 1
        server.publish("dev", "more")
        stored(server, 3)
    assert not reads
    with make_server(history_store=store) as server:
        assert not reads
        assert send(server) == 3
    store.keeps_ids = True
    store.rooms["silent"] = store.rooms["silent"]._replace(newest_ms=1)
    with make_server(history_store=store) as server:
        assert {query.room for query in reads} == {"dev"}
        assert send(server) == 1
        stored(server, 0)
    store.fault = OSError("the database has gone")
    store.load_now = lambda: [pychat.HistoryRoom("dev", "e1", 7, 4, 1, 2**50, 12, ())]
    with pytest.raises(pychat.UnavailableError, match="the database has gone"):
        make_server(history_store=store).start()


def test_kept_messages_of_another_kind(store):
    store.rooms["dev"] = pychat.HistoryRoom("dev", "e1", 7, 4, 1, 1, 12, ())
    now_ms = 1_700_000_000_000
    store.read_now = lambda query: [
        pychat.KeptMessage("two", seq=7, time_ms=now_ms, from_id=5, from_name="Ann", from_user_id="ann"),
        pychat.KeptMessage([1], b"x", seq=6, time_ms=now_ms, event="drawn", attributes={"a": "b"}),
    ]
    with make_server(history_store=store, history_age_ms=pychat.UNLIMITED) as server:
        drawn, two = server.history("dev")
        assert (drawn.args, drawn.event, drawn.attributes) == ([[1], b"x"], "drawn", {"a": "b"})
        assert (two.text, two.from_id, two.from_name, two.from_user_id, two.epoch) == ("two", 5, "Ann", "ann", "e1")
        with connect(url(server, "/chat.v1?room=dev")) as client:
            assert '"client":13' in client.recv() or server.clients()[0].id > 12


def test_kept_messages_that_were_changed(store):
    store.rooms["dev"] = pychat.HistoryRoom("dev", "e1", 3, 0, 1, 1, 0, ())
    now_ms = 1_700_000_000_000
    store.read_now = lambda query: [
        pychat.KeptMessage("", seq=3, time_ms=now_ms, redacted=True),
        pychat.KeptMessage("edited", seq=2, time_ms=now_ms, edited_ms=now_ms + 1, reply_to=1),
        pychat.KeptMessage("plain", seq=1, time_ms=now_ms),
    ]
    with make_server(history_store=store, history_age_ms=pychat.UNLIMITED) as server:
        assert [(m.text, m.edited_ms, m.redacted, m.reply_to) for m in server.history("dev")] == [
            ("plain", 0, False, 0),
            ("edited", now_ms + 1, False, 1),
            ("", 0, True, 0),
        ]
        with connect(url(server, "/chat.v1?room=dev")) as client:
            client.recv()
            client.send('{"type":"history","ref":1}')
            shown = json.loads(client.recv())["messages"]
            assert [m.get("edited") for m in shown] == [None, now_ms + 1, None]
            assert [m.get("reply_to") for m in shown] == [None, 1, None]
            assert [m.get("deleted") for m in shown] == [None, None, True]


def of_type(client, *kinds):
    """The next message of one of these types."""
    while True:
        message = json.loads(client.recv(timeout=LIMIT_S))
        if message["type"] in kinds:
            return message


def do(client, **command):
    """Sends a command and waits for its answer."""
    client.send(json.dumps({**command, "ref": "r"}))
    return of_type(client, "ack", "error")


def shown(client):
    client.send(json.dumps({"type": "history", "ref": "h"}))
    return [
        (m["seq"], m.get("text", ""), "edited" in m, m.get("deleted", False), m.get("reply_to"),
         [(one["reaction"], one["count"]) for one in m.get("reactions", [])])
        for m in of_type(client, "history")["messages"]
    ]  # fmt: skip


def test_a_store_without_changes(store):
    with make_server(history_store=store) as server:
        server.publish("dev", "one")
        stored(server, 1)
        with pytest.raises(pychat.UnsupportedError):
            server.edit("dev", 1, "two")
        with connect(url(server, "/chat.v1?room=dev")) as client:
            assert do(client, type="react", target=1, reaction="+1")["code"] == "unknown_type"
        assert [m.text for m in server.history("dev")] == ["one"]


def kept_again(message):
    """What a database has of a row: every field that KeptMessage takes, in which the changes are in kept_state only."""
    fields = {name: getattr(message, name) for name in ("seq", "time_ms", "event", "from_id", "from_name", "from_user_id")}
    fields.update(attributes=message.attributes, id=message.id or None, kept_state=message.kept_state)
    return pychat.KeptMessage(*message.args, **fields)


@pytest.mark.parametrize("again", [kept_again, lambda message: pickle.loads(pickle.dumps(message)), lambda message: message])
def test_changes_are_kept(store, again):
    store.keeps_changes = True
    read = store.read_now
    store.read_now = lambda query: [again(message) for message in read(query)]
    with make_server(history_store=store) as server:
        with connect(url(server, "/chat.v1?room=dev")) as client:
            epoch = of_type(client, "welcome")["epoch"]
            server.publish("dev", {"secret": 1}, b"secret", event="drawn", attributes={"secret": "secret"})
            stored(server, 1)
            assert do(client, type="send", text="secret")["seq"] == 2
            assert do(client, type="send", text="three", reply_to=2)["seq"] == 3
            assert do(client, type="edit", target=2, text="secret too")["seq"] == 4
            assert do(client, type="edit", target=2, text="two")["seq"] == 5
            assert do(client, type="react", target=2, reaction="+1")["seq"] == 6
            server.react("dev", 2, "+1", user_id="ann")
            server.react("dev", 1, "secret", user_id="ann")
            server.redact("dev", 1)
            server.react("dev", 3, "ok", user_id="\uc548\ub155")
            stored(server, 10)
            before = shown(client)
    assert before == [
        (1, "", False, True, None, []),
        (2, "two", True, False, None, [("+1", 2)]),
        (3, "three", False, False, 2, [("ok", 1)]),
    ]
    assert [(m.seq, m.event_kind, m.target_seq) for m in store.messages["dev"]] == [
        (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 1, 2), (5, 1, 2), (6, 4, 2), (7, 4, 2), (8, 4, 1), (9, 2, 1), (10, 4, 3),
    ]  # fmt: skip
    assert b"secret" not in pickle.dumps(store.messages)
    with make_server(history_store=store) as server:
        with connect(url(server, f"/chat.v1?room=dev&epoch={epoch}&seq=3")) as client:
            welcome = of_type(client, "welcome")
            assert welcome["resumed"] and welcome["complete"]
            missed = [of_type(client, "edit", "delete", "react", "message") for _ in range(5)]
            assert [(m["type"], m["seq"], m["target"], m.get("text", m.get("reaction")), m.get("count")) for m in missed] == [
                ("edit", 5, 2, "two", None),
                ("react", 6, 2, "+1", 1),
                ("react", 7, 2, "+1", 2),
                ("delete", 9, 1, None, None),
                ("react", 10, 3, "ok", 1),
            ]
            assert shown(client) == before
    with make_server(history_store=store) as server:
        server.react("dev", 2, "+1", user_id="ann", remove=True)
        server.redact("dev", 3)
        stored(server, 2)
        assert [(m.text, m.redacted, m.reactions) for m in server.history("dev")][1:3] == [
            ("two", False, (("+1", 1),)),
            ("", True, ()),
        ]
    assert b"three" not in pickle.dumps(store.messages)


def test_changes_that_a_store_has_lost(store):
    """A row whose kept_state is not what was written is an error, and no message."""
    store.keeps_changes = True
    store.rooms["dev"] = pychat.HistoryRoom("dev", "e1", 1, 0, 1, 1, 0, ())
    store.read_now = lambda query: [pychat.KeptMessage("x", seq=1, time_ms=1_700_000_000_000, kept_state='{"kind":"edit"}')]
    with make_server(history_store=store, history_age_ms=pychat.UNLIMITED) as server:
        with pytest.raises(pychat.UnavailableError, match="kept_state"):
            server.history("dev")


# A server that keeps its history in SQLite, by a store of its own.
PROGRAM = """
import pickle, sqlite3, sys, pychat

class Store(pychat.HistoryStore):
    keeps_changes = True

    def __init__(self, path):
        self.reader, self.writer = (sqlite3.connect(path, check_same_thread=False) for _ in range(2))

    def load(self):
        self.writer.execute("CREATE TABLE IF NOT EXISTS room (name TEXT PRIMARY KEY, row BLOB)")
        self.writer.execute(
            "CREATE TABLE IF NOT EXISTS message (room TEXT, epoch TEXT, seq INTEGER, row BLOB, PRIMARY KEY (room, seq))")
        return [pychat.HistoryRoom(*pickle.loads(row)) for (row,) in self.writer.execute("SELECT row FROM room")]

    def read(self, query):
        sql = "SELECT row FROM message WHERE room = ? AND epoch = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        return [pickle.loads(row) for (row,) in self.reader.execute(sql, query)]

    def write(self, changes):
        with self.writer:
            for change in changes:
                name = change.room.room
                if change.clear or change.remove:
                    self.writer.execute("DELETE FROM message WHERE room = ?", (name,))
                    self.writer.execute("DELETE FROM room WHERE name = ?", (name,))
                if change.remove:
                    continue
                self.writer.execute("INSERT OR REPLACE INTO room VALUES (?, ?)", (name, pickle.dumps(tuple(change.room))))
                for m in change.messages:
                    row = (name, m.epoch, m.seq, pickle.dumps(m))
                    self.writer.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?)", row)

limits = {"history_messages": 100_000, "inbound_rate": 100_000, "inbound_burst": 100_000}
server = pychat.Server(address="127.0.0.1", port=0, history_store=Store(sys.argv[1]), **limits)
server.on_connect(lambda request: pychat.Identity(user_id="ann", name="Ann"))
server.start()
print(server.port, flush=True)
server.serve_forever()
"""


# Prints the texts of all edits in the database.
READ = """
import json, pickle, re, sqlite3, sys
rows = [row for (row,) in sqlite3.connect(sys.argv[1]).execute("SELECT row FROM message")]
print(json.dumps([text.decode() for row in rows for text in re.findall(rb"edit \\d+\\.", row)]))
"""


@contextlib.contextmanager
def program(path):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_changes_survive_a_kill(tmp_path):
    """What was acknowledged is kept, and what an edit has replaced is gone, whenever the process ends."""
    path = tmp_path / "chat.db"
    with program(path) as (process, port), connect(f"ws://127.0.0.1:{port}/chat.v1?room=dev") as client:
        for text in ("one", "two", "three"):
            assert do(client, type="send", text=text)["type"] == "ack"
    edits = 0
    reactions = []
    for reaction in ("+1", "-1", "ok", "no"):
        with program(path) as (process, port), connect(f"ws://127.0.0.1:{port}/chat.v1?room=dev") as client:
            messages = shown(client)
            text = messages[0][1]
            assert messages[1:] == [(2, "two", False, False, None, reactions),
                                    (3, "three", False, False, None, [])]  # fmt: skip
            # The one that was not acknowledged may have been written.
            assert text in (f"edit {edits}.", f"edit {edits + 1}.") or (edits == 0 and text == "one")
            edits = int(text.split()[1][:-1]) if " " in text else 0
            assert do(client, type="react", target=2, reaction=reaction)["type"] == "ack"
            reactions.append((reaction, 1))
            assert do(client, type="edit", target=1, text=f"edit {edits + 1}.")["type"] == "ack"
            edits += 1
            threading.Timer(random.uniform(0.02, 0.3), process.kill).start()  # On purpose: at any time.
            with contextlib.suppress(ConnectionClosed, OSError):
                while True:
                    assert do(client, type="edit", target=1, text=f"edit {edits + 1}.")["type"] == "ack"
                    edits += 1
            process.wait(LIMIT_S)
        assert edits
        kept = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True).stdout
        assert len(set(json.loads(kept))) <= 1, kept  # of all edits only the last one


def test_a_write_that_fails(store):
    with make_server(history_store=store, verdict_timeout_ms=60_000) as server:
        server.publish("dev", "one")
        stored(server, 1)
        store.fault = OSError("the database is full")
        server.publish("dev", "two")
        wait_until(lambda: server.stats().history_failed == 1)
        store.fault = None
        server.publish("dev", "three")
        stored(server, 2)
        assert [(m.seq, m.text) for m in server.history("dev")] == [(1, "one"), (2, "three")]
    with make_server(history_store=store) as server:
        store.fault = OSError("no connection")
        with pytest.raises(pychat.UnavailableError, match="OSError: no connection"):
            server.history("dev")


def test_a_slow_write(store):
    store.go_on.clear()
    with make_server(history_store=store) as server:
        server.publish("dev", "one")
        with connect(url(server, "/chat.v1?room=other")) as client:  # nobody waits for the store
            assert '"welcome"' in client.recv()
        assert server.stats().history_stored == 0
        store.go_on.set()
        stored(server, 1)


def test_with_asyncio():
    store = AsyncStore()

    async def run():
        server = make_server(history_store=store)
        published = asyncio.Queue()

        @server.on_published
        async def on_published(event):
            await published.put(event)

        async with server:
            server.publish("dev", "hello")
            return (await asyncio.wait_for(published.get(), LIMIT_S)).message.seq

    assert asyncio.run(run()) == 1
    assert asyncio.run(run()) == 2


def test_a_store_that_cannot_be_loaded():
    class Broken(AsyncStore):
        async def load(self):
            raise OSError("no database")

    store = Broken()
    with pytest.raises(pychat.UnavailableError, match="OSError: no database"):
        make_server(history_store=store).start()
    assert store.closed == 1
    with pytest.raises(pychat.InvalidArgumentError, match="exclude each other"):
        make_server(history_store=AsyncStore(), history="chat.db").start()
    with pytest.raises(pychat.UnavailableError, match="NotImplementedError"):
        make_server(history_store=pychat.HistoryStore()).start()
