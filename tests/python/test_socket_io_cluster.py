"""The messages of python-socketio in tests/vectors/socket_io_cluster_python.json: python-socketio writes them, and understands
what libchat writes. The unit tests of core/wire/socket_io_cluster compare libchat's text with the same file."""

import json

import pytest
import socketio
from cluster_managers import VECTORS, make_vectors, open_manager, to_text

MESSAGES = json.loads(VECTORS.read_text(encoding="utf-8"))["messages"]
BY_NAME = {vector["name"]: vector for vector in MESSAGES}


def test_vectors_are_what_python_socketio_writes():
    assert VECTORS.read_text(encoding="utf-8") == to_text(make_vectors())


@pytest.mark.parametrize("name", [vector["name"] for vector in MESSAGES if vector.get("written", "").find('"emit"') > 0])
def test_events_of_libchat_reach_the_clients(name, monkeypatch):
    heard = {}
    for form in ("text", "written"):
        calls = []
        # None and no arguments are the same to clients.
        monkeypatch.setattr(socketio.Manager, "emit",
                            lambda self, event, data, **kwargs: calls.append((event, () if data is None else data, kwargs)))
        open_manager(host_id="other")._handle_emit(json.loads(BY_NAME[name][form]))
        heard[form] = calls
    assert heard["written"] == heard["text"]
    assert len(heard["written"]) == 1


def test_an_acknowledgement_of_libchat_calls_the_callback():
    answers = []
    server = socketio.Server(async_mode="threading")
    manager = open_manager(server=server)
    manager.emit("hi", 1, room="s", callback=lambda *args: answers.append(args))
    [(_, text)] = manager.redis.published
    room, nsp, number = json.loads(text)["callback"]
    acknowledgement = json.loads(BY_NAME["a callback"]["written"])
    assert (acknowledgement["sid"], acknowledgement["namespace"], acknowledgement["id"]) == (room, nsp, number)
    manager._handle_callback({**acknowledgement, "host_id": manager.host_id})
    assert answers == [("a", 2)]
