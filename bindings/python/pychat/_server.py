"""Server: its lifetime, its callbacks, and its asyncio support. The functions of a running server are in _client."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import secrets
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, NoReturn, Optional, Set, Type, TypeVar, cast

from . import _log, _process, _pychat
from ._client import ClientOrId, ack_milliseconds, milliseconds, servers
from ._decisions import ServerDecisions
from ._enums import Overflow
from ._events import Abandoned, Disconnected, Event, Joined, Left, Opened
from ._loop import AsyncCallback, Attachment
from ._options import ServerOptions
from ._store import HistoryStore, StoreCalls
from ._stream import SIGNAL_CHECK_MS, EventStream

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
    """SIGTERM arrived. Like Ctrl-C it propagates out of poll(), and `except Exception` in a callback does not catch it."""


class Server(ServerDecisions):
    """A chat server in this process.

    It takes the fields of chat_server_options as keywords (see ServerOptions), and starts with start(), `with`, `async with`
    or serve_forever(). A running server is kept alive until it is closed. It is closed before the interpreter exits.
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
        self._at_stop: Set[Callable[[], object]] = set()
        self._origin = ""
        given = dict(options)
        store = given.pop("history_store", None)
        self._store = None if store is None else StoreCalls(cast(HistoryStore, store))
        self._core = _pychat.Core(self, given)
        if self._store is not None:
            self._core.set_history_store(self._store)
        self._core.set_callback(_pychat.kinds["on_log"], _log.log_line)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in _pychat.kinds.keys() & vars(cls).keys():
            raise TypeError(f"{cls.__name__}.{name} would hide the decorator: call self.{name}(function) in __init__ instead")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Server can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<pychat.Server on port {self.port}>" if self._core.running else "<pychat.Server, not running>"

    # Callbacks: decorators, before or after the start. Each has one function; an `async def` runs in the asyncio loop.

    def on_connect(self, callback: Callback) -> Callback:
        """A client asks to connect: called with a ConnectRequest. Returns None, a bool, Identity, Refuse or DEFER."""
        return self._set_callback("on_connect", callback)

    def on_open(self, callback: Callback) -> Callback:
        """A client was accepted and can receive messages: called with Opened."""
        return self._set_callback("on_open", callback)

    def on_join(self, callback: Callback) -> Callback:
        """A client joined a room: called with Joined."""
        return self._set_callback("on_join", callback)

    def on_leave(self, callback: Callback) -> Callback:
        """A client left a room: called with Left."""
        return self._set_callback("on_leave", callback)

    def on_disconnect(self, callback: Callback) -> Callback:
        """A client disconnected: called with Disconnected."""
        return self._set_callback("on_disconnect", callback)

    def on_abandon(self, callback: Callback) -> Callback:
        """A client disconnected before the verdict that on_connect had deferred: called with Abandoned.

        on_disconnect is not called for this client. An `async def` on_connect that still runs for it is cancelled.
        """
        return self._set_callback("on_abandon", callback)

    def on_authorize(self, callback: Callback) -> Callback:
        """A client asks to perform an action: called with an AuthorizeRequest. Returns None, a bool, Refuse or DEFER.

        Set it before the start.
        """
        if self._core.running:
            raise _pychat.WrongStateError("on_authorize changes what is allowed, so it must be set before the start")
        return self._set_callback("on_authorize", callback)

    def on_message(self, callback: Callback) -> Callback:
        """A client sent a message: called with a Message.

        Returns None, a bool, a str, bytes, Replace, Refuse, CONSUME or DEFER.
        """
        return self._set_callback("on_message", callback)

    def on_ack(self, callback: Callback) -> Callback:
        """A client answered a message of send_with_ack(), or will not answer: called with Ack."""
        return self._set_callback("on_ack", callback)

    def on_published(self, callback: Callback) -> Callback:
        """A numbered message was published, by a client or the application: called with Published.

        Called in the order of the numbers of a room. Set it before the start.
        """
        if self._core.running:
            raise _pychat.WrongStateError("on_published must be set before the start")
        return self._set_callback("on_published", callback)

    def on_presence(self, callback: Callback) -> Callback:
        """The people in a room have changed: called with Presence, at most once a second for a room. Set it before the start."""
        if self._core.running:
            raise _pychat.WrongStateError("on_presence must be set before the start")
        return self._set_callback("on_presence", callback)

    def on_audit(self, callback: Callback) -> Callback:
        """Something was moderated, by a client or the application: called with Audit. Set it before the start."""
        if self._core.running:
            raise _pychat.WrongStateError("on_audit must be set before the start")
        return self._set_callback("on_audit", callback)

    def on_report(self, callback: Callback) -> Callback:
        """A member of a room has reported a message: called with Reported. Without it reports are refused.

        Set it before the start.
        """
        if self._core.running:
            raise _pychat.WrongStateError("on_report must be set before the start")
        return self._set_callback("on_report", callback)

    def on_log(self, callback: Callback) -> Callback:
        """A log line: called with LogLine. By default lines go to the logger "pychat". It cannot be an `async def`."""
        if _is_async(callback):
            raise TypeError("on_log cannot be an async function, because log lines also occur while no loop runs")
        return self._set_callback("on_log", callback)

    def _set_callback(self, name: str, callback: Callback) -> Callback:
        if not callable(callback):
            raise TypeError(f"{name} takes a function, not {callback!r}")
        if _is_async(callback):
            if self._core.running and (self._attachment is None or not self._attachment.alive):
                raise _pychat.WrongStateError("an async function needs a server in an asyncio loop: use `async with server`")
            self._async_callbacks[name] = cast(AsyncCallback, callback)
        else:
            self._core.set_callback(_pychat.kinds[name], callback)
            self._async_callbacks.pop(name, None)
        # A plain function is set before the async one is removed, so that a callback is set at every moment.
        self._core.set_async_kinds(sum(_pychat.kinds[name] for name in self._async_callbacks))
        if name in self._async_callbacks:
            self._core.set_callback(_pychat.kinds[name], None)
        return callback

    # Life

    def start(self) -> Self:
        """Starts the server. When this returns, it is listening. In a running asyncio loop it is attached to that loop.

        Raises AddressInUseError, AddressInvalidError, PermissionError, CertificateError or EventLoopError, and
        InvalidArgumentError for invalid options.
        """
        _process.check_start()
        with self._starting:
            self._start()
        return self

    def _start(self) -> None:
        if self._core.running:
            raise _pychat.WrongStateError("the server is already running")
        if _in_asyncio():
            self._attachment = Attachment(self, self._core, self._async_callbacks)
        elif self._async_callbacks:
            raise RuntimeError("async callbacks need a running asyncio loop: use `async with server`")
        # Different in two processes that were forked before the start.
        self._origin = secrets.token_hex(8)
        servers[self._origin] = self
        _process.keep(self)
        try:
            self._core.start(_log.wanted_level())
            if self._attachment is not None and self._core.host_driven:
                self._attachment.watch(self._core.fileno())
        except BaseException:
            if self._store is not None:
                self._store.close()
            _process.let_go(self)
            if self._attachment is not None:
                self._attachment.detach()
                self._attachment = None
            raise

    def _attach(self) -> None:
        """Attaches the running server to the running loop, unless it is attached to one that has not ended."""
        with self._starting:
            attachment = self._attachment
            if attachment is not None:
                if attachment.alive and attachment.loop is asyncio.get_running_loop():
                    return
                if attachment.alive:
                    raise _pychat.WrongStateError("the server is attached to another asyncio loop, which has not ended")
                attachment.detach()
            self._attachment = Attachment(self, self._core, self._async_callbacks)
            if self._core.host_driven:
                self._attachment.watch(self._core.fileno())

    def stop(self) -> None:
        """Begins the drain and returns: no new connections, a close to each client. Any thread, any number of times.

        The streams of events() end with the drain. serve_forever() and aserve_forever() return.
        """
        self._core.stop()
        self._end_serving()

    def _end_serving(self) -> None:
        self._stopped.set()
        for wake in list(self._at_stop):
            wake()

    def close(self) -> None:
        """Stops the server, waits until the drain ends, and frees it. Any number of times, but not in a callback.

        Does nothing in a forked child, where the server does not run.
        """
        if self._core.forked:
            return
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.detach()
        self._core.close()
        if self._store is not None:
            self._store.close()
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
        """Starts the server unless it runs, serves until Ctrl-C, SIGTERM, or stop() on another thread, drains, and closes it.

        It handles SIGTERM only in the main thread, and only if SIGTERM has no other handler. In asyncio, use
        aserve_forever().
        """
        if _in_asyncio():
            raise _pychat.WrongStateError("serve_forever() would block the asyncio loop: use `await server.aserve_forever()`")
        with _handled(_raise_terminated, signal.SIGTERM):
            try:
                with self:
                    if self._options.get("threads") == 0:
                        self._drive()
                    else:
                        while not self._stopped.wait(SIGNAL_CHECK_MS / 1000):
                            pass
            except KeyboardInterrupt:
                self.close()  # does nothing, unless a second signal interrupted the end of `with`

    def _drive(self) -> None:
        while self.poll(None):
            pass

    def poll(self, timeout: Optional[float] = 0.0) -> bool:
        """threads=0: runs until nothing is ready. It waits at most `timeout` seconds (None: no limit) for the first event.

        Returns False when the drain of a stopped server has ended; then call close().
        """
        if timeout is None:
            return self._core.poll(-1)
        # A negative timeout does not wait; one above the range of a C int is cut to it.
        return self._core.poll(min(milliseconds(max(timeout, 0.0)), 2**31 - 1))

    def fileno(self) -> int:
        """threads=0: a descriptor that is readable when poll() has work; -1 when the server has its own threads.

        select.select() takes no descriptor above 1,023. select.poll(), epoll and the selectors module do.
        """
        return self._core.fileno()

    # asyncio

    async def __aenter__(self) -> Self:
        _loop_for("`async with server`")
        if self.running:
            self._attach()
        else:
            self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        if _in_asyncio():
            await self.aclose()
        else:  # The coroutine is collected after its loop was closed.
            self.close()

    async def aclose(self) -> None:
        """close() for asyncio: the loop keeps running while the server drains and async callbacks finish.

        Callbacks that have not finished after another drain_timeout_ms are cancelled.
        """
        loop = _loop_for("aclose()")
        attachment = self._attachment
        if attachment is not None and not attachment.alive:
            attachment = None
        if attachment is not None and attachment.loop is not loop:
            await loop.run_in_executor(None, self.close)  # this loop cannot await the tasks of the other one
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

        It handles the signals only in the main thread, and only if they have no handler except Python's own.
        """
        loop = _loop_for("aserve_forever()")
        ended = asyncio.Event()

        def end(*signal: object) -> None:
            # A closed loop has no task to wake.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)

        self._at_stop.add(end)
        try:
            with _handled(end, signal.SIGINT, signal.SIGTERM):
                async with self:
                    if not self._stopped.is_set():
                        await ended.wait()
        finally:
            self._at_stop.discard(end)

    def events(
        self,
        *kinds: Type[Event],
        max_events: int = 65_536,
        max_bytes: int = 64 * 1024 * 1024,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> EventStream:
        """A stream of events from now on: `async for event in server.events(Message, Disconnected)`. Default: all types.

        Messages are those that on_message passed. The queue is bounded; Overflow says what happens when it is full. In a
        thread without asyncio, `for event in server.events()` waits for them.
        """
        wanted = 0
        for kind in kinds or tuple(_EVENT_KINDS):
            if kind not in _EVENT_KINDS:
                raise TypeError(f"{kind!r} is not an event type for events()")
            wanted |= _pychat.kinds[_EVENT_KINDS[kind]]
        return EventStream(self._core, wanted, max_events, max_bytes, overflow)

    async def call(
        self, client: ClientOrId, event: str, *args: Any, timeout: Optional[float] = 10.0, room: Optional[str] = None
    ) -> List[Any]:
        """Sends an event to a client and waits for its answer: `answer, = await server.call(client, "question", 42)`.

        Raises TimedOutError after `timeout` seconds (None: never), NoSuchClientError if the client disconnects, and
        UnsupportedError unless it speaks Socket.IO.
        """
        loop = _loop_for("call()")
        attachment = self._attachment
        if attachment is None or attachment.loop is not loop:
            raise _pychat.WrongStateError(
                "call() works only in the asyncio loop that the server was started in, or attached to by `async with server`"
            )
        return await attachment.call(
            lambda: self._core.send_with_ack(self._id(client), args, event, room, ack_milliseconds(timeout), True), timeout
        )

    @property
    def callbacks_lost(self) -> int:
        """The number of events that did not reach async callbacks, because too many were waiting or no loop ran."""
        return self._core.calls_lost


def _raise_terminated(number: int, frame: Optional[FrameType]) -> None:
    raise _Terminated


@contextlib.contextmanager
def _handled(handler: Callable[[int, Optional[FrameType]], object], *numbers: signal.Signals) -> Iterator[None]:
    """Handles these signals if they have only Python's own handlers, and only in the main thread, which receives signals."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            present = signal.getsignal(number)
            # asyncio.run() sets its own handler for Ctrl-C.
            is_asyncios = getattr(getattr(present, "func", None), "__module__", "") == "asyncio.runners"
            if present in (signal.SIG_DFL, signal.default_int_handler) or is_asyncios:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, present in before.items():
            signal.signal(number, present)


def _loop_for(what: str) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"{what} needs a running asyncio loop. In other loops use start(), and close() in a thread; with threads=0, watch"
            " fileno() and call poll(0)"
        ) from None


def _in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_async(callback: object) -> bool:
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None))
