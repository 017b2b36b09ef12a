"""A server in an asyncio loop: `async def` callbacks, awaited answers, and the server's own descriptor with threads=0.

A server is attached to one loop at a time. When that loop has ended, the server may be attached to another one.

The library's threads put requests into a queue and do not block; each request waits for its verdict. When the loop ends for
any reason, all undecided requests are refused.

A task of its own for each callback would cost more than most callbacks. So one task, the runner, makes the first step of all
waiting callbacks, each in its own context. When a callback suspends, the runner becomes the task of this callback alone, and
another runner continues with the others. A callback thus has the same current task from its begin to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
import time
import types
from collections import deque
from contextvars import Context, copy_context
from typing import Any, Awaitable, Callable, Coroutine, Deque, Dict, Generator, List, Optional, Set, Tuple

from . import _log, _pychat
from ._decisions import ServerDecisions
from ._events import (
    Abandoned,
    Ack,
    Audit,
    AuthorizeRequest,
    ConnectRequest,
    Disconnected,
    Joined,
    Left,
    Opened,
    Presence,
    Published,
    Reported,
    Request,
)
from ._verdicts import Refuse

MAX_CALLS = 65_536
MAX_CALL_BYTES = 256 * 1024 * 1024
BATCH = 256
KEEP_VERDICTS_S = 0.001
"""How long a verdict may wait for those of the next callbacks."""

AsyncCallback = Callable[[Any], Awaitable[Any]]

_NAMES = {
    ConnectRequest: "on_connect",
    AuthorizeRequest: "on_authorize",
    _pychat.Message: "on_message",
    Opened: "on_open",
    Joined: "on_join",
    Left: "on_leave",
    Disconnected: "on_disconnect",
    Abandoned: "on_abandon",
    Ack: "on_ack",
    Published: "on_published",
    Presence: "on_presence",
    Audit: "on_audit",
    Reported: "on_report",
}
_DECIDING = (ConnectRequest, AuthorizeRequest, _pychat.Message)


class Attachment:
    """The connection between a server and a loop, from the start there to detach(). Used only in the loop's thread."""

    def __init__(self, server: ServerDecisions, core: _pychat.Core, callbacks: Dict[str, AsyncCallback]) -> None:
        self.loop = asyncio.get_running_loop()
        self._server = server
        self._core = core
        self._callbacks = callbacks
        self._queue = _pychat.EventQueue(0, MAX_CALLS, MAX_CALL_BYTES)
        self._undecided: Dict[int, Request] = {}  # by id(), because requests that contain dicts are not hashable
        self._tasks: Set[asyncio.Task[None]] = set()
        self._waiting: Deque[Tuple[str, AsyncCallback, Any]] = deque()  # callbacks without a first step, in order
        self._runner: Optional[asyncio.Task[None]] = None
        self._stepping = False  # the runner makes first steps
        self._passed: List[_pychat.Message] = []  # by first steps; these verdicts are given together
        self._connecting: Dict[int, Tuple[Request, asyncio.Task[None]]] = {}  # by the client's id
        # Each stays until the library reports its answer, even if the waiting task was cancelled.
        self._answers: Dict[int, asyncio.Future[List[Any]]] = {}
        self._poll_fd = -1
        self._drained = asyncio.Event()
        self._attached = True
        self._thread = threading.get_ident()
        core.set_calls(self._queue)
        self.loop.add_reader(self._queue.fileno(), self._take)
        # It ends with the loop: cancelled with all tasks, or collected with a loop that was only closed.
        self._keeper = self.loop.create_task(self._keep(), name="pychat")

    def watch(self, fd: int) -> None:
        """threads=0: drives the server whenever it has work."""
        self._poll_fd = fd
        self.loop.add_reader(fd, self._poll)

    def _poll(self) -> None:
        if self._queue.forked:
            return  # in a child that runs its parent's loop; see detach()
        try:
            going_on = self._core.poll(0)
        except Exception:
            self._unwatch()
            raise
        # Other exceptions of a callback, such as KeyboardInterrupt, propagate to the loop's owner; the server keeps running.
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

    async def finish(self, limit_s: float) -> None:
        """Waits at most `limit_s` for the async callbacks that the end of the server started."""
        while self._take():
            pass
        end_s = self.loop.time() + limit_s
        # The waiting task may be one of them. A runner may begin others.
        while others := self._tasks - {asyncio.current_task()}:
            _, late = await asyncio.wait(others, timeout=max(end_s - self.loop.time(), 0))
            if late:
                _log.logger.warning("%d async callbacks did not finish in time and are cancelled", len(late))
                break

    async def _keep(self) -> None:
        try:
            await self.loop.create_future()
        finally:
            if self._attached and self._callbacks and self._core.running:
                _log.logger.warning(
                    "the asyncio loop of a running server has ended: requests for async callbacks are refused until"
                    " `async with server` attaches it to another loop"
                )
            self.detach()

    @property
    def alive(self) -> bool:
        """Whether the loop is open and still has the server's task."""
        return self._attached and not self.loop.is_closed()

    def _take(self) -> bool:
        taken = self._core.take(self._queue, BATCH)
        on_message = self._callbacks.get("on_message")
        for asked in taken:
            if type(asked) is _pychat.Message and on_message is not None:
                self._undecided[id(asked)] = asked
                self._waiting.append(("on_message", on_message, asked))
                continue
            if isinstance(asked, Ack) and (answer := self._answers.pop(asked.ack_id, None)) is not None:
                self._answer(answer, asked)
                continue
            if isinstance(asked, Abandoned):
                self._abandon(asked.client.id)
            name = _NAMES[type(asked)]
            callback = self._callbacks.get(name)
            if isinstance(asked, _DECIDING):
                self._undecided[id(asked)] = asked
                if callback is None:  # A plain function replaced it in the meantime.
                    self._give(asked, Refuse("the application is busy"))
                elif isinstance(asked, ConnectRequest):  # has its own task, which can be cancelled before its first step
                    self._connecting[asked.client.id] = (asked, self._begin(name, self._perform(callback, asked)))
                else:
                    self._waiting.append((name, callback, asked))
            elif callback is not None:
                self._waiting.append((name, callback, asked))
        self._run_waiting()
        return bool(taken)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work, name=f"pychat {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _run_waiting(self) -> None:
        if not self._waiting or self._runner is not None:
            return
        if self.loop.get_task_factory() is None:
            self._runner = self._begin(self._waiting[0][0], self._run())
            self._runner.add_done_callback(self._runner_ended)
            return
        # The program's factory makes the task of each callback.
        while self._waiting:
            name, callback, asked = self._waiting.popleft()
            self._begin(name, self._perform(callback, asked))

    def _runner_ended(self, task: asyncio.Task[None]) -> None:
        if self._runner is task:  # It was cancelled before its first step.
            self._runner = None
            if self._attached:
                self._run_waiting()

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        references = sys.getrefcount(task)
        name, known, is_plain, waiting, passed = "", None, False, self._waiting, self._passed
        given_s = time.monotonic()
        rest: Optional[Awaitable[Any]] = None
        self._stepping = True
        try:
            while waiting:
                last, (name, callback, asked) = name, waiting.popleft()
                if name is not last:
                    task.set_name(f"pychat {name}")
                if callback is not known:
                    known, is_plain = callback, _makes_coroutines(callback)
                work: Any = callback(asked) if is_plain else _await(callback, asked)
                context = copy_context()
                try:
                    rest = _rest(work, context, context.run(work.send, None))
                    break
                except StopIteration as returned:
                    self._returned(asked, returned.value)
                except BaseException as error:
                    self._raised(asked, error)
                if passed and (now_s := time.monotonic()) - given_s > KEEP_VERDICTS_S:
                    given_s = now_s
                    self._give_passed()
                # Somebody kept or cancelled the task of a callback that has ended: no other callback may run in it.
                if sys.getrefcount(task) > references or getattr(task, "_must_cancel", False):
                    break
        finally:
            self._stepping = False
            self._runner = None
            self._give_passed()
            self._run_waiting()
        if rest is not None:
            try:
                verdict = await rest
            except BaseException as error:
                self._raised(asked, error)
            else:
                self._returned(asked, verdict)

    def _abandon(self, client: int) -> None:
        request, task = self._connecting.pop(client, (None, None))
        if task is not None:
            self._undecided.pop(id(request), None)  # a task that has not started does not do this
            task.cancel()

    async def _perform(self, callback: AsyncCallback, asked: Any) -> None:
        """A callback in a task of its own."""
        try:
            verdict = await callback(asked)
        except BaseException as error:
            self._raised(asked, error)
        else:
            self._returned(asked, verdict)

    def _returned(self, asked: Any, verdict: object) -> None:
        if isinstance(asked, _DECIDING):
            try:
                self._give(asked, verdict)
            except BaseException as error:  # A value that is not a verdict is reported like any other failure.
                self._raised(asked, error)

    def _raised(self, asked: Any, error: BaseException) -> None:
        if isinstance(asked, _DECIDING):
            if isinstance(error, Refuse):
                self._returned(asked, error)
                return
            ended = isinstance(error, asyncio.CancelledError)
            self._give(asked, Refuse("the application is not running" if ended else "the application failed"))
        if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
            raise error  # The last two end the loop.
        _log.report(_NAMES[type(asked)], error)

    def _give(self, request: Request, verdict: object) -> None:
        if id(request) not in self._undecided:
            return
        if self._stepping and (verdict is None or verdict is True) and isinstance(request, _pychat.Message):
            del self._undecided[id(request)]
            self._passed.append(request)
            return
        try:
            self._server.decide(request, verdict)
        except (_pychat.NoSuchClientError, _pychat.WrongStateError, _pychat.StoppedError):
            pass  # The client disconnected, or the time limit passed.
        self._undecided.pop(id(request), None)
        if isinstance(request, ConnectRequest):
            self._connecting.pop(request.client.id, None)

    def _give_passed(self) -> None:
        if not self._passed:
            return
        with contextlib.suppress(_pychat.StoppedError, _pychat.WrongStateError):
            for request in self._core.pass_messages(self._passed):  # there was no memory for these verdicts
                self._undecided[id(request)] = request
                self._give(request, Refuse("the application failed"))
        self._passed.clear()

    async def call(self, send: Callable[[], int], timeout: Optional[float]) -> List[Any]:
        """Sends a message that asks for an acknowledgement, and waits for the answer's arguments."""
        if not self._attached:
            raise _pychat.WrongStateError("the server's task in this loop was cancelled")
        answer: asyncio.Future[List[Any]] = self.loop.create_future()
        # No answer can be taken between these two lines, because answers are taken in this thread.
        ack_id = send()
        self._answers[ack_id] = answer
        try:
            # The library keeps the time, but reports nothing if the message could not be sent after all; hence this limit.
            return await asyncio.wait_for(answer, None if timeout is None else timeout + 1.0)
        except asyncio.TimeoutError:
            raise _pychat.TimedOutError("no answer in time") from None

    def _answer(self, answer: asyncio.Future[List[Any]], ack: Ack) -> None:
        if answer.done():  # The waiting task was cancelled, or its time limit passed.
            return
        if ack.error is None:
            answer.set_result(ack.args or [])
        else:
            answer.set_exception(ack.error)

    def detach(self) -> None:
        """Refuses all present and later requests. May be called any number of times, on any thread."""
        if self._queue.forked:
            return  # the loop's epoll is shared with the parent, whose readers would be removed
        if threading.get_ident() != self._thread and self.loop.is_running():
            try:
                self.loop.call_soon_threadsafe(self.detach)
                return
            except RuntimeError:
                pass  # The loop was closed at this moment.
        if not self._attached:
            return
        self._attached = False
        self._core.set_calls(None)
        self._waiting.clear()
        if not self.loop.is_closed():
            self._unwatch()
            self.loop.remove_reader(self._queue.fileno())
            self._keeper.cancel()
            for task in self._tasks - {_current_task()}:
                task.cancel()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(_pychat.StoppedError("the server is closed"))
        while taken := self._core.take(self._queue, BATCH):
            self._undecided.update((id(asked), asked) for asked in taken if isinstance(asked, _DECIDING))
        self._give_passed()
        for request in list(self._undecided.values()):
            self._give(request, Refuse("the application is not running"))


def _makes_coroutines(callback: AsyncCallback) -> bool:
    """Whether calling it runs nothing of it yet."""
    function = getattr(callback, "__func__", callback)
    return isinstance(function, types.FunctionType) and bool(function.__code__.co_flags & inspect.CO_COROUTINE)


async def _await(callback: AsyncCallback, asked: Any) -> Any:
    return await callback(asked)


@types.coroutine
def _rest(work: Coroutine[Any, Any, Any], context: Context, yielded: Any) -> Generator[Any, Any, Any]:
    """What follows the first step of a coroutine, which has yielded this, with each step in the coroutine's context."""
    while True:
        try:
            try:
                sent = yield yielded
            except BaseException as error:
                yielded = context.run(work.throw, error)
            else:
                yielded = context.run(work.send, sent)
        except StopIteration as returned:
            return returned.value


def _current_task() -> Optional[asyncio.Task[Any]]:
    try:
        return asyncio.current_task()
    except RuntimeError:  # No loop runs in this thread.
        return None
