"""The right column of docs/porting-from-socket.io.md as a program: see porting.mjs, which it answers like."""

import asyncio
import sys

from pychat import CONSUME, UNLIMITED, NoSuchClientError, NoSuchRoomError, Refuse, Server

server = Server(address="127.0.0.1", port=int(sys.argv[1]), recovery_window_ms=UNLIMITED)
gone = []


@server.on_connect
def on_connect(request):
    if request.token != "secret":
        raise Refuse("unknown token")
    request.client.user = request.query.get("greeting")


@server.on_open
def on_open(opened):
    opened.client.send(opened.socket_id, event="welcome")


@server.on_disconnect
def on_disconnect(event):
    gone.append(event.socket_id)


def members(*rooms):
    """The clients in any of these rooms, each once."""
    found = {}
    for room in rooms:
        try:
            found.update((info.id, info.client) for info in server.members(room))
        except NoSuchRoomError:
            pass
    return found


def has(socket_id):
    try:
        return bool(server.find_client(socket_id))
    except NoSuchClientError:
        return False


async def run(client, name, text=None):
    if name == "emit":
        client.send(1, "two", event="said")
    if name == "emit-bytes":
        client.send(b"\1\2\3", event="said")
    if name == "to-all":
        server.publish("lobby", "hi", event="said")
    if name == "broadcast":
        server.publish("lobby", "hi", event="said", except_client=client)
    if name == "join":
        client.join(text)
    if name == "leave":
        client.leave(text)
    if name == "to-room":
        server.publish("red", "hi", event="said")
    if name == "to-room-but-me":
        server.publish("red", "hi", event="said", except_client=client)
    if name == "to-rooms":
        for id in members("red", "blue").keys() - members("green").keys():
            server.send(id, "hi", event="said")
    if name == "to-id":
        server.find_client(text).send("hi", event="said")
    if name == "has-id":
        return has(text)
    if name == "to-namespace":
        server.publish("dev", "hi", event="said")
    if name == "volatile":
        client.send("tick", event="said")
    if name == "ask":
        return (await server.call(client, "question", 42, timeout=5))[0]
    if name == "ask-patiently":
        return (await server.call(client, "question", 42, timeout=None))[0]
    if name == "data":
        return client.user
    if name == "id":
        return client.socket_id
    if name == "rooms":
        return [room for room in client.rooms if room != "lobby"]
    if name == "all-rooms":
        return [room.name for room in server.rooms() if room.name not in ("lobby", "dev") and room.member_count]
    if name == "fetch":
        return len(server.members("red"))
    if name == "count":
        return server.stats().clients_now
    if name == "transport":
        return client.info().transport.name.lower()
    if name == "sockets-join":
        for info in server.members("red"):
            info.client.join("blue")
    if name == "sockets-leave":
        for info in server.members("red"):
            info.client.leave("blue")
    if name == "go":
        client.kick()
    if name == "disconnect-all":
        client.close_connection()
    if name == "disconnect-room":
        for info in server.members("red"):
            info.client.close_connection()
    if name == "gone":
        return gone.pop(0) if gone else None
    return None


@server.on_message
async def on_message(message):
    result = await run(message.client, message.event, *message.args)
    try:
        message.reply(result)
    except NoSuchClientError:
        pass  # it was disconnected
    return CONSUME


async def main():
    async with server:
        print(f"listening on port {server.port}", flush=True)
        await server.aserve_forever()


asyncio.run(main())
