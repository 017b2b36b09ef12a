"""A store of the application's own for the history of rooms."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Awaitable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _pychat
from ._kept import KeptMessage


class HistoryValue(NamedTuple):
    """What the server keeps for a room beside its messages. In a change an empty value is to be removed."""

    key: str
    value: bytes
    time_ms: int


class HistoryRoom(NamedTuple):
    """A room as the store keeps it: load() returns it as the last write() gave it, with all values of the room."""

    room: str
    epoch: str
    seq: int
    dropped_seq: int
    oldest_ms: int
    newest_ms: int
    last_client: int
    values: Sequence[HistoryValue] = ()


class HistoryChange(NamedTuple):
    """What write() does with one room, in the order of the fields. See docs/history.md."""

    clear: bool
    remove: bool
    room: HistoryRoom
    messages: List[_pychat.Message]
    values: List[HistoryValue]
    drop_before_ms: int


class HistoryQuery(NamedTuple):
    """What read() is to find: at most `limit` messages of the room and epoch between the two numbers, the newest ones."""

    room: str
    epoch: str
    after_seq: int
    before_seq: int
    limit: int


Stored = Union[_pychat.Message, KeptMessage]


class HistoryStore:
    """Derive from it, and pass an instance as Server(history_store=...). docs/history.md says what the methods do.

    The methods may be `async def` or plain functions. The coroutines run in an asyncio loop of their own thread, because the server
    starts and stops while the application's loop waits for it. So a store opens its connections in load(). Plain functions run
    on threads of the library, write() and one read() at the same time. An exception means that nothing was done.
    """

    keeps_ids: bool = False
    """Whether read() returns messages with their `id`, so that repeated messages are recognised after a restart. Then read() is
    called at the start, for rooms in which something was published within `idempotency_ms`."""

    keeps_changes: bool = False
    """Whether messages can be edited, deleted and given reactions. Then the messages of a change replace the rows with their
    numbers, and read() returns all rows, each with the `kept_state` that it was written with last."""

    def load(self) -> Union[Iterable[HistoryRoom], Awaitable[Iterable[HistoryRoom]]]:
        """All rooms. Called once, when the server starts."""
        raise NotImplementedError

    def read(self, query: HistoryQuery) -> Union[Iterable[Stored], Awaitable[Iterable[Stored]]]:
        """The messages, newest first."""
        raise NotImplementedError

    def write(self, changes: List[HistoryChange]) -> Union[None, Awaitable[None]]:
        """Makes all changes in one transaction."""
        raise NotImplementedError

    def close(self) -> Union[None, Awaitable[None]]:
        """The server has ended, or has not started."""


class StoreCalls:
    """Calls a HistoryStore for the extension, and waits for its coroutines."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store
        self.keeps_ids = bool(store.keeps_ids)
        self.keeps_changes = bool(store.keeps_changes)
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._open = False

    def load(self) -> List[Tuple[Any, ...]]:
        self._open = True
        return [tuple(room) for room in self._result(self._store.load())]

    def read(self, *query: Any) -> List[Stored]:
        return list(self._result(self._store.read(HistoryQuery(*query))))

    def write(self, changes: List[Tuple[Any, ...]]) -> None:
        self._result(
            self._store.write(
                [
                    HistoryChange(
                        clear, remove, HistoryRoom(*room), messages, [HistoryValue(*value) for value in values], drop_before_ms
                    )
                    for clear, remove, room, messages, values, drop_before_ms in changes
                ]
            )
        )

    def close(self) -> None:
        """After the server has ended. Any number of times."""
        if not self._open:
            return
        self._open = False
        try:
            self._result(self._store.close())
        finally:
            with self._lock:
                loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            if loop is not None and thread is not None:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()

    def _result(self, given: Any) -> Any:
        if not hasattr(given, "__await__"):
            return given
        return asyncio.run_coroutine_threadsafe(_awaited(given), self._running_loop()).result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="pychat-store", daemon=True)
                self._thread.start()
            return self._loop


async def _awaited(given: Awaitable[Any]) -> Any:
    return await given
