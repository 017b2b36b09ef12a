"""The same with asyncio, on asyncio's own loop and on uvloop."""

import asyncio
import json
import logging
import threading

import pychat
import pytest
import socketio
from pychat import CONSUME, Disconnected, EventsLost, Identity, Joined, Left, Message, Opened, Overflow, Refuse
from pychat_support import LIMIT_S, connect, connect_async, connect_plain, connected_async, make_server, url, wait_until_async
from websockets.exceptions import ConnectionClosed, InvalidStatus


def test_events_come_in_order(run):
    async def main():
        async with make_server() as server:
            async with server.events() as events:
                async with await connected_async(server) as client:
                    await client.send("hello")
                    assert await client.recv() == "hello"
                seen = []
                async for event in events:
                    seen.append(event)
                    if isinstance(event, Opened):
                        event.client.user = "somebody"
                    if isinstance(event, Disconnected):
                        break
            assert [type(event) for event in seen] == [Opened, Joined, Message, Left, Disconnected]
            # The client had gone before the first of them was seen.
            assert len({id(event.client) for event in seen}) == 1 and seen[-1].client.user == "somebody"
            await wait_until_async(lambda: server._core.clients_known == 0)

    run(main())


def test_events_of_some_kinds_and_the_end(run):
    async def main():
        async with make_server() as server:
            events = server.events(Message)
            async with await connected_async(server) as client:
                await client.send("one")
                await client.recv()
            with pytest.raises(TypeError):
                server.events(int)
        assert [event.text async for event in events] == ["one"]
        assert events.waiting == 0

    run(main())


def test_a_full_queue_drops_the_oldest_and_says_so(run):
    async def main():
        async with make_server(inbound_rate=pychat.UNLIMITED) as server:
            events = server.events(Message, max_events=3)
            async with await connected_async(server) as client:
                for number in range(10):
                    await client.send(str(number))
                    assert await client.recv() == str(number)
            got = await events.take()
            assert got[0] == EventsLost(7) and [event.text for event in got[1:]] == ["7", "8", "9"]
            assert events.lost == 7
            small = server.events(Message, max_bytes=2000)
            async with await connected_async(server) as client:
                for _ in range(3):
                    await client.send("x" * 1500)
                    await client.recv()
            assert [type(event) for event in await small.take()] == [EventsLost, Message]

    run(main())


def test_a_full_queue_refuses(run):
    async def main():
        async with make_server() as server:
            events = server.events(Message, max_events=2, overflow=Overflow.REFUSE)
            async with await connected_async(server) as client:
                for number in range(5):
                    await client.send(str(number))
                await wait_until_async(lambda: server.stats().messages_refused == 3)
            assert [event.text for event in await events.take()] == ["0", "1"] and events.lost == 0
            assert len(server.history("lobby")) == 2

    run(main())


def test_async_callbacks_decide(run, caplog):
    async def main():
        server = make_server()
        told = []

        @server.on_connect
        async def on_connect(request):
            await asyncio.sleep(0)
            if request.query.get("who") == "nobody":
                raise Refuse("who are you?")
            return Identity(name=request.query["who"])

        @server.on_authorize
        async def on_authorize(request):
            await asyncio.sleep(0)
            return request.room != "closed"

        @server.on_message
        async def on_message(message):
            assert asyncio.get_running_loop()
            await asyncio.sleep(0)
            if message.text == "fail":
                raise KeyError("async and wrong")
            return {"no": False, "consume": CONSUME, "other": "another"}.get(message.text)

        @server.on_disconnect
        async def on_disconnect(event):
            await asyncio.sleep(0)
            told.append(event.name)

        async with server:
            events = server.events(Message)
            async with await connected_async(server, "/chat?who=Ann") as ann:
                for text in ["one", "no", "consume", "other", "fail", "two"]:
                    await ann.send(text)
                # What is said behind an undecided message waits, in order.
                assert [await ann.recv() for _ in range(3)] == ["one", "another", "two"]
                got = []
                while len(got) < 3:
                    got += await events.take()
                assert [(event.text, event.from_name) for event in got] == [(text, "Ann") for text in ("one", "another", "two")]
                with pytest.raises((ConnectionClosed, InvalidStatus)) as refused:
                    async with await connected_async(server, "/chat?who=nobody") as nobody:
                        await nobody.recv()
                # A verdict that is there before the WebSocket is open is a 403.
                closed = refused.value
                assert isinstance(closed, InvalidStatus) or closed.rcvd.reason == "who are you?"
                with pytest.raises((ConnectionClosed, InvalidStatus)):
                    async with await connected_async(server, "/chat?who=Bob&room=closed") as bob:
                        await bob.recv()
            await wait_until_async(lambda: "Ann" in told)
            async with await connected_async(server, "/chat?who=Last") as last:
                await last.send("x")
                await last.recv()
                await server.aclose()
        # Also those that went with the server.
        assert "Last" in told

    with caplog.at_level(logging.ERROR, logger="pychat"):
        run(main())
    assert "async and wrong" in caplog.text and "on_message failed" in caplog.text


