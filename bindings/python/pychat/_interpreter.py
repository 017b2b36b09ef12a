"""Refuses interpreters other than the main one, before the extension is loaded.

Callbacks come on threads of the library, and Python's interface for such threads (PyGILState) knows the main interpreter
only. Here and not in the extension, since what pybind11 does while it is loaded may already wait for ever.
"""

import importlib
import sys

_name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
try:
    _interpreters = importlib.import_module(_name)
except ImportError:  # Another Python than CPython's; it has one interpreter.
    pass
else:
    if _interpreters.get_current() != _interpreters.get_main():
        raise ImportError("pychat works in the main interpreter only")
