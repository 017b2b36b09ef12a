"""The keywords of Server: the fields of chat_server_options, under the same names.

chat.h documents each option and its default. An option that is omitted or None takes its default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Sequence, TypedDict, Union

from ._enums import (
    ClusterPolicy,
    HistoryFailure,
    HistorySearch,
    HistorySync,
    LogLevel,
    OutboxPolicy,
    PresenceLevel,
    Protocol,
    SockJs,
    Transport,
)
from ._store import HistoryStore

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Endpoint:
    """One address path that clients connect to."""

    path: str
    protocol: Protocol = Protocol.PLAIN
    transports: Transport = Transport(0)
    """0: all transports of the protocol."""
    max_message_bytes: int = 0
    """0: the server's limit."""
    sockjs: SockJs = SockJs(0)
    """0: all but HTMLFILE and JSONP. OFF: none."""
    sockjs_cookie: bool = False
    """SockJS sets the cookie JSESSIONID."""


@dataclass(frozen=True)
class StaticMount:
    """Files below a directory, served under a path."""

    path: str
    directory: Path


class ServerOptions(TypedDict, total=False):
    """The keyword arguments of Server. See chat_server_options in chat.h."""

    address: Optional[str]
    port: int
    unix_path: Optional[Path]
    listen_fd: int
    threads: int
    log_level: LogLevel
    """The default is the level of the logger "pychat"."""

    endpoints: Sequence[Endpoint]
    static_mounts: Sequence[StaticMount]
    default_room: str

    tls_certificate_file: Optional[Path]
    tls_private_key_file: Optional[Path]

    allowed_origins: Sequence[str]
    trusted_proxies: Sequence[str]
    """Addresses or CIDR blocks of proxies, or "unix" for every peer on a UNIX socket."""

    max_clients: int
    max_clients_per_address: int
    max_connections: int

    max_message_bytes: int
    max_header_bytes: int
    inbound_rate: int
    inbound_burst: int
    ephemeral_events: Sequence[str]

    max_outbox_bytes: int
    max_outbox_messages: int
    outbox_policy: OutboxPolicy
    flush_interval_ms: int

    max_rooms: int
    max_rooms_per_client: int
    history_messages: int
    history_bytes: int
    history_age_ms: int
    history_total_bytes: int
    history_off: bool

    ping_interval_ms: int
    ping_timeout_ms: int
    handshake_timeout_ms: int
    http_idle_timeout_ms: int
    verdict_timeout_ms: int
    drain_timeout_ms: int
    drain_spread_ms: int
    slow_callback_ms: int

    permessage_deflate: bool

    max_http_body_bytes: int
    upgrade_timeout_ms: int
    connect_timeout_ms: int
    recovery_window_ms: int
    recovery_bytes: int
    socket_io_client_directory: Optional[Path]

    chat_page_path: Optional[str]
    chat_script_path: Optional[str]
    metrics_path: Optional[str]

    recovery_asks_on_connect: bool

    allowed_hosts: Sequence[str]
    """The names of the server. Requests with another Host are answered 421. "*.example.org": every name below it."""

    poll_budget_ms: int

    max_connections_per_address: int
    max_rooms_per_address: int
    max_memberships: int
    max_memberships_per_address: int
    max_queued_bytes: int
    max_queued_bytes_per_address: int

    send_buffer_bytes: int
    memory_release_ms: int

    sockjs_heartbeat_ms: int
    sockjs_disconnect_delay_ms: int
    sockjs_response_bytes: int
    sockjs_script_url: Optional[str]
    stomp_room_prefix: Optional[str]
    stomp_application_prefix: Optional[str]
    stomp_user_queue_prefix: Optional[str]
    stomp_heart_beat_ms: int
    http_identity_ms: int
    max_http_identities: int
    idempotency_ms: int
    http_lists: bool

    history: Optional[Path]
    history_sync: HistorySync
    history_on_failure: HistoryFailure
    history_file_bytes: int
    history_store: Optional[HistoryStore]
    history_search: HistorySearch

    cluster: str
    """Where the Redis is that the servers of a cluster share, such as "redis://localhost"."""
    cluster_prefix: str
    socket_io_cluster: str
    """Where the Redis is of a Socket.IO cluster of which the server is a guest, such as "redis://localhost?adapter=sharded"."""
    cluster_ack_replicas: int
    """So many replicas of Redis have a message before it is acknowledged."""
    cluster_policy: ClusterPolicy

    presence: PresenceLevel
    presence_grace_ms: int
    presence_event: str
    socket_io_message_ids: bool
    moderation_events: bool

    edit_window_ms: int
    edits_off: bool
    socket_io_edit_event: str
    socket_io_delete_event: str
    socket_io_react_event: str
    socket_io_seen_event: str

    unique_names: bool
    reserved_names: Sequence[str]
    """Names that guests cannot take, nor names that look like them."""
