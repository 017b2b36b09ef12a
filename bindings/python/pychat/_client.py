"""Client, which represents one client; ClientInfo, a snapshot of its state; and ServerCalls, the functions of a running server.

The three are one module because they need each other: a client has a server, and a server returns clients.

A Client can be pickled, as part of an event. In the process of its server it becomes the same object again. Elsewhere, and when
the client has disconnected, it has only its id.
"""

from __future__ import annotations

import json
import operator
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Mapping, MutableMapping, Optional, Tuple, Union

from . import _pychat, _verdicts
from ._enums import UNLIMITED, ModerationAction, PresenceLevel, Protocol, Role, Transport
from ._kept import KeptMessage
from ._snapshots import ClusterMembers, ClusterRooms, Person, Room, Stats
from ._verdicts import Identity

if TYPE_CHECKING:
    from typing_extensions import Self


servers: MutableMapping[str, ServerCalls] = weakref.WeakValueDictionary()
"""The servers that this process has started, by Server._origin."""


class Client:
    """One client of a server. All events of a client, from on_connect to the last, have the same object.

    `user` belongs to the application: it holds any object, is None at first, and is released with the client.
    """

    __slots__ = ("__weakref__", "_origin", "_server", "id", "user")

    id: int
    user: Any

    def __init__(self, server: Optional[ServerCalls], id: int, origin: str = "") -> None:
        self._server = server
        self._origin = server._origin if server is not None else origin
        self.id = id
        self.user = None

    @property
    def server(self) -> ServerCalls:
        """Its Server, whose functions for a running server are known to type checkers.

        Raises NoSuchClientError for a Client that was pickled, if its server is not in this process.
        """
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

    def set_state(self, state: Any) -> None:
        """See Server.set_state()."""
        self.server.set_state(self, state)


def restore_client(origin: str, id: int) -> Client:
    """Called by pickle."""
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


MAX_SECONDS = 2**53 / 1000


