#!/usr/bin/env python3
"""A chat in ten lines: all clients of /chat receive all messages, and this program prints what happens.

    broadcast.py [PORT]        the default is 3000; 0 takes any free port
    wscat -c ws://localhost:3000/chat
"""

import sys

from pychat import Disconnected, Message, Opened, Server

server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 3000)


@server.on_open
def on_open(event: Opened) -> None:
    print(f"{event.name} has come to {event.room}", flush=True)


@server.on_disconnect
def on_disconnect(event: Disconnected) -> None:
    print(f"{event.name} has gone ({event.close_code})", flush=True)


@server.on_message
def on_message(message: Message) -> None:
    print(f"{message.from_name} in {message.room}: {message.text}", flush=True)


server.start()
print(f"listening on port {server.port}", flush=True)
server.serve_forever()
