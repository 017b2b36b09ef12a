"""Server: its life, its callbacks, and what of it is for asyncio. What it can do while it runs is in _calls."""

from __future__ import annotations

import asyncio
import inspect
import select
import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Type, TypeVar, cast

from . import _log, _process, _pychat
from ._calls import ServerCalls, milliseconds
from ._client import ClientOrId
from ._enums import Overflow
from ._events import Disconnected, Event, Joined, Left, Opened
from ._loop import AsyncCallback, Attachment
from ._options import ServerOptions
from ._stream import EventStream

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

Callback = TypeVar("Callback", bound=Callable[[Any], Any])

_EVENT_KINDS: Dict[type, str] = {
    Opened: "on_open",
    Joined: "on_join",
    Left: "on_leave",
    Disconnected: "on_disconnect",
    _pychat.Message: "on_message",
}


class _Terminated(BaseException):
    """SIGTERM has come. No Exception, so that no callback can swallow it."""


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
        self._stopped = threading.Event()
        self._core = _pychat.Core(self)
        self._core.set_callback(_pychat.kinds["on_log"], _log.log_line)

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
            self._core.set_callback(_pychat.kinds[name], None)
            self._async_callbacks[name] = cast(AsyncCallback, callback)
        else:
            self._async_callbacks.pop(name, None)
            self._core.set_callback(_pychat.kinds[name], callback)
        self._core.set_async_kinds(sum(_pychat.kinds[name] for name in self._async_callbacks))
        return callback

    # Life

    def start(self) -> Self:
        """Starts the server; when this returns, it listens. In a running asyncio loop it is attached to that loop.

        What can go wrong is AddressInUseError, AddressInvalidError, PermissionError, CertificateError, EventLoopError, and
        TypeError and ValueError for options.
        """
        _process.check_start()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._async_callbacks:
                raise RuntimeError("async callbacks need a running asyncio loop: use `async with server`") from None
        else:
            self._attachment = Attachment(self, self._core, self._async_callbacks)
        options = dict(self._options)
        options.setdefault("log_level", _log.wanted_level())
        _process.keep(self)
        try:
            self._core.start(options)
            if self._attachment is not None and self._options.get("threads") == 0:
                self._attachment.watch(self._core.fileno())
        except BaseException:
            _process.let_go(self)
            if self._attachment is not None:
                self._attachment.detach()
                self._attachment = None
            raise
        return self

    def stop(self) -> None:
        """Begins the drain and returns: no new connection, goodbye to each client. Any thread, any number of times."""
        self._core.stop()
        self._stopped.set()

    def close(self) -> None:
        """Stops, waits for the end of the drain, and frees. Any number of times; not inside of a callback."""
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.detach()
        self._core.close()
        self._stopped.set()
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

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Starts if need be, and serves until Ctrl-C, SIGTERM, or stop() on another thread; drains, and closes.

        SIGTERM only in the main thread, and only when nobody else handles it.
        """
        in_main = threading.current_thread() is threading.main_thread()
        takes_sigterm = in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        try:
            if takes_sigterm:
                signal.signal(signal.SIGTERM, _raise_terminated)
            with self:
                if self._options.get("threads") == 0:
                    self._drive()
                else:
                    self._stopped.wait()
        except (KeyboardInterrupt, _Terminated):
            pass
        finally:
            if takes_sigterm:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _drive(self) -> None:
        # Not poll(-1): Python runs signal handlers between its own instructions only, and select() wakes for them.
        fd = self.fileno()
        while self.poll(0):
            select.select([fd], [], [])

    def poll(self, timeout: Optional[float] = 0.0) -> bool:
        """threads=0: runs until nothing is ready; waits for the first event for so many seconds, None: as long as it takes.

        False once a stopped server's drain has ended: nothing is left to do but close().
        """
        return self._core.poll(-1 if timeout is None else milliseconds(timeout))

    def fileno(self) -> int:
        """threads=0: a descriptor that is readable when poll() has something to do; -1 when the server has threads."""
        return self._core.fileno()

    # asyncio

    async def __aenter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """close() for asyncio: the loop goes on while the clients are said goodbye to, and async callbacks come to the end."""
        try:
            if self._core.running:
                self.stop()
                if self._attachment is not None:
                    await self._attachment.drained()
                await asyncio.get_running_loop().run_in_executor(None, self._core.close)
            if self._attachment is not None:
                await self._attachment.finish()
        finally:
            self.close()

    async def aserve_forever(self) -> None:
        """serve_forever() for asyncio. Ctrl-C and SIGTERM end it without an exception."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        taken: List[signal.Signals] = []
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, ended.set)
                taken.append(number)
        try:
            async with self:
                await ended.wait()
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

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
        self, client: ClientOrId, event: str, *args: Any, timeout: float = 10.0, room: Optional[str] = None
    ) -> List[Any]:
        """Sends an event to a client and waits for its answer: `answer, = await server.call(client, "question", 42)`.

        TimedOutError after so many seconds, NoSuchClientError when the client goes, UnsupportedError unless it speaks
        Socket.IO.
        """
        attachment = self._attachment
        if attachment is None or attachment.loop is not asyncio.get_running_loop():
            raise _pychat.WrongStateError("call() works in the asyncio loop that the server was started in")
        return await attachment.call(
            lambda: self._core.send_with_ack(int(client), args, event, room, milliseconds(timeout), True), timeout
        )

    @property
    def callbacks_lost(self) -> int:
        """How many events did not reach async callbacks, because too many were waiting or no loop was there."""
        return self._core.calls_lost


def _raise_terminated(number: int, frame: Optional[FrameType]) -> None:
    raise _Terminated


def _is_async(callback: object) -> bool:
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None))
