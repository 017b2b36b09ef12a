"""Client, which represents one client, and ClientInfo, a snapshot of its state.

A Client can be pickled, as part of an event. In the process of its server it becomes the same object again. Elsewhere, and when
the client has disconnected, it has only its id.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Mapping, MutableMapping, Optional, Tuple, Union

from . import _pychat
from ._enums import Protocol, Transport

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._server import Server
    from ._verdicts import Identity


servers: MutableMapping[str, Server] = weakref.WeakValueDictionary()
"""The servers that this process has started, by Server._origin."""


class Client:
    """One client of a server. All events of a client, from on_connect to the last, have the same object.

    `user` belongs to the application: it holds any object, is None at first, and is released with the client.
    """

    __slots__ = ("__weakref__", "_origin", "_server", "id", "user")

    id: int
    user: Any

    def __init__(self, server: Optional[Server], id: int, origin: str = "") -> None:
        self._server = server
        self._origin = server._origin if server is not None else origin
        self.id = id
        self.user = None

    @property
    def server(self) -> Server:
        """Its server. Raises NoSuchClientError for a Client that was pickled, if its server is not in this process."""
        if self._server is None:
            raise _pychat.NoSuchClientError("the client was pickled: its server is in another process, or it has disconnected")
        return self._server

    def __repr__(self) -> str:
        return f"<Client {self.id}>"

    def __index__(self) -> int:
        return self.id

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> Tuple[Callable[[str, int], Client], Tuple[str, int]]:
        return restore_client, (self._origin, self.id)

    def info(self) -> ClientInfo:
        """Its present state. Raises NoSuchClientError if it has disconnected."""
        return self.server.client_info(self)

    @property
    def name(self) -> str:
        """Its present display name. Raises NoSuchClientError if it has disconnected."""
        return self.info().name

    @property
    def user_id(self) -> str:
        """Its present user id, "" for a guest. Raises NoSuchClientError if it has disconnected."""
        return self.info().user_id

    @property
    def rooms(self) -> Tuple[str, ...]:
        """The rooms that it is in now. Raises NoSuchClientError if it has disconnected."""
        return self.info().rooms

    @property
    def socket_id(self) -> str:
        """The id that the client itself knows: the `socket.id` of Socket.IO. See Server.find_client()."""
        return self.info().socket_id

    def send(self, *args: Any, event: Optional[str] = None, room: Optional[str] = None) -> None:
        """See Server.send()."""
        self.server.send(self, *args, event=event, room=room)

    def join(self, room: str) -> None:
        """See Server.join()."""
        self.server.join(self, room)

    def leave(self, room: str) -> None:
        """See Server.leave()."""
        self.server.leave(self, room)

    def kick(self, reason: Optional[str] = None) -> None:
        """See Server.kick()."""
        self.server.kick(self, reason)

    def close_connection(self, reason: Optional[str] = None) -> None:
        """See Server.close_connection()."""
        self.server.close_connection(self, reason)

    def set_identity(self, identity: Optional[Identity]) -> None:
        """See Server.set_identity()."""
        self.server.set_identity(self, identity)


def restore_client(origin: str, id: int) -> Client:
    """What pickle calls."""
    server = servers.get(origin)
    if server is not None:
        try:
            return server.find_client(str(id))
        except _pychat.ChatError:  # It has disconnected, the server has ended, or this is a forked child.
            pass
    return Client(None, id, origin)


@dataclass(frozen=True)
class ClientInfo:
    """A snapshot of a client's state."""

    client: Client
    name: str
    user_id: str
    attributes: Mapping[str, str]
    address: str
    protocol: Protocol
    transport: Transport
    connected_at_ms: int
    rooms: Tuple[str, ...]
    socket_id: str = ""

    @property
    def id(self) -> int:
        """The client's id."""
        return self.client.id


ClientOrId = Union[Client, int]
