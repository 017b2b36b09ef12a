"""A history in a file: what a Python program sees of it."""

import asyncio

import pychat
import pytest
from pychat_support import LIMIT_S, connect, make_server, url, wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chat.db"


def stored(server, count):
    wait_until(lambda: server.stats().history_stored == count)


def test_a_room_continues_after_a_restart(path):
    with make_server(history=path) as server:
        server.publish("dev", "one")
        server.publish("dev", "two")
        stored(server, 2)
        before = server.history("dev")
        assert server.stats().history_file_bytes_now > 0
    with make_server(history=str(path), history_sync=pychat.HistorySync.FULL) as server:
        after = server.history("dev")
        assert [(m.seq, m.epoch, m.time_ms, m.text) for m in after] == [(m.seq, m.epoch, m.time_ms, m.text) for m in before]
        assert [room.name for room in server.rooms()] == ["dev"]
        with connect(url(server, f"/chat.v1?room=dev&epoch={after[0].epoch}&seq=1")) as client:
            assert '"complete":true' in client.recv()
            assert '"text":"two"' in client.recv()


def test_read_markers(path):
    with make_server(history=path) as server:
        for text in ("one", "two", "three"):
            server.publish("dev", text)
        stored(server, 3)
        assert server.seen("dev", "ann") == 0
        assert server.seen("nowhere", "ann") == 0
        server.set_seen("dev", "ann", 2)
        server.set_seen("dev", "ann", 1)
        assert server.seen("dev", "ann") == 2
        server.set_seen("dev", "bob", 2**63)
        assert server.seen("dev", "bob") == 3
        with pytest.raises(pychat.NoSuchRoomError):
            server.set_seen("nowhere", "ann", 1)
        with pytest.raises(pychat.InvalidArgumentError, match="user_id"):
            server.seen("dev", "")
        with pytest.raises(ValueError):
            server.set_seen("dev", "ann", -1)

    server = make_server(history=path)

    @server.on_connect
    def accept(request):
        return pychat.Identity(request.token)

    with server:
        assert (server.seen("dev", "ann"), server.seen("dev", "bob")) == (2, 3)
        with connect(url(server, "/chat.v1?room=dev&token=ann")) as client:
            assert '"seen":2' in client.recv()
            server.set_seen("dev", "ann", 3)
            assert client.recv() == '{"type":"seen","room":"dev","seq":3}'


def test_with_asyncio(path):
    async def run():
        server = make_server(history=path)
        published = asyncio.Queue()

        @server.on_published
        async def on_published(event):
            await published.put(event)

        async with server:
            server.publish("dev", "hello")
            return (await asyncio.wait_for(published.get(), LIMIT_S)).message.seq

    assert asyncio.run(run()) == 1
    assert asyncio.run(run()) == 2


def test_one_server_at_a_time(path):
    with make_server(history=path):
        with pytest.raises(pychat.UnavailableError, match="another server"):
            make_server(history=path).start()


def test_messages_are_found_by_their_words(path):
    with make_server(history=path, history_search=pychat.HistorySearch.WORDS) as server:
        for text in ("a cat", "a dog", "Cat and dog"):
            server.publish("dev", text)
        stored(server, 3)
        assert [message.text for message in server.search("dev", "cat")] == ["a cat", "Cat and dog"]
        assert [message.text for message in server.search("dev", "dog", limit=1)] == ["Cat and dog"]
        assert [message.seq for message in server.search("dev", "dog", before_seq=3)] == [2]
        with pytest.raises(pychat.InvalidArgumentError):
            server.search("dev", " ")
        with pytest.raises(ValueError):
            server.search("dev", "cat", limit=-1)
    with make_server(history=path) as server:
        with pytest.raises(pychat.UnsupportedError):
            server.search("dev", "cat")


def test_options(path):
    server = make_server(history=path, history_on_failure=pychat.HistoryFailure.FORGET, history_file_bytes=pychat.UNLIMITED)
    with server:
        assert server.stats().history_forgotten == server.stats().history_failed == 0
    with pytest.raises(pychat.InvalidArgumentError, match="history_sync"):
        make_server(history=path, history_sync=7).start()
    with pytest.raises(TypeError):
        make_server(history=7).start()
