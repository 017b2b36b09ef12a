"""A history in a store of the application's own: a store in memory, with coroutines and with plain functions."""

import asyncio
import json
import threading

import pychat
import pytest
from pychat_support import LIMIT_S, connect, make_server, url, wait_until


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
            kept = self.messages.setdefault(name, [])
            kept.extend(change.messages)
            kept[:] = [message for message in kept if message.seq > change.room.dropped_seq]


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
