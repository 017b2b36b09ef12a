#!/usr/bin/env python3
"""Reads events in asyncio: counts clients and messages, and answers "/stats".

    asyncio_events.py [PORT]        the default is 3000; 0 takes any free port
"""

import asyncio
import sys
from collections import Counter

from pychat import Disconnected, EventsLost, EventStream, Message, Opened, Server


async def read(server: Server, events: EventStream, said: "Counter[str]") -> None:
    async for event in events:
        if isinstance(event, Opened):
            event.client.user = 0  # the number of its messages; any object is allowed
            print(f"{event.name} has come", flush=True)
        elif isinstance(event, Message):
            event.client.user += 1
            said[event.room] += 1
            if event.text == "/stats":
                server.publish(event.room, f"{said[event.room]} messages so far", from_name="stats")
        elif isinstance(event, Disconnected):
            print(f"{event.name} has gone after {event.client.user} messages", flush=True)
        elif isinstance(event, EventsLost):
            print(f"too slow: {event.count} events lost", flush=True)


async def main() -> None:
    server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
    said: "Counter[str]" = Counter()
    events = server.events(Opened, Message, Disconnected)  # before the start, so no event is missed
    server.start()
    reader = asyncio.create_task(read(server, events, said))
    print(f"listening on port {server.port}", flush=True)
    await server.aserve_forever()
    await reader  # returns when the server has ended
    print(f"{sum(said.values())} messages in all", flush=True)


asyncio.run(main())
