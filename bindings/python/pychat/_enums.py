"""The enumerations of chat.h, with the same names without the prefix."""

from __future__ import annotations

import enum


class Protocol(enum.IntEnum):
    """The protocol of an endpoint's clients."""

    PLAIN = 1
    CHAT_V1 = 2
    SOCKET_IO = 3
    STOMP = 4
    HTTP = 5


class Transport(enum.IntFlag):
    """The transport of a client. The values are bits, so that an endpoint can allow several."""

    WEBSOCKET = 1
    POLLING = 2
    STREAMING = 4


class SockJs(enum.IntFlag):
    """The transports of SockJS at an endpoint. The values are bits."""

    WEBSOCKET = 1
    XHR = 2
    XHR_STREAMING = 4
    EVENTSOURCE = 8
    HTMLFILE = 16
    JSONP = 32
    OFF = 64


class OutboxPolicy(enum.IntEnum):
    """What happens when a client's outbox is full because the client reads too slowly."""

    DISCONNECT = 0
    DROP_OLDEST = 1
    DROP_NEWEST = 2


class HistorySync(enum.IntEnum):
    """What a kept history survives."""

    NORMAL = 0
    """The end of the process, however it ends."""
    FULL = 1
    """A power loss too."""


class HistoryFailure(enum.IntEnum):
    """What happens to messages while a kept history cannot be written."""

    FAIL = 0
    """They are refused with UnavailableError or the code `unavailable`."""
    FORGET = 1
    """They are published without being kept."""


class ClusterPolicy(enum.IntEnum):
    """What a server of a cluster does when Redis is gone for more than 5 seconds."""

    HOLD = 0
    """Messages fail with UnavailableError, and new rooms cannot be entered."""
    ISLAND = 1
    """It numbers messages itself, and adds them to the shared rooms when Redis is back."""


class HistorySearch(enum.IntEnum):
    """How messages of a kept history are found by their text."""

    OFF = 0
    """They are not."""
    WORDS = 1
    """By whole words; case and accents do not matter."""
    PARTS = 2
    """By any three or more characters in a row, in every language."""


class PresenceLevel(enum.IntEnum):
    """What the members of a room learn about each other."""

    OFF = 0
    COUNTS = 1
    """The number of people."""
    FULL = 2
    """Their user ids and names too, for clients that may list the members."""


class LogLevel(enum.IntEnum):
    """The severity of a log line."""

    ERROR = 1
    WARNING = 2
    INFO = 3
    DEBUG = 4


class Verdict(enum.IntEnum):
    """The verdicts that a callback can return. True, None and False usually suffice."""

    PASS = 0
    REFUSE = 1
    DEFER = 2
    CONSUME = 3


class Action(enum.IntEnum):
    """The action that on_authorize decides about."""

    JOIN = 1
    PUBLISH = 2
    HISTORY = 3
    MEMBERS = 4
    ROOMS = 5
    RENAME = 6
    EDIT = 7
    REDACT = 8
    REACT = 9
    MODERATE = 10
    """Asked only about clients whose role allows it."""
    REPORT = 11
    STATE = 12


class Role(enum.IntEnum):
    """What a person may do in a room. Each role may do what the lower ones may."""

    GUEST = 0
    MEMBER = 1
    MODERATOR = 2
    OWNER = 3


class ModerationAction(enum.IntEnum):
    """What Server.moderate() does: docs/moderation.md."""

    KICK = 1
    BAN = 2
    MUTE = 3
    SLOW_MODE = 4
    """value: milliseconds between two messages of a person; 0: off."""
    MEMBERS_ONLY = 5
    READ_ONLY = 6
    CLOSE = 7
    ROLE = 8
    CLEAR = 9
    """Deletes the newest kept messages of a person, at most 1,000."""
    APPROVE = 10
    """Publishes the first message of the target, which waits."""
    REJECT = 11
    NO_REPEATS = 12
    """value: so many milliseconds a person cannot repeat a text; 0: off."""
    NO_LINKS = 13
    """value: no links of a person for so many milliseconds after its first message; 0: off."""
    HOLD_FIRST = 14
    """value: so many milliseconds at most a person's first message waits for APPROVE; 0: off."""


class EventKind(enum.IntEnum):
    """What a Message is. The others change the message target_seq."""

    MESSAGE = 0
    EDIT = 1
    REDACTION = 2
    REACTION = 4


class Payload(enum.IntEnum):
    """The type of a message's payload."""

    TEXT = 0
    ARGS = 1
    BINARY = 2


class Overflow(enum.IntEnum):
    """What happens when an event queue is full because its reader is too slow."""

    DROP_OLDEST = 0
    """The oldest events are dropped; the reader receives an EventsLost in their place."""

    REFUSE = 1
    """New messages are refused with an error to their senders. For other events, the oldest are dropped."""


UNLIMITED = -1
"""Disables a limit or a timer, if chat.h marks it with (*)."""
