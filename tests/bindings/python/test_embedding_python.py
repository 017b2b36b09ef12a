"""The programs of docs/embedding-python.md are run as they are shown there; only ports and paths change."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pychat
import pytest
import websockets.sync.client
from pychat_support import LIMIT_S, SOURCE_DIR, connect, wait_until

DOCUMENT = (SOURCE_DIR / "docs" / "embedding-python.md").read_text()
PROGRAMS = {name: text for text, name in re.findall(r"^```python\n(# (\w+\.py)\n.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)}
PACKAGE = pathlib.Path(pychat.__file__).parent.parent


def test_every_program_is_run():
    text = pathlib.Path(__file__).read_text()
    assert PROGRAMS and DOCUMENT.count("```python") == len(PROGRAMS)
    for name in PROGRAMS:
        assert f'"{name}"' in text, name


def listening_ports(pid):
    """The TCP ports on which a process listens."""
    inodes = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.update(re.findall(r"^socket:\[(\d+)\]$", os.readlink(link)))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                ports.add(int(words[1].rsplit(":", 1)[1], 16))
    return ports


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def running(folder, *names, command):
    """The command, in a folder with these programs. It has to end with SIGTERM, without a complaint."""
    for name in names:
        program, count = re.subn(r"\bport=3000\b", "port=0", PROGRAMS[name])
        assert count <= 1
        (folder / name).write_text(program)
    environment = {**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{folder}", "HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    with open(folder / "said", "w+") as said:
        process = subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, stdout=said, stderr=said)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            code = process.wait(LIMIT_S)
            text = (folder / "said").read_text()
            assert code in (0, -signal.SIGTERM) and "Traceback" not in text and "rror" not in text, text
        except BaseException:
            print((folder / "said").read_text())
            raise
        finally:
            process.kill()
            process.wait()


def chat_port(pid, *others):
    return wait_until(lambda: next(iter(listening_ports(pid) - set(others)), None))


def said(folder, pattern):
    return wait_until(lambda: re.search(pattern, (folder / "said").read_text()))


def hear(client, wanted):
    while client.recv(timeout=LIMIT_S) != wanted:
        pass


@pytest.mark.parametrize("name", ["gevent_chat.py", "gevent_events.py", "trio_chat.py"])
def test_loops(tmp_path, name):
    with running(tmp_path, name, command=[name]) as process:
        port = chat_port(process.pid)
        with connect(f"ws://127.0.0.1:{port}/chat") as one, connect(f"ws://127.0.0.1:{port}/chat") as two:
            one.send("a")
            hear(one, "a!")
            hear(two, "a!")
            two.send("b")
            hear(one, "b!")


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_gunicorn_with_one_worker(tmp_path, options):
    command = ["-m", "gunicorn", "-c", "gunicorn_one.py", *options, "--bind", "127.0.0.1:0", "flask_app:app"]
    with running(tmp_path, "flask_app.py", "gunicorn_one.py", command=command) as process:
        web = int(said(tmp_path, r"Listening at: http://127.0.0.1:(\d+)")[1])
        worker = wait_until(lambda: children(process.pid))[0]
        port = chat_port(worker, web)
        with connect(f"ws://127.0.0.1:{port}/chat") as client:
            client.send("x")
            hear(client, "x")
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/say", b"from a page", LIMIT_S) as answer:
                assert answer.read().strip() == b'{"seq":2}'
            hear(client, "from a page")
            process.send_signal(signal.SIGTERM)
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                client.recv(timeout=LIMIT_S)
            assert closed.value.rcvd.code == 1001


def test_gunicorn_with_several_workers(tmp_path):
    command = ["-m", "gunicorn", "-c", "gunicorn_many.py", "--bind", "127.0.0.1:0", "flask_app:app"]
    with running(tmp_path, "flask_app.py", "gunicorn_many.py", command=command) as process:
        paths = [tmp_path / f"chat-{number}.sock" for number in range(2)]

        def connect_unix(path):
            with contextlib.suppress(OSError):
                return websockets.sync.client.unix_connect(str(path), "ws://localhost/chat", open_timeout=LIMIT_S)

        clients = [wait_until(lambda path=path: connect_unix(path)) for path in paths]
        with clients[0], clients[1]:
            for client in clients:
                client.send("x")
                hear(client, "x")
            # A worker that is replaced leaves its address to the next one.
            first = children(process.pid)
            for worker in first:
                os.kill(worker, signal.SIGTERM)
            for client in clients:
                with pytest.raises(websockets.exceptions.ConnectionClosed):
                    client.recv(timeout=LIMIT_S)
        wait_until(lambda: len(set(children(process.pid)) - set(first)) == 2)
        for path in paths:
            with wait_until(lambda path=path: connect_unix(path)) as client:
                client.send("y")
                hear(client, "y")


def test_uvicorn(tmp_path):
    command = ["-m", "uvicorn", "--port", "0", "fastapi_app:app"]
    with running(tmp_path, "fastapi_app.py", command=command) as process:
        web = int(said(tmp_path, r"running on http://127.0.0.1:(\d+)")[1])
        port = chat_port(process.pid, web)
        with connect(f"ws://127.0.0.1:{port}/chat") as client:
            client.send("x")
            assert client.recv(timeout=LIMIT_S).endswith(": x")
            request = urllib.request.Request(f"http://127.0.0.1:{web}/say?text=hello", method="POST")
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                assert answer.read() == b'{"seq":2}'
            hear(client, "hello")


def test_a_second_worker_has_no_port(tmp_path):
    """What the document says of `--workers 2`, without uvicorn's endless restarts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # On purpose: what the document says.
        program = PROGRAMS["fastapi_app.py"].replace("port=3000", f'address="127.0.0.1", port={taken.getsockname()[1]}')
        (tmp_path / "fastapi_app.py").write_text(program)
        ran = subprocess.run(
            [sys.executable, "-m", "uvicorn", "--port", "0", "fastapi_app:app"], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{tmp_path}"}, timeout=LIMIT_S,
        )  # fmt: skip
    assert ran.returncode != 0 and "AddressInUseError" in ran.stderr
