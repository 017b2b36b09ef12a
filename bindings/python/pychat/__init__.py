"""An embeddable real-time chat server: WebSocket and Socket.IO clients talk in rooms, inside this process.

    from pychat import Server

    server = Server(port=3000)

    @server.on_message
    def on_message(message):
        print(f"{message.from_name} in {message.room}: {message.text}")

    server.serve_forever()

docs/pychat.md is the guide. chat.h documents every option.
"""

from . import _interpreter  # noqa: F401  (first: it may raise ImportError)
from ._client import Client, ClientInfo
from ._enums import (
    UNLIMITED,
    Action,
    HistoryFailure,
    HistorySync,
    LogLevel,
    OutboxPolicy,
    Overflow,
    Payload,
    PresenceLevel,
    Protocol,
    SockJs,
    Transport,
    Verdict,
)
from ._events import (
    Abandoned,
    Ack,
    AuthorizeRequest,
    ConnectRequest,
    Disconnected,
    Event,
    EventsLost,
    Joined,
    Left,
    LogLine,
    Opened,
    Presence,
    Published,
)
from ._kept import KeptMessage
from ._options import Endpoint, ServerOptions, StaticMount
from ._pychat import (
    AddressInUseError,
    AddressInvalidError,
    BannedError,
    CertificateError,
    ChatError,
    ChatPermissionError,
    ChatSystemError,
    EncodingError,
    EventLoopError,
    ForbiddenError,
    InternalError,
    InvalidArgumentError,
    InvalidEventError,
    InvalidJsonError,
    InvalidRoomError,
    InvalidUtf8Error,
    Message,
    NoMemoryError,
    NoSuchClientError,
    NoSuchRoomError,
    NotJoinedError,
    RateLimitedError,
    StoppedError,
    TimedOutError,
    TooLargeError,
    TooManyError,
    UnavailableError,
    UnsupportedError,
    WrongStateError,
    WrongThreadError,
    check_room_name,
    has_feature,
)
from ._pychat import library_versions
from ._pychat import version as __version__
from ._server import Server
from ._snapshots import Person, Room, Stats
from ._store import HistoryChange, HistoryQuery, HistoryRoom, HistoryStore, HistoryValue
from ._stream import EventStream
from ._verdicts import CONSUME, DEFER, PASS, REFUSE, Identity, Refuse, Replace

__all__ = [
    "CONSUME",
    "DEFER",
    "PASS",
    "REFUSE",
    "UNLIMITED",
    "Abandoned",
    "Ack",
    "Action",
    "AddressInUseError",
    "AddressInvalidError",
    "AuthorizeRequest",
    "BannedError",
    "CertificateError",
    "ChatError",
    "ChatPermissionError",
    "ChatSystemError",
    "Client",
    "ClientInfo",
    "ConnectRequest",
    "Disconnected",
    "EncodingError",
    "Endpoint",
    "Event",
    "EventLoopError",
    "EventStream",
    "EventsLost",
    "ForbiddenError",
    "Identity",
    "InternalError",
    "InvalidArgumentError",
    "InvalidEventError",
    "InvalidJsonError",
    "InvalidRoomError",
    "InvalidUtf8Error",
    "Joined",
    "KeptMessage",
    "Left",
    "HistoryChange",
    "HistoryFailure",
    "HistoryQuery",
    "HistoryRoom",
    "HistoryStore",
    "HistorySync",
    "HistoryValue",
    "LogLevel",
    "LogLine",
    "Message",
    "NoMemoryError",
    "NoSuchClientError",
    "NoSuchRoomError",
    "NotJoinedError",
    "Opened",
    "OutboxPolicy",
    "Overflow",
    "Payload",
    "Person",
    "Presence",
    "PresenceLevel",
    "Protocol",
    "Published",
    "RateLimitedError",
    "Refuse",
    "Replace",
    "Room",
    "Server",
    "ServerOptions",
    "SockJs",
    "StaticMount",
    "Stats",
    "StoppedError",
    "TimedOutError",
    "TooLargeError",
    "TooManyError",
    "Transport",
    "UnavailableError",
    "UnsupportedError",
    "Verdict",
    "WrongStateError",
    "WrongThreadError",
    "__version__",
    "check_room_name",
    "has_feature",
    "library_versions",
]
