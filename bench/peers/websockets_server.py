"""A room with Python's websockets. Prints `listening on port N`."""

import asyncio
import signal

from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed

members = set()


async def member(connection):
    members.add(connection)
    try:
        async for message in connection:
            broadcast(members, message)
    except ConnectionClosed:
        pass
    finally:
        members.discard(connection)


async def main():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serve(member, "127.0.0.1", 0, compression=None) as server:
        print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
        await ended.wait()


asyncio.run(main())
