r"""Reads what a document shows of the wire, and has the same exchange with a running server.

A block begins with its kind and the name of its connection. Its lines begin with C: for what the client sends, and S: for what the
server sends:

    ```http ann         HTTP. The lines of a head end with CR LF. After the head, a line's end in the document is not on the wire
    ```frames ann       one message of a WebSocket per line. Frames are masked and unmasked here
    ```stomp ann        frames of STOMP, each in one message of a WebSocket. ^@ is the NUL at the end of a frame
    ```hex ann          bytes in hexadecimal; 61{5} is five times 61, and what follows a # is a comment

In what is not a head, \r, \n, \t, \0 and \x1e are bytes as in C, \{40 space} is 40 spaces and \{40 h} 40 times h. A block with a new name
opens a connection, and a later block with that name continues it until the next heading of the second level. A block `sh` with a
command of chatd starts that server.

What differs each time is masked by RULES. What the server sent replaces what the document shows in later lines of the client.

    exchanges.py DOCUMENT...      makes the exchanges with chatd and writes what the server sends into the documents
"""

import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile

from support import BINARY, TEXT, Chatd, Raw, frame, scaled_ms

# What differs each time, by name: group 1 of the expression. The documents list these names.
RULES = {
    "epoch": r'(?:"epoch":"|epoch:|id: |Last-Event-ID: |message-id:)([0-9a-z]{12})\b',
    "time": r'(?:"time":|timestamp:)([0-9]{13})\b',
    "sid": r'(?:"sid":"|[?&]sid=)([\w-]{20})(?![\w-])',
    "entropy": r'"entropy":([0-9]+)',
    "etag": r'(?:ETag|If-None-Match): ("[^"]*"|W/"[^"]*")',
    "length": r"Content-Length: ([0-9]+)",  # not skipped: check_lengths() compares it with the body
}

ESCAPES = {"\\": "\\", "r": "\r", "n": "\n", "t": "\t", "0": "\0"}


class Fault(AssertionError):
    pass


class Block:
    def __init__(self, kind, name, text, begin):
        self.kind, self.name, self.text, self.begin = kind, name, text, begin


def blocks_of(text):
    """All fenced blocks in order, and the headings of the second level as blocks of the kind "chapter"."""
    blocks = []
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$|^## ([^\n]*)$", text, re.MULTILINE | re.DOTALL):
        if match[3] is not None:
            blocks.append(Block("chapter", "", match[3], match.start(3)))
        else:
            blocks.append(Block(*(match[1].split() + ["", ""])[:2], match[2], match.start(2)))
    return blocks


def turns_of(block):
    """(who, lines) of each run of lines of one side."""
    turns = []
    for line in block.text.splitlines():
        if not re.match(r"[CS]:( |$)", line):
            raise Fault(f"the line does not begin with C: or S:\n{line}")
        who, rest = line[0], line[3:]
        if turns and turns[-1][0] == who:
            turns[-1][1].append(rest)
        else:
            turns.append((who, [rest]))
    return turns


def unescape(text):
    text = re.sub(r"\\\{(\d+) (space|.)\}", lambda match: match[2].replace("space", " ") * int(match[1]), text)
    text = re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", lambda match: ESCAPES[match[1]], text)


