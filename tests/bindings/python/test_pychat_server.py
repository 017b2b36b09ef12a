"""Callbacks that are called at once, and everything that can be done with a server; without asyncio."""

import contextlib
import gc
import json
import logging
import os
import pickle
import signal
import threading
import time
import weakref

import pychat
import pytest
from pychat import CONSUME, DEFER, Identity, KeptMessage, Refuse, Replace
from pychat_support import LIMIT_S, Inbox, connect, connect_plain, connected, make_server, url, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus


@contextlib.contextmanager
def connect_v1(server, token=""):
    """A client of chat.v1 that is in the lobby."""
    with connect(url(server, f"/chat.v1?token={token}")) as client:
        assert json.loads(client.recv(timeout=LIMIT_S))["type"] == "welcome"
        yield client


def ask(client, **command):
    """The reply to a command of chat.v1."""
    client.send(json.dumps({"ref": 1, **command}))
    while (reply := json.loads(client.recv(timeout=LIMIT_S))).get("ref") != 1:
        pass
    return reply


def test_a_message_goes_round_and_is_seen(server):
    seen = Inbox()
    server.on_open(seen.put)
    server.on_join(seen.put)
    server.on_leave(seen.put)
    server.on_disconnect(seen.put)

    @server.on_message
    def on_message(message):
        seen.put(message)

    with server:
        with connect(url(server, "/chat?room=dev")) as client:
            opened, joined = seen.next(), seen.next()
            assert (type(opened), opened.room, type(joined), joined.room) == (pychat.Opened, "dev", pychat.Joined, "dev")
            assert opened.client is joined.client and opened.name == joined.client.name
            client.send("hällo\0!")
            message = seen.next()
            assert client.recv(timeout=LIMIT_S) == "hällo\0!"
            assert message.client is opened.client
            assert (message.text, message.args, message.room, message.event) == ("hällo\0!", ["hällo\0!"], "dev", "chat message")
            assert message.payload is pychat.Payload.TEXT and message.from_name == opened.name
            assert "hällo" in repr(message) and "dev" in repr(message)
            client.send(b"\x00\xff")
            binary = seen.next()
            assert (binary.data, binary.args, binary.text) == (b"\x00\xff", [b"\x00\xff"], "")
            assert client.recv(timeout=LIMIT_S) == b"\x00\xff"
        left, gone = seen.next(), seen.next()
        assert (type(left), type(gone)) == (pychat.Left, pychat.Disconnected)
        assert gone.client is opened.client and gone.close_code == 1000


def test_verdicts_on_messages(server, caplog):
    answers = {
        "pass": None, "true": True, "false": False, "refuse": Refuse("mind your tongue"), "consume": CONSUME,
        "other": "another", "bytes": b"\x01", "event": Replace({"a": [b"\x02"]}, event="move"), "wrong": 42,
    }  # fmt: skip

    @server.on_message
    def on_message(message):
        if message.text == "raise":
            raise Refuse("raised")
        if message.text == "fail":
            raise KeyError("that was wrong")
        return answers[message.text]

    with server, connect(url(server, "/chat.v1?room=dev")) as client:
        json.loads(client.recv(timeout=LIMIT_S))

        def say(text):
            client.send(json.dumps({"type": "send", "text": text, "ref": text}))

        def last(text):
            say(text)
            while (answer := json.loads(client.recv(timeout=LIMIT_S)))["type"] not in ("error", "ack"):
                pass
            assert answer["ref"] == text
            return answer

        assert last("pass")["type"] == "ack"
        assert last("true")["type"] == "ack"
        assert last("false")["type"] == "error"
        assert "mind your tongue" in json.dumps(last("refuse"))
        assert "raised" in json.dumps(last("raise"))
        say("consume")  # not acknowledged: the application has it
        last("other"), last("bytes"), last("event")
        kept = server.history("dev")
        assert [message.args for message in kept] == [["pass"], ["true"], ["another"], [b"\x01"], [{"a": [b"\x02"]}]]
        assert kept[-1].event == "move" and kept[-1].from_id
        with pytest.raises(pychat.NoSuchClientError):
            kept[0].client

        with caplog.at_level(logging.ERROR, logger="pychat"):
            assert "the application failed" in json.dumps(last("fail"))
            assert "the application failed" in json.dumps(last("wrong"))
        assert "that was wrong" in caplog.text and "Traceback" in caplog.text and "returned 42" in caplog.text


