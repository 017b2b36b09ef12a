"""A server and the process that it is in: its end, signals, fork and spawn, other interpreters."""

import signal
import subprocess
import sys

import pychat
import pytest
from pychat_support import LIMIT_S, connect, run_python, wait_until, wait_until_it_handles

FORGOTTEN = """
    import pychat
    from websockets.sync.client import connect
    server = pychat.Server(address="127.0.0.1", threads={threads}, drain_timeout_ms=500, slow_callback_ms=60_000)
    seen = []
    server.on_message(lambda message: seen.append(message))
    server.on_disconnect(lambda event: print("gone", event.close_code))
    server.start()
    client = connect(f"ws://127.0.0.1:{{server.port}}/chat").__enter__() if {threads} else None
    if client:
        client.send("x")
        client.recv()
    {ending}
"""


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("ending", ["", "del server", "raise SystemExit(0)", "import sys; sys.exit()"])
def test_a_forgotten_server_ends_with_the_interpreter(threads, ending):
    result = run_python(FORGOTTEN.format(threads=threads, ending=ending), env={"PYTHONMALLOC": "debug"})
    assert result.stderr == "" and (not threads or "gone 1001" in result.stdout)


def test_a_callback_may_be_running_when_the_interpreter_ends():
    run_python(
        """
        import pychat, threading
        from websockets.sync.client import connect
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=500)
        entered = threading.Event()

        @server.on_message
        def on_message(message):
            entered.set()
            for _ in range(200_000):
                pass

        server.start()
        client = connect(f"ws://127.0.0.1:{server.port}/chat").__enter__()
        for _ in range(50):
            client.send("x")
        entered.wait(10)
        """
    )


def test_a_failing_callback_is_logged_without_any_setting_up():
    result = run_python(
        """
        import pychat
        from websockets.sync.client import connect
        server = pychat.Server(address="127.0.0.1")

        @server.on_connect
        def on_connect(request):
            raise KeyError("for all to see")

        with server:
            try:
                connect(f"ws://127.0.0.1:{server.port}/chat")
            except Exception as error:
                print(error)
        """
    )
    assert "403" in result.stdout and "for all to see" in result.stderr and "Traceback" in result.stderr


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_forever_ends_with_a_signal(threads, number):
    program = f"""
import pychat, sys
server = pychat.Server(address="127.0.0.1", threads={threads})
server.on_disconnect(lambda event: print("gone", event.close_code, flush=True))
server.start()
print(server.port, flush=True)
server.serve_forever()
print("ended", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        with connect(f"ws://127.0.0.1:{port}/chat") as client:
            client.send("x")
            assert client.recv(timeout=LIMIT_S) == "x"
            wait_until_it_handles(process.pid, signal.SIGTERM)
            process.send_signal(number)
            output, _ = process.communicate(timeout=LIMIT_S)
        assert output.split("\n")[:2] == ["gone 1001", "ended"] and process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_fork_and_spawn():
    result = run_python(
        """
        import multiprocessing, os, sys, pychat
        server = pychat.Server(address="127.0.0.1").start()
        server.publish("lobby", "x")
        child = os.fork()
        if child == 0:
            try:
                for call in (lambda: server.publish("lobby", "y"), pychat.Server(address="127.0.0.1").start):
                    try:
                        call()
                        os._exit(3)
                    except pychat.WrongStateError as error:
                        assert "forked" in str(error)
                server.close()
            except BaseException:
                os._exit(4)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        process = multiprocessing.get_context("fork").Process(target=print, args=("in a fork",))
        process.start(); process.join(); assert process.exitcode == 0
        assert server.publish("lobby", "z") == 2
        server.close()
        """
    )
    assert "in a fork" in result.stdout


def test_spawned_processes_have_servers_of_their_own(tmp_path):
    program = tmp_path / "spawning.py"
    program.write_text(
        """
import multiprocessing, pychat

def serve(ports):
    with pychat.Server(address="127.0.0.1") as server:
        ports.put(server.port)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ports = context.SimpleQueue()
    with pychat.Server(address="127.0.0.1") as server:
        process = context.Process(target=serve, args=(ports,))
        process.start()
        assert ports.get() not in (0, server.port)
        process.join()
        assert process.exitcode == 0
"""
    )
    run_python(f"""
        import subprocess, sys
        sys.exit(subprocess.run([sys.executable, {str(program)!r}], timeout={LIMIT_S}).returncode)
    """)


def test_other_interpreters_are_refused():
    name = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    result = run_python(
        f"""
        import {name} as interpreters
        made = interpreters.create()
        try:
            print(interpreters.run_string(made, "import pychat"))
        except Exception as error:
            print(error)
        """
    )
    assert "main interpreter" in result.stdout or "subinterpreter" in result.stdout


def test_two_servers_talk_side_by_side():
    with pychat.Server(address="127.0.0.1") as one, pychat.Server(address="127.0.0.1", threads=2) as two:
        assert one.port != two.port
        one.publish("lobby", "x")
        wait_until(lambda: one.stats().messages_published == 1)
        assert two.stats().messages_published == 0
