"""The objects that callbacks receive and event queues hold. The extension defines Message; all others are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Tuple, Union

from . import _pychat
from ._client import Client
from ._enums import Action, LogLevel, ModerationAction, Protocol, Transport
from ._snapshots import Person


@dataclass(frozen=True)
class ConnectRequest:
    """A client asks to connect. See chat_connect_event in chat.h. Its repr omits credentials."""

    client: Client
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """The keys are lower-case names."""
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
    """Socket.IO: the client's `auth` as JSON, or ""."""
    socket_id: str = ""
    """The id for Server.find_client()."""
    recovered_from: int = 0
    """With recovery_asks_on_connect: the id of the client that this one continues, otherwise 0."""


@dataclass(frozen=True)
class AuthorizeRequest:
    """A client asks to perform an action in a room."""

    client: Client
    action: Action
    room: str
    """ "" for Action.ROOMS, Action.RENAME and Action.STATE."""
    value: str
    """Action.RENAME: the requested name. Action.PUBLISH: the event's name. Action.STATE: the state as JSON, or "".
    Action.EDIT, REDACT, REACT and REPORT: the number of the message. Action.MODERATE: the name of the action."""
    decision_id: int = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """A client was accepted and can receive messages."""

    client: Client
    name: str
    user_id: str
    room: str
    recovered_from: int
    """The id of the client that this one continues, otherwise 0."""
    socket_id: str = ""
    """The id for Server.find_client()."""


@dataclass(frozen=True)
class Joined:
    """A client joined a room."""

    client: Client
    name: str
    user_id: str
    room: str


@dataclass(frozen=True)
class Left:
    """A client left a room."""

    client: Client
    name: str
    user_id: str
    room: str
    reason: str


@dataclass(frozen=True)
class Disconnected:
    """A client disconnected. This is the last event with its `client.user`."""

    client: Client
    name: str
    user_id: str
    close_code: int
    reason: str
    socket_id: str = ""
    """The id that Server.find_client() accepted."""


@dataclass(frozen=True)
class Abandoned:
    """A client whose on_connect returned DEFER disconnected, or the time limit passed, before the verdict."""

    client: Client
    close_code: int
    reason: str


@dataclass(frozen=True)
class Ack:
    """A client answered a message of send_with_ack(), or will not answer: then `error` says why and `args` is None."""

    client: Client
    ack_id: int
    args: Optional[List[Any]]
    error: Optional[_pychat.ChatError]


@dataclass(frozen=True)
class Published:
    """A numbered message was published: `message` has its seq, epoch and time_ms. `message.client` is not available."""

    message: _pychat.Message


@dataclass(frozen=True)
class Presence:
    """The people in a room have changed."""

    room: str
    epoch: str
    time_ms: int
    count: int
    """The people in the room, after the change."""
    joined: Tuple[Person, ...]
    left: Tuple[Person, ...]
    changed: Tuple[Person, ...]
    """With a new name or a new state."""


@dataclass(frozen=True)
class Audit:
    """Something was moderated, by a client or by the application."""

    room: str
    """ "" for Server.kick() and Server.close_connection()."""
    action: ModerationAction
    actor: int
    """The id of the client that moderated; 0: the application."""
    actor_user_id: str
    actor_name: str
    client: int
    """The target, if it was named by its client, otherwise 0."""
    user_id: str
    """The target; "" for a guest and without a target."""
    name: str
    address: str
    """The banned block, "192.0.2.0/24", or ""."""
    duration_ms: int
    value: int
    reason: str
    time_ms: int


@dataclass(frozen=True)
class Reported:
    """A member of a room has reported a message there: `message` is as it was then. `message.client` is not available."""

    message: _pychat.Message
    client: int
    """The id of the client that reports it, which may have disconnected."""
    user_id: str
    """Who reports it; "": a guest."""
    name: str
    reason: str
    time_ms: int


@dataclass(frozen=True)
class LogLine:
    """A log line."""

    level: LogLevel
    text: str


@dataclass(frozen=True)
class EventsLost:
    """In an event queue: `count` events were dropped at this point because the queue was full."""

    count: int


def restore_message(*state: Any) -> _pychat.Message:
    """Called by pickle."""
    return _pychat.restore_message(*state)


Event = Union[Opened, Joined, Left, Disconnected, Abandoned, _pychat.Message, EventsLost]
"""Anything that an event queue can hold."""

Request = Union[ConnectRequest, AuthorizeRequest, _pychat.Message]
"""A request that a callback decides."""
