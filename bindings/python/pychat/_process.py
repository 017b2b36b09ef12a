"""Servers and the process: a running server is kept alive, closed before the interpreter exits, and abandoned after a fork."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from typing import NoReturn, Optional, Protocol, Set

from . import _pychat


class RunningServer(Protocol):
    """The part of Server that this module uses."""

    _starting: threading.Lock
    """Held while the server starts."""

    def close(self) -> None: ...

    def _abandon(self) -> None: ...


_running: Set[RunningServer] = set()
_started_at: Optional[int] = None
"""What _pychat.forks() was when a server last started."""
_ending = False


def check_start() -> None:
    """Raises WrongStateError in a process that is exiting, and in one forked after a server had started.

    chat.h allows the forked process only exec and _exit.
    """
    if _ending:
        raise _pychat.WrongStateError("the interpreter is exiting")
    if _started_at is not None and _started_at != _pychat.forks():
        raise _pychat.WrongStateError(
            "this process was forked after a server had started; use multiprocessing's spawn"
        )


def keep(server: RunningServer) -> None:
    """Keeps a running server alive until it is closed, like a running thread."""
    global _started_at
    _started_at = _pychat.forks()
    _running.add(server)


def let_go(server: RunningServer) -> None:
    """Releases a server that is closed."""
    _running.discard(server)


@atexit.register
def _close_all() -> None:
    # The library's threads must end before the interpreter does, because afterwards they cannot acquire the GIL.
    global _ending
    _ending = True
    for server in list(_running):
        with server._starting:  # a daemon thread may be starting it
            server.close()


def _after_fork_in_child() -> None:
    for server in list(_running):
        server._abandon()
    _running.clear()


def end_child(error: Optional[BaseException]) -> NoReturn:
    """Ends a child that was forked in a callback when the callback returns or raises. The library cannot run in the child."""
    code = 0
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # the stream is closed or missing
            pass
    os._exit(code & 0xFF)


os.register_at_fork(after_in_child=_after_fork_in_child)
