"""Servers and the process: a running server is kept alive, closed before the interpreter exits, and abandoned after a fork."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Set

from . import _pychat

if TYPE_CHECKING:
    from ._server import Server

_running: Set[Server] = set()
_ever_started = False
_forked_from_a_server = False
_ending = False


def check_start() -> None:
    """Raises WrongStateError in a process that is exiting, and in one forked after a server had started.

    chat.h allows the forked process only exec and _exit.
    """
    if _ending:
        raise _pychat.WrongStateError("the interpreter is exiting")
    if _forked_from_a_server:
        raise _pychat.WrongStateError(
            "this process was forked after a server had started; use multiprocessing's spawn"
        )


def keep(server: Server) -> None:
    """Keeps a running server alive until it is closed, like a running thread."""
    global _ever_started
    _ever_started = True
    _running.add(server)


def let_go(server: Server) -> None:
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
    global _forked_from_a_server
    _forked_from_a_server = _ever_started
    for server in list(_running):
        server._abandon()
    _running.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