def test_connect_verdicts(server):
    seen = Inbox()
    later = []

    @server.on_connect
    def on_connect(request):
        seen.put(request)
        how = request.query["how"]
        if how == "identity":
            return Identity("u1", "Ann", {"role": "admin"})
        if how == "refuse":
            return Refuse("no " * 100)
        if how == "defer":
            later.append(request)
            return DEFER
        return how == "true"

    with server:
        with connected(server, "/chat?how=identity&token=secret"):
            request = seen.next()
            assert request.token == "secret" and "secret" not in repr(request)
            assert request.headers["host"].startswith("127.0.0.1") and request.protocol is pychat.Protocol.PLAIN
            info = server.client_info(request.client)
            assert (info.user_id, info.name, info.attributes) == ("u1", "Ann", {"role": "admin"})
            assert info.rooms == ("lobby",) and info.client is request.client
            assert request.client.name == "Ann" and request.client.user_id == "u1"
        with connect(url(server, "/chat?how=true")):
            seen.next()
        for how in ["refuse", "false"]:
            with pytest.raises(InvalidStatus) as refused:
                connect(url(server, f"/chat?how={how}"))
            assert refused.value.response.status_code == 403
        with connect(url(server, "/chat?how=defer")) as client:
            wait_until(lambda: later)
            server.decide(later[0], Identity(name="Late"))
            wait_until(lambda: server.client_info(later[0].client).name == "Late")
            server.send(later[0].client, "welcome")
            assert client.recv(timeout=LIMIT_S) == "welcome"
        with connect(url(server, "/chat?how=defer")) as client:
            wait_until(lambda: len(later) == 2)
            server.refuse(later[1].client, "not today")
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=LIMIT_S)
            assert closed.value.rcvd.code == 1008 and closed.value.rcvd.reason == "not today"
        with pytest.raises(pychat.ChatError):
            server.decide(later[1], True)
        wait_until(lambda: server._core.clients_known == 0)


def test_abandoned_before_the_verdict(server):
    asked, abandoned = Inbox(), Inbox()
    server.on_abandon(abandoned.put)

    @server.on_connect
    def on_connect(request):
        asked.put(request)
        return pychat.DEFER

    with server:
        client = connect_plain(url(server))
        request = asked.next()
        client.close()
        event = abandoned.next()
        assert event.client is request.client and event.close_code == 1000
        with pytest.raises(pychat.NoSuchClientError):
            server.accept(request.client)


def test_authorize(server):
    @server.on_authorize
    def on_authorize(request):
        if request.action is pychat.Action.JOIN and request.room == "closed":
            return Refuse("closed today")
        return None

    with server:
        with connected(server):
            pass
        with pytest.raises((ConnectionClosed, InvalidStatus)):
            with connect(url(server, "/chat?room=closed")) as client:
                client.recv(timeout=LIMIT_S)
        with pytest.raises(pychat.WrongStateError):
            server.on_authorize(on_authorize)


def test_deferred_message_verdict_from_another_thread(server):
    held = Inbox()

    @server.on_message
    def on_message(message):
        held.put(message)
        return DEFER

    with server, connected(server) as client:
        for text, verdict, heard in [("one", None, "one"), ("two", "changed", "changed"), ("three", CONSUME, None)]:
            client.send(text)
            message = held.next()
            decider = threading.Thread(target=server.decide, args=(message, verdict))
            decider.start()
            decider.join()
            if heard:
                assert client.recv(timeout=LIMIT_S) == heard
        wait_until(lambda: server.history("lobby")[-1].text == "changed")
        with pytest.raises(pychat.WrongStateError):
            server.decide(message, True)
        with pytest.raises(TypeError):
            server.decide(message, DEFER)


