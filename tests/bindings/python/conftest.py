"""Fixtures: servers that are closed behind their test, on every kind of asyncio loop that there is."""

import asyncio
import signal

import pytest
import uvloop
from pychat_support import LIMIT_S, make_server

# Under nohup or in the background these are ignored, and every program that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def server():
    server = make_server()
    yield server
    server.close()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine to its end, with a limit."""

    def run(main):
        async def limited():
            return await asyncio.wait_for(main, LIMIT_S)

        if request.param == "uvloop":
            return uvloop.run(limited())
        return asyncio.run(limited())

    return run
