"""The enumerations of chat.h, under the same names without their prefix."""

from __future__ import annotations

import enum


class Protocol(enum.IntEnum):
    """What an endpoint's clients speak."""

    PLAIN = 1
    CHAT_V1 = 2
    SOCKET_IO = 3


class Transport(enum.IntFlag):
    """What a client's bytes travel over; bits, so that an endpoint can allow several."""

    WEBSOCKET = 1
    POLLING = 2


class OutboxPolicy(enum.IntEnum):
    """What happens to a client whose outbox is full, because it reads slower than its rooms speak."""

    DISCONNECT = 0
    DROP_OLDEST = 1
    DROP_NEWEST = 2


class LogLevel(enum.IntEnum):
    """How grave a line of log is."""

    ERROR = 1
    WARNING = 2
    INFO = 3
    DEBUG = 4


class Verdict(enum.IntEnum):
    """The bare answers of a callback. True, None and False do in most places."""

    PASS = 0
    REFUSE = 1
    DEFER = 2
    CONSUME = 3


class Action(enum.IntEnum):
    """What a client wants to do, in on_authorize."""

    JOIN = 1
    PUBLISH = 2
    HISTORY = 3
    MEMBERS = 4
    ROOMS = 5
    RENAME = 6


class Payload(enum.IntEnum):
    """What the data of a message is."""

    TEXT = 0
    ARGS = 1
    BINARY = 2


class Overflow(enum.IntEnum):
    """What happens when a queue of events is full, because its reader is slower than the rooms."""

    DROP_OLDEST = 0
    """The oldest events go; the reader finds an EventsLost in their place."""

    REFUSE = 1
    """Messages are refused, and their senders told; of other events the oldest go."""


UNLIMITED = -1
"""Switches a limit or a timer off, where chat.h marks it with (*)."""
