"""Forked children: every call says so, and they keep neither the port nor the connections of the parent's server."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from pychat_support import LIMIT_S, connect, make_server, run_python, url, wait_until

# The child says so and waits until its standard input ends, so that it outlives what the test does.
WAITING_CHILD = """
import os, socket, sys
import pychat
{make}
child = os.fork()
if child == 0:
    os.write(1, b"%d\\n" % os.getpid())
    sys.stdin.read()
    os._exit(0)
os.write(1, b"%d\\n" % server.port)
{then}
"""
PORT = 'server = pychat.Server(address="127.0.0.1", port=int(sys.argv[1]), drain_timeout_ms=500).start()'
HANDED_IN = """
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
server = pychat.Server(listen_fd=listener.detach(), drain_timeout_ms=500).start()
"""


class Parent:
    """A program whose server runs, and whose child waits."""

    def __init__(self, make, then, port=0):
        program = WAITING_CHILD.format(make=make, then=then)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        lines = [self.process.stdout.readline() for _ in range(2)]
        self.port = self.port_of(lines)
        self.child = next(int(line) for line in lines if int(line) != self.port)

    def port_of(self, lines):
        # Either may print first; the child is a process, whose parent is ours.
        for line in lines:
            try:
                with open(f"/proc/{int(line)}/stat") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                        return next(int(other) for other in lines if other is not line)
            except (FileNotFoundError, IndexError):
                continue
        raise AssertionError(lines)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.mark.parametrize("make", [PORT, HANDED_IN], ids=["port", "listen_fd"])
def test_a_child_keeps_no_port_when_the_parent_is_killed(make):
    with Parent(make, "sys.stdin.read()") as parent:
        parent.process.send_signal(signal.SIGKILL)
        parent.process.wait(LIMIT_S)
        os.kill(parent.child, 0)  # it is there
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", parent.port))
        with make_server(port=parent.port) as server, connect(url(server)):
            pass


def test_a_pool_begun_while_the_server_runs():
    result = run_python(
        """
        import multiprocessing, os, socket, pychat
        from concurrent.futures import ProcessPoolExecutor
        from websockets.sync.client import connect
        from websockets.exceptions import ConnectionClosed
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500).start()
        port = server.port
        idle = socket.create_connection(("127.0.0.1", port))
        with connect(f"ws://127.0.0.1:{port}/chat", ping_interval=None) as client:
            client.send("x")
            client.recv()
            with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
                assert pool.submit(os.getpid).result() != os.getpid()
                client.send("y")
                assert client.recv() == "y"  # the parent's connection is as it was
                server.close()
                try:
                    client.recv()
                except ConnectionClosed as closed:
                    assert closed.rcvd.code == 1001
                # The end of a connection, not of a WebSocket only.
                try:
                    assert idle.recv(1) == b""
                except ConnectionResetError:
                    pass
                try:
                    socket.create_connection(("127.0.0.1", port))
                    raise SystemExit("still connects")
                except ConnectionRefusedError:
                    pass
                pychat.Server(address="127.0.0.1", port=port).start().close()
        print("all")
        """
    )
    assert result.stdout == "all\n"


def test_a_child_keeps_no_unix_socket(tmp_path):
    path = tmp_path / "chat"
    make = f'server = pychat.Server(unix_path={str(path)!r}, drain_timeout_ms=500).start()'
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_CHILD.format(make=make, then="sys.stdin.read()")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = sorted(int(process.stdout.readline()) for _ in range(2))
        assert lines[0] == 0
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT_S)
        os.kill(lines[1], 0)
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(str(path))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_sockets_that_are_not_the_servers_stay():
    run_python(
        """
        import os, socket, pychat
        server = pychat.Server(address="127.0.0.1").start()
        other = socket.create_server(("127.0.0.2", server.port))  # another address, the same port
        mine = socket.create_connection(("127.0.0.1", server.port))
        if os.fork() == 0:
            try:
                os._exit(0 if other.getsockname()[0] == "127.0.0.2" and mine.getpeername()[0] == "127.0.0.1" else 3)
            except BaseException:
                os._exit(4)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        mine.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        assert b"200" in mine.recv(100)
        server.close()
        """
    )


CALLS = r"""
import asyncio, os, sys, pychat

