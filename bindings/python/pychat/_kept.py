"""Messages that an application has kept, on their way back into a room."""

from __future__ import annotations

from typing import Any, Mapping, Optional


class KeptMessage:
    """A message for Server.room_restore() and HistoryStore.read(), with `args` as in Server.publish().

    `seq` is its number in the room and `time_ms` its time of publication, in milliseconds since 1970 (UTC). `edited_ms` is the
    time of its last edit, 0: none. `redacted`: it was deleted; give it the text "". `reply_to` is the number of the message
    that it answers. `kept_state` is what a HistoryStore with `keeps_changes` was given in Message.kept_state.
    """

    def __init__(
        self,
        *args: Any,
        seq: int,
        time_ms: int,
        event: Optional[str] = None,
        from_id: int = 0,
        from_name: Optional[str] = None,
        from_user_id: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
        edited_ms: int = 0,
        redacted: bool = False,
        reply_to: int = 0,
        id: Optional[str] = None,
        kept_state: Optional[str] = None,
    ) -> None:
        self.args = args
        self.seq = seq
        self.time_ms = time_ms
        self.event = event
        self.from_id = from_id
        self.from_name = from_name
        self.from_user_id = from_user_id
        self.attributes = attributes
        self.edited_ms = edited_ms
        self.redacted = redacted
        self.reply_to = reply_to
        self.id = id
        self.kept_state = kept_state

    def __repr__(self) -> str:
        return f"KeptMessage({', '.join(map(repr, self.args))}, seq={self.seq})"