def test_a_history_is_restored_in_another_server(server):
    with server:
        server.publish("dev", "text", from_name="Ann")
        server.publish("dev", {"a": [b"\x00"]}, 2, event="move", attributes={"k": "v"})
        server.publish("dev", b"\x01")
        stored = [pickle.dumps(message) for message in server.history("dev", after_seq=1)]
    with make_server() as other:
        kept = [pickle.loads(one) for one in stored]
        other.room_restore("dev", kept)
        assert list(map(repr, other.history("dev"))) == list(map(repr, kept))
        again = other.history("dev")
        assert [message.args for message in again] == [[{"a": [b"\x00"]}, 2], [b"\x01"]]
        assert [(message.seq, message.epoch, message.time_ms) for message in again] == [
            (message.seq, message.epoch, message.time_ms) for message in kept
        ]
        assert other.broadcast("dev", "next") == 4
        with pytest.raises(pychat.WrongStateError):
            other.room_restore("dev", kept)

        now = int(time.time() * 1000)
        rows = [
            KeptMessage("hello", seq=7, time_ms=now, from_name="Ann", from_user_id="ann", from_id=12, event="greeting"),
            KeptMessage({"x": b"y"}, seq=9, time_ms=now + 1, attributes={"k": "v"}),
        ]
        other.room_restore("rows", rows, epoch="k3v9", seq=20)
        first, second = other.history("rows")
        assert (first.text, first.seq, first.time_ms, first.epoch, first.event) == ("hello", 7, now, "k3v9", "greeting")
        assert (first.from_id, first.from_name, first.from_user_id) == (12, "Ann", "ann")
        assert second.args == [{"x": b"y"}] and second.attributes == {"k": "v"} and second.from_user_id == ""
        assert other.broadcast("rows", "next") == 21
        assert repr(rows[0]) == "KeptMessage('hello', seq=7)"

        for arguments, text in [
            (("new", []), "messages"),
            (("new", rows), "epoch"),
            (("new", [], "e"), "messages"),
            (("new", rows[::-1], "e"), r"messages\[1\]\.seq"),
            (("new", kept, "other"), r"messages\[0\]\.(room|epoch)"),
        ]:
            with pytest.raises(pychat.InvalidArgumentError, match=text):
                other.room_restore(*arguments)
        with pytest.raises(AttributeError):
            other.room_restore("new", ["a str"], "e")
        assert {room.name for room in other.rooms()} == {"dev", "rows"}


def test_a_room_is_restored_before_its_first_member_joins(server):
    @server.on_authorize
    def on_authorize(request):
        with contextlib.suppress(pychat.WrongStateError):
            server.room_restore(request.room, [KeptMessage("old", seq=3, time_ms=int(time.time() * 1000))], epoch="e")

    with server, connect(url(server, "/chat.v1?epoch=e&seq=2")) as client:
        welcome = json.loads(client.recv(timeout=LIMIT_S))
        assert (welcome["epoch"], welcome["seq"], welcome["complete"]) == ("e", 3, True)
        assert json.loads(client.recv(timeout=LIMIT_S))["text"] == "old"


def test_what_is_published_is_told_in_order(server):
    seen = Inbox()
    server.on_published(seen.put)
    with server, connect(url(server)) as client:
        client.send("from a client")
        client.recv(timeout=LIMIT_S)
        server.publish("lobby", "typing", ephemeral=True)
        server.publish("lobby", {"x": b"y"}, event="move")
        first, second = seen.next(), seen.next()
        assert (first.message.text, first.message.seq, first.message.room) == ("from a client", 1, "lobby")
        assert second.message.args == [{"x": b"y"}] and second.message.seq == 2
        kept = server.history("lobby")
        assert [(one.message.epoch, one.message.time_ms) for one in (first, second)] == [(m.epoch, m.time_ms) for m in kept]
        assert first.message.from_id == server.clients()[0].id
        assert type(pickle.loads(pickle.dumps(first))) is pychat.Published
        with pytest.raises(pychat.NoSuchClientError):
            first.message.client
        with pytest.raises(pychat.WrongStateError):
            server.on_published(seen.put)


def test_what_is_moderated_is_told():
    seen = Inbox()
    server = make_server()
    server.on_audit(seen.put)

    @server.on_connect
    def on_connect(request):
        roles = {"role:lobby": "moderator"} if request.token == "mod" else {}
        return Identity(request.token, request.token.title(), roles)

    with server, connect_v1(server, "mod") as mod, connect_v1(server, "ann"):
        server.moderate("lobby", pychat.ModerationAction.MUTE, user_id="ann", seconds=60, reason="spam")
        first = seen.next()
        assert first == pychat.Audit(
            room="lobby", action=pychat.ModerationAction.MUTE, actor=0, actor_user_id="", actor_name="", client=0,
            user_id="ann", name="Ann", address="", duration_ms=60_000, value=0, reason="spam", time_ms=first.time_ms,
        )  # fmt: skip
        assert type(first.action) is pychat.ModerationAction and first.time_ms > 0
        assert pickle.loads(pickle.dumps(first)) == first
        ask(mod, type="moderate", action="slow_mode", value=30_000)
        second = seen.next()
        assert (second.action, second.value, second.actor_user_id, second.actor_name) == (4, 30_000, "mod", "Mod")
        assert second.actor == next(one.id for one in server.clients() if one.user_id == "mod")
        server.kick(second.actor, "enough")
        third = seen.next()
        assert (third.room, third.action, third.client, third.user_id) == ("", 1, second.actor, "mod")
        assert third.reason == "enough"
        with pytest.raises(pychat.WrongStateError):
            server.on_audit(seen.put)


