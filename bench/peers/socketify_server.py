"""A room with uWebSockets, by Python's socketify. Prints `listening on port N`."""

import os
import signal

from socketify import App, AppListenOptions, CompressOptions, OpCode

ROOM = "room"
app = App()


def message(ws, data, opcode):
    app.publish(ROOM, data, opcode)


app.ws("/*", {
    "compression": CompressOptions.DISABLED,
    "max_payload_length": 1 << 20,
    "max_backpressure": 1 << 26,
    "open": lambda ws: ws.subscribe(ROOM),
    "message": message,
})
app.listen(AppListenOptions(port=0, host="127.0.0.1"), lambda config: print(f"listening on port {config.port}", flush=True))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
app.run()
