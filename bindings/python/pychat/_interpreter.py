"""Rejects interpreters other than the main one, before the extension is loaded.

Callbacks run on threads of the library, and Python's interface for such threads (PyGILState) supports only the main
interpreter. The check cannot be in the extension, because pybind11 may already deadlock while the extension is loaded.
"""

import importlib
import sys

_name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
try:
    _interpreters = importlib.import_module(_name)
except ImportError:  # Not CPython; it has one interpreter.
    pass
else:
    if _interpreters.get_current() != _interpreters.get_main():
        raise ImportError("pychat works only in the main interpreter")