def test_reports_are_told_and_messages_cleared():
    seen = Inbox()
    server = make_server()
    server.on_report(seen.put)
    server.on_connect(lambda request: Identity(request.token, request.token.title()))
    with server, connect_v1(server, "ann") as ann, connect_v1(server, "bob") as bob:
        for text in ("one", "two"):
            assert ask(bob, type="send", text=text)["type"] == "ack"
        assert ask(ann, type="report", target=2, reason="spam")["type"] == "ack"
        told = seen.next()
        assert type(told) is pychat.Reported
        assert (told.message.room, told.message.seq, told.message.text, told.message.from_user_id) == ("lobby", 2, "two", "bob")
        assert (told.user_id, told.name, told.reason) == ("ann", "Ann", "spam") and told.time_ms > 0
        assert told.client == next(one.id for one in server.clients() if one.user_id == "ann")
        assert type(pickle.loads(pickle.dumps(told))) is pychat.Reported
        with pytest.raises(pychat.NoSuchClientError):
            told.message.client
        with pytest.raises(pychat.WrongStateError):
            server.on_report(seen.put)
        server.moderate("lobby", pychat.ModerationAction.CLEAR, user_id="bob")
        wait_until(lambda: all(one.redacted for one in server.history("lobby")))


def test_without_on_report_nobody_can_report(server):
    with server, connect_v1(server) as client:
        assert ask(client, type="send", text="one")["type"] == "ack"
        assert ask(client, type="report", target=1)["code"] == "unknown_type"


def test_who_is_there_is_told():
    seen = Inbox()
    server = make_server(presence=pychat.PresenceLevel.FULL, presence_grace_ms=1)
    server.on_presence(seen.put)
    server.on_connect(lambda request: Identity("ann", "Ann"))
    with server:
        with connect(url(server)):
            first = seen.next()
            assert (first.room, first.count, first.joined) == ("lobby", 1, (pychat.Person("ann", 0, "Ann", None),))
            assert first.epoch and first.time_ms > 0 and first.left == first.changed == ()
            client = server.clients()[0].client
            client.set_state({"away": True, "note": "안녕"})
            changed = seen.next()
            assert changed.changed == (pychat.Person("ann", 0, "Ann", {"away": True, "note": "안녕"}),)
            assert server.presence("lobby") == list(changed.changed)
            client.set_state([1])
            assert server.presence("lobby")[0].state == [1]
            assert [room.people_count for room in server.rooms()] == [1]
            client.set_state(None)
            assert server.presence("lobby")[0].state is None
            assert pickle.loads(pickle.dumps(first)) == first
            with pytest.raises(pychat.TooLargeError):
                client.set_state("x" * 1024)
            with pytest.raises(pychat.WrongStateError):
                server.on_presence(seen.put)
        while not (last := seen.next()).left:
            pass
        assert (last.count, last.left[0].name) == (0, "Ann")
        server.set_presence("lobby", pychat.PresenceLevel.OFF)
        with pytest.raises(pychat.ForbiddenError):
            server.presence("lobby")


def test_a_message_with_an_id_is_published_once(server):
    with server:
        assert server.publish("lobby", "hello", id="a") == 1
        assert server.publish("lobby", "hello") == 2
        assert server.publish("lobby", "hello", id="a") == 1
        assert [message.id for message in server.history("lobby")] == ["a", ""]
        kept = pickle.loads(pickle.dumps(server.history("lobby")))
        assert kept[0].id == "a"
        with pytest.raises(pychat.WrongStateError):
            server.publish("lobby", "other", id="a")
        with pytest.raises(pychat.InvalidArgumentError):
            server.publish("lobby", "other", id="a b")


