"""websockets, the client with threads. Arguments: URL, and plain, deflate or chat.v1. The scenario of websocket.test.mjs."""
import json
import sys

from transcript import LIMIT_S, write
from websockets.sync.client import connect

url, mode = sys.argv[1:]
deflate = "deflate" if mode == "deflate" else None


def plain():
    with connect(url, compression=deflate) as socket:
        write("open", socket.subprotocol or "")
        for said in ["héllo 안녕 😀", b"\x00\x01\x02\xff", ""]:
            socket.send(said)
            write("heard", socket.recv())
        socket.send(["one ", "two ", "three"])
        write("heard", socket.recv())
        for said in ["x" * 60_000, bytes(60_000)]:
            socket.send(said)
            write("large", len(socket.recv()))
        if socket.ping(b"ping").wait(LIMIT_S):
            write("pong")
        socket.close(1000, "bye")
        write("closed", socket.close_code)


def chat():
    with connect(url, subprotocols=["chat.v1"], compression=deflate) as socket:
        write("open", socket.subprotocol or "")
        write("welcome", json.loads(socket.recv())["room"])
        socket.send(json.dumps({"type": "send", "text": "hi", "ref": 1}))
        heard = [json.loads(socket.recv()) for _ in range(2)]
        for reply in sorted(heard, key=lambda reply: reply["type"]):
            write(reply["type"], reply.get("text", reply.get("ref")))


chat() if mode == "chat.v1" else plain()
