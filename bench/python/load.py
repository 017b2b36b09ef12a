#!/usr/bin/env python3
"""The load of bench/python/run. Each client sends prepared frames and reads the room's messages until it has received all of
its own. It uses plain sockets, so that the load costs less than the server.

    load.py PORT MESSAGES CLIENTS     prints seconds; each client is alone in its room
"""

import base64
import os
import selectors
import socket
import sys
import time

port, messages, clients = (int(argument) for argument in sys.argv[1:])
TEXT = b"x" * 32
FRAME = bytes([0x81, 0x80 | len(TEXT), 0, 0, 0, 0]) + TEXT
BACK_BYTES = 2 + len(TEXT)
WINDOW = 256  # frames that a client has in flight


def connect(number: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /chat?room=r{number} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    return client


selector = selectors.DefaultSelector()
sockets = [connect(number) for number in range(clients)]
each = messages // clients
left = {client: (each, each * BACK_BYTES) for client in sockets}
begin = time.monotonic()
for client in sockets:
    first = min(WINDOW, each)
    client.sendall(FRAME * first)
    left[client] = (each - first, each * BACK_BYTES)
    selector.register(client, selectors.EVENT_READ)
credit = dict.fromkeys(sockets, 0)
while left:
    for key, _ in selector.select():
        client = key.fileobj
        got = len(client.recv(1 << 16))
        if got == 0:
            sys.exit("the server closed a connection")
        to_send, to_read = left[client]
        to_read -= got
        credit[client] += got
        again = min(to_send, credit[client] // BACK_BYTES)
        credit[client] -= again * BACK_BYTES
        if again:
            client.sendall(FRAME * again)
        left[client] = (to_send - again, to_read)
        if to_read <= 0:
            selector.unregister(client)
            del left[client]
print(time.monotonic() - begin)