def test_publish_send_and_look(server):
    seen = Inbox()
    server.on_open(seen.put)
    with server, connect(url(server)) as ann, connect(url(server)) as bob:
        first, second = seen.next().client, seen.next().client
        wait_until(lambda: len(server.members("lobby")) == 2)
        assert server.broadcast("lobby", "one") == 1
        assert server.publish("lobby", b"two", from_name="Bot") == 2
        assert server.publish("lobby", {"x": 1}, b"y", bytearray(b"z"), event="three", attributes={"k": "v"}) == 3
        assert server.publish("lobby", "typing", ephemeral=True) == 0
        assert server.publish(None, "to all") == 0
        server.publish("lobby", "not for you", except_client=first, from_client=second)
        history = server.history("lobby")
        assert [message.args for message in history] == [["one"], [b"two"], [{"x": 1}, b"y", b"z"], ["not for you"]]
        assert history[2].attachments == (b"y", b"z") and history[2].attributes == {"k": "v"}
        assert history[1].from_name == "Bot" and history[3].from_id == second.id and history[0].epoch
        assert [message.seq for message in server.history("lobby", after_seq=1, limit=2)] == [3, 4]
        assert [message.seq for message in server.history("lobby", limit=2, before_seq=4)] == [2, 3]
        assert [message.seq for message in server.history("lobby", after_seq=1, before_seq=3)] == [2]
        assert [message.seq for message in server.history("lobby", around_seq=2, limit=3)] == [1, 2, 3]
        first.send("only you")
        for wanted, client in [("only you", ann), ("not for you", bob)]:
            heard = [client.recv(timeout=LIMIT_S)]
            while heard[-1] != wanted:
                heard.append(client.recv(timeout=LIMIT_S))
            assert "to all" in heard
        server.set_identity(first, Identity("u7", "Ann"))
        server.send_user("u7", "to the user")
        assert ann.recv(timeout=LIMIT_S) == "to the user"
        first.join("side")
        assert set(first.rooms) == {"lobby", "side"}
        assert {room.name: room.member_count for room in server.rooms()} == {"lobby": 2, "side": 1}
        first.leave("side")
        assert {info.id for info in server.clients()} == {first.id, second.id}
        assert server.stats().clients_now == 2
        with pytest.raises(pychat.NotJoinedError):
            first.leave("side")
        with pytest.raises(pychat.NoSuchRoomError):
            server.history("nowhere")
        with pytest.raises(pychat.NoSuchClientError):
            server.send(10**9, "x")
        with pytest.raises(pychat.UnsupportedError):
            server.send_with_ack(first, "x", timeout=1)
        for wrong in [{"x": float("nan")}, {"x": object()}]:
            with pytest.raises((ValueError, TypeError)):
                server.publish("lobby", wrong)
        with pytest.raises(pychat.InvalidEventError):
            server.publish("lobby", "x", event="connect")
        with pytest.raises(ValueError):
            server.publish("lobby", "\ud800")
        server.ban(second, "lobby", seconds=60, reason="rude")
        wait_until(lambda: len(server.members("lobby")) == 1)
        with pytest.raises(pychat.BannedError):
            server.join(second, "lobby")
        server.ban(second, "lobby", seconds=0)
        server.ban_user("u9", "lobby", seconds=60)
        server.set_presence("lobby", pychat.PresenceLevel.COUNTS)
        with pytest.raises(pychat.InvalidArgumentError):
            server.set_presence("lobby", 7)
        server.set_presence("lobby", pychat.PresenceLevel.OFF)
        server.close_room("lobby", "night")
        wait_until(lambda: not any(room.name == "lobby" for room in server.rooms()))
        first.kick("bye")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                ann.recv(timeout=LIMIT_S)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "bye")


def test_what_a_callback_sends_comes_behind_its_message(server):
    @server.on_message
    def on_message(message):
        message.client.send("after " + message.text)
        server.publish(message.room, "and to all")

    with server, connected(server) as client:
        client.send("this")
        assert [client.recv(timeout=LIMIT_S) for _ in range(3)] == ["this", "after this", "and to all"]


def test_errors_name_what_is_wrong(server):
    with server:
        with pytest.raises(pychat.AddressInUseError, match=str(server.port)) as error:
            make_server(port=server.port).start()
        assert isinstance(error.value, OSError) and error.value.errno == 98
        with pytest.raises(pychat.WrongStateError):
            server.start()
    with pytest.raises(pychat.StoppedError):
        server.broadcast("lobby", "x")
    server.close()
    server.stop()
    fresh = make_server()
    with pytest.raises(pychat.WrongStateError):
        fresh.rooms()
    with pytest.raises(pychat.CertificateError):
        make_server(tls_certificate_file="/nowhere", tls_private_key_file="/nowhere").start()


