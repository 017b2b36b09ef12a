"""Servers and the process: one that runs is kept alive, is closed before the interpreter goes, and stays behind at a fork."""

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
    """WrongStateError in a process that ends, or was forked from one with servers: chat.h allows it to exec or _exit only."""
    if _ending:
        raise _pychat.WrongStateError("the interpreter is ending")
    if _forked_from_a_server:
        raise _pychat.WrongStateError(
            "this process was forked from one that had started a server; use multiprocessing's spawn"
        )


def keep(server: Server) -> None:
    """A server that runs lives, like a thread that runs, until it is closed."""
    global _ever_started
    _ever_started = True
    _running.add(server)


def let_go(server: Server) -> None:
    """It is closed."""
    _running.discard(server)


@atexit.register
def _close_all() -> None:
    # The library's threads must be gone before the interpreter is: they could never take its GIL again.
    global _ending
    _ending = True
    for server in list(_running):
        with server._starting:  # a daemon thread may be at it
            server.close()


def _after_fork_in_child() -> None:
    global _forked_from_a_server
    _forked_from_a_server = _ever_started
    for server in list(_running):
        server._abandon()
    _running.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
