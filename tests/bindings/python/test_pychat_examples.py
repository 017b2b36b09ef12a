"""The examples do what they say; and the npm client of Socket.IO talks with one."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import urllib.request

import pytest
from pychat_support import LIMIT_S, SOURCE_DIR, connect, wait_until, wait_until_it_handles
from websockets.exceptions import ConnectionClosed, InvalidStatus

EXAMPLES = SOURCE_DIR / "examples" / "python"


class Example:
    """A running example; its lines are read as they come."""

    def __init__(self, name, *args):
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *map(str, args)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def read(self, pattern):
        for line in self.process.stdout:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"{pattern} did not come: {self.process.stderr.read()}")

    def end(self, number=signal.SIGTERM):
        wait_until_it_handles(self.process.pid, signal.SIGTERM)
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=LIMIT_S)
        # A busy machine may stop the process within a callback, which pychat notes.
        errors = re.sub(r"^\w+ took \d+ ms and blocked its event loop\n", "", errors, flags=re.MULTILINE)
        assert self.process.returncode == 0 and errors == "", errors
        return output


@contextlib.contextmanager
def example(name, *args):
    running = Example(name, *args)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def chat(port, query=""):
    return connect(f"ws://127.0.0.1:{port}/chat{query}")


def test_every_example_is_tried_and_short():
    text = open(__file__).read()
    for path in EXAMPLES.glob("*.py"):
        assert f'example("{path.name}"' in text, path.name
        assert len(path.read_text().splitlines()) < 120, path.name


def parent_that_every_account_may_enter():
    """The folder for temporary files, or /tmp when that one is root's alone."""
    parent = pathlib.Path(tempfile.gettempdir()).resolve()
    return parent if all(folder.stat().st_mode & stat.S_IXOTH for folder in (parent, *parent.parents)) else pathlib.Path("/tmp")


