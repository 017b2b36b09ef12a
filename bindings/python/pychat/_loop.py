"""A server in an asyncio loop: `async def` callbacks, awaited answers, and the server's own descriptor with threads=0.

The library's threads put questions into a queue and go on; what they asked about waits for its verdict. Here, in the loop,
each question becomes a task. When the loop ends, by whatever way, all that is undecided is refused.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, List, Set

from . import _log, _pychat
from ._events import Ack, AuthorizeRequest, ConnectRequest, Disconnected, Joined, Left, Opened
from ._verdicts import Refuse

if TYPE_CHECKING:
    from ._calls import Request
    from ._server import Server

MAX_CALLS = 65_536
MAX_CALL_BYTES = 256 * 1024 * 1024
BATCH = 256

AsyncCallback = Callable[[Any], Awaitable[Any]]

_NAMES = {
    ConnectRequest: "on_connect",
    AuthorizeRequest: "on_authorize",
    _pychat.Message: "on_message",
    Opened: "on_open",
    Joined: "on_join",
    Left: "on_leave",
    Disconnected: "on_disconnect",
    Ack: "on_ack",
}
_DECIDING = (ConnectRequest, AuthorizeRequest, _pychat.Message)


class Attachment:
    """What a server has in a loop, from its start there to detach(). All in the loop's thread."""

    def __init__(self, server: Server, core: _pychat.Core, callbacks: Dict[str, AsyncCallback]) -> None:
        self.loop = asyncio.get_running_loop()
        self._server = server
        self._core = core
        self._callbacks = callbacks
        self._queue = _pychat.EventQueue(0, MAX_CALLS, MAX_CALL_BYTES)
        self._undecided: Dict[int, Request] = {}  # by id(): requests with dicts in them have no hash
        self._tasks: Set[asyncio.Task[None]] = set()
        self._answers: Dict[int, asyncio.Future[List[Any]]] = {}
        self._poll_fd = -1
        self._drained = asyncio.Event()
        self._attached = True
        self._thread = threading.get_ident()
        core.set_calls(self._queue)
        self.loop.add_reader(self._queue.fileno(), self._take)
        # Its end is the loop's: cancelled with all tasks, or collected with a loop that was just closed.
        self._keeper = self.loop.create_task(self._keep())

    def watch(self, fd: int) -> None:
        """threads=0: drives the server whenever it has something to do."""
        self._poll_fd = fd
        self.loop.add_reader(fd, self._poll)

    def _poll(self) -> None:
        going_on = False
        try:
            going_on = self._core.poll(0)
        finally:
            if not going_on:
                self._unwatch()

    def _unwatch(self) -> None:
        if self._poll_fd >= 0:
            self.loop.remove_reader(self._poll_fd)
            self._poll_fd = -1
            self._drained.set()

    async def drained(self) -> None:
        """threads=0: waits for the end of the drain of a stopped server, which this loop drives."""
        if self._poll_fd >= 0:
            await self._drained.wait()

    async def finish(self) -> None:
        """Lets the async callbacks that came with the end of the server come to their own."""
        while self._take():
            pass
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _keep(self) -> None:
        try:
            await self.loop.create_future()
        finally:
            self.detach()

    def _take(self) -> bool:
        taken = self._core.take(self._queue, BATCH)
        for asked in taken:
            if isinstance(asked, Ack) and (answer := self._answers.pop(asked.ack_id, None)) is not None:
                self._answer(answer, asked)
                continue
            callback = self._callbacks.get(_NAMES[type(asked)])
            if callback is None:
                continue
            if isinstance(asked, _DECIDING):
                self._undecided[id(asked)] = asked
                self._begin(self._decide(callback, asked))
            else:
                self._begin(self._tell(callback, asked))
        return bool(taken)

    def _begin(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decide(self, callback: AsyncCallback, request: Request) -> None:
        try:
            # What is no verdict is reported like any other failure.
            self._give(request, await callback(request))
        except Refuse as refusal:
            self._give(request, refusal)
        except asyncio.CancelledError:
            self._give(request, Refuse("the application is not running"))
            raise
        except Exception as error:
            _log.report(_NAMES[type(request)], error)
            self._give(request, Refuse("the application failed"))

    def _give(self, request: Request, verdict: object) -> None:
        if id(request) not in self._undecided:
            return
        try:
            self._server.decide(request, verdict)
        except (_pychat.NoSuchClientError, _pychat.WrongStateError, _pychat.StoppedError):
            pass  # It has gone, or has waited too long.
        self._undecided.pop(id(request), None)

    async def _tell(self, callback: AsyncCallback, event: object) -> None:
        try:
            await callback(event)
        except Exception as error:
            _log.report(_NAMES[type(event)], error)

    async def call(self, send: Callable[[], int], timeout: float) -> List[Any]:
        """Sends something that is to be acknowledged, and waits for the answer's arguments."""
        answer: asyncio.Future[List[Any]] = self.loop.create_future()
        # No answer can be taken between these two: that happens in this thread.
        ack_id = send()
        self._answers[ack_id] = answer
        try:
            # The library keeps the time. Of what could not be sent after all it has nothing to say; hence this limit.
            return await asyncio.wait_for(answer, timeout + 1.0)
        except asyncio.TimeoutError:
            raise _pychat.TimedOutError("no answer in time") from None
        finally:
            self._answers.pop(ack_id, None)

    def _answer(self, answer: asyncio.Future[List[Any]], ack: Ack) -> None:
        if answer.done():
            return
        if ack.error is None:
            answer.set_result(ack.args or [])
        else:
            answer.set_exception(ack.error)

    def detach(self) -> None:
        """Refuses what is undecided, now and from now on. Any number of times, on any thread."""
        if threading.get_ident() != self._thread and self.loop.is_running():
            self.loop.call_soon_threadsafe(self.detach)
            return
        if not self._attached:
            return
        self._attached = False
        self._core.set_calls(None)
        if not self.loop.is_closed():
            self._unwatch()
            self.loop.remove_reader(self._queue.fileno())
            self._keeper.cancel()
            for task in self._tasks:
                task.cancel()
            for answer in self._answers.values():
                answer.cancel()
        while taken := self._core.take(self._queue, BATCH):
            self._undecided.update((id(asked), asked) for asked in taken if isinstance(asked, _DECIDING))
        for request in list(self._undecided.values()):
            self._give(request, Refuse("the application is not running"))
