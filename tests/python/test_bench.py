"""scripts/bench: each scenario counts something, and a server that loses a message fails the run. What is measured with so few messages
means nothing.
"""

import json
import os
import subprocess
import sys
import textwrap

import pytest
from support import BUILD_DIR, LIMIT_S, SOURCE_DIR

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="scripts/bench needs two cores")

# What takes long even in its short form, or needs other libraries, is left out.
SCENARIOS = ("fan-out", "forms", "groups", "inbound", "handshakes", "storm", "presence", "calls", "idle-memory")

# A room that forgets the tenth message. It has the handshake and the frames of a small server, not more.
LOSSY_SERVER = '''
#!{python}
import base64, hashlib, selectors, socket

listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print("listening on port", listener.getsockname()[1], flush=True)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
inputs, members, published = {{}}, set(), 0

def publish(text):
    global published
    published += 1
    if published != 10:
        for member in members:
            member.sendall(bytes([0x81, len(text)]) + text)

while True:
    for key, _ in selector.select():
        client = key.fileobj
        if client is listener:
            client, _ = listener.accept()
            selector.register(client, selectors.EVENT_READ)
            inputs[client] = b""
            continue
        piece = client.recv(65536)
        if not piece:
            raise SystemExit
        inputs[client] += piece
        if client not in members and b"\\r\\n\\r\\n" in inputs[client]:
            key = inputs[client].partition(b"Sec-WebSocket-Key: ")[2].partition(b"\\r\\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            client.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\\r\\n\\r\\n")
            inputs[client] = b""
            members.add(client)
        while client in members and len(inputs[client]) >= 2 and len(inputs[client]) >= 6 + (inputs[client][1] & 127):
            size = inputs[client][1] & 127
            mask, data = inputs[client][2:6], inputs[client][6:6 + size]
            inputs[client] = inputs[client][6 + size:]
            publish(bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))
'''


def run_bench(*arguments):
    return subprocess.run([sys.executable, SOURCE_DIR / "scripts" / "bench", "--no-build", "--build-dir", BUILD_DIR, "--short",
                           "--rounds", "1", "--turn-ms", "10", *arguments], capture_output=True, text=True, timeout=2 * LIMIT_S, check=False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_counts(scenario, tmp_path):
    done = run_bench("--only", scenario, "--receivers", "50", "--members", "50", "--json", tmp_path / "results.json",
                     "--plots", tmp_path / "plots")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert "chat" in {row["server"].partition(",")[0] for row in rows}
    assert all(value > 0 for row in rows for value in row["values"]), rows
    assert f"### {scenario}" in done.stdout
    read = subprocess.run([sys.executable, SOURCE_DIR / "scripts" / "bench", "--read", tmp_path / "results.json"],
                          capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert f"### {scenario}" in read.stdout


def test_lists_every_scenario():
    listed = run_bench("--list").stdout
    assert set(SCENARIOS) <= {line.split()[0] for line in listed.splitlines()}


@pytest.fixture
def lossy_server(tmp_path):
    program = tmp_path / "lossy_server"
    program.write_text(textwrap.dedent(LOSSY_SERVER).format(python=sys.executable).lstrip())
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(("in_flight", "complaint"), [("1", "lossy: 20 deliveries are missing"), ("8", "lost or out of order")])
def test_a_lost_message_fails_the_run(lossy_server, in_flight, complaint):
    done = run_bench("--only", "fan-out", "--receivers", "20", "--in-flight", in_flight, "--limit-s", "1", "--server", f"lossy={lossy_server}")
    assert done.returncode == 1, done.stdout
    assert complaint in done.stderr
