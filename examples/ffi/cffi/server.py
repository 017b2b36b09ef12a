"""A chat server with cffi. chat_cdef.h has the declarations of chat.h, made by the command in docs/ffi.md.

    python3 server.py [PORT]    the default is 3000; 0 takes any free port

"rude" is refused, and "/stop" ends the server.
"""

import sys
import threading

import cffi

ffi = cffi.FFI()
with open("chat_cdef.h") as declarations:
    ffi.cdef(declarations.read())
chat = ffi.dlopen("libchat.so.1")  # its functions run without the GIL

stop = threading.Event()


# What the callback returns if it raises. A global, so it lives as long as the server.
@ffi.callback("chat_verdict(chat_server *, chat_message_event *, void *)", error=chat.CHAT_REFUSE)
def on_message(server, event, user):
    text = ffi.buffer(event.message.data, event.message.data_size)[:].decode()
    print(f"{ffi.string(event.message.room).decode()}: {text}", flush=True)
    if text == "rude":
        return chat.chat_message_event_refuse(event, b"be kind")
    if text == "/stop":
        stop.set()
        return chat.CHAT_CONSUME
    return chat.CHAT_PASS


address = ffi.new("char[]", b"127.0.0.1")  # kept alive by this variable, because the structure only points to it
options = ffi.new("chat_server_options *")
chat.chat_server_options_init(options, ffi.sizeof("chat_server_options"))
options.address = address
options.port = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
options.callbacks.on_message = on_message

out = ffi.new("chat_server **")
if chat.chat_server_start(options, out) != chat.CHAT_OK:
    sys.exit(ffi.string(chat.chat_error_message()).decode())
server = out[0]
print("listening on port", chat.chat_server_port(server), flush=True)

stop.wait()
chat.chat_broadcast(server, b"lobby", b"goodbye", 7)
chat.chat_server_free(server)  # after closing all connections