def test_close_in_a_callback_is_refused(server):
    seen = Inbox()

    @server.on_message
    def on_message(message):
        try:
            server.close()
        except pychat.WrongThreadError as error:
            seen.put(error)
        server.stop()

    with server, connected(server) as client:
        client.send("x")
        assert isinstance(seen.next(), pychat.WrongThreadError)


def test_close_waits_for_calls_of_other_threads(server):
    server.start()
    failed = []

    def publish():
        try:
            while True:
                server.publish("lobby", "x", ephemeral=True)
        except pychat.StoppedError:
            pass
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.stats().messages_published > 100)
    closers = [threading.Thread(target=server.close) for _ in range(2)]
    for thread in [*closers, *threads]:
        if not thread.is_alive() and thread.ident is None:
            thread.start()
    for thread in [*closers, *threads]:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    assert not failed and not server.running


def test_the_user_object_is_freed_with_its_client(server):
    class Thing:
        pass

    things = weakref.WeakSet()
    seen = Inbox()

    @server.on_connect
    def on_connect(request):
        request.client.user = thing = Thing()
        things.add(thing)
        return "refuse" not in request.query

    @server.on_disconnect
    def on_disconnect(event):
        seen.put(isinstance(event.client.user, Thing))

    with server:
        for _ in range(20):
            with connect(url(server)):
                pass
            assert seen.next()
            with pytest.raises(InvalidStatus):
                connect(url(server, "/chat?refuse=1"))
        wait_until(lambda: server._core.clients_known == 0)
        gc.collect()
        wait_until(lambda: len(things) == 0)


def test_clients_that_nobody_decides_on_are_forgotten():
    server = make_server(verdict_timeout_ms=50)
    server.on_connect(lambda request: DEFER)
    with server:
        for _ in range(3):
            with connect(url(server)) as client, pytest.raises(ConnectionClosed):
                client.recv(timeout=LIMIT_S)
        wait_until(lambda: server._core.clients_known == 0)


def test_cycles_are_collected(server):
    with server, connected(server):
        pass

    def make(start):
        server = make_server()

        @server.on_message
        def on_message(message, server=server):
            return server

        server.on_open(lambda event: None)
        if start:
            with server, connected(server):
                pass
        return weakref.ref(server)

    fresh, closed = make(False), make(True)
    gc.collect()
    assert fresh() is None and closed() is None


def test_host_driven():
    server = make_server(threads=0)
    seen = []

    @server.on_message
    def on_message(message):
        seen.append((message.text, threading.get_ident()))
        if message.text == "break":
            raise KeyboardInterrupt

    with server:
        assert server.fileno() > 0

        def talk(text):
            with connect(url(server)) as client:
                client.send(text)
                client.recv(timeout=LIMIT_S)

        talker = threading.Thread(target=talk, args=("hello",))
        talker.start()
        while not seen:
            assert server.poll(10)
        while talker.is_alive():
            server.poll(0.01)
        assert seen == [("hello", threading.get_ident())]

        def talk_on():
            with pytest.raises(Exception):
                talk("break")

        talker = threading.Thread(target=talk_on)
        talker.start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                server.poll(10)
        server.stop()
        while server.poll(10):
            pass
        talker.join(LIMIT_S)
    with make_server() as threaded:
        assert threaded.fileno() == -1
        with pytest.raises(pychat.WrongStateError):
            threaded.poll()


@pytest.mark.parametrize("threads", [0, 1])
def test_serve_forever_ends_with_stop(threads):
    server = make_server(threads=threads).start()
    timer = threading.Thread(target=lambda: (wait_until(lambda: server.running), server.stop()))
    timer.start()
    server.serve_forever()
    timer.join()
    assert not server.running and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_logging(server, caplog):
    lines = Inbox()

    def slow(event):
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 0.02)

    with caplog.at_level(logging.WARNING, logger="pychat"), make_server(slow_callback_ms=1) as other:
        other.on_open(slow)
        with connected(other):
            wait_until(lambda: any("on_open took" in record.getMessage() for record in caplog.records))
    assert {record.name for record in caplog.records} >= {"pychat"}

    server = make_server(slow_callback_ms=1)

    @server.on_log
    def on_log(line):
        lines.put(line)

    server.on_open(slow)
    with server:
        with connected(server):
            line = lines.next()
        assert isinstance(line.level, pychat.LogLevel) and line.text


def test_unix_socket(tmp_path):
    path = tmp_path / "chat.socket"
    with make_server(address=None, unix_path=path) as server:
        assert server.port == 0 and os.path.exists(path)
