"""python-socketio, the asyncio client. Arguments: URL, and polling, websocket or upgrade.

The scenario of tests/clients/socket_io.test.mjs, with coroutines as handlers.
"""
import asyncio
import sys

import socketio
from transcript import LIMIT_S, write

url, mode = sys.argv[1:]
transports = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}[mode]
happened = asyncio.Queue()
client = socketio.AsyncClient(reconnection_delay=0.05, randomization_factor=0)
client.kicked = False


def note(*words):
    write(*words)
    happened.put_nowait(words[0])


async def wait(name):
    found = await asyncio.wait_for(happened.get(), LIMIT_S)
    assert found == name, f"{found} instead of {name}"


@client.event
async def connect():
    note("connect")


@client.event
async def disconnect(reason):
    note("kick" if client.kicked else "disconnect")


@client.event
async def text(data):
    note("text", data)


@client.on("json")
async def several(first, second, third):
    note("json", first, second, third)


@client.on("bytes")
async def binary(data):
    note("bytes", data)


@client.event
async def mixed(data, last):
    note("mixed", data, last)


@client.event
async def large(data):
    note("large", len(data))


@client.event
async def who(first, number):
    note("asked", first, number)
    return "Ann", {"n": number}


async def refusal():
    refused = socketio.AsyncClient(reconnection=False)
    refused.on("connect_error", lambda data: note("refused", data["message"]))
    try:
        await refused.connect(url, transports=transports, auth={"mode": "refuse", "reason": "no entry", "data": {"n": 1}})
    except socketio.exceptions.ConnectionError:
        await wait("refused")


async def namespaces():
    """This client names all its namespaces when it connects."""
    other = socketio.AsyncClient()
    other.on("text", lambda data: note("dev", data), namespace="/dev")
    other.on("text", lambda data: note("in the wrong namespace", data))
    await other.connect(url, transports=transports, namespaces=["/", "/dev"])
    await other.emit("text", "in dev", namespace="/dev")
    await wait("dev")
    await other.disconnect()


async def main():
    await client.connect(url, transports=transports)
    await wait("connect")
    await client.emit("text", "héllo 안녕 😀")
    await wait("text")
    await client.emit("json", ({"a": 1, "b": [True, None, 2.5, "x"]}, [1, [2]], "last"))
    await wait("json")
    await client.emit("bytes", b"\x00\x01\x02\xff")
    await wait("bytes")
    await client.emit("mixed", ({"name": "파일", "parts": [b"\x01", b"\x02\x03"]}, "last"))
    await wait("mixed")
    write("answer", *await client.call("question", ("why", {"n": 1})))
    write("answer bytes", await client.call("question", b"\xfe\xff"))
    await client.emit("script", (["ask", 2000, "who", "there", 7],))
    await wait("asked")
    await client.emit("large", "x" * 100_000)
    await wait("large")
    await client.emit("large", b"x" * 200_000)
    await wait("large")
    await refusal()
    write("cut")
    await wait("disconnect")
    await wait("connect")
    await client.emit("text", "after the cut")
    await wait("text")
    write("restart")
    await wait("disconnect")
    await wait("connect")
    await client.emit("text", "after the restart")
    await wait("text")
    client.kicked = True
    await client.emit("script", (["kick", "bye"],))
    await wait("kick")
    await namespaces()
    write("end")


asyncio.run(main())
