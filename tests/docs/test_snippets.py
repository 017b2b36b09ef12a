#!/usr/bin/env python3
"""Holds the documents to their word: every program that they show, in C, C++ and Python, is taken out as it stands there, built,
started, talked to by a WebSocket client, and ended as its reader would end it. Only the port in it becomes any free one.

    test_snippets.py --cc CC --cxx CXX --library LIBCHAT_SO [--sanitize SANITIZERS] SOURCE_DIR
    test_snippets.py --pychat FOLDER SOURCE_DIR       those in Python; FOLDER is where to import pychat from

Pages are tests/js/snippets.test.mjs's.
"""

import argparse
import base64
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

# How long to wait for what must come. A passing test never uses it up; scripts/test sets it higher on a busy machine.
LIMIT_S = int(os.environ.get("CHAT_TEST_LIMIT_S", 60))
DOCUMENTS = ("README.md", "README.ko.md", "docs/getting-started.md", "docs/cpp.md", "docs/pychat.md", "docs/how-it-works.md")
# What must be there: a document that loses its program has lost what this is for.
EXPECTED = {
    "README.md": {"c": 1, "cpp": 1, "python": 1},
    "README.ko.md": {"c": 1, "cpp": 1, "python": 1},
    "docs/cpp.md": {"cpp": 1},
    "docs/getting-started.md": {"c": 1, "cpp": 1, "python": 2},
    "docs/how-it-works.md": {"c": 1, "python": 1},
}


class Fault(Exception):
    pass


def programs(text):
    """(language, program) of each fenced block that is a whole program."""
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language in ("c", "cpp") and "main(" in block and "3000" in block:
            yield language, block
        if language == "python" and re.search(r"^(import|from) ", block, re.MULTILINE) and "port=3000" in block:  # On purpose: what the documents say.
            yield language, block


def with_any_port(program):
    changed, count = re.subn(r"(port\s*=\s*)3000\b", r"\g<1>0", program)
    if count != 1:
        raise Fault(f"it should set the port 3000 once, and does so {count} times")
    return changed


def build(options, language, program, folder):
    source = folder / ("chat.c" if language == "c" else "chat.cpp")
    source.write_text(program)
    executable = folder / "chat"
    compiler, standard = (options.cc, "c99") if language == "c" else (options.cxx, "c++17")
    command = [compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    if options.sanitize:
        command.append(f"-fsanitize={options.sanitize}")
        if "clang" in pathlib.Path(compiler).name:
            # libchat.so looks for it in the executable.
            command += ["-fsanitize-link-c++-runtime", "-Wl,--no-as-needed", "-lstdc++"]
    command += [f"-I{options.source_dir / 'capi' / 'include'}", f"-I{options.source_dir / 'bindings' / 'cpp'}"]
    command += [str(source), "-o", str(executable), str(options.library), f"-Wl,-rpath,{options.library.parent}"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    if compiled.returncode != 0 or compiled.stderr:
        raise Fault(f"it does not compile without complaint:\n{compiled.stderr}")
    return executable


def listening_port(pid):
    """Of a process that listens on one TCP port; None while it does not."""
    inodes = set()
    try:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.update(re.findall(r"^socket:\[(\d+)\]$", os.readlink(link)))
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return None
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                return int(words[1].rsplit(":", 1)[1], 16)
    return None


def wait_until_listening(process):
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        port = listening_port(process.pid)
        if port is not None:
            return port
        if process.poll() is not None:
            raise Fault(f"it ends with {process.returncode} before it listens")
        time.sleep(0.02)  # On purpose: between two looks.
    raise Fault("it does not listen")


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise Fault("the connection ended")
        data += part
    return data


def hears_itself(port):
    """A plain client says something to its room, and hears that (RFC 6455)."""
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            (
                f"GET /chat HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive(connection, 1)
        if b" 101 " not in head.splitlines()[0]:
            raise Fault(f"a WebSocket client is answered {head.splitlines()[0]!r}")
        text, mask = b"is anybody here?", os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        connection.sendall(struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + masked)
        heard = b""
        while heard != text:  # after greetings, if the program has some
            first, size = receive(connection, 2)
            heard = receive(connection, size) if size < 126 else b""
            if first != 0x81:
                raise Fault(f"a frame that begins with {first:#x} came back")


def run(command, environment, ends_by_signal, may_be_interrupted):
    # Some programs serve the files of this folder.
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "public").mkdir()
        environment = {**os.environ, **environment}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env=environment, cwd=folder
        )
        try:
            hears_itself(wait_until_listening(process))
            if ends_by_signal:
                process.send_signal(signal.SIGINT)
            else:
                process.stdin.write(b"\n")
                process.stdin.flush()
            code = process.wait(LIMIT_S)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if may_be_interrupted and "KeyboardInterrupt" in said:
        return
    if code != 0 or said:
        raise Fault(f"it ends with {code} and says:\n{said}")


def check(options, language, program):
    program = with_any_port(program)
    if language == "python":
        # asyncio.run() passes Ctrl-C on as Python does.
        run([sys.executable, "-c", program], {"PYTHONPATH": os.path.abspath(options.pychat)}, True, "asyncio.run" in program)
        return
    with tempfile.TemporaryDirectory() as folder:
        run([str(build(options, language, program, pathlib.Path(folder)))], {}, False, False)


def main():
    parser = argparse.ArgumentParser(description="Builds, runs and talks to the programs that the documents show.")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--library", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--sanitize", default="")
    parser.add_argument("--pychat", default="")
    parser.add_argument("source_dir", type=lambda path: pathlib.Path(path).resolve())
    options = parser.parse_args()
    if bool(options.library) == bool(options.pychat):
        parser.error("either --library or --pychat")
    languages = ("python",) if options.pychat else ("c", "cpp")
    faults = 0
    for name in DOCUMENTS:
        counts = {}
        for language, program in programs((options.source_dir / name).read_text()):
            counts[language] = counts.get(language, 0) + 1
            try:
                if language in languages:
                    check(options, language, program)
            except (Fault, OSError, SyntaxError, subprocess.TimeoutExpired) as fault:
                faults += 1
                print(f"FAILED: {name}, {language} program {counts[language]}: {fault}", file=sys.stderr)
        if counts != EXPECTED.get(name, counts):
            faults += 1
            print(f"FAILED: {name} should show {EXPECTED[name]} and shows {counts}", file=sys.stderr)
        print(f"{name}: {counts}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
