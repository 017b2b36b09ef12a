"""Room, Person, Stats, ClusterStatus and the lists of a cluster, snapshots of a state that know no client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Tuple

from ._enums import Protocol, Role


@dataclass(frozen=True)
class Room:
    """A snapshot of a room's state."""

    name: str
    epoch: str
    seq: int
    """The number of the newest message."""
    member_count: int
    """Clients of this server; in ClusterRooms of all servers."""
    history_count: int
    people_count: int = 0
    """With presence: the people, in a cluster of all servers; otherwise 0."""


@dataclass(frozen=True)
class ClusterMember:
    """A member of a room at any server of a cluster. See chat_cluster_member in chat.h."""

    id: int
    name: str
    user_id: str
    """ "" for a guest."""
    role: Role
    """In this room."""
    protocol: Protocol
    server: int
    """The number of its server; 0 without a cluster."""


@dataclass(frozen=True)
class ClusterMembers:
    """What Server.cluster_members() returns."""

    members: Tuple[ClusterMember, ...]
    """Those of this server first."""
    complete: bool
    reason: str = ""
    """Why it is not complete: a readable text."""


@dataclass(frozen=True)
class ClusterRooms:
    """What Server.cluster_rooms() returns."""

    rooms: Tuple[Room, ...]
    complete: bool
    reason: str = ""
    """Why it is not complete: a readable text."""


@dataclass(frozen=True)
class Person:
    """A person in a room: a user, who may have several clients there, or a guest."""

    user_id: str
    """ "" for a guest."""
    id: int
    """The id of a guest's client; 0 for a user."""
    name: str
    state: Any
    """The public state, decoded; None without one. See Server.set_state()."""


@dataclass(frozen=True)
class Stats:
    """Counters since the start; fields ending in _now are present values. See chat_stats in chat.h for the tuples' indexes."""

    connections_now: int
    connections_total: int
    clients_now: int
    clients_total: int
    rooms_now: int
    messages_in: int
    messages_refused: int
    messages_published: int
    deliveries: int
    drops: int
    slow_disconnects: int
    bytes_in: int
    bytes_out: int
    http_requests: int
    history_bytes_now: int
    clients_now_by_protocol: Tuple[int, ...]
    clients_now_by_transport: Tuple[int, ...]
    messages_in_by_protocol: Tuple[int, ...]
    deliveries_by_protocol: Tuple[int, ...]
    messages_in_by_transport: Tuple[int, ...]
    deliveries_by_transport: Tuple[int, ...]
    refusals: Dict[str, int]
    """By reason, as in the metric libchat_refusals_total."""
    history_stored: int = 0
    """Messages written to the file of the history; the next three are about it too."""
    history_failed: int = 0
    history_forgotten: int = 0
    history_file_bytes_now: int = 0
    cluster_up_now: int = 0
    """With a cluster: 1 when messages are numbered. The others are about it too."""
    cluster_servers_now: int = 0
    cluster_rooms_now: int = 0
    cluster_waiting_now: int = 0
    cluster_published: int = 0
    cluster_batches: int = 0
    cluster_received: int = 0
    cluster_failed: int = 0
    cluster_dropped: int = 0
    cluster_holes: int = 0
    cluster_losses: int = 0
    cluster_islands_now: int = 0
    """Rooms whose messages the server numbers itself: ClusterPolicy.ISLAND."""
    cluster_merged: int = 0
    cluster_forwarded_now: int = 0
    cluster_foreign_now: int = 0


@dataclass(frozen=True)
class ClusterServer:
    """A server of a cluster, as it has told Redis within the last seconds. See chat_cluster_server in chat.h."""

    number: int
    id: str
    """Random: another one after each start."""
    host: str
    version: str
    pid: int
    started_at_ms: int
    lease_ms: int
    """Until the others count it as gone, if it does not renew its lease."""
    clients: int
    rooms: int
    waiting: int
    """Messages that wait for Redis."""


@dataclass(frozen=True)
class ClusterStatus:
    """What Redis knows of a cluster, and the state of the Redis. See chat_cluster_status in chat.h."""

    servers: Tuple[ClusterServer, ...]
    """By number."""
    redis_version: str
    round_trip_us: int
    used_bytes: int
    max_bytes: int
    """0: no limit."""
    eviction_policy: str
    keeps_file: bool
    replicas: int
