"""Server.events(): a stream of events, in order, for asyncio, for a thread, or for any other loop. The library's threads fill a
queue without the GIL. One descriptor wakes the reader, which takes a whole batch at once."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, AsyncIterator, List

from . import _pychat
from ._enums import Overflow
from ._events import Event

if TYPE_CHECKING:
    from typing_extensions import Self

BATCH = 512
"""The maximum number of events in a batch. Other tasks of the loop run between batches."""

SIGNAL_CHECK_MS = 1_000
"""How often a waiting thread checks for signals. A signal that arrives just before the wait does not interrupt it."""


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class EventStream(_pychat.EventIterator, AsyncIterator[Event]):
    """An iterator of events: `async for` in asyncio, `for` in a thread. It allows one reader at a time.

    It ends when the server has been stopped and its drain is over. Events that are still in the queue are returned first.
    Closing the stream, leaving its `with` block, or releasing the last reference ends the queue too.

    Other loops wait until fileno() is readable, and call take_nowait().
    """

    def __init__(
        self, core: _pychat.Core, kinds: int, max_events: int, max_bytes: int, overflow: Overflow
    ) -> None:
        for name, limit in (("max_events", max_events), ("max_bytes", max_bytes)):
            if not 0 < limit < 2**63:
                raise ValueError(f"{name}: out of range: {limit!r}")
        self._core = core
        self._queue = _pychat.EventQueue(kinds, max_events, max_bytes)
        self._has_reader = False
        core.add_events(self._queue, Overflow(overflow) is Overflow.REFUSE)

    # EventIterator gives the events of a batch, and calls these two at its end.

    async def _next_async(self) -> Event:
        while not self._count_left():
            if self._take():
                raise StopAsyncIteration
            if not self._count_left():
                await self._readable()
        return next(self)

    def _next(self) -> Event:
        while not self._count_left():
            if self._take():
                raise StopIteration
            if not self._count_left():
                self._wait_readable()
        return next(self)

    def _take(self) -> bool:
        """Takes a batch from the queue. True: there will be no others."""
        ended = self._queue.closed  # read first, so that events from before the end are still taken
        taken = self._core.take(self._queue, BATCH)
        if taken:
            self._put_batch(taken)
        return ended and not taken

    async def take(self) -> List[Event]:
        """Waits for events and returns up to BATCH of them; an empty list at the end."""
        while not self._count_left():
            if self._take():
                break
            if not self._count_left():
                await self._readable()
        return self._take_batch()

    def take_nowait(self) -> List[Event]:
        """Returns up to BATCH waiting events without blocking. At the end fileno() stays readable, and `ended` is true."""
        if not self._count_left():
            self._take()
        return self._take_batch()

    @property
    def ended(self) -> bool:
        """Whether all events were taken, and there will be no others."""
        return self._queue.closed and not self.waiting

    def fileno(self) -> int:
        """A descriptor that is readable while events wait, and from the end on. Never read or close it."""
        return self._queue.fileno()

    def _begin_reading(self) -> None:
        if self._has_reader:
            raise RuntimeError("this stream has a reader already: call Server.events() once for each reader")
        self._has_reader = True

    def _wait_readable(self) -> None:
        # poll() instead of select(), which supports no descriptor above 1,023. poll() runs Python's signal handlers and
        # continues to wait. A signal that arrives just before the wait does not interrupt it, so the wait has a
        # timeout.
        self._begin_reading()
        try:
            poll = select.poll()
            poll.register(self._queue.fileno(), select.POLLIN)
            while not poll.poll(SIGNAL_CHECK_MS):
                continue
        finally:
            self._has_reader = False

    async def _readable(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "`async for` needs a running asyncio loop; other loops watch fileno() and call take_nowait()"
            ) from None
        self._begin_reading()
        ready = loop.create_future()
        fd = self._queue.fileno()
        try:
            loop.add_reader(fd, _set, ready)
            await ready
        finally:
            self._has_reader = False
            # A forked child shares the loop's epoll with its parent, whose reader would be removed. A closed loop
            # watches nothing.
            if not self._queue.forked and not loop.is_closed():
                loop.remove_reader(fd)

    @property
    def lost(self) -> int:
        """The number of events dropped so far because the queue was full."""
        return self._queue.lost

    @property
    def waiting(self) -> int:
        """The number of events waiting in the queue."""
        return len(self._queue) + self._count_left()

    def close(self) -> None:
        """Ends the queue. It accepts no further events."""
        self._queue.close()
        self._core.remove_events(self._queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_queue"):
            self.close()
