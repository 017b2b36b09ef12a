"""The state of a cluster, for programs that look after it. They need no server."""

from __future__ import annotations

from typing import Optional

from ._pychat import read_cluster as _read_cluster
from ._snapshots import ClusterStatus


def read_cluster(url: str, *, prefix: Optional[str] = None, timeout: float = 5.0) -> ClusterStatus:
    """Reads the state of the cluster at this URL; url and prefix are Server's `cluster` and `cluster_prefix`.

    Connects itself, and waits at most so many seconds (60 at most). In asyncio: `await asyncio.to_thread(read_cluster, url)`.
    Raises UnsupportedError when this build has no Redis, TimedOutError, UnavailableError and InvalidArgumentError.
    """
    return _read_cluster(url, prefix, round(timeout * 1000))
