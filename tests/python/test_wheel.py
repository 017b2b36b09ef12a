"""The wheel that scripts/wheel builds, in an environment with nothing else: that it works where the system has none of the
libraries it carries, uses its own where the system has them, and stands beside Python's own OpenSSL in one process."""

import asyncio
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tarfile
import urllib.request
import zipfile

import pytest
from support import LIMIT_S, SOURCE_DIR
from websockets.asyncio.client import connect

# What is not in manylinux and so has to come along; libwebsockets is inside of libchat.
CARRIED = {"libuv", "libcjson", "libssl", "libcrypto", "libsqlite3", "libhiredis"}
# Python's own ssl, where it is not built in, has the system's.
OF_PYTHON = {"libssl", "libcrypto"}
# The names under which a system would have them, or what they would load.
SYSTEM_LIBRARY = re.compile(r"^lib(websockets|uv|cjson|ssl|crypto|prometheus-cpp|sqlite3|hiredis|chat)\b.*\.so")

# scripts/setup installs it, where npm is.
HAS_SOCKET_IO_CLIENT = (SOURCE_DIR / "packaging/socket.io-client/node_modules/socket.io-client/dist").is_dir()

pytestmark = [
    # Not for the fixtures: the first to ask builds the wheel if scripts/test has not, and a build takes as long as it takes.
    pytest.mark.timeout(LIMIT_S * 5, func_only=True),
    pytest.mark.skipif(not pathlib.Path("/proc/self/maps").exists(), reason="wheels are made on Linux"),
]


def run(*command, **options):
    finished = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean(), **options
    )
    assert finished.returncode == 0, f"{' '.join(map(str, command))}\n{finished.stdout}"
    return finished.stdout


