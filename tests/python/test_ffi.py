"""The programs of docs/ffi.md, each in a language that calls chat.h by its own means: built, run, and talked to by a client. A
program whose tool chain is missing is skipped. scripts/ffi installs the tool chains and runs all of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from support import BUILD_DIR, LIMIT_S, SOURCE_DIR, Program, connect

EXAMPLES = SOURCE_DIR / "examples" / "ffi"
DOCUMENT = SOURCE_DIR / "docs" / "ffi.md"
LIBRARY_DIR = BUILD_DIR / "lib"
HEADER_DIR = SOURCE_DIR / "capi" / "include"
# What scripts/ffi has installed.
TOOLS = SOURCE_DIR / "build" / "ffi"
# To build in a language whose compiler is slow the first time.
BUILD_LIMIT_S = 10 * LIMIT_S

sanitized = re.search(r"^CHAT_SANITIZE:STRING=.", (BUILD_DIR / "CMakeCache.txt").read_text(), re.MULTILINE)
pytestmark = [
    pytest.mark.skipif(bool(sanitized), reason="a sanitized library needs a sanitized program"),
    pytest.mark.timeout(0),  # On purpose: a compiler takes as long as it takes; each step has a limit of its own.
]


def need(*names):
    """The path of the first of these commands that is installed."""
    for name in names:
        path = shutil.which(name, path=f"{TOOLS / 'bin'}:{os.environ['PATH']}")
        if path:
            return path
    pytest.skip(f"{names[0]} is not installed (scripts/ffi)")


def run(command, folder, env=None):
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=BUILD_LIMIT_S
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def write_declarations(folder):
    """By the command that the document gives."""
    command = re.search(r"^(cc -E .*) > chat_cdef\.h$", DOCUMENT.read_text(), re.MULTILINE).group(1)
    command = command.replace("$(pkg-config --variable=includedir libchat)", str(HEADER_DIR))
    (folder / "chat_cdef.h").write_text(run(command.split(), folder))


# How each is built in a folder that has a copy of its files; returns the command that runs it.


def build_ctypes(folder):
    return [sys.executable, "server.py"]


def build_cffi(folder):
    pytest.importorskip("cffi")
    write_declarations(folder)
    return [sys.executable, "server.py"]


def build_luajit(folder):
    luajit = need("luajit")
    write_declarations(folder)
    return [luajit, "server.lua"]


def build_csharp(folder):
    compiler, mono = need("mcs"), need("mono")
    run([compiler, "-warnaserror+", "Server.cs"], folder)
    return [mono, "Server.exe"]


def build_go(folder):
    go = need("go")
    # As pkg-config finds an installed one.
    (folder / "libchat.pc").write_text(
        f"Name: libchat\nDescription: libchat\nVersion: 0\nLibs: -L{LIBRARY_DIR} -lchat\nCflags: -I{HEADER_DIR}\n"
    )
    environment = {"PKG_CONFIG_PATH": str(folder), "GOTOOLCHAIN": "local"}
    run([go, "vet", "."], folder, environment)
    run([go, "build", "-o", "server", "."], folder, environment)
    return [folder / "server"]


def build_rust(folder):
    rustc = need("rustc")
    run([rustc, "-D", "warnings", "-L", LIBRARY_DIR, "server.rs"], folder)
    return [folder / "server"]


def build_zig(folder):
    zig = need("zig")
    (folder / "chat.zig").write_text(run([zig, "translate-c", "-lc", HEADER_DIR / "chat" / "chat.h"], folder))
    run([zig, "build-exe", "server.zig", "-L", LIBRARY_DIR, "-lc", "-lchat"], folder)
    return [folder / "server"]


def build_node(folder):
    node = need("node")
    modules = SOURCE_DIR / "tests" / "js" / "node_modules"
    if not (modules / "koffi").is_dir():
        pytest.skip("npm's package koffi is not installed (tests/js/package.json)")
    (folder / "node_modules").symlink_to(modules)
    return [node, "server.mjs"]


LANGUAGES = ("ctypes", "cffi", "luajit", "csharp", "go", "rust", "zig", "node")


@pytest.fixture
def start(tmp_path):
    started = []

    def start(language):
        folder = tmp_path / language
        shutil.copytree(EXAMPLES / language, folder)
        command = globals()[f"build_{language}"](folder)
        program = Program(*command, 0, env={"LD_LIBRARY_PATH": str(LIBRARY_DIR)}, cwd=folder)
        started.append(program)
        line = program.take_line()
        assert re.fullmatch(r"listening on port \d+", line), line
        return program, int(line.split()[-1])

    yield start
    for program in started:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()


def take(client, kind):
    """The next frame of this type; others may come before it."""
    while True:
        frame = json.loads(client.recv(LIMIT_S))
        if frame["type"] == kind:
            return frame


@pytest.mark.parametrize("language", LANGUAGES)
def test_program(language, start):
    program, port = start(language)
    with connect(f"ws://127.0.0.1:{port}/chat.v1", subprotocols=["chat.v1"]) as client:

        def say(text, ref):
            client.send(json.dumps({"type": "send", "text": text, "ref": ref}))

        # Often enough for a collector of garbage to run between two callbacks.
        for number in range(1, 101):
            say(f"h\u00e9llo \U0001f600 {number}", number)
            assert take(client, "ack")["ref"] == number
        assert program.take_line() == "lobby: h\u00e9llo \U0001f600 1"
        say("", 101)
        assert take(client, "ack")["ref"] == 101
        say("rude", 102)
        error = take(client, "error")
        assert (error["ref"], error["code"], error["reason"]) == (102, "forbidden", "be kind")
        say("/stop", 103)
        while (frame := json.loads(client.recv(LIMIT_S))).get("text") != "goodbye":
            assert frame["type"] in ("ack", "message") and frame.get("text") != "/stop", frame
        with pytest.raises(Exception) as closed:
            client.recv(LIMIT_S)
        assert closed.value.rcvd.code == 1001
    assert program.wait() == 0, program.errors
    assert not program.errors


def test_a_port_in_use_is_an_error_with_its_message(start):
    _, port = start("ctypes")
    second = subprocess.run(
        [sys.executable, EXAMPLES / "ctypes" / "server.py", str(port)],
        env={**os.environ, "LD_LIBRARY_PATH": str(LIBRARY_DIR)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert second.returncode == 1 and re.search(rf"\b{port}\b.*in use", second.stderr), second.stderr


def test_functions_take_nothing_that_foreign_calls_cannot_pass():
    abi = (SOURCE_DIR / "capi" / "libchat.abi").read_text()
    structures = re.findall(r"^struct (\w+):", abi, re.MULTILINE)
    functions = re.findall(r"^\w[\w *]*\bchat_\w+\(.*\)$", abi, re.MULTILINE)
    assert len(structures) > 10 and len(functions) > 40
    by_value = re.compile(rf"\b({'|'.join(structures)})\b(?! \*)")
    assert not [function for function in functions if "..." in function or by_value.search(function)]
    assert set(re.findall(r"^enum \w+: (\d+) bytes", abi, re.MULTILINE)) == {"4"}


def blocks():
    return re.findall(r"^<!-- (examples/ffi/\S+) -->\n```\w+\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def test_the_document_quotes_the_programs():
    quoted = dict(blocks())
    sources = {str(path.relative_to(SOURCE_DIR)) for path in EXAMPLES.glob("*/[sS]erver.*")}
    assert set(quoted) == sources and len(sources) == len(LANGUAGES)
    for path, text in quoted.items():
        assert text == (SOURCE_DIR / path).read_text(), f"docs/ffi.md does not quote {path} as it is"

