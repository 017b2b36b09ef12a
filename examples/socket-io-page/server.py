#!/usr/bin/env python3
"""The server of this page in Python: relays messages to all, and typing, arrivals and departures to the others.

    server.py [PORT [DIR]]        the defaults are 3000 and this file's folder; PORT 0 takes any free port
"""

import pathlib
import sys
from typing import Optional

from pychat import CONSUME, Disconnected, Message, Opened, Server, StaticMount, Verdict

ROOM = "lobby"  # the namespace "/"
folder = sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent
server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 3000, static_mounts=[StaticMount("/", folder)])


@server.on_open  # io.on("connection", (socket) => socket.broadcast.emit("user connected", "a user connected"))
def on_open(event: Opened) -> None:
    server.publish(ROOM, "a user connected", event="user connected", except_client=event.client, ephemeral=True)


@server.on_disconnect  # socket.on("disconnect", () => io.emit("user disconnected", "a user disconnected"))
def on_disconnect(event: Disconnected) -> None:
    server.publish(ROOM, "a user disconnected", event="user disconnected", ephemeral=True)


@server.on_message
def on_message(message: Message) -> Optional[Verdict]:
    if message.event == "chat message":  # socket.on("chat message", (text) => io.emit("chat message", text))
        return None
    if message.event == "typing":  # socket.on("typing", (id) => socket.broadcast.emit("typing", id))
        server.publish(ROOM, *message.args, event="typing", except_client=message.client, ephemeral=True)
    return CONSUME  # other events have no listener


server.start()
print(f"listening on port {server.port}", flush=True)
server.serve_forever()
