"""python-socketio's RedisManager without Redis: what it publishes on its channel.

`python tests/python/cluster_managers.py` writes tests/vectors/socket_io_cluster_python.json, which the tests of
core/wire/socket_io_cluster read. Each vector has the text, its meaning, and, if libchat can write it, the text of libchat.
"""

import json
import pathlib

import socketio

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "socket_io_cluster_python.json"


class FakeRedis:
    def __init__(self):
        self.published = []

    def publish(self, channel, text):
        self.published.append((channel, text))


def open_manager(host_id="host-1", server=None):
    """A manager with a server has no clients. Without one it only writes."""
    manager = socketio.RedisManager(write_only=server is None)
    if server is not None:
        manager.set_server(server)
    manager.host_id = host_id
    manager.redis = FakeRedis()
    manager.connected = True
    return manager


def published_by(action, server=None):
    manager = open_manager(server=server)
    action(manager)
    [(channel, text)] = manager.redis.published
    assert channel == "socketio"
    return text


def message(kind, nsp="/", **fields):
    return {"kind": kind, "uid": "host-1", "nsp": nsp, **fields}


def emit(event, args="[]", attachments=(), rooms=(), without=(), request_id="", nsp="/"):
    """The members in the order of the unit test's description."""
    return message("broadcast", nsp, event=event, args=args, attachments=list(attachments), rooms=list(rooms),
                   **{"except": list(without)}, volatile=False, timeout_ms=0, request_id=request_id)


def target(*rooms):
    return {"rooms": list(rooms), "except": [], "volatile": False, "timeout_ms": 0}


BINARY = bytes([0, 1, 2, 255])
PLACE = '{"_placeholder": true, "num": %d}'


def make_vectors():
    server = socketio.Server(async_mode="threading")

    def vector(name, action, wanted, with_server=False, can_be_written=True):
        text = published_by(action, server if with_server else None)
        made = {"name": name, "text": text, "message": wanted}
        if can_be_written:
            # Without the white space around what libchat writes itself. Arguments stay as they are.
            made["written"] = written(json.loads(text), wanted)
        return made

    def written(fields, wanted):
        parts = []
        for key, value in fields.items():
            raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            if key == "data":
                raw = wanted["args"]
                if fields["binary"]:
                    raw = "[" + ",".join([raw, *(json.dumps(blob) for blob in value[1:])]) + "]"
            elif key == "args":
                raw = wanted["args"]
            parts.append(json.dumps(key) + ":" + raw)
        return "{" + ",".join(parts) + "}"

    return [
        vector("an event to everyone", lambda m: m.emit("hi", "a"), emit("hi", '["a"]')),
        vector("an event without arguments", lambda m: m.emit("hi", ()), emit("hi")),
        vector("an event with None", lambda m: m.emit("hi", None), emit("hi")),
        vector("an event with several arguments", lambda m: m.emit("hi", (1, {"a": [None, True]}, 2.5, "é")),
               emit("hi", '[1, {"a": [null, true]}, 2.5, "\\u00e9"]')),
        vector("an event with a list", lambda m: m.emit("hi", [1, 2]), emit("hi", "[[1, 2]]")),
        vector("an event to a room of a namespace", lambda m: m.emit("hi", 1, namespace="/dev", room="a"),
               emit("hi", "[1]", rooms=["a"], nsp="/dev")),
        vector("an event to several rooms without a socket",
               lambda m: m.emit("hi", 1, to=["a", "b"], skip_sid="s"), emit("hi", "[1]", rooms=["a", "b"], without=["s"])),
        vector("an event without several sockets", lambda m: m.emit("hi", 1, skip_sid=["s", "t"]),
               emit("hi", "[1]", without=["s", "t"])),
        vector("an event with bytes", lambda m: m.emit("hi", BINARY), emit("hi", f"[{PLACE % 0}]", [BINARY.hex()])),
        vector("an event with bytes in several arguments", lambda m: m.emit("hi", (1, {"a": [BINARY, b""]})),
               emit("hi", '[1, {"a": [%s, %s]}]' % (PLACE % 0, PLACE % 1), [BINARY.hex(), ""])),
        vector("an event with a callback", lambda m: m.emit("hi", 1, room="s", callback=lambda *args: None),
               emit("hi", "[1]", rooms=["s"], request_id='["s", "/", 1]'), with_server=True, can_be_written=False),
        vector("a callback", lambda m: m._return_callback("host-2", "s", "/", 1, "a", 2),
               {"kind": "ack", "uid": "host-2", "nsp": "/", "args": '["a", 2]', "attachments": [],
                "request_id": '["s","/",1]'}),
        vector("a disconnect", lambda m: m.disconnect("s", "/"),
               message("disconnect", **target("s"), close=False, request_id=""), with_server=True),
        vector("a join", lambda m: m.enter_room("s", "/dev", "a"),
               message("join", "/dev", **target("s"), names=["a"], request_id="")),
        vector("a leave", lambda m: m.leave_room("s", "/", "a"), message("leave", **target("s"), names=["a"], request_id="")),
        vector("the end of a room", lambda m: m.close_room("a", "/"),
               message("leave", **target("a"), names=["a"], request_id=""), with_server=True),
    ]


def to_text(vectors):
    lines = ",\n".join("    " + json.dumps(vector, ensure_ascii=False) for vector in vectors)
    about = "Written by tests/python/cluster_managers.py with python-socketio. See core/wire/socket_io_cluster."
    return f'{{\n  "about": {json.dumps(about)},\n  "messages": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    VECTORS.write_text(to_text(make_vectors()), encoding="utf-8")
