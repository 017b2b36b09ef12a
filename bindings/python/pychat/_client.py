"""Clients: the object that stands for one, and what can be known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, NoReturn, Optional, Tuple, Union

from ._enums import Protocol, Transport

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._server import Server
    from ._verdicts import Identity


class Client:
    """One client of a server. There is one object for each, from its on_connect to the last event about it.

    `user` is the application's own: any object, None at first, let go with the client.
    """

    __slots__ = ("__weakref__", "id", "server", "user")

    id: int
    server: Server
    user: Any

    def __init__(self, server: Server, id: int) -> None:
        self.server = server
        self.id = id
        self.user = None

    def __repr__(self) -> str:
        return f"<Client {self.id}>"

    def __index__(self) -> int:
        return self.id

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client cannot be pickled: it is there in its server's process alone")

    def info(self) -> ClientInfo:
        """What is known of it now. NoSuchClientError when it has gone."""
        return self.server.client_info(self)

    @property
    def name(self) -> str:
        """Its display name now. NoSuchClientError when it has gone."""
        return self.info().name

    @property
    def user_id(self) -> str:
        """Its user id now, "" of a guest. NoSuchClientError when it has gone."""
        return self.info().user_id

    @property
    def rooms(self) -> Tuple[str, ...]:
        """The rooms that it is in now. NoSuchClientError when it has gone."""
        return self.info().rooms

    @property
    def socket_id(self) -> str:
        """The id by which the client knows itself: Socket.IO's `socket.id`. See Server.find_client()."""
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


@dataclass(frozen=True)
class ClientInfo:
    """What is known of a client, at one moment."""

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
