"""stop() ends everything that waits in pychat, whoever calls it: streams of events, calls, servers that serve, polls."""

import asyncio
import gc
import signal
import subprocess
import sys
import threading

import pychat
import pytest
import socketio
from pychat import Disconnected, Left, Message, Opened
from pychat_support import (
    LIMIT_S,
    connect,
    connected,
    connected_async,
    make_server,
    run_python,
    url,
    wait_until,
    wait_until_async,
    wait_until_it_handles,
)


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("whence", ["loop", "thread", "callback", "aclose"])
def test_stop_ends_a_stream_behind_its_last_event(run, threads, whence):
    async def main():
        server = make_server(threads=threads)
        stop_it = asyncio.Event()

        @server.on_message
        def on_message(message):
            if whence == "callback":
                server.stop()

        async with server:
            events = server.events()

            async def read():
                return [type(event) async for event in events]

            reader = asyncio.create_task(read())
            async with await connected_async(server) as client:
                await client.send("x")
                if whence == "loop":
                    asyncio.get_running_loop().call_soon(server.stop)
                elif whence == "thread":
                    await asyncio.to_thread(server.stop)
                elif whence == "aclose":
                    await server.aclose()
                seen = await reader
            assert seen[0] is Opened and seen[-2:] == [Left, Disconnected]
            assert events.ended and await events.take() == events.take_nowait() == []
            # One that is opened afterwards has ended too.
            assert [event async for event in server.events()] == []

    run(main())


def test_stop_ends_async_with_whose_body_reads(run):
    async def main():
        async with make_server() as server:
            asyncio.get_running_loop().call_soon(server.stop)
            async for _ in server.events():
                pass
        assert not server.running

    run(main())


@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_thread_reads_events(server, end):
    with server:
        seen, events = [], server.events(Message, Disconnected)
        reader = threading.Thread(target=lambda: seen.extend(events), daemon=True)
        reader.start()
        with connected(server) as client:
            client.send("one")
            client.send("two")
            wait_until(lambda: len(seen) == 2)
            getattr(server, end)()
            reader.join(LIMIT_S)
        assert not reader.is_alive()
        assert [event.text for event in seen[:-1]] == ["one", "two"] and isinstance(seen[-1], Disconnected)
        assert list(events) == [] and events.ended
        with server.events() as late:
            assert list(late) == []


def test_other_loops_watch_a_descriptor(server):
    import select

    with server, server.events(Message) as events, connected(server) as client:
        assert events.take_nowait() == [] and not events.ended
        poll = select.poll()
        poll.register(events.fileno(), select.POLLIN)
        assert poll.poll(0) == []
        client.send("x")
        assert poll.poll(LIMIT_S * 1000)
        assert [event.text for event in events.take_nowait()] == ["x"]
        server.stop()
        assert poll.poll(LIMIT_S * 1000)
        assert events.take_nowait() == [] and events.ended


@pytest.mark.parametrize("threads", [0, 1])
def test_stop_ends_a_call(run, threads):
    async def main():
        async with make_server(threads=threads) as server:
            events = server.events(Opened)
            client = socketio.AsyncClient(reconnection=False)
            asked = asyncio.Event()

            @client.on("silence")
            async def silence():
                asked.set()
                await asyncio.Event().wait()

            await client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"])
            opened = await events.__anext__()
            waiting = asyncio.create_task(server.call(opened.client, "silence", timeout=None))
            await asked.wait()
            await asyncio.to_thread(server.stop)
            with pytest.raises((pychat.NoSuchClientError, pychat.StoppedError)):
                await waiting
            await client.disconnect()

    run(main())


def test_stop_ends_every_server_that_serves(run):
    async def main():
        server = make_server()
        serving = [asyncio.create_task(server.aserve_forever()) for _ in range(2)]
        await wait_until_async(lambda: len(server._at_stop) == 2)
        await asyncio.to_thread(server.stop)
        await asyncio.gather(*serving)
        assert not server._at_stop

    run(main())