def calls(server, client, message, events):
    yield lambda: server.publish("lobby", "x")
    yield lambda: server.broadcast("lobby", "x")
    yield lambda: server.send(client, "x")
    yield lambda: server.send_user("u", "x")
    yield lambda: server.send_with_ack(client, "x")
    yield lambda: server.reply(message, "x")
    yield lambda: message.reply("x")
    yield lambda: server.decide(message)
    yield lambda: server.accept(client)
    yield lambda: server.refuse(client)
    yield lambda: server.set_identity(client, None)
    yield lambda: server.kick(client)
    yield lambda: server.close_connection(client)
    yield lambda: server.find_client("1")
    yield lambda: server.client_info(client)
    yield lambda: client.name
    yield lambda: client.info()
    yield server.clients
    yield server.rooms
    yield server.stats
    yield server.reload_tls
    yield lambda: server.join(client, "dev")
    yield lambda: server.leave(client, "dev")
    yield lambda: server.ban(client, "dev", 1)
    yield lambda: server.ban_user("u", "dev", 1)
    yield lambda: server.close_room("dev")
    yield lambda: server.members("lobby")
    yield lambda: server.history("lobby")
    yield lambda: server.port
    yield server.stop
    yield server.poll
    yield server.fileno
    yield server.start
    yield server.serve_forever
    yield server.events
    yield lambda: next(events)
    yield events.take_nowait
    yield lambda: asyncio.run(events.take())
    yield lambda: asyncio.run(server.aserve_forever())
    yield lambda: asyncio.run(server.__aenter__())
    yield lambda: server.on_message(print)
    yield pychat.Server(address="127.0.0.1").start

def check(server, client, message, events):
    for number, call in enumerate(calls(server, client, message, events)):
        try:
            call()
        except pychat.WrongStateError as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError(f"call {number} raised nothing")
    assert not server.running
    # What ends a server does nothing here, as it may be reached on the way out.
    events.close()
    server.close()
    asyncio.run(server.aclose())

# A WebSocket without a thread that runs Python, and a loop that has left its callback: in a child that C code forks, Python
# waits for ever if another thread held the GIL, or waited for it.
def make():
    import socket, threading
    server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500)
    seen, there = [], threading.Event()

    @server.on_message
    def on_message(message):
        seen.append(message)
        there.set()

    events = server.events()
    server.start()
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(
        b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        b"\x81\x81\0\0\0\0x"  # a masked text frame
    )
    assert there.wait(60)
    server.check_loops(60_000)
    return server, client, seen[0], events
"""


@pytest.mark.parametrize("way", ["os.fork()", "__import__('ctypes').CDLL(None).fork()"], ids=["Python", "C"])
def test_every_call_in_a_child_raises(way):
    """Also in a child that C code has forked, of which Python's own handlers hear nothing."""
    run_python(
        CALLS
        + f"""
server, socket, message, events = make()
if {way} == 0:
    code = 1
    try:
        check(server, message.client, message, events)
        code = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    os._exit(code)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert server.publish("lobby", "y") == 2
server.close()
"""
    )


def test_every_call_in_a_daemonised_child_raises(tmp_path):
    """Started, then daemonised: fork twice, with the parent gone. It ends as a program does, through all finalisers."""
    said = tmp_path / "said"
    run_python(
        CALLS
        + f"""
server, socket, message, events = make()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        try:
            check(server, message.client, message, events)
            text = "right"
        except BaseException as error:
            text = repr(error)
        open({str(said)!r} + ".new", "w").write(text)
        os.rename({str(said)!r} + ".new", {str(said)!r})
    sys.exit(0)
os.wait()
sys.exit(0)
"""
    )
    wait_until(said.exists)
    assert said.read_text() == "right"