def milliseconds(seconds: float) -> int:
    """Converts seconds to milliseconds. A time above zero stays above zero."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"not a valid time in seconds: {seconds!r}")
    return max(round(seconds * 1000), 1) if seconds > 0 else 0


def ack_milliseconds(timeout: Optional[float]) -> int:
    """The time limit for an acknowledgement; None: no limit. 0 is rejected, as the library would use its default."""
    if timeout is None:
        return UNLIMITED
    if timeout == 0:
        raise ValueError("timeout must be above 0 seconds")
    return milliseconds(timeout)


class ServerCalls:
    """The functions of a running server. They work on any thread and in any callback.

    Clients are passed as a Client or an id.
    """

    _core: _pychat.Core
    _origin: str

    def _id(self, client: ClientOrId) -> int:
        # Each server counts its clients from 1, so the id of another server's client would name a different client here.
        if isinstance(client, Client) and client._server is not self:
            raise _pychat.NoSuchClientError("the client belongs to another server")
        number = operator.index(client)
        if not 0 <= number < 2**64:
            raise _pychat.NoSuchClientError(f"no client has the id {number}")
        return number

    # Messages

    def broadcast(self, room: Optional[str], text: str) -> int:
        """Publishes text to a room, or to everyone if room is None. Returns its number, or 0 if it has none."""
        return self.publish(room, text)

    def publish(
        self,
        room: Optional[str],
        *args: Any,
        event: Optional[str] = None,
        ephemeral: bool = False,
        except_client: Optional[ClientOrId] = None,
        from_client: Optional[ClientOrId] = None,
        from_name: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
        id: Optional[str] = None,
        reply_to: int = 0,
    ) -> int:
        """Publishes a message to all members of a room, or to everyone if room is None. Returns its number.

        A single str is text and a single bytes-like object is binary. Anything else is the event's arguments: any JSON
        values, with bytes anywhere in them. The number is 0 if the message is ephemeral. It is also 0 inside on_authorize
        and on_message, because the message is published after the callback.

        A message with the `id` of an earlier one of the same sender in the room is not published again: this returns the
        number of the earlier one. reply_to: the number of the message that it answers.
        """
        except_id, from_id = self._id(except_client or 0), self._id(from_client or 0)
        return self._core.publish(room, args, event, ephemeral, except_id, from_id, from_name, attributes, id, reply_to)

    def edit(
        self, room: str, seq: int, *args: Any, from_client: Optional[ClientOrId] = None, user_id: Optional[str] = None
    ) -> None:
        """Replaces the payload of a kept message; args as for publish(). Raises NoSuchMessageError if it is not kept."""
        self._core.edit(room, seq, args, self._id(from_client or 0), user_id)

    def redact(self, room: str, seq: int, user_id: Optional[str] = None) -> None:
        """Deletes a kept message: its number, sender and time remain. user_id: who has done it, None: the application."""
        self._core.redact(room, seq, user_id)

    def react(self, room: str, seq: int, reaction: str, user_id: Optional[str] = None, remove: bool = False) -> None:
        """Gives a kept message a reaction of a user, or takes it back."""
        self._core.react(room, seq, user_id, reaction, not remove)

    def send(
        self,
        client: ClientOrId,
        *args: Any,
        event: Optional[str] = None,
        room: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Sends a message to one client, independent of rooms; `room` is only a label. It is neither numbered nor kept.

        In a cluster the client may be at another server, and the message is passed on as kick() is.
        """
        self._core.send(self._id(client), args, event, room, attributes)

    def send_user(
        self,
        user_id: str,
        *args: Any,
        event: Optional[str] = None,
        room: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Sends a message to all clients of one user. Raises NoSuchClientError if there is none."""
        self._core.send_user(user_id, args, event, room, attributes)

    def send_with_ack(
        self, client: ClientOrId, event: str, *args: Any, timeout: Optional[float] = 10.0, room: Optional[str] = None
    ) -> int:
        """Sends an event and asks for an acknowledgement within `timeout` seconds (None: until the client disconnects).

        Returns the number that on_ack receives as `ack_id`.

        on_ack may run before this returns. In asyncio, call() is simpler. Raises UnsupportedError unless the client speaks
        Socket.IO.
        """
        return self._core.send_with_ack(self._id(client), args, event, room, ack_milliseconds(timeout), False)

    def reply(self, message: _pychat.Message, *args: Any) -> None:
        """Answers a message whose sender waits for an answer, once, in on_message or later. Any JSON, with bytes anywhere."""
        self._core.reply(self._id(message.client), message.ack_id, args)

    # Verdicts

    def accept(self, client: ClientOrId, identity: Optional[Identity] = None) -> None:
        """Accepts a client whose on_connect returned DEFER. Without an identity it is a guest."""
        self._core.accept(self._id(client), identity)

    def refuse(self, client: ClientOrId, reason: str = "", data: Any = None) -> None:
        """Refuses a client whose on_connect returned DEFER. `data` is any JSON value, for protocols that can carry it."""
        _, text, data_json, _ = _verdicts.read_connect(_verdicts.Refuse(reason, data))
        self._core.refuse(self._id(client), text, data_json)

    # Clients

    def set_identity(self, client: ClientOrId, identity: Optional[Identity]) -> None:
        """Replaces the whole identity. Later messages of the client carry the new name."""
        self._core.set_identity(self._id(client), identity)

    def set_state(self, client: ClientOrId, state: Any) -> None:
        """Sets the public state of a client, which presence tells the members of its rooms: any JSON value; None removes it."""
        state_json = None if state is None else json.dumps(state, separators=(",", ":"), ensure_ascii=False)
        self._core.set_state(self._id(client), state_json)

    def kick(self, client: ClientOrId, reason: Optional[str] = None) -> None:
        """Sends what is in the client's outbox, then disconnects it with close code 1008.

        In a cluster the client may be at another server. Then this is passed on, without waiting, and nobody tells whether the
        client was there. Raises NoSuchClientError if no server has clients with such an id.
        """
        self._core.kick(self._id(client), reason)

    def close_connection(self, client: ClientOrId, reason: Optional[str] = None) -> None:
        """Sends what is in the outbox, then closes the client's connection and so disconnects all clients on it.

        In Socket.IO, these are the client's namespaces. In other protocols a connection has one client, and this is kick().
        In a cluster it is passed on as kick() is.
        """
        self._core.close_connection(self._id(client), reason)

    def find_client(self, socket_id: str) -> Client:
        """Returns the client with this id: the `socket.id` of Socket.IO, or the `id` of chat.v1.

        A client's number as a str works too, for every protocol. Raises NoSuchClientError if there is no such client.
        """
        return self._core.find_client(socket_id)

    def client_info(self, client: ClientOrId) -> ClientInfo:
        """The client's present state. Raises NoSuchClientError if it has disconnected."""
        return self._core.client_info(self._id(client))

    def clients(self) -> List[ClientInfo]:
        """Every client of the server."""
        return self._core.members(None)

    # Rooms

    def join(self, client: ClientOrId, room: str) -> None:
        """Makes a client a member of a room, without asking on_authorize. It receives messages published from now on."""
        self._core.join(self._id(client), room)

    def leave(self, client: ClientOrId, room: str) -> None:
        """Removes a client from a room. Raises NotJoinedError if it is not a member."""
        self._core.leave(self._id(client), room)

    def ban(self, client: ClientOrId, room: str, seconds: float, reason: Optional[str] = None) -> None:
        """Removes a client from a room and bans its user id, or the address of a guest, for `seconds`. 0 lifts the ban."""
        self._core.ban(self._id(client), room, milliseconds(seconds), reason)

    def ban_user(self, user_id: str, room: str, seconds: float, reason: Optional[str] = None) -> None:
        """Like ban(), but by user id, for all present and future clients of the user."""
        self._core.ban_user(user_id, room, milliseconds(seconds), reason)

    def close_room(self, room: str, reason: Optional[str] = None) -> None:
        """Removes all members, deletes the history, and restarts the numbering with a new epoch."""
        self._core.close_room(room, reason)

    def moderate(
        self,
        room: str,
        action: ModerationAction,
        *,
        client: Optional[ClientOrId] = None,
        user_id: Optional[str] = None,
        address: Optional[str] = None,
        seconds: float = 0,
        value: int = 0,
        reason: Optional[str] = None,
    ) -> None:
        """Moderates a room: docs/moderation.md. KICK, BAN, MUTE, ROLE, CLEAR, APPROVE and REJECT have one target: client, user_id or
        (BAN) address.

        `seconds` is how long a ban or a mute lasts; 0 lifts it. `value` is that of a mode, or a Role.
        """
        target = 0 if client is None else self._id(client)
        self._core.moderate(room, action, target, user_id, address, milliseconds(seconds), value, reason)

    def set_role(self, room: str, user_id: str, role: Role) -> None:
        """Gives a user a role in a room. MEMBER or GUEST: no role of its own."""
        self._core.set_role(room, user_id, role)

    def client_role(self, client: ClientOrId, room: str) -> Role:
        """The role of a client in a room, which need not exist."""
        return Role(self._core.client_role(self._id(client), room))

    def seen(self, room: str, user_id: str) -> int:
        """The number of the message up to which a user has read in a room; 0 if it is not known."""
        return self._core.seen(room, user_id)

    def set_seen(self, room: str, user_id: str, seq: int) -> None:
        """The user has read a room up to this message. The clients of the user are told. A lower number changes nothing."""
        if seq < 0:
            raise ValueError("seq must not be negative")
        self._core.set_seen(room, user_id, seq)

    def set_presence(self, room: str, level: PresenceLevel) -> None:
        """Sets what the members of a room learn about each other, instead of the option `presence`."""
        self._core.set_presence(room, level)

    def members(self, room: str) -> List[ClientInfo]:
        """The members of a room at this server. Raises NoSuchRoomError if there is no such room."""
        return self._core.members(room)

    def cluster_members(self, room: str, timeout: float = 1.0) -> ClusterMembers:
        """The members of a room at all servers of the cluster. Waits at most so many seconds for the other servers, and tells
        whether all have answered. Raises NoSuchRoomError if no server has the room, and WrongThreadError in a callback that the
        server waits for. In asyncio: `await asyncio.to_thread(server.cluster_members, room)`."""
        return self._core.cluster_members(room, milliseconds(timeout))

    def cluster_rooms(self, timeout: float = 1.0) -> ClusterRooms:
        """The rooms of all servers of the cluster, with the numbers of their members there. Waits as cluster_members() does."""
        return self._core.cluster_rooms(milliseconds(timeout))

    def presence(self, room: str) -> List[Person]:
        """The people who are present in a room. Raises ForbiddenError if the presence of the room is off."""
        return self._core.presence(room)

    def rooms(self) -> List[Room]:
        """All rooms of this server."""
        return self._core.rooms()

    def history(
        self, room: str, after_seq: int = 0, limit: int = 0, before_seq: int = 0, around_seq: int = 0
    ) -> List[_pychat.Message]:
        """The newest `limit` (0: all) kept messages of a room with numbers above `after_seq` and below `before_seq`
        (0: up to the newest message), oldest first. With `around_seq` instead of the two: half of the messages are newer
        than this number, and the others are it and older ones."""
        if min(after_seq, limit, before_seq, around_seq) < 0:
            raise ValueError("after_seq, limit, before_seq and around_seq must not be negative")
        if around_seq and (after_seq or before_seq):
            raise ValueError("around_seq excludes after_seq and before_seq")
        return self._core.history(room, after_seq, limit, before_seq, around_seq)

    def search(self, room: str, text: str, limit: int = 0, before_seq: int = 0) -> List[_pychat.Message]:
        """The newest `limit` (0: 1,000) kept messages of a room with all words of `text` and numbers below `before_seq`
        (0: all), oldest first. Needs the option `history_search`; raises UnsupportedError without it."""
        if min(limit, before_seq) < 0:
            raise ValueError("limit and before_seq must not be negative")
        return self._core.search(room, text, limit, before_seq)

    def room_restore(
        self,
        room: str,
        messages: Iterable[Union[_pychat.Message, KeptMessage]],
        epoch: Optional[str] = None,
        seq: int = 0,
    ) -> None:
        """Restores the history of a room in which nothing has been published, oldest message first.

        Messages of history() can be pickled, stored and passed as they are; for others there is KeptMessage. `epoch` names
        the numbering; None: that of the first message. `seq` is the number of the newest message that the room had; 0: that
        of the last one given. A good time is on_authorize for Action.JOIN, as this takes effect before the client joins.
        Raises WrongStateError if the room has had messages. After an error nothing has changed.
        """
        kept = list(messages)
        if epoch is None:
            epoch = getattr(kept[0], "epoch", "") if kept else ""
        self._core.room_restore(room, epoch, seq, kept)

    # The server

    @property
    def port(self) -> int:
        """The port on which the server listens; 0 on a UNIX socket."""
        return self._core.port()

    def stats(self) -> Stats:
        """Counters since the start."""
        return self._core.stats()

    def check_loops(self, timeout_ms: int) -> None:
        """For a watchdog: waits until every loop has had a turn. Raises TimedOutError if one has not within `timeout_ms`."""
        self._core.check_loops(timeout_ms)

    def reload_tls(self) -> None:
        """Reloads the certificate and key files, for new connections. If this fails, the old pair stays in use."""
        self._core.reload_tls()