def clean():
    """The environment without what would let Python or the loader look elsewhere."""
    strange = ("PYTHON", "LD_", "VIRTUAL_ENV", "PIP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return kept | {name: value for name, value in os.environ.items() if name in ("PIP_INDEX_URL", "PIP_CERT")}


@pytest.fixture(scope="module")
def wheel():
    return pathlib.Path(run(SOURCE_DIR / "scripts" / "wheel", "--python", sys.executable).splitlines()[-1])


@pytest.fixture(scope="module")
def sdist(wheel):
    version = wheel.name.split("-")[1]
    return wheel.parent / f"pychat-{version}.tar.gz"


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A virtual environment with the wheel in it and nothing else; gives its folder."""
    folder = tmp_path_factory.mktemp("wheel") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    before = tree(folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    run(*pip, "install", "--no-index", wheel)
    yield folder
    run(*pip, "uninstall", "--yes", "pychat")
    assert tree(folder) == before


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


class WheelServer:
    def __init__(self, environment, *arguments, wrapper=()):
        program = [environment / "bin" / "python", "-I", SOURCE_DIR / "tests" / "python" / "wheel_server.py"]
        self.process = subprocess.Popen(
            list(map(str, [*wrapper, *program, *arguments])),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean(),
            cwd="/",
            text=True,
        )
        first = self.process.stdout.readline()
        if not first:
            _, errors = self.process.communicate(timeout=LIMIT_S)
            pytest.fail(f"it did not start:\n{errors}")
        self.started = json.loads(first)

    def end(self):
        output, errors = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, errors
        assert errors == ""
        return json.loads(output)


@pytest.fixture
def start(environment):
    servers = []

    def start(*arguments, **options):
        servers.append(WheelServer(environment, *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


class Certificate:
    def __init__(self, folder):
        self.file, key = folder / "certificate.pem", folder / "key.pem"
        self.arguments = ["--certificate", self.file, "--key", key]
        run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.file,
        )  # fmt: skip


@pytest.fixture
def certificate(tmp_path):
    return Certificate(tmp_path)


def chat(server, scheme="ws", **options):
    """Two clients hear each other; that they have joined they know by their own words."""
    asyncio.run(asyncio.wait_for(talk(f"{scheme}://localhost:{server.started['port']}/chat", **options), LIMIT_S))


async def talk(address, **options):
    # The client with threads loses requests over TLS, also to other servers: it reads and writes at the same time, and before
    # 3.13 Python's ssl has no lock for that.
    async with connect(address, open_timeout=None, **options) as ann, connect(address, open_timeout=None, **options) as bob:
        await say(ann, "ann")
        await say(bob, "bob")
        await ann.send("hello")
        await hear(bob, "hello")


async def say(client, text):
    await client.send(text)
    await hear(client, text)


async def hear(client, text):
    while await client.recv() != text:
        pass


def carried_and_strange(mapped, environment):
    """The mapped libraries of ours and of what we carry: those inside of the environment, and the others."""
    ours = [file for file in mapped if SYSTEM_LIBRARY.match(os.path.basename(file))]
    inside = [file for file in ours if pathlib.Path(file).is_relative_to(environment.resolve())]
    return inside, [file for file in ours if file not in inside]


def names(files):
    return {re.match(r"lib[a-z]+[0-9]*", os.path.basename(file)).group() for file in files}


def test_the_sdist_holds_what_is_needed_and_nothing_more(sdist):
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    present = run("git", "-C", SOURCE_DIR, "ls-files", "--cached", "--others", "--exclude-standard").split()
    wanted = re.compile(
        r"(core|capi|cmake|pkgconfig|page|bindings/python/(src|pychat))/|bindings/js/chat.js$|bindings/(python/)?CMakeLists.txt$|CMakeLists.txt$"
        r"|LICENSE$|pyproject.toml$|docs/pychat.md$"
    )
    client = SOURCE_DIR / "packaging/socket.io-client/node_modules/socket.io-client"
    client_files = [client / "LICENSE", *(client / "dist").iterdir()] if HAS_SOCKET_IO_CLIENT else []
    assert files == {file for file in present if wanted.match(file)} | {"PKG-INFO"} | {
        str(file.relative_to(SOURCE_DIR)) for file in client_files
    }


def test_the_wheel_names_what_it_carries(wheel):
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
        (notices,) = (archive.read(name).decode() for name in files if name.endswith("licenses/THIRD-PARTY.txt"))
        (metadata,) = (archive.read(name).decode() for name in files if name.endswith(".dist-info/METADATA"))
    assert re.search(r"-manylinux_2_\d+_\w+\.whl$", wheel.name)
    assert "License-File: THIRD-PARTY.txt" in metadata
    libraries = names(file for file in files if ".libs/" in file)
    assert libraries >= CARRIED
    assert not any("libwebsockets" in file for file in files)
    # libcrypto is of OpenSSL's package, which is named after libssl.
    client = ["socket.io-client"] if HAS_SOCKET_IO_CLIENT else []
    for work in ["libwebsockets", "pybind11", *client, "Apache License 2.0", *libraries - {"libcrypto"}]:
        assert re.search(rf"^=+\n{re.escape(work)}[0-9a-z.-]* ?.*\n=+$", notices, re.MULTILINE), work


def test_it_uses_its_own_where_the_system_has_them_too(start, environment):
    server = start()
    assert pathlib.Path(server.started["package"]).is_relative_to(environment)
    chat(server)
    if HAS_SOCKET_IO_CLIENT:
        script = urllib.request.urlopen(f"http://localhost:{server.started['port']}/socket.io/socket.io.js", timeout=LIMIT_S)
        assert b"Socket.IO v4" in script.read(100)
    inside, outside = carried_and_strange(server.end()["mapped"], environment)
    assert names(inside) >= CARRIED | {"libchat"}
    assert names(outside) <= OF_PYTHON  # asyncio loads its ssl


def test_it_works_where_the_system_has_none_of_them(start, environment, certificate):
    hidden = system_libraries()
    assert any(os.path.basename(file).startswith("libwebsockets-evlib") for file in hidden)
    hide = "\n".join(f"mount --bind /dev/null {file}" for file in hidden) + '\nexec "$@"'
    wrapper = [*namespace(hidden[0]), "sh", "-e", "-c", hide, "sh"]
    gone = [argument for file in hidden for argument in ("--gone", file)]
    gone += ["--gone", "libuv.so.1", "--gone", "libssl.so.3", "--gone", "libwebsockets.so.17"]
    server = start(*gone, *certificate.arguments, wrapper=wrapper)
    chat(server, "wss", ssl=ssl.create_default_context(cafile=certificate.file))
    inside, outside = carried_and_strange(server.end()["mapped"], environment)
    assert names(inside) >= CARRIED | {"libchat"}
    assert outside == []


def system_libraries():
    """The files, without links to them, of what this system's loader knows of the libraries."""
    known = re.findall(r"^\s*(\S+) .*=> (\S+)$", run("/sbin/ldconfig", "-p"), re.MULTILINE)
    return sorted({os.path.realpath(path) for name, path in known if SYSTEM_LIBRARY.match(name)})


def namespace(file):
    """How to run a program where mounts are seen by nobody else: as root, or in a namespace where we are root."""
    for users in ([], ["--map-root-user"]):
        command = ["unshare", *users, "--mount", "--propagation", "private"]
        if subprocess.run([*command, "mount", "--bind", "/dev/null", file], capture_output=True).returncode == 0:
            return command
    pytest.skip("no mount namespace is allowed here, so the system's libraries cannot be hidden")


@pytest.mark.parametrize("order", ["before", "after"])
def test_its_openssl_stands_beside_pythons(start, environment, certificate, order):
    server = start(*certificate.arguments, "--ssl", order)
    chat(server, "wss", ssl=ssl.create_default_context(cafile=certificate.file))
    told = server.end()
    assert told["answer"] == ["TLSv1.3", "HTTP/1.1 404 Not Found"]
    inside, outside = carried_and_strange(told["mapped"], environment)
    assert names(inside) >= CARRIED | {"libchat"}
    # A Python may have its OpenSSL built in.
    if "libssl" in run("ldd", sys.modules["_ssl"].__file__):
        assert names(outside) == OF_PYTHON
    else:
        assert outside == []
