"""Client, which represents one client, and ClientInfo, a snapshot of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, NoReturn, Optional, Tuple, Union

from ._enums import Protocol, Transport

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._server import Server
    from ._verdicts import Identity


class Client:
    """One client of a server. All events of a client, from on_connect to the last, have the same object.

    `user` belongs to the application: it holds any object, is None at first, and is released with the client.
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
        raise TypeError("a Client cannot be pickled: it exists only in the process of its server")

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
