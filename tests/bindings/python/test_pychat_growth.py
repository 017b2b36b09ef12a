"""Memory is given back: clients that come and go leave neither objects nor, beyond what malloc keeps, memory."""

import pytest
from pychat_support import LIMIT_S, run_python

MOST_OBJECTS = 100  # 1,900 clients have come and gone in between

PROGRAM = """
import asyncio, base64, gc, socket, sys, time
from pychat import Identity, Server

WAY, CLIENTS, ROUNDS, MOST_OBJECTS = {way!r}, 100, 30, {most_objects}
HEAD = (
    b"GET /chat HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: "
    + base64.b64encode(bytes(16)) + b"\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
)
MESSAGE = b"\\x81\\x82\\0\\0\\0\\0hi"


class State:
    # Cycles: the client has it, and it has the client.
    def __init__(self, client):
        self.client, self.itself, self.much = client, self, bytearray(2000)


def resident_kib():
    return int(open("/proc/self/statm").read().split()[1]) * 4


async def come_and_go(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD)
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(MESSAGE)
    await reader.readuntil(b"hi!")
    writer.close()
    await writer.wait_closed()


async def main():
    server = Server(address="127.0.0.1", threads=0 if WAY == "driven" else 2, drain_timeout_ms=500, slow_callback_ms=60_000)

    def on_connect(request):
        return Identity("somebody", "name", {{"key": "value"}})

    def on_open(event):
        event.client.user = State(event.client)
        server.join(event.client, f"room {{event.client.id % 30}}")

    def on_message(message):
        message.client.user.last = message
        return message.text + "!"

    async def on_connect_async(request):
        return on_connect(request)

    async def on_open_async(event):
        on_open(event)

    async def on_message_async(message):
        await asyncio.sleep(0)
        return message.text + "!"

    if WAY == "async":
        server.on_connect(on_connect_async), server.on_open(on_open_async), server.on_message(on_message_async)
    else:
        server.on_connect(on_connect), server.on_open(on_open), server.on_message(on_message)
    measured = []
    async with server:
        count, events = 0, server.events()

        async def read():
            nonlocal count
            async for _ in events:
                count += 1

        reading = asyncio.create_task(read())
        for number in range(ROUNDS):
            await asyncio.gather(*[come_and_go(server.port) for _ in range(CLIENTS)])
            # Events that wait to be read keep their client.
            while server.stats().clients_now or server._core.clients_known or events.waiting:
                await asyncio.sleep(0.005)  # On purpose: between two looks.
            if number in (ROUNDS // 3, ROUNDS - 1):
                # On a busy machine asyncio still has sockets of the last round.
                until = time.monotonic() + {limit_s}
                while True:
                    gc.collect()
                    objects = gc.get_objects()
                    look = (len(objects), sum(type(thing) is State for thing in objects), resident_kib())
                    del objects
                    if not measured or look[0] - measured[0][0] < MOST_OBJECTS or time.monotonic() > until:
                        break
                    await asyncio.sleep(0.005)  # On purpose: between two looks.
                measured.append(look)
        server.stop()
        await reading
    print(count, *measured[0], *measured[1])


asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["plain", "async", "driven"])
def test_clients_that_come_and_go_leave_nothing(way):
    output = run_python(PROGRAM.format(way=way, limit_s=LIMIT_S / 2, most_objects=MOST_OBJECTS)).stdout
    count, objects, states, kib, objects_after, states_after, kib_after = map(int, output.split())
    assert count >= 3000 * 5, output  # opened, joined twice, message, left, disconnected
    # The stream's reader holds the last event, and with it one client.
    assert states_after <= max(states, 1) and objects_after - objects < MOST_OBJECTS, output
    # 2,000 clients of 2 KB and more: a leak of all would be over 8 MB. malloc keeps some of what its threads had.
    assert kib_after - kib < 4096, output
