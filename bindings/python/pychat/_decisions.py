"""Server.decide(), which gives the verdict on a deferred request."""

from __future__ import annotations

from . import _verdicts
from ._client import ServerCalls
from ._events import AuthorizeRequest, ConnectRequest, Request


class ServerDecisions(ServerCalls):
    """The part of Server that decides deferred requests."""

    def decide(self, request: Request, verdict: object = None) -> None:
        """Gives the verdict on a deferred request: any value that the callback could have returned, except DEFER.

        Raises WrongStateError if the time limit has passed, NoSuchClientError if the client has disconnected.
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
