"""Clients of the HTTP interface, made of bare bytes: single requests, and streams of Server-Sent Events."""

import json

from support import Closed, Response


def start_testd(start_program, *settings):
    """testd on a free port. It ends when its input ends."""
    testd = start_program("testd", *settings)
    testd.end_gently = testd.process.stdin.close
    testd.host = "127.0.0.1"
    testd.port = json.loads(testd.take_line(lambda line: '"listening"' in line))["port"]
    return testd


def event_of(testd, type, **wanted):
    """The next event of a type that has these values."""

    def fits(line):
        event = json.loads(line)
        return event["type"] == type and all(event.get(name) == value for name, value in wanted.items())

    return json.loads(testd.take_line(fits))


def command(testd, *words):
    """Runs a command of testd and returns the result's error, "OK" when there is none."""
    testd.process.stdin.write("\t".join(map(str, words)) + "\n")
    testd.process.stdin.flush()
    return event_of(testd, "result", command=words[0])["error"]


class Http:
    """Single requests, each on a connection of its own unless one is given."""

    def __init__(self, server, raw, **options):
        self.server = server
        self.raw = raw
        self.options = options

    def open(self):
        return self.raw(self.server, **self.options)

    def get(self, target, *headers, method="GET", connection=None):
        return (connection or self.open()).request(method, target, headers)

    def post(self, body, *headers, room="dev", type="text/plain", target=None, connection=None):
        body = body if isinstance(body, bytes) else body.encode()
        headers = [("Content-Length", len(body)), *headers]
        if type is not None:
            headers.append(("Content-Type", type))
        return (connection or self.open()).request("POST", target or f"/rooms/{room}/messages", headers, body)

    def send_json(self, value, *headers, **options):
        return self.post(json.dumps(value), *headers, type="application/json", **options)

    def say(self, text, **options):
        """Publishes a text and returns its seq."""
        answer = self.post(text, **options)
        assert answer.status == 201, (answer.status, answer.body)
        return json.loads(answer.body)["seq"]

    def history(self, query="", room="dev"):
        answer = self.get(f"/rooms/{room}/messages{query}")
        assert answer.status == 200, (answer.status, answer.body)
        return json.loads(answer.body)

    def texts(self, query="", room="dev"):
        return [message["text"] for message in self.history(query, room)["messages"]]


def problem(answer):
    """Status and code of an error. Checks that it is a problem document (RFC 9457)."""
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    assert answer.headers["cache-control"] == "no-store"
    document = json.loads(answer.body)
    assert document["type"] == "about:blank"
    assert document["status"] == answer.status
    assert document["title"], document
    return answer.status, document["code"]


class Event:
    def __init__(self, name, data, id):
        self.name = name
        self.data = data
        self.id = id

    @property
    def json(self):
        return json.loads(self.data)


class EventStream:
    """Reads a stream as the HTML standard says, and keeps the last id."""

    def __init__(self, connection, target, *headers, version="1.1"):
        self.connection = connection
        lines = [f"GET {target} HTTP/{version}", f"Host: {connection.host}", *(f"{n}: {v}" for n, v in headers), "", ""]
        connection.send("\r\n".join(lines))
        self.response = connection.response()
        self.chunked = self.response.headers.get("transfer-encoding") == "chunked"
        self.text = b""
        self.whole = b""
        self.last_id = ""
        self.comments = []
        self.retry = None
        self.ended = False

    def _read_more(self):
        if not self.chunked:
            if not self.connection.pending:
                self.connection._receive()
            data, self.connection.pending = self.connection.pending, b""
        else:
            size = int(self.connection.read_until(b"\r\n"), 16)
            data = self.connection.read(size)
            assert self.connection.read(2) == b"\r\n"
            if size == 0:
                self.ended = True
                raise Closed(1006)
        self.text += data
        self.whole += data

    def _line(self):
        while b"\n" not in self.text:
            self._read_more()
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def next(self, name=None):
        """The next event, or the next one with this name. Raises Closed at the end."""
        while True:
            event = self._next()
            if name is None or event.name == name:
                return event

    def _next(self):
        name, data = "message", []
        while True:
            line = self._line()
            if line == "":
                if data:
                    return Event(name, "\n".join(data), self.last_id)
                continue
            if line.startswith(":"):
                self.comments.append(line[1:])
                continue
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(line)

    def comment(self):
        """Waits for a comment that no event comes before."""
        while True:
            line = self._line()
            if line.startswith(":"):
                return line
            assert line == "" or line.startswith("retry:"), line

    def texts(self, count):
        return [self.next("message").json["text"] for _ in range(count)]

    def read_to_end(self):
        """All events until the stream ends."""
        events = []
        try:
            while True:
                events.append(self._next())
        except Closed:
            return events

    @property
    def error(self):
        """Status and code, when the answer is no stream."""
        return problem(Response(self.response.status, self.response.headers, self.response.body))
