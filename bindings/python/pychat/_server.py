"""Server: its life, its callbacks, and what of it is for asyncio. What it can do while it runs is in _calls."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import select
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, NoReturn, Optional, Type, TypeVar, cast

from . import _log, _process, _pychat
from ._calls import ServerCalls, ack_milliseconds, milliseconds
from ._client import ClientOrId
from ._enums import Overflow
from ._events import Abandoned, Disconnected, Event, Joined, Left, Opened
from ._loop import AsyncCallback, Attachment
from ._options import ServerOptions
from ._stream import EventStream

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

DRAIN_TIMEOUT_MS = 5_000
"""The default of the option."""

Callback = TypeVar("Callback", bound=Callable[[Any], Any])

_EVENT_KINDS: Dict[type, str] = {
    Opened: "on_open",
    Joined: "on_join",
    Left: "on_leave",
    Disconnected: "on_disconnect",
    Abandoned: "on_abandon",
    _pychat.Message: "on_message",
}


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come. Like Ctrl-C it leaves poll(), and no `except Exception` of a callback swallows it."""


class Server(ServerCalls):
    """A chat server in this process.

    Takes the fields of chat_server_options by keyword (see ServerOptions), and begins with start(), `with`, `async with` or
    serve_forever(). A server that runs is kept alive until it is closed, and closed before the interpreter ends.
    """

    def __init__(self, **options: Unpack[ServerOptions]) -> None:
        unknown = set(options) - set(ServerOptions.__annotations__)
        if unknown:
            raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
        self._options = options
        self._async_callbacks: Dict[str, AsyncCallback] = {}
        self._attachment: Optional[Attachment] = None
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._at_stop: Callable[[], object] = lambda: None
        self._core = _pychat.Core(self, dict(options))
        self._core.set_callback(_pychat.kinds["on_log"], _log.log_line)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in _pychat.kinds.keys() & vars(cls).keys():
            raise TypeError(f"{cls.__name__}.{name} would hide the decorator: call self.{name}(function) in __init__ instead")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Server can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<pychat.Server on port {self.port}>" if self._core.running else "<pychat.Server, not running>"

    # Callbacks: decorators, before or after the start. One function for each; `async def` ones run in the asyncio loop.

    def on_connect(self, callback: Callback) -> Callback:
        """Somebody wants to connect: called with a ConnectRequest. None, a bool, Identity, Refuse or DEFER."""
        return self._set_callback("on_connect", callback)

    def on_open(self, callback: Callback) -> Callback:
        """A client is accepted and can be sent to: called with Opened."""
        return self._set_callback("on_open", callback)

    def on_join(self, callback: Callback) -> Callback:
        """A client has joined a room: called with Joined."""
        return self._set_callback("on_join", callback)

    def on_leave(self, callback: Callback) -> Callback:
        """A client has left a room: called with Left."""
        return self._set_callback("on_leave", callback)

    def on_disconnect(self, callback: Callback) -> Callback:
        """A client has gone: called with Disconnected."""
        return self._set_callback("on_disconnect", callback)

    def on_abandon(self, callback: Callback) -> Callback:
        """A client went before the verdict that on_connect had deferred: called with Abandoned, not with Disconnected.

        An `async def` on_connect that still runs for it is cancelled.
        """
        return self._set_callback("on_abandon", callback)

    def on_authorize(self, callback: Callback) -> Callback:
        """May it? Called with an AuthorizeRequest; before the start only. None, a bool, Refuse or DEFER."""
        if self._core.running:
            raise _pychat.WrongStateError("on_authorize changes what is allowed, so it is set before the start")
        return self._set_callback("on_authorize", callback)

    def on_message(self, callback: Callback) -> Callback:
        """What of this Message? None, a bool, a str or bytes or Replace, Refuse, CONSUME or DEFER."""
        return self._set_callback("on_message", callback)

    def on_ack(self, callback: Callback) -> Callback:
        """A client has answered what was sent by send_with_ack(), or will not: called with Ack."""
        return self._set_callback("on_ack", callback)

    def on_log(self, callback: Callback) -> Callback:
        """A line of log: called with LogLine. Without it lines go to the logger "pychat". No `async def`."""
        if _is_async(callback):
            raise TypeError("on_log cannot be an async function: lines come when no loop runs, too")
        return self._set_callback("on_log", callback)

    def _set_callback(self, name: str, callback: Callback) -> Callback:
        if not callable(callback):
            raise TypeError(f"{name} takes a function, not {callback!r}")
        if _is_async(callback):
            if self._core.running and self._attachment is None:
                raise _pychat.WrongStateError("an async function needs a server that was started in an asyncio loop")
            self._async_callbacks[name] = cast(AsyncCallback, callback)
        else:
            self._core.set_callback(_pychat.kinds[name], callback)
            self._async_callbacks.pop(name, None)
        # A plain function goes before the other kind: at no moment is nobody asked.
        self._core.set_async_kinds(sum(_pychat.kinds[name] for name in self._async_callbacks))
        if name in self._async_callbacks:
            self._core.set_callback(_pychat.kinds[name], None)
        return callback

    # Life

    def start(self) -> Self:
        """Starts the server; when this returns, it listens. In a running asyncio loop it is attached to that loop.

        What can go wrong is AddressInUseError, AddressInvalidError, PermissionError, CertificateError, EventLoopError, and
        InvalidArgumentError for options.
        """
        _process.check_start()
        with self._starting:
            self._start()
        return self

    def _start(self) -> None:
        if self._core.running:
            raise _pychat.WrongStateError("the server runs already")
        if _in_asyncio():
            self._attachment = Attachment(self, self._core, self._async_callbacks)
        elif self._async_callbacks:
            raise RuntimeError("async callbacks need a running asyncio loop: use `async with server`")
        _process.keep(self)
        try:
            self._core.start(_log.wanted_level())
            if self._attachment is not None and self._options.get("threads") == 0:
                self._attachment.watch(self._core.fileno())
        except BaseException:
            _process.let_go(self)
            if self._attachment is not None:
                self._attachment.detach()
                self._attachment = None
            raise

    def stop(self) -> None:
        """Begins the drain and returns: no new connection, goodbye to each client. Any thread, any number of times."""
        self._core.stop()
        self._end_serving()

    def _end_serving(self) -> None:
        self._stopped.set()
        self._at_stop()

    def close(self) -> None:
        """Stops, waits for the end of the drain, and frees. Any number of times; not inside of a callback."""
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.detach()
        self._core.close()
        self._end_serving()
        _process.let_go(self)

    def _abandon(self) -> None:
        self._core.abandon()
        self._attachment = None

    @property
    def running(self) -> bool:
        """From start() to close()."""
        return self._core.running

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Starts if need be, and serves until Ctrl-C, SIGTERM, or stop() on another thread; drains, and closes.

        SIGTERM only in the main thread, and only when nobody else handles it. Not in asyncio: see aserve_forever().
        """
        if _in_asyncio():
            raise _pychat.WrongStateError("serve_forever() would block the asyncio loop: use `await server.aserve_forever()`")
        with _handled(_raise_terminated, signal.SIGTERM):
            try:
                with self:
                    if self._options.get("threads") == 0:
                        self._drive()
                    else:
                        self._stopped.wait()
            except KeyboardInterrupt:
                self.close()  # does nothing, unless a second signal broke into the end of `with`

    def _drive(self) -> None:
        # Not poll(-1): Python runs signal handlers between its own instructions only, and select() wakes for them.
        fd = self.fileno()
        while self.poll(0):
            select.select([fd], [], [])

    def poll(self, timeout: Optional[float] = 0.0) -> bool:
        """threads=0: runs until nothing is ready; waits for the first event for so many seconds, None: as long as it takes.

        False once a stopped server's drain has ended: nothing is left to do but close().
        """
        if timeout is None:
            return self._core.poll(-1)
        # What is over already does not wait; longer than a C int can say is long enough.
        return self._core.poll(min(milliseconds(max(timeout, 0.0)), 2**31 - 1))

    def fileno(self) -> int:
        """threads=0: a descriptor that is readable when poll() has something to do; -1 when the server has threads."""
        return self._core.fileno()

    # asyncio

    async def __aenter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """close() for asyncio: the loop goes on while the clients are said goodbye to, and async callbacks come to the end.

        What of these has not ended after drain_timeout_ms more is cancelled.
        """
        loop = asyncio.get_running_loop()
        attachment = self._attachment
        if attachment is not None and attachment.loop is not loop:
            await loop.run_in_executor(None, self.close)  # a stranger to the tasks of that loop
            return
        try:
            if self._core.running:
                self.stop()
                if attachment is not None:
                    await attachment.drained()
                await loop.run_in_executor(None, self._core.close)
            if attachment is not None:
                await attachment.finish((self._options.get("drain_timeout_ms") or DRAIN_TIMEOUT_MS) / 1000)
        finally:
            self.close()

    async def aserve_forever(self) -> None:
        """serve_forever() for asyncio. Ctrl-C, SIGTERM and stop() end it without an exception.

        The signals only in the main thread, and only when nobody but Python itself handles them.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def end(*signal: object) -> None:
            loop.call_soon_threadsafe(ended.set)

        self._at_stop = end
        try:
            with _handled(end, signal.SIGINT, signal.SIGTERM):
                async with self:
                    if not self._stopped.is_set():
                        await ended.wait()
        finally:
            self._at_stop = lambda: None

    def events(
        self,
        *kinds: Type[Event],
        max_events: int = 65_536,
        max_bytes: int = 64 * 1024 * 1024,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> EventStream:
        """What happens, from now on: `async for event in server.events(Message, Disconnected)`; all kinds without any.

        Messages are those that on_message has let pass. The queue is bounded; see Overflow for what happens when it is full.
        """
        wanted = 0
        for kind in kinds or tuple(_EVENT_KINDS):
            if kind not in _EVENT_KINDS:
                raise TypeError(f"{kind!r} is no kind of event that can be asked for")
            wanted |= _pychat.kinds[_EVENT_KINDS[kind]]
        return EventStream(self._core, wanted, max_events, max_bytes, overflow)

    async def call(
        self, client: ClientOrId, event: str, *args: Any, timeout: Optional[float] = 10.0, room: Optional[str] = None
    ) -> List[Any]:
        """Sends an event to a client and waits for its answer: `answer, = await server.call(client, "question", 42)`.

        TimedOutError after so many seconds (None: never), NoSuchClientError when the client goes, UnsupportedError unless it speaks
        Socket.IO.
        """
        attachment = self._attachment
        if attachment is None or attachment.loop is not asyncio.get_running_loop():
            raise _pychat.WrongStateError("call() works in the asyncio loop that the server was started in")
        return await attachment.call(
            lambda: self._core.send_with_ack(self._id(client), args, event, room, ack_milliseconds(timeout), True), timeout
        )

    @property
    def callbacks_lost(self) -> int:
        """How many events did not reach async callbacks, because too many were waiting or no loop was there."""
        return self._core.calls_lost


def _raise_terminated(number: int, frame: Optional[FrameType]) -> None:
    raise _Terminated


@contextlib.contextmanager
def _handled(handler: Callable[[int, Optional[FrameType]], object], *numbers: signal.Signals) -> Iterator[None]:
    """Handles these signals, as far as only Python's own handlers are there; in the main thread, where signals come."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            present = signal.getsignal(number)
            # asyncio.run() has one of its own for Ctrl-C.
            is_asyncios = getattr(getattr(present, "func", None), "__module__", "") == "asyncio.runners"
            if present in (signal.SIG_DFL, signal.default_int_handler) or is_asyncios:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, present in before.items():
            signal.signal(number, present)


def _in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_async(callback: object) -> bool:
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None))