def test_stop_when_the_loop_is_gone(monkeypatch):
    """A loop that was closed with everything in it: neither stop() nor the collector complain."""
    loop = asyncio.new_event_loop()
    server = make_server()
    server.start()
    tasks = []

    async def main():
        async def read():
            async for _ in server.events():
                pass

        tasks.extend([loop.create_task(read()), loop.create_task(server.aserve_forever())])
        while not server._at_stop or server._attachment is None:
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    for task in [*tasks, server._attachment._keeper]:
        task._log_destroy_pending = False  # the test's own doing
    loop.close()
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", lambda complaint: complaints.append(complaint.exc_value))
    server.stop()
    for task in [server._attachment._keeper, *tasks]:
        task.get_coro().close()  # as the collector does
    gc.collect()
    assert not complaints and not server.running and not server._at_stop


def test_stop_and_close_at_once_on_many_threads():
    for _ in range(20):
        server = make_server(threads=2, drain_timeout_ms=200)
        server.start()
        events, failed, begin = server.events(), [], threading.Barrier(9)

        def end(number, server=server, begin=begin, failed=failed):
            begin.wait(LIMIT_S)
            try:
                server.stop() if number % 3 else server.close()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=end, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        begin.wait(LIMIT_S)
        assert list(events) == []
        for thread in threads:
            thread.join(LIMIT_S)
        server.close()
        assert not failed


def test_stop_keeps_what_can_still_be_asked(server):
    with server:
        port, events = server.port, server.events()
        server.publish("lobby", "x")
        server.stop()
        assert list(events) == []
        # The drain is over, and the server is not closed yet.
        assert server.running and server.port == port and server.stats().messages_published == 1
        assert server.history("lobby")[0].text == "x"
        with pytest.raises(pychat.StoppedError):
            server.publish("lobby", "y")


def test_a_stopped_server_frees_its_port_without_close(server):
    with server:
        events = server.events()
        server.stop()
        assert list(events) == []
        with make_server(port=server.port) as other, connect(url(other)):
            pass


@pytest.mark.parametrize("waiting", ["server.poll(None)", "server.poll(600)", "list(server.events())"])
def test_ctrl_c_ends_what_waits(waiting):
    program = f"""
import pychat, signal, sys
server = pychat.Server(address="127.0.0.1", threads={0 if "poll" in waiting else 1}).start()
handled = []
try:
    signal.signal(signal.SIGUSR1, lambda *_: (handled.append(1), print("handled", flush=True)))
    print("waits", flush=True)
    while True:
        {waiting}
except KeyboardInterrupt:
    print("interrupted", len(handled), flush=True)
server.close()
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "waits\n"
        wait_until_it_handles(process.pid, signal.SIGUSR1)
        process.send_signal(signal.SIGUSR1)  # a handler that returns ends nothing
        assert process.stdout.readline() == "handled\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=LIMIT_S)
        assert output == "interrupted 1\n" and process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_descriptors_above_fd_setsize():
    """select() takes no descriptor above 1,023; nothing in pychat uses it."""
    run_python(
        """
        import os, resource, signal, threading, pychat
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        taken = [os.dup(0) for _ in range(1100)]
        driven = pychat.Server(address="127.0.0.1", threads=0).start()
        assert driven.fileno() > 1023
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        driven.serve_forever()
        with pychat.Server(address="127.0.0.1") as server:
            events = server.events()
            assert events.fileno() > 1023
            threading.Timer(0.05, server.stop).start()
            assert list(events) == []
        """
    )


def test_a_program_started_in_a_callback_can_be_ended(server):
    children = []

    @server.on_message
    def on_message(message):
        children.append(subprocess.Popen(["sleep", "600"]))

    with server, connected(server) as client:
        client.send("x")
        wait_until(lambda: children)
        children[0].terminate()
        try:
            assert children[0].wait(LIMIT_S) == -signal.SIGTERM
        finally:
            children[0].kill()


def test_each_server_has_the_mask_of_the_thread_that_started_it():
    masks = {}

    def ask(name):
        server = make_server()
        server.on_message(lambda message: masks.setdefault(name, signal.pthread_sigmask(signal.SIG_BLOCK, [])) and None)
        return server

    first, second = ask("first"), ask("second")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        first.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with first, second:
        # The threads run Python only now, when both servers have started.
        for name, server in (("first", first), ("second", second)):
            with connected(server) as client:
                client.send("x")
                wait_until(lambda: name in masks)
    assert signal.SIGUSR1 in masks["first"] and signal.SIGUSR1 not in masks["second"]