@pytest.fixture(scope="module")
def postgresql():
    """The connection string of a PostgreSQL of its own, on a UNIX socket."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    folders = [os.path.dirname(shutil.which("initdb") or ""), *sorted(map(str, pathlib.Path("/usr/lib/postgresql").glob("*/bin")))]
    binaries = next((folder for folder in reversed(folders) if folder and os.path.exists(f"{folder}/initdb")), None)
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    names = {entry.pw_name for entry in pwd.getpwall()}
    root = os.geteuid() == 0
    # The server refuses to run as root.
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody") if root else None
    as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    folder = tempfile.mkdtemp(prefix="libchat-pg-", dir=parent_that_every_account_may_enter() if account else None)
    data = f"{folder}/data"
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = None
    try:
        made = subprocess.run([f"{binaries}/initdb", "-D", data, "-U", "chat", "-A", "trust", "-N"], cwd=folder,
                              capture_output=True, text=True, **as_user)  # fmt: skip
        assert made.returncode == 0, made.stderr
        server = subprocess.Popen([f"{binaries}/postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-F"], cwd=folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)  # fmt: skip
        wait_until(lambda: os.path.exists(f"{data}/postmaster.pid") and "ready" in open(f"{data}/postmaster.pid").read())
        yield f"host={folder} user=chat dbname=postgres"
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(LIMIT_S)
        shutil.rmtree(folder, ignore_errors=True)


def test_history_postgresql(postgresql):
    def run(sent, first):
        with example("history_postgresql.py", postgresql, 0) as program:
            port = program.read(r"port (\d+)")[1]
            with connect(f"ws://127.0.0.1:{port}/chat.v1?room=dev") as ann:
                welcome = json.loads(ann.recv())
                ann.send(json.dumps({"type": "history", "ref": "h"}))
                kept = json.loads(ann.recv())["messages"]
                # A message of the first run, which is not published again.
                if first:
                    ann.send(json.dumps({"type": "send", "text": "one", "id": "id-one", "ref": "again"}))
                    answer = json.loads(ann.recv())
                    assert (answer["ref"], answer["seq"]) == ("again", 1), answer
                for text in sent:
                    ann.send(json.dumps({"type": "send", "text": text, "id": f"id-{text}", "ref": text}))
                    answers = [json.loads(ann.recv()) for _ in range(2)]
                    assert {answer["type"] for answer in answers} == {"ack", "message"}, answers
                args = [1, {"_placeholder": True, "num": 0}]
                ann.send(json.dumps({"type": "send", "event": "drawn", "args": args, "attachments": ["AAEC"], "ref": "a"}))
                assert {json.loads(ann.recv())["type"] for _ in range(2)} == {"ack", "message"}
            program.process.kill()  # without an end of its own
            program.process.wait(LIMIT_S)
        assert welcome["seq"] == first
        return welcome["epoch"], kept

    epoch, kept = run(["one", "two"], 0)
    assert kept == []
    second_epoch, kept = run(["three"], 3)
    assert second_epoch == epoch
    assert [message["seq"] for message in kept] == [1, 2, 3]
    assert [message.get("text") for message in kept[:2]] == ["one", "two"]
    assert kept[2]["event"] == "drawn" and kept[2]["attachments"] == ["AAEC"] and kept[2]["from"]["name"] == "guest-1"
    assert len(run([], 5)[1]) == 5


def test_history_postgresql_keeps_changes(postgresql):
    with example("history_postgresql.py", postgresql, 0) as program:
        port = program.read(r"port (\d+)")[1]
        with connect(f"ws://127.0.0.1:{port}/chat.v1?room=changes") as ann:
            assert json.loads(ann.recv())["seq"] == 0

            def ask(**command):
                ann.send(json.dumps({**command, "ref": "r"}))
                answers = [json.loads(ann.recv()) for _ in range(2)]
                assert {answer["type"] for answer in answers} == {"ack", command["type"].replace("send", "message")}, answers

            ask(type="send", text="first secret")
            ask(type="send", text="second secret")
            ask(type="send", text="three")
            ask(type="edit", target=1, text="third secret")
            ask(type="edit", target=1, text="one")
            ask(type="react", target=2, reaction="secret")
            ask(type="delete", target=2)
            ask(type="react", target=3, reaction="+1")
        program.process.kill()  # without an end of its own
        program.process.wait(LIMIT_S)
    with example("history_postgresql.py", postgresql, 0) as program:
        port = program.read(r"port (\d+)")[1]
        with connect(f"ws://127.0.0.1:{port}/chat.v1?room=changes") as bob:
            assert json.loads(bob.recv())["seq"] == 8
            bob.send(json.dumps({"type": "react", "target": 3, "reaction": "+1", "ref": "r"}))
            assert {json.loads(bob.recv())["type"] for _ in range(2)} == {"ack", "react"}
            bob.send(json.dumps({"type": "history", "ref": "h"}))
            one, two, three = json.loads(bob.recv())["messages"]
            assert one["text"] == "one" and one["from"]["name"].startswith("guest-") and "edited" in one, one
            assert (two.get("text", ""), two["deleted"], two["seq"]) == ("", True, 2)
            assert three["text"] == "three" and [one["count"] for one in three["reactions"]] == [2], three
    import psycopg

    with psycopg.connect(postgresql) as database:
        rows = database.execute("SELECT message::text FROM message WHERE room = 'changes'").fetchall()
        assert len(rows) == 9 and not [row for (row,) in rows if "secret" in row]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_broadcast(number):
    with example("broadcast.py", 0) as program:
        port = program.read(r"port (\d+)")[1]
        with chat(port) as ann:
            ann.send("hello")
            assert ann.recv(timeout=LIMIT_S) == "hello"
            program.read("has come to lobby")
            program.read("in lobby: hello")
        program.read("has gone")
        program.end(number)


def test_asyncio_events():
    with example("asyncio_events.py", 0) as program:
        port = program.read(r"port (\d+)")[1]
        with chat(port) as ann:
            ann.send("/stats")
            assert [ann.recv(timeout=LIMIT_S), ann.recv(timeout=LIMIT_S)] == ["/stats", "1 messages so far"]
            program.read("has come")
        program.read("has gone after 1 messages")
        assert "1 messages in all" in program.end()


def test_moderate():
    with example("moderate.py", 0) as program:
        port = program.read(r"port (\d+)")[1]
        with chat(port, "?token=ann") as ann:
            for text in ["stupid", "why?", "well"]:
                ann.send(text)
            assert [ann.recv(timeout=LIMIT_S) for _ in range(3)] == ["please be kind", "why? (asked by Ann)", "well"]
        with pytest.raises((ConnectionClosed, InvalidStatus)):
            with chat(port, "?token=mallory") as mallory:
                mallory.recv(timeout=LIMIT_S)
        program.end()


def test_aiohttp_app():
    with example("aiohttp_app.py", 0, 0) as program:
        port = program.read(r"chat on port (\d+)")[1]
        web = program.read(r"(http://127\.0\.0\.1:\d+)")[1]
        with chat(port) as ann:
            ann.send("hello")
            assert ann.recv(timeout=LIMIT_S) == "hello"
            with urllib.request.urlopen(f"{web}/rooms/lobby", b"the oven is hot", timeout=LIMIT_S) as response:
                assert json.load(response) == {"seq": 2}
            assert ann.recv(timeout=LIMIT_S) == "the oven is hot"
            with urllib.request.urlopen(f"{web}/rooms/lobby", timeout=LIMIT_S) as response:
                assert [item["text"] for item in json.load(response)] == ["hello", "the oven is hot"]
        program.end()


NPM_CLIENT = """
import { io } from 'socket.io-client';
const socket = io(process.argv[1], { reconnection: false });
socket.on('chat message', (text) => {
  socket.disconnect();
  console.log(JSON.stringify({ text }));
});
socket.on('connect', () => socket.emit('chat message', 'from npm'));
socket.on('connect_error', (error) => { console.error(error.message); process.exit(1); });
"""


@pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCE_DIR / "tests/js/node_modules/socket.io-client").exists(),
    reason="npm ci --prefix tests/js has not been run",
)
def test_the_npm_client_of_socket_io():
    with example("broadcast.py", 0) as program:
        port = program.read(r"port (\d+)")[1]
        result = subprocess.run(
            ["node", "--input-type=module", "-e", NPM_CLIENT, f"http://127.0.0.1:{port}"],
            cwd=SOURCE_DIR / "tests" / "js", capture_output=True, text=True, timeout=LIMIT_S,
        )  # fmt: skip
        assert (result.returncode, json.loads(result.stdout)) == (0, {"text": "from npm"}), result.stderr
        program.read("in lobby: from npm")
        program.read("has gone")
        program.end()


@pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCE_DIR / "tests/js/node_modules/playwright-core").exists(),
    reason="npm ci --prefix tests/js has not been run",
)
def test_the_socket_io_page():
    """examples/socket-io-page/server.py, with the page in a browser: the test that its C and C++ twins have."""
    result = subprocess.run(
        ["node", "--test", "--test-reporter=tap", "tests/js/socket_io_page.test.mjs"],
        cwd=SOURCE_DIR, env=os.environ | {"CHAT_PYTHON": sys.executable, "CHAT_SOURCE_DIR": str(SOURCE_DIR)},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "server.py: the page in two tabs" in result.stdout
