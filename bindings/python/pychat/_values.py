"""Arguments of events as JSON: bytes become attachments, replaced by `{"_placeholder":true,"num":N}`."""

from __future__ import annotations

import json
from typing import Any, List, Sequence, Tuple, Union

Buffer = Union[bytes, bytearray, memoryview]


def encode(args: Sequence[Any]) -> Tuple[str, List[Buffer]]:
    """The JSON array of arguments, and its attachments. Raises ValueError for NaN and cycles, TypeError for other types."""
    attachments: List[Buffer] = []

    def attach(value: object) -> object:
        if isinstance(value, (bytes, bytearray, memoryview)):
            attachments.append(value)
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"{type(value).__name__} is neither JSON nor bytes")

    def dump(ensure_ascii: bool) -> str:
        attachments.clear()
        return json.dumps(
            list(args), ensure_ascii=ensure_ascii, allow_nan=False, separators=(",", ":"), default=attach
        )

    text = dump(ensure_ascii=False)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # JSON can escape a lone surrogate in ASCII, so clients may send one.
            text = dump(ensure_ascii=True)
    return text, attachments


def decode(data: bytes, attachments: Sequence[bytes]) -> List[Any]:
    """The arguments in a JSON array, with the attachments in their places."""
    if not attachments:
        return json.loads(data)  # type: ignore[no-any-return]

    def fill(value: "dict[str, Any]") -> Any:
        if value.get("_placeholder") is True:
            number = value.get("num")
            if isinstance(number, int) and 0 <= number < len(attachments):
                return attachments[number]
        return value

    return json.loads(data, object_hook=fill)  # type: ignore[no-any-return]
