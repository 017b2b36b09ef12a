"""Events, messages and clients are handed to other processes, and come back."""

import copy
import dataclasses
import multiprocessing
import pickle

import pychat
import pytest
import socketio
from concurrent.futures import ProcessPoolExecutor
from pychat import CONSUME, Message
from pychat_support import LIMIT_S, Inbox, connected, make_server, run_python, wait_until

FIELDS = (
    "room", "event", "payload", "text", "data", "args", "attachments", "attributes", "ephemeral", "from_id", "from_name",
    "from_user_id", "seq", "epoch", "time_ms", "id", "ack_id", "wants_reply", "decision_id",
    "event_kind", "target_seq", "reply_to", "edited_ms", "redacted", "added", "reactions", "kept_state",
)  # fmt: skip


def fields(message):
    return {name: getattr(message, name) for name in FIELDS}


def test_every_field_of_a_message_survives(server):
    with server:
        server.publish("lobby", "text \0 \uac00", id="7d1c")
        server.publish("lobby", b"\x00\xff", attributes={"key": "\uac00", "other": ""})
        server.publish("lobby", {"a": [b"\x00"]}, 2**53 + 1, b"", event="move", from_name="Ann")
        server.publish("lobby", "answer", reply_to=1)
        server.edit("lobby", 1, "edited")
        server.react("lobby", 2, "+1", "ann")
        server.redact("lobby", 3)
        kept = server.history("lobby")
        assert [(one.edited_ms > 0, one.reactions, one.redacted, one.reply_to) for one in kept] == [
            (True, (), False, 0), (False, (("+1", 1),), False, 0), (False, (), True, 0), (False, (), False, 1),
        ]  # fmt: skip
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for message, restored in zip(kept, pickle.loads(pickle.dumps(kept, protocol))):
                assert type(restored) is Message and fields(restored) == fields(message)
                assert repr(restored) == repr(message)
                with pytest.raises(pychat.NoSuchClientError):
                    restored.client
    names = {name for name in dir(Message) if not name.startswith("_")} - {"client", "reply"}
    assert names == set(FIELDS)


def test_every_event_survives(server):
    seen = Inbox()
    for name in ("on_connect", "on_authorize", "on_open", "on_join", "on_message", "on_leave", "on_disconnect"):
        getattr(server, name)(lambda event: seen.put(event))
    with server:
        with connected(server) as client:
            client.send("x")
            client.recv(timeout=LIMIT_S)
            events = [seen.next() for _ in range(4)]
            for event in [*events, server.clients()[0], server.rooms()[0], server.stats()]:
                if dataclasses.is_dataclass(event):
                    # The client is the same object again, so everything is equal.
                    assert pickle.loads(pickle.dumps(event)) == event == copy.copy(event)
            message = next(event for event in events + [seen.next() for _ in range(2)] if isinstance(event, Message))
            assert pickle.loads(pickle.dumps(message)).client is message.client
        wait_until(lambda: server.stats().clients_now == 0)
        restored = pickle.loads(pickle.dumps(message))
        assert restored.client.id == message.client.id and restored.text == "x"
        with pytest.raises(pychat.NoSuchClientError, match="disconnected"):
            restored.client.server
    for thing in [pychat.LogLine(pychat.LogLevel.INFO, "x"), pychat.EventsLost(3), pychat.Identity("u", "n", {"k": "v"})]:
        assert pickle.loads(pickle.dumps(thing)) == thing
    for error in [pychat.TimedOutError("late"), pychat.AddressInUseError("taken")]:
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    refusal = pickle.loads(pickle.dumps(pychat.Refuse("no", {"why": 1})))
    assert (refusal.reason, refusal.data) == ("no", {"why": 1})


def work(event):
    """In a worker: a program's own computation on an event, and what it finds about the client."""
    try:
        event.client.kick()
    except pychat.NoSuchClientError as error:
        return event.client, event, f"{event.text} worked on, {error}"
    raise AssertionError("a client that is not here was kicked")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_worker_gets_a_message_and_gives_it_back(server, method):
    seen = Inbox()
    server.on_message(seen.put)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool, server, connected(server) as client:
        client.send("x")
        message = seen.next()
        returned, event, text = pool.submit(work, message).result(LIMIT_S)
        assert returned is message.client and event.client is message.client
        assert fields(event) == fields(message) and text.startswith("x worked on, the client was pickled")
        client.recv(timeout=LIMIT_S)
        returned.send("answer")
        assert client.recv(timeout=LIMIT_S) == "answer"


def test_a_message_that_came_back_is_answered(server):
    @server.on_message
    def on_message(message):
        pickle.loads(pickle.dumps(message)).reply("got", *message.args)
        return CONSUME

    with server:
        client = socketio.Client(reconnection=False)
        client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"])
        assert client.call("ask", 5) == ("got", 5)
        client.disconnect()


def test_clients_of_two_servers_are_not_confused(server):
    with server, make_server() as other, connected(server), connected(other):
        mine, theirs = server.clients()[0].client, other.clients()[0].client
        assert mine.id == theirs.id
        data = pickle.dumps([mine, theirs])
        assert [restored is known for restored, known in zip(pickle.loads(data), [mine, theirs])] == [True, True]
    restored = pickle.loads(data)
    assert [client.id for client in restored] == [mine.id, theirs.id]
    # It still knows where it came from.
    assert pickle.dumps(restored) == data
    with pytest.raises(pychat.NoSuchClientError):
        server.send(restored[0], "x")


def test_servers_started_from_one_object_in_two_processes_are_not_confused():
    run_python(
        """
        import os, pickle, pychat
        from websockets.sync.client import connect
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500)

        def client_of(server):
            socket = connect(f"ws://127.0.0.1:{server.port}/chat", ping_interval=None).__enter__()
            socket.send("x")
            socket.recv()
            return server.clients()[0].client, socket

        receiving, sending = os.pipe()
        child = os.fork()
        if child == 0:
            server.start()
            client, socket = client_of(server)
            os.write(sending, pickle.dumps(client))
            os._exit(0)
        os.waitpid(child, 0)
        restored = pickle.loads(os.read(receiving, 65536))
        with server:
            client, socket = client_of(server)
            assert client.id == restored.id
            restored = pickle.loads(pickle.dumps(restored))
            assert restored is not client
            try:
                server.kick(restored)
                raise SystemExit("kicked another's client")
            except pychat.NoSuchClientError:
                pass
        """
    )


def test_what_is_not_a_message_is_refused():
    from pychat import _pychat

    right = (None, 0, 0, 0, b"x", (), (), "lobby", "chat message", 0, "Ann", 1, "e", 0, False)
    assert _pychat.restore_message(*right).text == "x"
    for index, wrong in [(3, 9), (7, "a\0b"), (7, 5), (4, "x" * 3 + "\ud800"), (9, -1)]:
        with pytest.raises((TypeError, ValueError)):
            _pychat.restore_message(*right[:index], wrong, *right[index + 1 :])