def test_async_callbacks_need_a_loop():
    server = make_server()

    @server.on_message
    async def on_message(message):
        return None

    with pytest.raises(RuntimeError, match="async with"):
        server.start()
    with pytest.raises(TypeError):
        server.on_log(on_message)


def test_without_its_loop_everything_is_refused(run):
    kept = {}

    async def main():
        server = kept["server"] = make_server()

        @server.on_connect
        async def on_connect(request):
            if "hang" in request.query:
                kept["asked"].set()
                await asyncio.Event().wait()

        kept["asked"] = asyncio.Event()
        server.start()
        kept["client"] = asyncio.get_running_loop().run_in_executor(None, connect_plain, url(server, "/chat?hang=1"))
        await kept["asked"].wait()
        kept["socket"] = await kept["client"]
        # The loop ends here, with a client undecided and the server running.

    run(main())
    server = kept["server"]
    try:
        with pytest.raises(ConnectionClosed) as closed:
            kept["socket"].recv(timeout=LIMIT_S)
        assert closed.value.rcvd.code == 1008
        with pytest.raises(InvalidStatus):
            connect(url(server))
    finally:
        server.close()


def test_a_loop_that_was_closed_under_it_costs_the_verdict_timeout_at_most():
    loop = asyncio.new_event_loop()
    server = make_server(verdict_timeout_ms=100)

    @server.on_connect
    async def on_connect(request):
        return None

    async def start():
        server.start()

    loop.run_until_complete(start())
    keeper = server._attachment._keeper
    loop.close()
    try:
        with connect(url(server)) as client, pytest.raises(ConnectionClosed):
            client.recv(timeout=LIMIT_S)
    finally:
        server.close()
        keeper._log_destroy_pending = False  # the test's own doing
    assert not server.running


def test_call_is_answered_by_socket_io(run):
    async def main():
        async with make_server() as server:
            events = server.events(Opened)
            client = socketio.AsyncClient(reconnection=False)

            @client.on("question")
            def question(*args):
                return ["answer", b"\x01", *args]

            @client.on("silence")
            async def silence():
                await asyncio.Event().wait()

            await client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"])
            opened = await events.__anext__()
            answer = await server.call(opened.client, "question", 42, {"x": b"y"})
            assert answer == [["answer", b"\x01", 42, {"x": b"y"}]]
            with pytest.raises(TimeoutError):
                await server.call(opened.client, "silence", timeout=0.05)
            waiting = asyncio.create_task(server.call(opened.client, "silence"))
            await asyncio.sleep(0)
            await client.disconnect()
            with pytest.raises(pychat.NoSuchClientError):
                await waiting
            with pytest.raises(pychat.NoSuchClientError):
                await server.call(opened.client, "question")

    run(main())


def test_clients_are_found_by_their_socket_id_and_closed_whole(run):
    async def main():
        async with make_server(recovery_window_ms=pychat.UNLIMITED) as server:
            opened = server.events(Opened, Disconnected)
            client = socketio.AsyncClient(reconnection=False)
            ended = asyncio.Queue()
            for namespace in ("/", "/dev"):
                client.on("disconnect", lambda *reason, nsp=namespace: ended.put_nowait(nsp), namespace=namespace)
            client.on("question", lambda number: number + 1)
            await client.connect(f"http://127.0.0.1:{server.port}", namespaces=["/", "/dev"], wait_timeout=10)
            socket_ids = {}
            for _ in range(2):
                event = await opened.__anext__()
                socket_ids[event.room] = event.socket_id
                assert server.find_client(event.socket_id) is event.client
                assert event.client.socket_id == event.client.info().socket_id == event.socket_id
                assert server.find_client(str(event.client.id)) is event.client
            assert socket_ids == {"lobby": client.get_sid("/"), "dev": client.get_sid("/dev")}
            found = server.find_client(socket_ids["lobby"])
            assert await server.call(found, "question", 41, timeout=None) == [42]
            for text in ("", "nobody", "0", "x\0y"):
                with pytest.raises((pychat.NoSuchClientError, ValueError)):
                    server.find_client(text)

            found.close_connection("enough")
            assert {await ended.get(), await ended.get()} == {"/", "/dev"}
            for _ in range(2):
                event = await opened.__anext__()
                assert (event.close_code, event.reason) == (1008, "enough")
                assert event.socket_id in socket_ids.values()
            with pytest.raises(pychat.NoSuchClientError):
                server.find_client(socket_ids["lobby"])
            with pytest.raises(pychat.NoSuchClientError):
                server.close_connection(found)

    run(main())


