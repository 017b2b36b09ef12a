"""A chat server with ctypes, using only the standard library.

    python3 server.py [PORT]    the default is 3000; 0 takes any free port

Structures are declared only as far as the program needs them. "rude" is refused, and "/stop" ends the server.
"""

import ctypes
import sys
import threading
from ctypes import c_char_p, c_int, c_size_t, c_uint64, c_void_p

CHAT_PASS, CHAT_REFUSE, CHAT_CONSUME = 0, 1, 3


class Message(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("room", c_char_p),
        ("event", c_char_p),
        ("payload", c_int),
        ("data", c_void_p),  # not c_char_p: it may contain NUL
        ("data_size", c_size_t),
    ]


class MessageEvent(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("client", c_uint64),
        ("user", c_void_p),
        ("message", ctypes.POINTER(Message)),
    ]


OnMessage = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.POINTER(MessageEvent), c_void_p)


class Callbacks(ctypes.Structure):  # the same size as in chat.h, because the options contain it
    _fields_ = [
        ("struct_size", c_size_t),
        ("on_connect", c_void_p),
        ("on_open", c_void_p),
        ("on_disconnect", c_void_p),
        ("on_authorize", c_void_p),
        ("on_join", c_void_p),
        ("on_leave", c_void_p),
        ("on_message", OnMessage),
        ("on_log", c_void_p),
        ("on_ack", c_void_p),
        ("on_abandon", c_void_p),
        ("reserved", c_void_p * 6),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("address", c_char_p),
        ("port", c_int),
        ("unix_path", c_char_p),
        ("listen_fd", c_int),
        ("threads", c_int),
        ("callbacks", Callbacks),
        ("user", c_void_p),
    ]


chat = ctypes.CDLL("libchat.so.1")  # its functions run without the GIL
chat.chat_error_message.restype = c_char_p
chat.chat_server_options_init.argtypes = [c_void_p, c_size_t]
chat.chat_server_start.argtypes = [c_void_p, ctypes.POINTER(c_void_p)]
chat.chat_server_port.argtypes = [c_void_p]
chat.chat_server_free.argtypes = [c_void_p]
chat.chat_broadcast.argtypes = [c_void_p, c_char_p, c_char_p, c_size_t]
chat.chat_message_event_refuse.argtypes = [ctypes.POINTER(MessageEvent), c_char_p]

stop = threading.Event()


@OnMessage  # a global, so it lives as long as the server
def on_message(server, event, user):
    try:
        message = event.contents.message.contents
        text = ctypes.string_at(message.data, message.data_size).decode()
        print(f"{message.room.decode()}: {text}", flush=True)
        if text == "rude":
            return chat.chat_message_event_refuse(event, b"be kind")
        if text == "/stop":
            stop.set()
            return CHAT_CONSUME
        return CHAT_PASS
    except Exception:  # ctypes would print it and return 0, which is CHAT_PASS
        return CHAT_REFUSE


options = Options()
chat.chat_server_options_init(ctypes.byref(options), ctypes.sizeof(options))
options.address = b"127.0.0.1"
options.port = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
options.callbacks.on_message = on_message

server = c_void_p()
if chat.chat_server_start(ctypes.byref(options), ctypes.byref(server)) != 0:
    sys.exit(chat.chat_error_message().decode())
print("listening on port", chat.chat_server_port(server), flush=True)

stop.wait()
chat.chat_broadcast(server, b"lobby", b"goodbye", 7)
chat.chat_server_free(server)  # after closing all connections
