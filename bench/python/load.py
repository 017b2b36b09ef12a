#!/usr/bin/env python3
"""The load of bench/python/run and bench/python/measure. Each client sends prepared frames and reads the room's messages until it
has received all of its own. It uses plain sockets, so that the load costs less than the server.

    load.py PORT AMOUNT CLIENTS [IN_FLIGHT [PID]]

Each client is alone in its room and keeps IN_FLIGHT (256) messages in flight. AMOUNT is the number of all messages, or with an s
at its end the seconds after which the clients stop sending. Prints the number of messages received and the seconds; with PID,
also the CPU time of that process during the load.
"""

import base64
import os
import selectors
import socket
import sys
import time

port, clients = int(sys.argv[1]), int(sys.argv[3])
amount = sys.argv[2]
seconds = float(amount[:-1]) if amount.endswith("s") else None
window = int(sys.argv[4]) if len(sys.argv) > 4 else 256
pid = int(sys.argv[5]) if len(sys.argv) > 5 else None
TEXT = b"x" * 32
FRAME = bytes([0x81, 0x80 | len(TEXT), 0, 0, 0, 0]) + TEXT
BACK_BYTES = 2 + len(TEXT)
ENDLESS = 1 << 60


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


def cpu_seconds() -> float:
    if pid is None:
        return 0.0
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid() gives on Linux


class Client:
    """The messages that a client has yet to send, and the bytes of its own messages that it has yet to receive."""

    def __init__(self, number: int, to_send: int) -> None:
        self.socket = connect(number)
        self.to_send = to_send
        self.to_read = 0
        self.credit = 0

    def send(self, most: int) -> None:
        messages = min(self.to_send, most)
        if messages > 0:
            self.to_send -= messages
            self.to_read += messages * BACK_BYTES
            self.socket.sendall(FRAME * messages)

    def received(self, size: int) -> None:
        self.to_read -= size
        self.credit += size
        messages, self.credit = divmod(self.credit, BACK_BYTES)
        self.send(messages)


selector = selectors.DefaultSelector()
each = ENDLESS if seconds is not None else int(amount) // clients
waiting = [Client(number, each) for number in range(clients)]
begin, cpu_begin = time.monotonic(), cpu_seconds()
until = begin + (seconds if seconds is not None else float("inf"))
received = 0
for client in waiting:
    selector.register(client.socket, selectors.EVENT_READ, client)
    client.send(window)
left = len(waiting)
while left > 0:
    ready = selector.select()
    if time.monotonic() >= until:
        until = float("inf")
        for client in waiting:
            client.to_send = 0
    for key, _ in ready:
        client = key.data
        got = len(client.socket.recv(1 << 16))
        if got == 0:
            sys.exit("the server closed a connection")
        received += got
        client.received(got)
        if client.to_read <= 0:
            selector.unregister(client.socket)
            left -= 1
print(received // BACK_BYTES, time.monotonic() - begin, *([cpu_seconds() - cpu_begin] if pid is not None else []))
