"""aiohttp's WebSocket client. Arguments: URL, and plain, deflate or chat.v1. The scenario of websocket.test.mjs."""
import asyncio
import sys

import aiohttp
from transcript import write

url, mode = sys.argv[1:]
compress = 15 if mode == "deflate" else 0


async def plain(session):
    async with session.ws_connect(url, compress=compress, autoping=False) as socket:
        write("open", socket.protocol or "")
        for said in ["héllo 안녕 😀", b"\x00\x01\x02\xff", ""]:
            await (socket.send_bytes if isinstance(said, bytes) else socket.send_str)(said)
            write("heard", (await socket.receive()).data)
        await socket.send_str("x" * 60_000)
        write("large", len(await socket.receive_str()))
        await socket.send_bytes(bytes(60_000))
        write("large", len(await socket.receive_bytes()))
        await socket.ping(b"ping")
        if (await socket.receive()).type == aiohttp.WSMsgType.PONG:
            write("pong")
        await socket.close(code=1000, message=b"bye")
        write("closed", socket.close_code)


async def chat(session):
    async with session.ws_connect(url, protocols=["chat.v1"]) as socket:
        write("open", socket.protocol or "")
        write("welcome", (await socket.receive_json())["room"])
        await socket.send_json({"type": "send", "text": "hi", "ref": 1})
        heard = [await socket.receive_json() for _ in range(2)]
        for reply in sorted(heard, key=lambda reply: reply["type"]):
            write(reply["type"], reply.get("text", reply.get("ref")))


async def main():
    async with aiohttp.ClientSession() as session:
        await (chat if mode == "chat.v1" else plain)(session)


asyncio.run(main())
