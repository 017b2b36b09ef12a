"""STOMP with stomp.py over its WebSocket transport, beside a client of chat.v1."""

import contextlib
import json
import queue

import pytest
import pychat
import stomp
import websocket
from stomp.adapter.ws import WSStompConnection
from support import LIMIT_S, connect


class Listener(stomp.ConnectionListener):
    def __init__(self):
        self.messages = queue.Queue()
        self.receipts = queue.Queue()
        self.errors = queue.Queue()
        self.disconnected = queue.Queue()
        self.connected = queue.Queue()

    def on_connected(self, frame):
        self.connected.put(frame.headers)

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.put(frame)

    def on_disconnected(self):
        self.disconnected.put(True)

    def message(self):
        return self.messages.get(timeout=LIMIT_S)

    def session(self):
        return self.connected.get(timeout=LIMIT_S)["session"]

    def receipt(self):
        return self.receipts.get(timeout=LIMIT_S)


@pytest.fixture
def stomp_client():
    connections = []

    def open_connection(server, heartbeats=(0, 0), **headers):
        connection = WSStompConnection([(server.host, server.port)], ws_path="/stomp", heartbeats=heartbeats)
        connection.listener = Listener()
        connection.set_listener("test", connection.listener)
        connections.append(connection)
        connection.connect(wait=True, **headers)
        return connection

    yield open_connection
    for connection in connections:
        # The server may have closed it, also between a check and the call.
        with contextlib.suppress(stomp.exception.StompException, websocket.WebSocketException, OSError):
            connection.disconnect()


def test_subscribe_send_and_disconnect(start_chatd, stomp_client):
    chatd = start_chatd()
    client = stomp_client(chatd, username="ann", passcode="secret")
    client.subscribe("/topic/a", id="0", headers={"receipt": "subscribed"})
    assert client.listener.receipt() == "subscribed"
    client.send("/topic/a", "hello 안녕 \\ : \n", headers={"colour": "blue:\n", "receipt": "sent"})
    frame = client.listener.message()
    assert frame.body == "hello 안녕 \\ : \n"
    assert frame.headers["colour"] == "blue:\n"
    assert frame.headers["seq"] == "1"
    assert frame.headers["subscription"] == "0"
    assert client.listener.receipt() == "sent"
    client.disconnect(receipt="bye")
    assert client.listener.receipt() == "bye"
    assert client.listener.disconnected.get(timeout=LIMIT_S)
    assert client.listener.errors.empty()


def test_acknowledgements_and_transactions(start_chatd, stomp_client):
    chatd = start_chatd()
    client = stomp_client(chatd)
    client.subscribe("/topic/a", id="0", ack="client-individual")
    transaction = client.begin()
    for body in ("1", "2"):
        client.send("/topic/a", body, transaction=transaction)
    client.commit(transaction)
    first, second = client.listener.message(), client.listener.message()
    assert (first.body, second.body) == ("1", "2")
    client.ack(first.headers["ack"])
    client.nack(second.headers["ack"], receipt="nacked")
    assert client.listener.receipt() == "nacked"
    assert client.listener.errors.empty()


def test_a_room_with_chat_v1(start_chatd, stomp_client):
    chatd = start_chatd()
    client = stomp_client(chatd)
    client.subscribe("/topic/lobby", id="0", headers={"receipt": "subscribed"})
    assert client.listener.receipt() == "subscribed"
    with connect(chatd.url("/chat.v1")) as other:
        assert json.loads(other.recv(timeout=LIMIT_S))["type"] == "welcome"
        other.send(json.dumps({"type": "send", "args": [{"x": 1}], "event": "cursor"}))
        assert json.loads(other.recv(timeout=LIMIT_S))["event"] == "cursor"
        frame = client.listener.message()
        assert json.loads(frame.body) == {"x": 1}
        assert frame.headers["event"] == "cursor"
        client.send("/topic/lobby", '{"y":2}', content_type="application/json")
        message = json.loads(other.recv(timeout=LIMIT_S))
        assert message["args"] == [{"y": 2}]
        assert message["attributes"] == {"content-type": "application/json"}


def test_an_error_ends_the_connection(start_chatd, stomp_client):
    chatd = start_chatd()
    client = stomp_client(chatd)
    client.subscribe("/nowhere", id="0")
    frame = client.listener.errors.get(timeout=LIMIT_S)
    assert "destination" in frame.headers["message"]
    assert client.listener.disconnected.get(timeout=LIMIT_S)


def test_an_application_in_python_answers_events(stomp_client):
    server = pychat.Server(address="127.0.0.1", port=0)
    seen = []

    @server.on_connect
    def on_connect(request):
        seen.append((request.user_name, request.password, request.room))
        return None if request.password == "secret" else pychat.Refuse("who are you?")

    @server.on_message
    def on_message(message):
        if message.room:
            return pychat.Refuse("read only")
        seen.append((message.room, message.event, message.args))
        message.client.send(sum(message.args[0]), event="sum")
        return None

    server.start()
    try:
        server.host = "127.0.0.1"
        client = stomp_client(server, username="ann", passcode="secret")
        assert server.find_client(client.listener.session()) is not None
        client.subscribe("/user/queue/sum", id="sum")
        client.subscribe("/user/queue/errors", id="errors")
        client.send("/app/add", "[1,2]", content_type="application/json")
        frame = client.listener.message()
        assert (frame.body, frame.headers["destination"]) == ("3", "/user/queue/sum")
        client.send("/topic/a", "hi")
        frame = client.listener.message()
        assert json.loads(frame.body) == {"error": "forbidden", "reason": "read only", "destination": "/topic/a"}
        assert seen == [("ann", "secret", ""), ("", "add", [[1, 2]])]
        client.disconnect()
    finally:
        server.stop()
        server.close()
