"""A server and several asyncio loops: one after the other, at once, and none at all."""

import asyncio
import threading

import pychat
import pytest
from pychat import Message
from pychat_support import LIMIT_S, connected_async, make_server
from websockets.exceptions import InvalidStatus


def deciding(**options):
    server = make_server(**options)

    @server.on_message
    async def on_message(message):
        await asyncio.sleep(0)
        return f"seen {message.text}"

    return server


async def heard(server, text):
    async with await connected_async(server) as client:
        await client.send(text)
        return await client.recv()


@pytest.mark.parametrize("threads", [0, 1])
def test_one_loop_after_the_other(run, caplog, threads):
    server = deciding(threads=threads)

    async def first():
        server.start()
        assert await heard(server, "a") == "seen a"

    async def second():
        async with server:
            assert await heard(server, "b") == "seen b"
            events = server.events(Message)
            assert await heard(server, "c") == "seen c"
            assert (await events.__anext__()).text == "seen c"
        assert not server.running

    run(first())
    assert server.running and "has ended" in caplog.text
    run(second())


def test_between_two_loops_requests_are_refused_at_once(run):
    server = make_server()

    @server.on_connect
    async def on_connect(request):
        return None

    async def first():
        server.start()

    async def between():
        with pytest.raises(InvalidStatus):
            await connected_async(server)
        with pytest.raises(pychat.WrongStateError, match="async with server"):
            server.on_message(on_connect)
        with pytest.raises(pychat.WrongStateError, match="async with"):
            await server.call(1, "x")

    run(first())
    run(between())
    server.close()


def test_the_loop_of_another_thread_keeps_its_server(run):
    async def main():
        async with deciding() as server:

            async def elsewhere():
                with pytest.raises(pychat.WrongStateError, match="another asyncio loop"):
                    await server.__aenter__()
                with pytest.raises(pychat.WrongStateError, match="another asyncio loop"):
                    await server.aserve_forever()
                # Streams belong to who reads them.
                events = server.events(Message)
                return events, (await events.__anext__()).text

            reading = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(elsewhere())))
            while not reading.done():
                assert await heard(server, "x") == "seen x"
            assert (await reading)[1] == "seen x"
            assert server.running and await heard(server, "y") == "seen y"

    run(main())


def test_a_server_started_without_a_loop_is_attached(run):
    server = make_server().start()
    with pytest.raises(pychat.WrongStateError):
        server.on_message(heard)

    async def main():
        async with server:

            @server.on_message
            async def on_message(message):
                return "attached"

            assert await heard(server, "x") == "attached"

    run(main())


@pytest.mark.parametrize("how", ["async with", "aclose", "aserve_forever", "async for"])
def test_loops_that_are_not_asyncio_are_told(how):
    trio = pytest.importorskip("trio")
    server = make_server()

    async def main():
        with pytest.raises(RuntimeError, match="asyncio"):
            if how == "async with":
                async with server:
                    pass
            elif how == "async for":
                async for _ in server.events():
                    pass
            else:
                await getattr(server, how)()

    trio.run(main)
    assert not server.running


def test_a_loop_that_closes_meanwhile():
    """close() on another thread, while the loop ends: neither waits for the other."""
    for _ in range(20):
        server = deciding(drain_timeout_ms=100)
        ready = threading.Event()

        async def main(server=server, ready=ready):
            server.start()
            ready.set()

        loop = threading.Thread(target=lambda main=main: asyncio.run(main()))
        loop.start()
        assert ready.wait(LIMIT_S)
        server.close()
        loop.join(LIMIT_S)
        assert not loop.is_alive() and not server.running
