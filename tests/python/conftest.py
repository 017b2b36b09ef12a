"""Fixtures: what a test starts here is ended, checked and cleaned up behind it."""

import signal

import pytest
from cluster_support import Redis, Talker, Way, opener
from support import TEXT, Chatd, Program, Raw

# Under nohup or in the background these are ignored, and every program that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start_program():
    """Starts a program of ours; it must end with its expected code, and no sanitizer may object."""
    programs = []

    def start(name, *args, **options):
        program = Program(name, *args, **options)
        programs.append(program)
        return program

    yield start
    finish_all(programs)


@pytest.fixture
def start_chatd():
    servers = []

    def start(*args, **options):
        server = Chatd(*args, **options)
        servers.append(server)
        return server

    yield start
    finish_all(servers)


def finish_all(programs):
    problems = []
    for program in programs:
        try:
            program.finish()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def raw():
    """Opens bare connections."""
    connections = []

    def open_connection(server, **options):
        connection = Raw(server, **options)
        connections.append(connection)
        return connection

    yield open_connection
    for connection in connections:
        connection.close()


@pytest.fixture
def websocket(raw):
    """Opens bare connections, upgrades them and waits until they hear what is said in their room."""

    def open_websocket(server, target="/chat", headers=(), **options):
        connection = raw(server, **options)
        response = connection.upgrade(target, headers)
        assert response.status == 101, response.status
        connection.settle()
        return connection

    return open_websocket


@pytest.fixture
def still_chats(websocket):
    """Shows that the server is well: two clients talk in a room of their own."""

    def check(server):
        ann = websocket(server, "/chat?room=still-well")
        bob = websocket(server, "/chat?room=still-well")
        ann.send_text("are you there?")
        assert bob.read_frame() == (TEXT, b"are you there?")
        assert ann.read_frame() == (TEXT, b"are you there?")
        ann.close()
        bob.close()

    return check


@pytest.fixture
def redis():
    """A Redis of its own."""
    server = Redis()
    yield server
    server.end()


@pytest.fixture
def talk():
    """Opens clients of chat.v1."""
    with opener(Talker) as open_talker:
        yield open_talker


@pytest.fixture
def way(redis):
    """Makes a way to the Redis."""
    ways = []

    def make():
        ways.append(Way(redis.port))
        return ways[-1]

    yield make
    for one in ways:
        one.end()
