"""websockets, the asyncio client. Arguments: URL, and plain, deflate or chat.v1. The scenario of websocket.test.mjs."""
import asyncio
import json
import sys

from transcript import write
from websockets.asyncio.client import connect

url, mode = sys.argv[1:]
deflate = "deflate" if mode == "deflate" else None


async def plain():
    async with connect(url, compression=deflate) as socket:
        write("open", socket.subprotocol or "")
        for said in ["héllo 안녕 😀", b"\x00\x01\x02\xff", ""]:
            await socket.send(said)
            write("heard", await socket.recv())
        await socket.send(["one ", "two ", "three"])
        write("heard", await socket.recv())
        for said in ["x" * 60_000, bytes(60_000)]:
            await socket.send(said)
            write("large", len(await socket.recv()))
        await (await socket.ping(b"ping"))
        write("pong")
        await socket.close(1000, "bye")
        write("closed", socket.close_code)


async def chat():
    async with connect(url, subprotocols=["chat.v1"], compression=deflate) as socket:
        write("open", socket.subprotocol or "")
        write("welcome", json.loads(await socket.recv())["room"])
        await socket.send(json.dumps({"type": "send", "text": "hi", "ref": 1}))
        heard = [json.loads(await socket.recv()) for _ in range(2)]
        for reply in sorted(heard, key=lambda reply: reply["type"]):
            write(reply["type"], reply.get("text", reply.get("ref")))


asyncio.run(chat() if mode == "chat.v1" else plain())
