"""What the library and failed callbacks have to say goes to the logger "pychat"."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ._enums import LogLevel

if TYPE_CHECKING:
    from ._events import LogLine

logger = logging.getLogger("pychat")

_LEVELS = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}


def log_line(line: LogLine) -> None:
    """The on_log of a server that has none of its own."""
    logger.log(_LEVELS[line.level], "%s", line.text)


def wanted_level() -> LogLevel:
    """The least grave level that the logger lets through, so that the library does not make lines for nobody."""
    level = logger.getEffectiveLevel()
    return next((ours for ours, theirs in reversed(list(_LEVELS.items())) if theirs >= level), LogLevel.ERROR)


def report(callback: str, error: BaseException) -> None:
    """An exception that a callback has raised: logged with its traceback, and what was asked is refused."""
    logger.error("%s failed", callback, exc_info=error)
