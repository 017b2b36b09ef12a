"""The Socket.IO client that Python programs use (python-socketio), with handlers as its tutorials write them: a handler with a
fixed number of parameters is called with exactly the arguments that were emitted, or it raises and the event is lost."""

import queue
import threading

import pytest
import socketio
from support import LIMIT_S


@pytest.fixture(params=["polling", "websocket"])
def transport(request):
    return request.param


@pytest.fixture
def failures(monkeypatch):
    """What handlers raise: the client runs each in a thread of its own and tells nobody else."""
    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(repr(args.exc_value)))
    return raised


@pytest.fixture
def connect(transport):
    clients = []

    def start(chatd, **handlers):
        client = socketio.Client(reconnection=False)
        for name, handler in handlers.items():
            client.on(name.replace("_", " "), handler)
        client.connect(f"http://127.0.0.1:{chatd.port}", transports=[transport], wait_timeout=LIMIT_S)
        assert client.transport() == transport
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.disconnect()


def test_handlers_get_the_arguments_that_were_emitted(start_chatd, connect, failures):
    chatd = start_chatd()
    one, two, none = queue.Queue(), queue.Queue(), queue.Queue()
    connect(
        chatd,
        chat_message=lambda data: one.put(data),
        two=lambda first, second: two.put((first, second)),
        none=lambda: none.put(()),
    )
    ann = connect(chatd)
    sent = ["hello", 7, {"nested": [b"\x00\xff"]}, b"\x01\x02", ["a", "list"], "last"]
    for data in sent:
        ann.emit("chat message", data)
    ann.emit("two", (1, "two"))
    ann.emit("none")
    assert two.get(timeout=LIMIT_S) == (1, "two")
    assert none.get(timeout=LIMIT_S) == ()
    # Each handler has a thread of its own, so they may overtake each other.
    heard = [one.get(timeout=LIMIT_S) for _ in sent]
    assert sorted(map(repr, heard)) == sorted(map(repr, sent))
    assert failures == []


def test_a_call_is_acknowledged(start_chatd, connect, failures):
    ann = connect(start_chatd())
    assert ann.call("chat message", "hello", timeout=LIMIT_S).keys() == {"seq", "epoch"}
    assert failures == []


def test_with_recovery_a_handler_needs_a_parameter_more(start_chatd, connect, failures):
    """Why it is off by default; as with the reference server when it is on there."""
    chatd = start_chatd("--recovery-window-ms", 60_000)
    heard = queue.Queue()
    connect(chatd, chat_message=lambda *args: heard.put(args))
    connect(chatd).emit("chat message", "hello")
    data, offset = heard.get(timeout=LIMIT_S)
    assert data == "hello" and isinstance(offset, str)
    assert failures == []
