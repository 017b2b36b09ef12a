#!/usr/bin/env python3
"""The server of bench/python/run: counts the messages that one way of receiving them handles. One plain room, one
loop thread. Every message is also sent to the room's members.

    server.py none|inline|events|batches|async     prints its port, and at the end the count
"""

import asyncio
import sys

from pychat import UNLIMITED, Message, Overflow, Server

way = sys.argv[1]
count = 0
# All clients connect from this machine.
shares = {"max_clients_per_address": UNLIMITED, "max_connections_per_address": UNLIMITED,
          "max_queued_bytes_per_address": UNLIMITED}
server = Server(address="127.0.0.1", inbound_rate=UNLIMITED, max_outbox_bytes=64 << 20, max_outbox_messages=1 << 20,
                **shares)


def inline(message: Message) -> None:
    global count
    count += len(message.data) > 0


async def asynchronous(message: Message) -> None:
    global count
    count += len(message.data) > 0


async def main() -> None:
    global count
    if way == "async":
        server.on_message(asynchronous)
    elif way == "inline":
        server.on_message(inline)
    server.start()
    stream = server.events(Message, overflow=Overflow.REFUSE) if way in ("events", "batches") else None
    print(server.port, flush=True)
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.readline)
    ended.add_done_callback(lambda _: server.stop())

    async def read() -> None:
        global count
        if stream is None:
            return
        if way == "events":
            async for message in stream:
                count += len(message.data) > 0
        while way == "batches" and (batch := await stream.take()):
            for message in batch:
                count += len(message.data) > 0

    reader = asyncio.create_task(read())
    await ended
    refused = server.stats().messages_refused
    await server.aclose()
    await reader
    print(count, refused, flush=True)


asyncio.run(main())
