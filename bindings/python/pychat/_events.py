"""What callbacks are called with and queues of events hold. A Message is made by the extension, all else is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Tuple, Union

from . import _pychat
from ._client import Client
from ._enums import Action, LogLevel, Protocol, Transport


@dataclass(frozen=True)
class ConnectRequest:
    """Somebody wants to connect. See chat_connect_event in chat.h; credentials are left out of its repr."""

    client: Client
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""
    cookies: Mapping[str, str] = field(repr=False)
    origin: str
    address: str
    secure: bool
    room: str
    token: str = field(repr=False)
    user_name: str
    password: str = field(repr=False)
    protocol: Protocol
    transport: Transport
    auth: str = field(repr=False)
    """Socket.IO: the client's `auth` as JSON; "" without."""
    socket_id: str = ""
    """What Server.find_client() takes."""
    recovered_from: int = 0
    """With recovery_asks_on_connect: the id of the client that this one continues, else 0."""


@dataclass(frozen=True)
class AuthorizeRequest:
    """May this client do this in this room?"""

    client: Client
    action: Action
    room: str
    """ "" for Action.ROOMS and Action.RENAME."""
    value: str
    """Action.RENAME: the wanted name; Action.PUBLISH: the event's name."""
    decision_id: int = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """A client is accepted and can be sent to."""

    client: Client
    name: str
    user_id: str
    room: str
    recovered_from: int
    """The id of the client that this one continues, else 0."""
    socket_id: str = ""
    """What Server.find_client() takes."""


@dataclass(frozen=True)
class Joined:
    """A client has joined a room."""

    client: Client
    name: str
    user_id: str
    room: str


@dataclass(frozen=True)
class Left:
    """A client has left a room."""

    client: Client
    name: str
    user_id: str
    room: str
    reason: str


@dataclass(frozen=True)
class Disconnected:
    """A client has gone. Its `client.user` is there for the last time."""

    client: Client
    name: str
    user_id: str
    close_code: int
    reason: str
    socket_id: str = ""
    """What Server.find_client() took."""


@dataclass(frozen=True)
class Abandoned:
    """A client that on_connect has deferred went, or its time was over, before the verdict."""

    client: Client
    close_code: int
    reason: str


@dataclass(frozen=True)
class Ack:
    """A client has answered what was sent with send_with_ack(), or will not: then `error` says why and `args` is None."""

    client: Client
    ack_id: int
    args: Optional[List[Any]]
    error: Optional[_pychat.ChatError]


@dataclass(frozen=True)
class LogLine:
    """A line of log."""

    level: LogLevel
    text: str


@dataclass(frozen=True)
class EventsLost:
    """In a queue of events: so many were dropped here, because it was full."""

    count: int


@dataclass(frozen=True)
class Room:
    """What is known of a room, at one moment."""

    name: str
    epoch: str
    seq: int
    """The number of the newest message."""
    member_count: int
    history_count: int


@dataclass(frozen=True)
class Stats:
    """Counted since the start, but for the ..._now. See chat_stats in chat.h; the tuples are indexed as there."""

    connections_now: int
    connections_total: int
    clients_now: int
    clients_total: int
    rooms_now: int
    messages_in: int
    messages_refused: int
    messages_published: int
    deliveries: int
    drops: int
    slow_disconnects: int
    bytes_in: int
    bytes_out: int
    http_requests: int
    history_bytes_now: int
    clients_now_by_protocol: Tuple[int, ...]
    clients_now_by_transport: Tuple[int, ...]
    messages_in_by_protocol: Tuple[int, ...]
    deliveries_by_protocol: Tuple[int, ...]
    messages_in_by_transport: Tuple[int, ...]
    deliveries_by_transport: Tuple[int, ...]


Event = Union[Opened, Joined, Left, Disconnected, Abandoned, _pychat.Message, EventsLost]
"""What a queue of events holds."""