@pytest.mark.parametrize("threads", [0, 1])
def test_a_client_that_goes_cancels_its_on_connect(run, threads):
    async def main():
        server = make_server(threads=threads, verdict_timeout_ms=600_000)
        cancelled, asked, abandoned = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()

        @server.on_connect
        async def on_connect(request):
            asked.put_nowait(request)
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.put_nowait(request.client)
                raise

        @server.on_abandon
        async def on_abandon(event):
            abandoned.put_nowait(event)

        async with server:
            events = server.events(pychat.Abandoned, Disconnected)
            client = await connected_async(server)
            request = await asked.get()
            assert request.recovered_from == 0 and request.socket_id == str(request.client.id)
            await client.close(4001, "never mind")
            assert await cancelled.get() is request.client
            for event in (await abandoned.get(), await events.__anext__()):
                assert event == pychat.Abandoned(request.client, 4001, "never mind")
            with pytest.raises(pychat.NoSuchClientError):
                server.decide(request)
            await wait_until_async(lambda: server._core.clients_known == 0)
            assert not server._attachment._undecided and not server._attachment._connecting

    run(main())


def test_what_is_published_comes_to_the_loop(run):
    async def main():
        server = make_server()
        told = asyncio.Queue()

        @server.on_published
        async def on_published(event):
            await told.put(event)

        async with server:
            for text in ("one", "two"):
                server.broadcast("lobby", text)
                event = await told.get()
                assert isinstance(event, pychat.Published) and event.message.text == text
            assert event.message.seq == 2

    run(main())


def test_what_is_moderated_and_reported_is_told(run):
    async def main():
        server = make_server()
        told = asyncio.Queue()

        @server.on_audit
        async def on_audit(event):
            await told.put(event)

        @server.on_report
        async def on_report(event):
            await told.put(event)

        async with server, connect_async(url(server, "/chat.v1"), subprotocols=["chat.v1"]) as client:
            server.broadcast("lobby", "rude")
            await client.send(json.dumps({"type": "report", "target": 1, "reason": "spam"}))
            report = await told.get()
            assert isinstance(report, pychat.Reported) and report.message.text == "rude" and report.reason == "spam"
            server.moderate("lobby", pychat.ModerationAction.READ_ONLY, value=1)
            audit = await told.get()
            assert isinstance(audit, pychat.Audit) and audit.action is pychat.ModerationAction.READ_ONLY and audit.value == 1

    run(main())


def test_socket_io_events_and_replies(run):
    async def main():
        server = make_server()
        acks = asyncio.Queue()
        loop = asyncio.get_running_loop()

        @server.on_message
        def on_message(message):
            if message.event == "ask":
                assert message.wants_reply
                message.reply("got", *message.args)
                return CONSUME
            return None

        @server.on_ack
        def on_ack(ack):
            loop.call_soon_threadsafe(acks.put_nowait, ack)

        async with server:
            events = server.events(Opened)
            client = socketio.AsyncClient(reconnection=False)
            heard = asyncio.Queue()
            client.on("news", lambda *args: heard.put_nowait(args))
            client.on("ping me", lambda: "pong")
            await client.connect(f"http://127.0.0.1:{server.port}")
            assert await client.call("ask", (1, b"\x00", {"n": [b"\x01"]})) == ("got", 1, b"\x00", {"n": [b"\x01"]})
            server.publish("lobby", {"a": b"\x05"}, 7, event="news")
            assert await heard.get() == ({"a": b"\x05"}, 7)
            opened = await events.__anext__()
            number = server.send_with_ack(opened.client, "ping me")
            ack = await acks.get()
            assert (ack.ack_id, ack.args, ack.error, ack.client) == (number, ["pong"], None, opened.client)
            await client.disconnect()

    run(main())


def test_host_driven_in_the_loop(run):
    async def main():
        server = make_server(threads=0)
        threads = set()

        @server.on_message
        def on_message(message):
            threads.add(threading.get_ident())

        @server.on_disconnect
        def on_disconnect(event):
            threads.add(threading.get_ident())

        async with server:
            client = await connected_async(server)
            await client.send("x")
            assert await client.recv() == "x"
        assert threads == {threading.get_ident()}
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1001

    run(main())


def test_serving_until_a_signal(run):
    import os
    import signal

    async def main():
        server = make_server()
        serving = asyncio.create_task(server.aserve_forever())
        await wait_until_async(lambda: server.running)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
        assert not server.running

    run(main())
