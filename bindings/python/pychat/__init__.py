"""Real-time broadcast chat to embed."""

from ._pychat import __version__

__all__ = ["__version__"]