@pytest.mark.parametrize("threads", [0, 1])
def test_a_child_that_ends_does_not_disturb_the_parents_loop(threads):
    """The child shares the parent's epoll and eventfds: its finalisers must not take the parent's readers out."""
    result = run_python(
        f"""
        import asyncio, gc, os, sys, pychat
        from websockets.asyncio.client import connect

        async def main():
            server = pychat.Server(address="127.0.0.1", threads={threads}, drain_timeout_ms=500)

            @server.on_message
            async def on_message(message):
                return message.text + "!"

            async with server:
                events = server.events(pychat.Message)
                seen = []

                async def read():
                    async for event in events:
                        seen.append(event.text)

                reader = asyncio.create_task(read())
                await asyncio.sleep(0)
                for _ in range(3):
                    child = os.fork()
                    if child == 0:
                        return True  # through the end of every task
                    while os.waitpid(child, os.WNOHANG) == (0, 0):
                        await asyncio.sleep(0.01)  # On purpose: between two looks.
                    async with connect(f"ws://127.0.0.1:{{server.port}}/chat") as client:
                        for number in range(3):
                            await client.send(str(number))
                            assert await client.recv() == f"{{number}}!"
                server.stop()
                await reader
                assert len(seen) == 9, seen
                print("parent is right")

        coroutine = main()
        loop = asyncio.new_event_loop()
        if loop.run_until_complete(coroutine):
            # Not the loop itself: that would take out the parent's wake-up pipe, whatever pychat does.
            for task in asyncio.all_tasks(loop):
                task.get_coro().close()
            gc.collect()
            os._exit(0)
        """
    )
    assert result.stdout == "parent is right\n"


@pytest.mark.parametrize(
    ("ending", "code"), [("pass", 0), ("sys.exit(7)", 7), ("raise KeyError('x')", 1), ("sys.exit('text')", 1), ("os._exit(9)", 9)]
)
@pytest.mark.parametrize("threads", [0, 1])
def test_a_child_forked_in_a_callback_ends_there(threads, ending, code):
    run_python(
        f"""
        import os, queue, sys, pychat
        from websockets.sync.client import connect
        import threading
        server = pychat.Server(address="127.0.0.1", threads={threads}, drain_timeout_ms=500)
        children = queue.Queue()

        @server.on_message
        def on_message(message):
            child = os.fork()
            if child == 0:
                {ending}
                return
            children.put(child)

        server.start()

        def talk(port=server.port):
            with connect(f"ws://127.0.0.1:{{port}}/chat", ping_interval=None) as client:
                client.send("x")
                assert client.recv() == "x"

        talking = threading.Thread(target=talk)
        talking.start()
        while talking.is_alive():
            server.poll(0.01) if {threads} == 0 else talking.join(0.01)  # On purpose: between two looks.
        assert os.waitstatus_to_exitcode(os.waitpid(children.get(), 0)[1]) == {code}
        server.close()
        """
    )


def test_a_child_of_a_callback_works_with_multiprocessing():
    result = run_python(
        """
        import multiprocessing, queue, pychat
        from websockets.sync.client import connect
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500)
        context = multiprocessing.get_context("fork")

        @server.on_message
        def on_message(message):
            process = context.Process(target=print, args=("in a fork:", message.text))
            process.start()
            process.join()
            return str(process.exitcode)

        with server, connect(f"ws://127.0.0.1:{server.port}/chat", ping_interval=None) as client:
            client.send("x")
            assert client.recv() == "0"
        """
    )
    assert result.stdout == "in a fork: x\n"


def test_workers_forked_before_the_start_have_servers_of_their_own():
    """One Server made before the fork, started in each child."""
    run_python(
        """
        import os, pychat
        from websockets.sync.client import connect
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500)
        children = []
        for number in range(2):
            children.append(os.fork())
            if children[-1] == 0:
                with server, connect(f"ws://127.0.0.1:{server.port}/chat", ping_interval=None) as client:
                    client.send("x")
                    os._exit(0 if client.recv() == "x" else 3)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with server:
            assert server.publish("lobby", "x") == 1
        """
    )
