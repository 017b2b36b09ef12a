"""python-socketio, the synchronous client. Arguments: URL, and polling, websocket or upgrade.

The scenario of tests/clients/socket_io.test.mjs. Events are heard by functions with exactly the arguments that were
emitted, as the documentation of python-socketio writes them.
"""
import queue
import sys

import socketio
from transcript import LIMIT_S, write

url, mode = sys.argv[1:]
transports = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}[mode]
happened = queue.Queue()
kicked = False
client = socketio.Client(reconnection_delay=0.05, randomization_factor=0)


def note(*words):
    write(*words)
    happened.put(words[0])


def wait(name):
    found = happened.get(timeout=LIMIT_S)
    assert found == name, f"{found} instead of {name}"


client.on("connect", lambda: note("connect"))
client.on("disconnect", lambda reason: note("kick" if kicked else "disconnect"))
client.on("text", lambda data: note("text", data))
client.on("json", lambda first, second, third: note("json", first, second, third))
client.on("bytes", lambda data: note("bytes", data))
client.on("mixed", lambda data, last: note("mixed", data, last))
client.on("large", lambda data: note("large", len(data)))


@client.on("who")
def who(first, number):
    note("asked", first, number)
    return "Ann", {"n": number}


client.connect(url, transports=transports)
wait("connect")
client.emit("text", "héllo 안녕 😀")
wait("text")
client.emit("json", ({"a": 1, "b": [True, None, 2.5, "x"]}, [1, [2]], "last"))
wait("json")
client.emit("bytes", b"\x00\x01\x02\xff")
wait("bytes")
client.emit("mixed", ({"name": "파일", "parts": [b"\x01", b"\x02\x03"]}, "last"))
wait("mixed")
write("answer", *client.call("question", ("why", {"n": 1})))
write("answer bytes", client.call("question", b"\xfe\xff"))
client.emit("script", (["ask", 2000, "who", "there", 7],))
wait("asked")
client.emit("large", "x" * 100_000)
wait("large")
client.emit("large", b"x" * 200_000)
wait("large")

refused = socketio.Client(reconnection=False)
refused.on("connect_error", lambda data: note("refused", data["message"]))
try:
    refused.connect(url, transports=transports, auth={"mode": "refuse", "reason": "no entry", "data": {"n": 1}})
except socketio.exceptions.ConnectionError:
    wait("refused")

write("cut")
wait("disconnect")
wait("connect")
client.emit("text", "after the cut")
wait("text")
write("restart")
wait("disconnect")
wait("connect")
client.emit("text", "after the restart")
wait("text")
kicked = True
client.emit("script", (["kick", "bye"],))
wait("kick")

# This client names all its namespaces when it connects.
other = socketio.Client()
other.on("text", lambda data: note("dev", data), namespace="/dev")
other.on("text", lambda data: note("in the wrong namespace", data))
other.connect(url, transports=transports, namespaces=["/", "/dev"])
other.emit("text", "in dev", namespace="/dev")
wait("dev")
other.disconnect()
write("end")
