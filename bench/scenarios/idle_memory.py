"""The memory of a server: at its start, and for each client that is connected and silent."""

import subprocess
import tempfile
import time
from pathlib import Path

from harness.machine import memory_kb
from harness.processes import Load

NAME = "idle-memory"
ABOUT = "memory at the start, and of each idle client: plain, Socket.IO, TLS"
LEFT_S = 15  # the server gives memory back 10 s after a peak (memory_release_ms)
KINDS = {"plain": ("plain", 0), "Socket.IO": ("socket.io", 0), "plain, TLS": ("plain", 1), "Socket.IO, TLS": ("socket.io", 1)}


def certificate(folder):
    """Makes a certificate, and returns the server's options."""
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-days", "1", "-out", paths[0], "-keyout", paths[1]],
                   check=True, stderr=subprocess.DEVNULL)
    return {"tls_certificate": paths[0], "tls_key": paths[1]}


def open_clients(bench, server, members, form, tls):
    load = Load(f"{members:,} clients", bench.program("bench_load"), server.port,
                {"members": members, "publishers": 0, "form": form, "tls": tls}, bench.load_cores[0], bench.nice)
    load.wait_until_open()
    return load


def run(bench):
    members = bench.members(10_000, 500)
    with tempfile.TemporaryDirectory() as folder:
        tls_options = certificate(Path(folder))
        for kind, (form, tls) in KINDS.items():
            for entry in bench.chats(None, **(tls_options if tls else {})):
                with bench.contest([entry]):
                    start_kb, start_dirty_kb = memory_kb(entry.server.pid)
                    loads = [open_clients(bench, entry.server, 1, form, tls)]  # excludes what is allocated once
                    before_kb, _ = memory_kb(entry.server.pid)
                    loads.append(open_clients(bench, entry.server, members, form, tls))
                    after_kb, _ = memory_kb(entry.server.pid)
                    for load in loads:
                        load.end()
                    time.sleep(LEFT_S)  # On purpose: the server gives memory back later.
                    left_kb, _ = memory_kb(entry.server.pid)
                bench.results.add(NAME, f"{kind}, {members:,} clients", entry.name, "KB per client", [(after_kb - before_kb) / members],
                                  columns={"KB at the start": start_kb, "private and dirty": start_dirty_kb,
                                           "KB with clients": after_kb, f"KB {LEFT_S} s after they left": left_kb})
