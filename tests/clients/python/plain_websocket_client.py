"""websocket-client. Arguments: URL, and plain or chat.v1. The scenario of websocket.test.mjs."""
import json
import struct
import sys

import websocket
from transcript import LIMIT_S, write

url, mode = sys.argv[1:]


def plain():
    socket = websocket.create_connection(url, timeout=LIMIT_S)
    write("open", socket.getsubprotocol() or "")
    for said in ["héllo 안녕 😀", b"\x00\x01\x02\xff", ""]:
        (socket.send_binary if isinstance(said, bytes) else socket.send)(said)
        write("heard", socket.recv())
    socket.send("x" * 60_000)
    write("large", len(socket.recv()))
    socket.send_binary(bytes(60_000))
    write("large", len(socket.recv()))
    socket.ping(b"ping")
    if socket.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"ping"):
        write("pong")
    socket.send_close(1000, b"bye")
    opcode, data = socket.recv_data(control_frame=True)
    write("closed", struct.unpack("!H", data[:2])[0] if opcode == websocket.ABNF.OPCODE_CLOSE else opcode)


def chat():
    socket = websocket.create_connection(url, subprotocols=["chat.v1"], timeout=LIMIT_S)
    write("open", socket.getsubprotocol() or "")
    write("welcome", json.loads(socket.recv())["room"])
    socket.send(json.dumps({"type": "send", "text": "hi", "ref": 1}))
    heard = [json.loads(socket.recv()) for _ in range(2)]
    for reply in sorted(heard, key=lambda reply: reply["type"]):
        write(reply["type"], reply.get("text", reply.get("ref")))
    socket.close()


chat() if mode == "chat.v1" else plain()
