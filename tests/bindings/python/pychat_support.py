"""What the tests of pychat share. Everything that waits has a limit; none waits for time to pass."""

import asyncio
import functools
import os
import pathlib
import queue
import re
import subprocess
import sys
import textwrap
import time

import pychat
import websockets.asyncio.client
import websockets.sync.client

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[3]
# How long to wait for what must come. A passing test never uses it up; scripts/test sets it higher on a busy machine.
LIMIT_S = int(os.environ.get("CHAT_TEST_LIMIT_S", 60))

# Their own limits are too tight for a busy machine. Nothing here is about the pings of the client.
connect = functools.partial(websockets.sync.client.connect, open_timeout=LIMIT_S, ping_interval=None)
connect_async = functools.partial(websockets.asyncio.client.connect, open_timeout=LIMIT_S, ping_interval=None)


def connect_plain(url):
    """A connection without a `with` block."""
    return connect(url).__enter__()


def make_server(**options):
    return pychat.Server(**{"address": "127.0.0.1", "port": 0, "drain_timeout_ms": 1000, **options})


def url(server, target="/chat"):
    return f"ws://127.0.0.1:{server.port}{target}"


def connected(server, target="/chat", **options):
    """A plain client that hears its room: it has heard itself."""
    client = connect(url(server, target), **options)
    wait_until(lambda: server.stats().clients_now > 0)
    return client


async def connected_async(server, target="/chat", **options):
    return await connect_async(url(server, target), **options)


def wait_until(condition):
    """Polls for what nothing announces."""
    deadline = time.monotonic() + LIMIT_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)  # On purpose: between two looks.
    return result


async def wait_until_async(condition):
    async def poll():
        while not condition():
            await asyncio.sleep(0.005)  # On purpose: between two looks.

    await asyncio.wait_for(poll(), LIMIT_S)


def wait_until_it_handles(pid, number):
    """A program says its port before it has come to where it takes signals."""

    def handles():
        caught = re.search(r"^SigCgt:\t(\w+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]
        return int(caught, 16) >> (number - 1) & 1

    wait_until(handles)


class Inbox(queue.Queue):
    """What callbacks have seen."""

    def next(self):
        return self.get(timeout=LIMIT_S)


def run_python(program, *args, code=0, env=None):
    """Runs a program of its own in a fresh interpreter and gives what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S * 2,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(env or {})},
    )
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    return result
