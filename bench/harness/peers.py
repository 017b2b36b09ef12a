"""Servers of other libraries. They are installed below the build directory, from npm, PyPI and Go's modules."""

import filecmp
import os
import shutil
import subprocess
import sys
import venv

from .contest import Entry
from .machine import ROOT

SOURCE = ROOT / "bench" / "peers"
PYTHON_PACKAGES = ("websockets==17.4", "socketify==0.0.31")
MODULES = {"websockets": "websockets", "socketify": "socketify"}
LIMIT_S = 300
CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@v6.9.1"
GO_LIMIT_S = 1200


def _succeeds(command, limit_s=LIMIT_S, **options):
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit_s, check=False,
                              **options).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Peers:
    """Entries for the servers of other libraries; a peer that cannot be had is skipped with a line that says why."""

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.build_dir / "peers"
        self._node = None
        self._python = None
        self._said = set()

    def entry(self, name, load, redis=None):
        """The peer's entry, or None. Names: ws, socket.io, websockets, socketify, centrifugo.

        redis: the path of the UNIX socket of a Redis by which servers of socket.io or centrifugo share their rooms.
        """
        arguments = [redis] if redis else []
        if name in ("ws", "socket.io"):
            program = {"ws": "ws.mjs", "socket.io": "socketio.mjs"}[name]
            command = [shutil.which("node"), str(self.folder / program), *arguments]
            return Entry(name, command, load=load) if self._has_node(name) else None
        if name == "centrifugo":
            command = [sys.executable, str(SOURCE / "centrifugo_server.py"), str(self.folder / "centrifugo"), *arguments]
            return Entry(name, command, load=load) if self._has_centrifugo() else None
        if not self._has_module(name):
            return None
        return Entry(name, [self._python, str(SOURCE / f"{name}_server.py")], load=load)

    def entries(self, names, load):
        """Those that can be had. The contest goes on without one that fails."""
        found = [entry for entry in (self.entry(name, load) for name in names) if entry]
        for entry in found:
            entry.optional = True
        return found

    def _skip(self, name, why):
        if name not in self._said:
            self._said.add(name)
            print(f"bench: without {name}: {why}", file=sys.stderr, flush=True)
        return False

    def _has_node(self, name):
        if self._node is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self.folder / "package-lock.json"
            installed = (self.folder / "node_modules").exists() and lock.exists() and filecmp.cmp(lock, SOURCE / lock.name, False)
            for file in (*SOURCE.glob("*.mjs"), *SOURCE.glob("package*.json")):
                shutil.copy(file, self.folder)
            self._node = bool(shutil.which("node")) and (
                installed or _succeeds(["npm", "ci", "--no-audit", "--no-fund"], cwd=self.folder))
        return self._node or self._skip(name, "Node or its packages cannot be had (npm ci in bench/peers)")

    def _has_centrifugo(self):
        if not (self.folder / "centrifugo").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            environment = {**os.environ, "GOBIN": str(self.folder)}
            if not _succeeds(["go", "install", CENTRIFUGO], env=environment, limit_s=GO_LIMIT_S):
                return self._skip("centrifugo", f"go install {CENTRIFUGO} fails")
        return True

    def _has_module(self, name):
        if self._python is None:
            self._python = self.bench.options.python or self._make_environment()
        if _succeeds([self._python, "-c", f"import {MODULES[name]}"]):
            return True
        return self._skip(name, f"{self._python} cannot import {MODULES[name]} (--python names another interpreter)")

    def _make_environment(self):
        folder = self.bench.build_dir / "peers-python"
        python = str(folder / "bin" / "python")
        if not folder.exists():
            venv.create(folder, with_pip=True)
            for package in PYTHON_PACKAGES:
                _succeeds([python, "-m", "pip", "install", "-q", package])
        return python
