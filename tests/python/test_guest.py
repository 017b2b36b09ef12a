"""chatd as a guest of a Socket.IO cluster, with python-socketio's RedisManager as a program that only publishes."""

import base64
import json
import urllib.request

import pytest
import socketio
from cluster_support import Redis
from support import LIMIT_S, connect, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")

BINARY = bytes([0, 1, 2, 255])


def has_metric(server, line):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        return line in answer.read().decode().splitlines()


@pytest.fixture
def chatd(start_chatd, redis):
    server = start_chatd("--socket-io-cluster", f"{redis.url}?python=socketio&namespaces=/,/dev", "--metrics", "/metrics")
    wait_until(lambda: has_metric(server, "libchat_guest_up 1"), "the guest's connection")
    return server


@pytest.fixture
def manager(redis):
    return socketio.RedisManager(redis.url, write_only=True)


@pytest.fixture
def join():
    """A Socket.IO client of chatd that keeps what it hears."""
    clients = []

    def join_it(chatd, namespace="/"):
        client = socketio.SimpleClient()
        client.connect(f"http://127.0.0.1:{chatd.port}", namespace=namespace, transports=["websocket"])
        clients.append(client)
        return client

    yield join_it
    for client in clients:
        client.disconnect()


def test_a_manager_publishes_into_it(chatd, manager, join):
    lisa = join(chatd)
    dev = join(chatd, "/dev")
    with connect(f"ws://127.0.0.1:{chatd.port}/chat.v1") as vera:
        assert json.loads(vera.recv())["type"] == "welcome"
        manager.emit("chat message", "hi")
        assert lisa.receive() == ["chat message", "hi"]
        heard = json.loads(vera.recv())
        assert (heard["text"], heard["seq"]) == ("hi", 1)
        manager.emit("blob", (1, {"a": BINARY}))
        assert lisa.receive() == ["blob", 1, {"a": BINARY}]
        heard = json.loads(vera.recv())
        assert (heard["event"], heard["seq"]) == ("blob", 2)
        assert base64.b64decode(heard["attachments"][0]) == BINARY
    manager.emit("dev", 1, namespace="/dev")
    assert dev.receive() == ["dev", 1]
    manager.emit("to you", 2, room=lisa.sid)
    assert lisa.receive() == ["to you", 2]


def test_a_manager_moves_clients(chatd, manager, join):
    lisa = join(chatd)
    leo = join(chatd)
    manager.enter_room(lisa.sid, "/", "ops")

    def arrives():
        manager.emit("to ops", 1, room="ops")
        try:
            return lisa.receive(timeout=0.2) == ["to ops", 1]
        except socketio.exceptions.TimeoutError:
            return False

    wait_until(arrives, "the room")
    manager.emit("all", 1, skip_sid=lisa.sid)
    assert leo.receive() == ["all", 1]
    manager.leave_room(lisa.sid, "/", "ops")
    manager.emit("to nobody", 1, room="ops")
    manager.emit("end", 1)
    while (heard := lisa.receive(timeout=LIMIT_S)) != ["end", 1]:
        assert heard == ["to ops", 1]  # of the attempts above


def test_a_redis_that_becomes_a_replica_is_left(start_chatd, redis, chatd, manager, join):
    """It keeps its connections, and takes what is published."""
    streams = start_chatd("--socket-io-cluster", f"{redis.url}?adapter=streams", "--metrics", "/metrics")
    wait_until(lambda: has_metric(streams, "libchat_guest_up 1"), "the connection")
    lisa = join(chatd)
    primary = Redis()
    try:
        redis.command("REPLICAOF", "127.0.0.1", str(primary.port))
        for server in (chatd, streams):
            wait_until(lambda server=server: has_metric(server, "libchat_guest_up 0"), "the loss")
        assert redis.command("ROLE") == "5"  # of a replica
        lisa.emit("chat message", "held")
        assert lisa.receive() == ["chat message", "held"]
        assert has_metric(chatd, "libchat_guest_published_total 0")
        redis.command("REPLICAOF", "NO", "ONE")
        for server in (chatd, streams):
            wait_until(lambda server=server: has_metric(server, "libchat_guest_up 1"), "the connection")
        manager.emit("again", 1)
        assert lisa.receive() == ["again", 1]
        lisa.emit("chat message", "here")
        wait_until(lambda: not has_metric(chatd, "libchat_guest_published_total 0"), "a message")
    finally:
        primary.end()
