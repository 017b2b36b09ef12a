"""Clients of different makers in one room: Python's websockets, Node's ws, and bare bytes."""

import asyncio
import json
import shutil
import subprocess

import pytest
import websockets
from support import LIMIT_S, SOURCE_DIR, TEXT, connect, frame
from websockets.sync.client import unix_connect

NODE = shutil.which("node")
HAS_WS = (SOURCE_DIR / "tests/js/node_modules/ws").is_dir()


class NodeClient:
    """tests/js/line_client.mjs: what it hears comes as lines, what is written to it is sent."""

    def __init__(self, url):
        self.process = subprocess.Popen(
            [NODE, str(SOURCE_DIR / "tests/js/line_client.mjs"), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == {"open": True}

    def send(self, text):
        self.process.stdin.write(json.dumps({"text": text}) + "\n")
        self.process.stdin.flush()

    def send_bytes(self, data):
        self.process.stdin.write(json.dumps({"hex": data.hex()}) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the Node client has ended"
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(LIMIT_S)
        self.process.stdout.close()
        return code


@pytest.fixture
def node_client():
    clients = []

    def start(url):
        clients.append(NodeClient(url))
        return clients[-1]

    yield start
    for client in clients:
        client.end()


@pytest.mark.skipif(not (NODE and HAS_WS), reason="needs Node and tests/js/node_modules")
def test_node_and_python_and_bare_bytes_talk(start_chatd, node_client, websocket):
    chatd = start_chatd("--threads", 2)
    node = node_client(chatd.url())
    bare = websocket(chatd)
    with connect(chatd.url(), compression=None) as python:
        python.send("hello from Python ☕")
        assert node.read() == {"text": "hello from Python ☕"}
        assert bare.read_text() == "hello from Python ☕"
        assert python.recv() == "hello from Python ☕"

        node.send("hello from Node 💬")
        assert python.recv() == "hello from Node 💬"
        assert bare.read_text() == "hello from Node 💬"
        assert node.read() == {"text": "hello from Node 💬"}

        node.send_bytes(b"\x00\xff\x01")
        assert python.recv() == b"\x00\xff\x01"
        python.send(b"\xfe\x00")
        assert node.read() == {"hex": "00ff01"}
        assert node.read() == {"hex": "fe00"}

        bare.send(frame(TEXT, b"in ", fin=False) + frame(0, b"pieces"))
        assert python.recv() == b"\xfe\x00"
        assert python.recv() == "in pieces"
        assert node.read() == {"text": "in pieces"}


def test_two_endpoints_one_room(start_chatd):
    chatd = start_chatd()
    with connect(chatd.url("/chat?room=dev")) as plain, connect(
        chatd.url("/chat?room=dev"), subprotocols=["chat.v1"]
    ) as spoken, connect(chatd.url("/chat.v1?room=dev")) as implied:
        assert plain.subprotocol is None
        assert spoken.subprotocol == "chat.v1"
        welcomes = [json.loads(client.recv()) for client in (spoken, implied)]
        assert [welcome["type"] for welcome in welcomes] == ["welcome"] * 2
        plain.send("hello")
        assert plain.recv() == "hello"
        heard = [json.loads(client.recv()) for client in (spoken, implied)]
        assert heard[0] == heard[1]
        assert (heard[0]["text"], heard[0]["room"], heard[0]["seq"]) == ("hello", "dev", 1)
        spoken.send(json.dumps({"type": "send", "event": "e", "args": [1, "two"]}))
        assert json.loads(plain.recv()) == [1, "two"]
        plain.send(b"\x00\x01")
        assert plain.recv() == b"\x00\x01"
        for client in (spoken, implied):
            json.loads(client.recv())
            binary = json.loads(client.recv())
            assert (binary["args"], binary["attachments"]) == ([{"_placeholder": True, "num": 0}], ["AAE="])


def test_fragments_of_the_library_arrive_whole(start_chatd):
    chatd = start_chatd()
    with connect(chatd.url()) as client:
        client.send(["one ", "two ", "", "three"])
        assert client.recv() == "one two three"
        client.send(iter([b"\x00", b"\x01"]))
        assert client.recv() == b"\x00\x01"


def test_over_a_unix_socket(start_chatd, tmp_path):
    path = str(tmp_path / "chat.socket")
    start_chatd(listen=("--unix", path))
    with unix_connect(path, uri="ws://localhost/chat") as ann, unix_connect(path, uri="ws://localhost/chat") as bob:
        ann.send("hello")
        assert bob.recv() == "hello"


def test_compression_as_the_library_offers_it(start_chatd):
    # Without pings from either side nothing but the data itself can keep a stalled decoder going.
    chatd = start_chatd("--permessage-deflate", "--ping-interval-ms", "off")
    off = start_chatd()
    quiet = {"ping_interval": None}
    with connect(chatd.url(), **quiet) as ann, connect(chatd.url(), compression=None, **quiet) as bob:
        assert ann.protocol.extensions
        for text in ("x", "repeat " * 8000, ""):
            ann.send(text)
            assert ann.recv() == bob.recv() == text
            bob.send(text)
            assert ann.recv() == bob.recv() == text
    with connect(off.url()) as client:
        assert not client.protocol.extensions


def test_refusals_as_the_library_sees_them(start_chatd):
    chatd = start_chatd()
    for url, status, options in [
        (chatd.url("/nowhere"), 404, {}),
        (chatd.url("/chat?room=a%2Fb"), 400, {}),
        (chatd.url("/chat"), 403, {"origin": "https://evil.example"}),
    ]:
        with pytest.raises(websockets.InvalidStatus) as caught, connect(url, **options):
            pass
        assert caught.value.response.status_code == status


def test_closing_as_the_library_sees_it(start_chatd):
    chatd = start_chatd()
    with connect(chatd.url()) as client:
        client.close(3001, "that is all")
    assert client.protocol.close_code == 3001
    assert client.protocol.close_rcvd.reason == "that is all"


def test_three_hundred_clients_at_once(start_chatd):
    chatd = start_chatd("--threads", 2)

    async def chat():
        clients = await asyncio.gather(
            *(websockets.connect(chatd.url(), compression=None, open_timeout=LIMIT_S) for _ in range(300))
        )
        # Open is not yet in the room; an answered ping is.
        for client in clients:
            await (await client.ping())
        await clients[0].send("hello to all")
        heard = await asyncio.gather(*(client.recv() for client in clients))
        assert heard == ["hello to all"] * 300
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(chat())