def escape(text):
    text = re.sub(r"[\\\r\n\t\0]", lambda match: "\\" + {v: k for k, v in ESCAPES.items()}[match[0]], text)
    text = re.sub(r"([ \w])\1{39,}", lambda match: f"\\{{{len(match[0])} {match[1].replace(' ', 'space')}}}", text)
    return re.sub(r"[\x01-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text)


def http_text(lines):
    """The text on the wire of the lines of an http block."""
    if not re.search(r"^HTTP/1\.1 | HTTP/1\.1$", lines[0]):
        return unescape("".join(lines))
    head = lines.index("") if "" in lines else len(lines)
    end = "\r\n\r\n" if "" in lines else "\r\n"
    return "\r\n".join(lines[:head]) + end + unescape("".join(lines[head + 1 :]))


def http_lines(text):
    """The lines of an http block that show this."""
    lines, body = [], text
    if text.startswith("HTTP/1.1 "):
        head, _, body = text.partition("\r\n\r\n")
        lines = [*head.split("\r\n"), ""]
        if re.search(r"^Transfer-Encoding: chunked\r?$", head, re.MULTILINE):
            return lines + chunk_lines(body)
    elif re.match(r"[0-9a-f]+\r\n", text):
        return chunk_lines(text)
    return lines + body_lines(body)


def body_lines(body):
    return [escape(part) for part in re.findall(r"[^\n]*\n|[^\n]+$", body)]


def chunk_lines(body):
    lines = []
    while body:
        size, _, rest = body.partition("\r\n")
        length = len(rest.encode()[: int(size, 16)].decode())
        lines += [escape(size + "\r\n"), *body_lines(rest[:length]), "\\r\\n"]
        if not rest[:length]:
            break
        body = rest[length + 2 :]
    return lines


def parts_that_differ(text):
    """(begin, end, rule) of each, in order."""
    spans = []
    for name, expression in RULES.items():
        spans += [(*match.span(1), name) for match in re.finditer(expression, text)]
    return sorted(spans)


class Values:
    """What the server sent in the place of what the document shows."""

    def __init__(self):
        self.actual = {}

    def pattern(self, shown):
        """A regular expression for what the server may send, and the rule and shown value of each of its groups."""
        expression, groups, end = "", [], 0
        for begin, after, rule in parts_that_differ(shown):
            expression += re.escape(shown[end:begin]) + f"({self._form(rule)})"
            groups.append((rule, shown[begin:after]))
            end = after
        return re.compile(expression + re.escape(shown[end:]), re.DOTALL), groups

    @staticmethod
    def _form(rule):
        inner = re.search(r"\((?!\?)(.*)\)", RULES[rule]).group(1)
        return inner.split(")")[0] if rule != "etag" else inner

    def learn(self, groups, match):
        for (rule, shown), actual in zip(groups, match.groups()):
            if rule == "length":
                continue
            if self.actual.setdefault((rule, shown), actual) != actual:
                raise Fault(f"{rule}: the document shows {shown} for {self.actual[rule, shown]} and for {actual}")

    def replace(self, text):
        for begin, end, rule in reversed(parts_that_differ(text)):
            text = text[:begin] + self.actual.get((rule, text[begin:end]), text[begin:end]) + text[end:]
        return text


class Player:
    """Has the exchanges of a document. With capture, what the server sends is not compared but collected."""

    def __init__(self, start_chatd, folder, capture=False):
        self.start_chatd, self.folder, self.capture = start_chatd, folder, capture
        self.connections, self.values, self.server = {}, Values(), None
        self.captured, self.latest = [], {}  # (block, its new text); the latest value of each rule
        self.counts = {"http": 0, "frames": 0, "stomp": 0, "hex": 0}

    def play(self, text):
        for block in blocks_of(text):
            if block.kind == "html" and not (self.folder / "index.html").exists():
                (self.folder / "index.html").write_text(block.text)
            elif block.kind == "chapter":
                self._close()
            elif block.kind == "sh" and block.text.startswith("chatd "):
                self._start(shlex.split(block.text.replace("--www www", f"--www {self.folder}")))
            elif block.kind in self.counts:
                self.counts[block.kind] += 1
                try:
                    self._run(block)
                except (AssertionError, OSError) as fault:
                    raise Fault(f"{block.kind} {block.name}:\n{block.text}\n{fault}") from fault
        self._close()

    def _start(self, command):
        self._close()
        arguments = [word for at, word in enumerate(command[1:]) if "--port" not in (word, command[at])]
        # On a busy machine a session may wait long for its next request. This is not seen on the wire.
        self.server = self.start_chatd(*arguments, "--sockjs-disconnect-delay-ms", scaled_ms(60_000))

    def _close(self):
        """Nothing that was read is left over when a chapter ends."""
        for name, connection in self.connections.items():
            if connection.pending:
                raise Fault(f"{name}: the document does not show {connection.pending!r}")
            connection.close()
        self.connections = {}

    def _connection(self, name):
        if not name:
            raise Fault("the block names no connection")
        if name not in self.connections:
            self.connections[name] = Raw(self.server)
        return self.connections[name]

    def _run(self, block):
        connection = self._connection(block.name)
        shown = []
        for who, lines in turns_of(block):
            if who == "C":
                if self.capture:
                    lines = [self._fill(line) for line in lines]
                shown += [f"C: {line}".rstrip() for line in lines]
                getattr(self, f"_send_{block.kind}")(connection, lines)
            elif self.capture:
                shown += [f"S: {line}".rstrip() for line in self._capture(block.kind, connection, lines)]
            else:
                getattr(self, f"_expect_{block.kind}")(connection, lines)
        if who == "C":
            self._settle()
        self.captured.append((block, "".join(line + "\n" for line in shown)))

    def _settle(self):
        """The server has read what was sent before: it has answered other connections since."""
        for _ in range(3):
            connection = Raw(self.server)
            assert connection.request("GET", "/healthz").status == 200
            connection.close()

    # Writing a document ----------------------------------------------------------------------------------------------

    def _capture(self, kind, connection, lines):
        """The lines to show."""
        connection.pending = read_until_quiet(connection)
        if kind == "hex" and lines != ["?"] and connection.pending == hex_bytes(lines):
            connection.pending = b""
            return lines  # with their comments
        text = connection.pending.decode(errors="replace")
        for begin, end, rule in parts_that_differ(text):
            if not (rule == "sid" and text[:begin].endswith('40{"sid":"')):
                self.latest[rule] = text[begin:end]
        return getattr(self, f"_show_{kind}")(connection)

    def _fill(self, line):
        """In a line of the client, the latest value of each rule: SID, EPOCH or ETAG in a new block."""
        line = re.sub(r"\b(SID|EPOCH|ETAG)\b", lambda match: self.latest[match[0].lower()], line)
        for begin, end, rule in reversed(parts_that_differ(line)):
            if rule != "length":
                line = line[:begin] + self.latest[rule] + line[end:]
        return line

    # HTTP ------------------------------------------------------------------------------------------------------------

    def _send_http(self, connection, lines):
        text = http_text(lines)
        length = re.search(r"^Content-Length: (\d+)\r", text, re.MULTILINE)
        body = self.values.replace(text.partition("\r\n\r\n")[2])
        if length and int(length[1]) != len(body.encode()):
            raise Fault(f"Content-Length should be {len(body.encode())}")
        connection.send(self.values.replace(text).encode())

    def _expect_http(self, connection, lines):
        wanted = http_text(lines)
        pattern, groups = self.values.pattern(wanted)
        received = self._read_like(connection, len(wanted.encode()), pattern)
        self.values.learn(groups, pattern.fullmatch(received))
        check_lengths(wanted)
        check_lengths(received)

    @staticmethod
    def _read_like(connection, size, pattern):
        """What differs has the same length for the most part: reads as much as is shown, and then until it fits."""
        try:
            while len(connection.pending) < size and not pattern.match(decoded(connection.pending)):
                connection._receive()
        except Exception as problem:
            raise Fault(f"{problem}, after {connection.pending!r}") from problem
        text = decoded(connection.pending)
        match = pattern.match(text)
        if not match:
            raise Fault(f"the server sends\n{escape(text)}")
        connection.pending = text[match.end() :].encode(errors="surrogateescape")
        return match[0]

    @staticmethod
    def _show_http(connection):
        received, connection.pending = connection.pending, b""
        if received.startswith(b"HTTP/1.1 101 "):
            head, end, connection.pending = received.partition(b"\r\n\r\n")
            received = head + end
        return http_lines(received.decode())

    # WebSocket -------------------------------------------------------------------------------------------------------

    def _send_frames(self, connection, lines):
        for line in lines:
            binary = re.fullmatch(r"\(bytes\) ((?:[0-9a-f]{2} ?)+)", line)
            payload = bytes.fromhex(binary[1]) if binary else self.values.replace(unescape(line)).encode()
            connection.send(frame(BINARY if binary else TEXT, payload))

    def _expect_frames(self, connection, lines):
        for line in lines:
            opcode, payload = self._next_frame(connection)
            if opcode == BINARY:
                received = f"(bytes) {payload.hex(' ')}"
                if received != line:
                    raise Fault(f"the server sends\n{received}")
                continue
            pattern, groups = self.values.pattern(unescape(line))
            match = pattern.fullmatch(payload.decode())
            if not match:
                raise Fault(f"the server sends\n{escape(payload.decode())}")
            self.values.learn(groups, match)

    @staticmethod
    def _next_frame(connection):
        opcode, payload = connection.read_frame()
        if opcode not in (TEXT, BINARY):
            raise Fault(f"the server sends a frame with opcode {opcode}")
        return opcode, payload

    def _show_frames(self, connection):
        shown = []
        while connection.pending:
            opcode, payload = self._next_frame(connection)
            shown.append(f"(bytes) {payload.hex(' ')}" if opcode == BINARY else escape(payload.decode()))
        return shown

    def _send_stomp(self, connection, lines):
        for text in stomp_frames(lines):
            connection.send(frame(TEXT, self.values.replace(text).encode()))

    def _expect_stomp(self, connection, lines):
        for text in stomp_frames(lines):
            _, payload = self._next_frame(connection)
            pattern, groups = self.values.pattern(text)
            match = pattern.fullmatch(payload.decode())
            if not match:
                raise Fault(f"the server sends\n{payload.decode()}")
            self.values.learn(groups, match)

    def _show_stomp(self, connection):
        text = ""
        while connection.pending:
            text += self._next_frame(connection)[1].decode().replace("\0", "^@") + "\n"
        return text.splitlines()

    def _send_hex(self, connection, lines):
        connection.send(hex_bytes(lines))

    def _expect_hex(self, connection, lines):
        wanted = hex_bytes(lines)
        received = connection.read(len(wanted))
        if received != wanted:
            raise Fault(f"the server sends\n{received.hex(' ')}")

    @staticmethod
    def _show_hex(connection):
        received, connection.pending = connection.pending, b""
        return [received[at : at + 16].hex(" ") for at in range(0, len(received), 16)]


def stomp_frames(lines):
    return [frame.lstrip("\n").replace("^@", "\0") for frame in re.findall(r"[^^]*\^@", "\n".join(lines))]


def hex_bytes(lines):
    text = "".join(line.split("#")[0] for line in lines)
    return bytes.fromhex(re.sub(r"([0-9a-f]{2})\{(\d+)\}", lambda match: match[1] * int(match[2]), text))


def decoded(received):
    """As text, whatever follows it: the first frames of a WebSocket may arrive with the head."""
    return received.decode(errors="surrogateescape")


def check_lengths(text):
    """Content-Length is the length of the body, and each chunk is as long as it says."""
    head, _, body = text.partition("\r\n\r\n") if text.startswith("HTTP/1.1 ") else ("", "", text)
    length = re.search(r"^Content-Length: (\d+)\r?$", head, re.MULTILINE)
    if length and int(length[1]) != len(body.encode()) and " 304 " not in head:
        raise Fault(f"the body has {len(body.encode())} bytes:\n{text}")
    if not length and re.match(r"[0-9a-f]+\r\n", body):
        rest = body.encode()
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            if rest[int(size, 16) :][:2] != b"\r\n":
                raise Fault(f"a chunk does not end after {size} bytes:\n{text}")
            rest = rest[int(size, 16) + 2 :]


def read_until_quiet(connection):
    connection.socket.settimeout(0.4)  # On purpose: only to write a document, never in a test.
    try:
        while True:
            connection._receive()
    except (TimeoutError, socket.timeout):
        pass
    except Exception as end:  # the server has closed
        if "1006" not in str(end):
            raise
    data, connection.pending = connection.pending, b""
    return data


def programs_of(text):
    """(program, what it prints, where that is shown) of each Python program that is followed by its output."""
    for match in re.finditer(r"^```python\n(.*?)^```\n\n```output\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield match[1], match[2], match.span(2)


def output_of(program):
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def main():

    for name in sys.argv[1:]:
        path, servers = pathlib.Path(name), []

        def start(*args):
            servers.append(Chatd(*args))
            return servers[-1]

        text = path.read_text()
        with tempfile.TemporaryDirectory() as folder:
            player = Player(start, pathlib.Path(folder), capture=True)
            try:
                player.play(text)
            finally:
                for server in servers:
                    server.finish()
        for block, shown in reversed(player.captured):
            text = text[: block.begin] + shown + text[block.begin + len(block.text) :]
        for program, _, (begin, end) in reversed(list(programs_of(text))):
            text = text[:begin] + output_of(program) + text[end:]
        path.write_text(text)


if __name__ == "__main__":
    main()
