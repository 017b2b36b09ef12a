#!/usr/bin/env python3
"""A server of scripts/bench: counts the messages that one way of receiving them handles. Every message is also sent to its room's
members. One loop thread.

    server.py none|inline|events|batches|async     prints `listening on port N`

A line with a number on standard input is answered when so many messages have been handled.
"""

import asyncio
import json
import sys

from pychat import UNLIMITED, LogLevel, Message, Overflow, Server

way = sys.argv[1]
count = 0
# All clients connect from this machine.
shares = {"max_clients_per_address": UNLIMITED, "max_connections_per_address": UNLIMITED,
          "max_queued_bytes_per_address": UNLIMITED}
server = Server(address="127.0.0.1", log_level=LogLevel.ERROR, inbound_rate=UNLIMITED, max_outbox_bytes=64 << 20, max_outbox_messages=1 << 20,
                **shares)


def inline(message: Message) -> None:
    global count
    count += len(message.data) > 0


async def asynchronous(message: Message) -> None:
    global count
    count += len(message.data) > 0


async def read() -> None:
    global count
    stream = server.events(Message, overflow=Overflow.REFUSE)
    if way == "events":
        async for message in stream:
            count += len(message.data) > 0
    while batch := await stream.take():
        for message in batch:
            count += len(message.data) > 0


async def main() -> None:
    loop = asyncio.get_running_loop()
    if way == "async":
        server.on_message(asynchronous)
    elif way == "inline":
        server.on_message(inline)
    server.start()
    reader = asyncio.create_task(read()) if way in ("events", "batches") else None
    await asyncio.sleep(0)  # the stream exists before the first client
    print(f"listening on port {server.port}", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        while way != "none" and count < int(line):
            await asyncio.sleep(0.001)
        print(json.dumps({"handled": count, "refused": server.stats().messages_refused}), flush=True)
    await server.aclose()
    if reader:
        await reader


asyncio.run(main())
