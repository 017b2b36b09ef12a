"""Log lines of the library and exceptions in callbacks go to the logger "pychat"."""

from __future__ import annotations

import logging

from ._enums import LogLevel
from ._events import LogLine

logger = logging.getLogger("pychat")

_LEVELS = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}


def log_line(line: LogLine) -> None:
    """The default on_log of a server."""
    logger.log(_LEVELS[line.level], "%s", line.text)


def wanted_level() -> LogLevel:
    """The lowest level that the logger records. The library does not produce lines below it."""
    level = logger.getEffectiveLevel()
    return next((ours for ours, theirs in reversed(list(_LEVELS.items())) if theirs >= level), LogLevel.ERROR)


def report(callback: str, error: BaseException) -> None:
    """Logs an exception of a callback with its traceback. The caller refuses the request."""
    logger.error("%s failed", callback, exc_info=error)
