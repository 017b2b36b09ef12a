"""The values that a callback may return, and how they are read.

The extension calls the read_ functions for all values except None and booleans.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from ._enums import Verdict

PASS = Verdict.PASS
REFUSE = Verdict.REFUSE
DEFER = Verdict.DEFER
CONSUME = Verdict.CONSUME

REASON_BYTES = 123
"""The size limit of reasons, which is that of a WebSocket close frame."""


@dataclass(frozen=True)
class Identity:
    """A client's identity. With an empty user id it is a guest; an empty name is replaced by a generated one."""

    user_id: str = ""
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """For the application only; never sent to clients."""


class Refuse(Exception):
    """A refusal with a reason that is sent to the client. Return it from a callback, or raise it anywhere in one.

    `data` is for on_connect: any JSON value, which Socket.IO clients receive as the error's `data`.
    """

    def __init__(self, reason: str = "", data: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


class Replace:
    """Publishes another message instead of the received one, with `args` as in Server.publish().

    A field that is None keeps its value. Room, sender and acknowledgement always stay the same.
    """

    def __init__(
        self,
        *args: Any,
        event: Optional[str] = None,
        ephemeral: Optional[bool] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.args = args
        self.event = event
        self.ephemeral = ephemeral
        self.attributes = attributes

    def __repr__(self) -> str:
        event = "" if self.event is None else f", event={self.event!r}"
        return f"Replace({', '.join(map(repr, self.args))}{event})"


ConnectVerdict = Tuple[int, Optional[str], Optional[str], Optional[Identity]]
AuthorizeVerdict = Tuple[int, Optional[str]]
MessageVerdict = Tuple[int, Optional[str], Optional[Replace]]


def cut_reason(reason: str) -> str:
    """A reason, cut and cleaned so that it can be sent to a client."""
    return reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore").replace("\0", " ")


def _unexpected(result: object, allowed: str) -> TypeError:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        return TypeError("returned an awaitable, but is not an `async def` function, so it cannot be awaited")
    return TypeError(f"returned {result!r}, not {allowed}")


def read_connect(result: object) -> ConnectVerdict:
    """(verdict, reason, data as JSON, identity)."""
    if result is None or result is True:
        return int(PASS), None, None, None
    if isinstance(result, Identity):
        return int(PASS), None, None, result
    if isinstance(result, Refuse):
        data = None if result.data is None else json.dumps(result.data, allow_nan=False)
        return int(REFUSE), cut_reason(result.reason), data, None
    if result is False or result is REFUSE:
        return int(REFUSE), None, None, None
    if result is PASS or result is DEFER:
        return int(result), None, None, None
    raise _unexpected(result, "None, a bool, an Identity, a Refuse or DEFER")


def read_authorize(result: object) -> AuthorizeVerdict:
    """(verdict, reason)."""
    if result is None or result is True:
        return int(PASS), None
    if isinstance(result, Refuse):
        return int(REFUSE), cut_reason(result.reason)
    if result is False or result is REFUSE:
        return int(REFUSE), None
    if result is PASS or result is DEFER:
        return int(result), None
    raise _unexpected(result, "None, a bool, a Refuse or DEFER")


def read_message(result: object) -> MessageVerdict:
    """(verdict, reason, replacement)."""
    if result is None or result is True:
        return int(PASS), None, None
    if isinstance(result, (str, bytes)):
        return int(PASS), None, Replace(result)
    if isinstance(result, Replace):
        return int(PASS), None, result
    if isinstance(result, Refuse):
        return int(REFUSE), cut_reason(result.reason), None
    if result is False:
        return int(REFUSE), None, None
    if isinstance(result, Verdict):
        return int(result), None, None
    raise _unexpected(result, "None, a bool, a str, bytes, a Replace, a Refuse, CONSUME or DEFER")
