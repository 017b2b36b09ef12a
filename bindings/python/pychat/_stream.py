"""Server.events(): a stream of events, in order, for asyncio. The library's threads fill a queue without the GIL. One
descriptor wakes the loop, which takes a whole batch at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, AsyncIterator, Deque, List

from . import _pychat
from ._enums import Overflow
from ._events import Event

if TYPE_CHECKING:
    from typing_extensions import Self

BATCH = 512
"""The most events that are taken at once, so that other tasks of the loop run in between."""


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class EventStream(AsyncIterator[Event]):
    """An asynchronous iterator of events. It ends with the server, and allows one reader at a time.

    Events that are in the queue when the server is closed are still returned. Closing the stream, leaving its `async with`
    block, or releasing the last reference ends the queue.
    """

    def __init__(
        self, core: _pychat.Core, kinds: int, max_events: int, max_bytes: int, overflow: Overflow
    ) -> None:
        for name, limit in (("max_events", max_events), ("max_bytes", max_bytes)):
            if not 0 < limit < 2**63:
                raise ValueError(f"{name}: out of range: {limit!r}")
        self._core = core
        self._queue = _pychat.EventQueue(kinds, max_events, max_bytes)
        self._batch: Deque[Event] = deque()
        self._has_reader = False
        core.add_events(self._queue, Overflow(overflow) is Overflow.REFUSE)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._batch:
            self._batch.extend(await self.take())
        if not self._batch:
            raise StopAsyncIteration
        return self._batch.popleft()

    async def take(self) -> List[Event]:
        """Waits for events and returns all that are there, at most BATCH; an empty list at the end."""
        if self._batch:
            events = list(self._batch)
            self._batch.clear()
            return events
        while True:
            ended = self._queue.closed  # read first, so that events from before the end are still taken
            taken = self._core.take(self._queue, BATCH)
            if taken or ended:
                return taken
            await self._readable()

    async def _readable(self) -> None:
        if self._has_reader:
            raise RuntimeError("this stream has a reader already: call Server.events() once for each reader")
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        fd = self._queue.fileno()
        loop.add_reader(fd, _set, ready)
        self._has_reader = True
        try:
            await ready
        finally:
            self._has_reader = False
            loop.remove_reader(fd)

    @property
    def lost(self) -> int:
        """The number of events dropped so far because the queue was full."""
        return self._queue.lost

    @property
    def waiting(self) -> int:
        """The number of events waiting in the queue."""
        return len(self._queue) + len(self._batch)

    def close(self) -> None:
        """Ends the queue. It accepts no further events."""
        self._queue.close()
        self._core.remove_events(self._queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_queue"):
            self.close()
