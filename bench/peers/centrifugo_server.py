"""Runs Centrifugo: a room with a history of 100 messages. Prints `listening on port N`.

usage: centrifugo_server.py CENTRIFUGO [PATH]        PATH: the UNIX socket of a Redis, by which several servers share their rooms
"""

import json
import os
import socket
import sys
import tempfile
import time

HISTORY_MESSAGES = 100  # as libchat's


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def options(port, redis):
    return {
        "client": {"insecure": True, "ping_interval": "600s", "queue_max_size": 1 << 30},
        "http_server": {"address": "127.0.0.1", "port": str(port)},
        "channel": {"without_namespace": {"history_size": HISTORY_MESSAGES, "history_ttl": "300s", "force_positioning": True}},
        "engine": {"type": "redis", "redis": {"address": f"unix://{redis}"}} if redis else {"type": "memory"},
        "log": {"level": "error"},
    }


def wait_for(port):
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)  # On purpose: nothing announces that it listens.
    sys.exit("centrifugo does not listen")


def main():
    centrifugo, redis = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as config:
        json.dump(options(port, redis), config)
    if os.fork() == 0:
        wait_for(port)
        os.unlink(config.name)
        print(f"listening on port {port}", flush=True)
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # The server keeps the id of this process, which the harness measures and ends.
    os.execv(centrifugo, [centrifugo, "--config", config.name])


main()
