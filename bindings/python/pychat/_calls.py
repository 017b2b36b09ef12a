"""What can be done with a server that runs: messages, clients, rooms. Any thread, and inside of any callback."""

from __future__ import annotations

import operator
from typing import Any, List, Mapping, Optional, Union

from . import _pychat, _verdicts
from ._client import Client, ClientInfo, ClientOrId
from ._enums import UNLIMITED
from ._events import AuthorizeRequest, ConnectRequest, Room, Stats
from ._verdicts import Identity

Request = Union[ConnectRequest, AuthorizeRequest, _pychat.Message]


MAX_SECONDS = 2**53 / 1000


def milliseconds(seconds: float) -> int:
    """Seconds, as Python's timeouts are given in, as the library wants them. What is above zero stays above it."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"not a time in seconds: {seconds!r}")
    return max(round(seconds * 1000), 1) if seconds > 0 else 0


def ack_milliseconds(timeout: Optional[float]) -> int:
    """The time that an acknowledgement may take, None: any. The library would take 0 for its default."""
    if timeout is None:
        return UNLIMITED
    if timeout == 0:
        raise ValueError("an answer takes longer than 0 seconds")
    return milliseconds(timeout)


class ServerCalls:
    """The part of Server that is chat.h's functions. Clients are given as Client or by their id."""

    _core: _pychat.Core

    def _id(self, client: ClientOrId) -> int:
        # Each server counts its clients from 1: an id of another would be somebody else here.
        if isinstance(client, Client) and client.server is not self:
            raise _pychat.NoSuchClientError("a client of another server")
        number = operator.index(client)
        if not 0 <= number < 2**64:
            raise _pychat.NoSuchClientError(f"no client has the id {number}")
        return number

    # Messages

    def broadcast(self, room: Optional[str], text: str) -> int:
        """Publishes text to a room; to everyone, when room is None. Gives its number, 0 when it has none."""
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
    ) -> int:
        """Publishes a message to all members of a room; to everyone, when room is None. Gives its number.

        One str is text, one bytes-like object is binary; anything else is the event's arguments: whatever JSON can say,
        with bytes anywhere in it. The number is 0 when the message is ephemeral, and inside on_authorize and on_message,
        where it is published afterwards.
        """
        return self._core.publish(
            room, args, event, ephemeral, self._id(except_client or 0), self._id(from_client or 0), from_name, attributes
        )

    def send(
        self,
        client: ClientOrId,
        *args: Any,
        event: Optional[str] = None,
        room: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Sends a message to one client, whatever rooms it is in; `room` only labels it. Neither numbered nor kept."""
        self._core.send(self._id(client), args, event, room, attributes)

    def send_user(
        self,
        user_id: str,
        *args: Any,
        event: Optional[str] = None,
        room: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Sends a message to all clients of one user. NoSuchClientError when there is none."""
        self._core.send_user(user_id, args, event, room, attributes)

    def send_with_ack(
        self, client: ClientOrId, event: str, *args: Any, timeout: Optional[float] = 10.0, room: Optional[str] = None
    ) -> int:
        """Sends an event that the client shall acknowledge within `timeout` seconds (None: as long as it is there).

        Gives the number that on_ack will show.

        on_ack may come before this returns. In asyncio, call() is simpler. UnsupportedError unless the client speaks
        Socket.IO.
        """
        return self._core.send_with_ack(self._id(client), args, event, room, ack_milliseconds(timeout), False)

    def reply(self, message: _pychat.Message, *args: Any) -> None:
        """Answers a message whose sender waits for it, once: in on_message or later. Any JSON, with bytes anywhere in it."""
        self._core.reply(self._id(message.client), message.ack_id, args)

    # Verdicts

    def decide(self, request: Request, verdict: object = None) -> None:
        """Gives the verdict on what a callback answered with DEFER: anything else that it could have returned.

        WrongStateError when the time was over, NoSuchClientError when the client has gone.
        """
        if isinstance(request, ConnectRequest):
            outcome, reason, data, identity = _verdicts.read_connect(verdict)
            if outcome == _verdicts.PASS:
                self._core.accept(self._id(request.client), identity)
            elif outcome == _verdicts.REFUSE:
                self._core.refuse(self._id(request.client), reason, data)
            else:
                raise TypeError("a deferred verdict cannot be deferred again")
            return
        if isinstance(request, AuthorizeRequest):
            outcome, reason = _verdicts.read_authorize(verdict)
        else:
            outcome, reason, replacement = _verdicts.read_message(verdict)
        if outcome == _verdicts.DEFER:
            raise TypeError("a deferred verdict cannot be deferred again")
        if isinstance(request, AuthorizeRequest):
            self._core.decide(self._id(request.client), request.decision_id, outcome, reason)
        else:
            self._id(request.client)
            self._core.decide_message(request, outcome, reason, replacement)

    def accept(self, client: ClientOrId, identity: Optional[Identity] = None) -> None:
        """Accepts a client whose on_connect answered DEFER. Without an identity it is a guest."""
        self._core.accept(self._id(client), identity)

    def refuse(self, client: ClientOrId, reason: str = "", data: Any = None) -> None:
        """Refuses a client whose on_connect answered DEFER; `data` is any JSON for protocols that carry it."""
        _, text, data_json, _ = _verdicts.read_connect(_verdicts.Refuse(reason, data))
        self._core.refuse(self._id(client), text, data_json)

    # Clients

    def set_identity(self, client: ClientOrId, identity: Optional[Identity]) -> None:
        """Replaces the whole identity. What the client says from now on bears the new name."""
        self._core.set_identity(self._id(client), identity)

    def kick(self, client: ClientOrId, reason: Optional[str] = None) -> None:
        """Disconnects a client after what is in its outbox, with close code 1008."""
        self._core.kick(self._id(client), reason)

    def close_connection(self, client: ClientOrId, reason: Optional[str] = None) -> None:
        """Disconnects a client and all others of its connection, after what is in the outbox, and closes that.

        In Socket.IO these are its namespaces. Elsewhere a connection is one client, and this is kick().
        """
        self._core.close_connection(self._id(client), reason)

    def find_client(self, socket_id: str) -> Client:
        """The client that knows itself by this id: Socket.IO's `socket.id`, the `id` of chat.v1. NoSuchClientError.

        A client's number, as a str, finds it too, whatever it speaks.
        """
        return self._core.find_client(socket_id)

    def client_info(self, client: ClientOrId) -> ClientInfo:
        """What is known of a client now. NoSuchClientError when it has gone."""
        return self._core.client_info(self._id(client))

    def clients(self) -> List[ClientInfo]:
        """Every client of the server."""
        return self._core.members(None)

    # Rooms

    def join(self, client: ClientOrId, room: str) -> None:
        """Makes a client a member of a room. It hears what is published from now on; on_authorize is not asked."""
        self._core.join(self._id(client), room)

    def leave(self, client: ClientOrId, room: str) -> None:
        """Takes a client out of a room. NotJoinedError when it is no member."""
        self._core.leave(self._id(client), room)

    def ban(self, client: ClientOrId, room: str, seconds: float, reason: Optional[str] = None) -> None:
        """Takes a client out of a room and keeps its user id, or the address of a guest, out for so long; 0 lifts the ban."""
        self._core.ban(self._id(client), room, milliseconds(seconds), reason)

    def ban_user(self, user_id: str, room: str, seconds: float, reason: Optional[str] = None) -> None:
        """The same by user id, for every client that the user has or will have."""
        self._core.ban_user(user_id, room, milliseconds(seconds), reason)

    def close_room(self, room: str, reason: Optional[str] = None) -> None:
        """Every member leaves, the history goes, and the numbering starts anew with another epoch."""
        self._core.close_room(room, reason)

    def members(self, room: str) -> List[ClientInfo]:
        """The members of a room. NoSuchRoomError when there is no such room."""
        return self._core.members(room)

    def rooms(self) -> List[Room]:
        """The rooms that there are."""
        return self._core.rooms()

    def history(self, room: str, after_seq: int = 0, limit: int = 0) -> List[_pychat.Message]:
        """What a room keeps, oldest first: above `after_seq`, and of that the newest `limit` (0: all)."""
        if after_seq < 0 or limit < 0:
            raise ValueError("after_seq and limit are not negative")
        return self._core.history(room, after_seq, limit)

    # The server

    @property
    def port(self) -> int:
        """The port that it listens on; 0 on a UNIX socket."""
        return self._core.port()

    def stats(self) -> Stats:
        """Counters since the start."""
        return self._core.stats()

    def reload_tls(self) -> None:
        """Reads the certificate and key files again, for new connections. The old pair stays when this fails."""
        self._core.reload_tls()
