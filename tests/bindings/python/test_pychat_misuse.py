"""What a program does wrong, and what nobody planned: an error that says so, and a server that goes on."""

import asyncio
import copy
import dataclasses
import pickle
import signal
import threading

import pychat
import pytest
import socketio
from pychat import CONSUME, Message, Opened, Refuse
from pychat_support import LIMIT_S, Inbox, connect, connected, connected_async, make_server, run_python, url, wait_until_async
from websockets.exceptions import ConnectionClosed


def test_what_only_the_library_makes(server):
    seen = Inbox()
    server.on_open(seen.put)
    server.on_message(seen.put)
    with server, connected(server) as client:
        client.send("x")
        opened, message = seen.next(), seen.next()
        for make in (Message, lambda: Message.__new__(Message)):
            with pytest.raises(TypeError):
                make()
        assert copy.copy(message) is message and copy.deepcopy([message])[0] is message
        assert copy.deepcopy(opened.client) is opened.client
        assert dataclasses.asdict(opened)["client"] is opened.client
        with pytest.raises(TypeError, match="neither pickled"):
            pickle.dumps(server)
        with pytest.raises(TypeError, match="copied"):
            copy.copy(server)
        client.recv(timeout=LIMIT_S)
        with pytest.raises(pychat.NoSuchClientError):
            server.history("lobby")[0].reply("x")


def test_clients_are_ids_of_this_server(server):
    seen = Inbox()
    server.on_open(seen.put)
    with server, connected(server) as client, make_server() as other, connected(other):
        mine = seen.next().client
        assert [info.id for info in other.clients()] == [mine.id]
        with pytest.raises(pychat.NoSuchClientError, match="another server"):
            other.send(mine, "secret")
        for wrong in [str(mine.id), mine.id + 0.5, None]:
            with pytest.raises(TypeError):
                server.send(wrong, "x")
        for nobody in [-1, 1 << 70]:
            with pytest.raises(pychat.NoSuchClientError):
                server.send(nobody, "x")
        server.send(mine.id, "x")
        assert client.recv(timeout=LIMIT_S) == "x"


def test_names_are_not_cut_at_a_nul(server):
    seen = Inbox()
    server.on_open(seen.put)
    with server, connected(server):
        client = seen.next().client
        for call in [
            lambda name: server.join(client, name),
            lambda name: server.leave(client, name),
            lambda name: server.ban(client, name, 60),
            lambda name: server.history(name),
            lambda name: server.members(name),
            lambda name: server.close_room(name),
            lambda name: server.presence(name),
            lambda name: server.set_presence(name, pychat.PresenceLevel.FULL),
            lambda name: server.publish(name, "x"),
        ]:
            with pytest.raises(ValueError, match="NUL"):
                call("lobby\0more")
            with pytest.raises(TypeError, match="not a str: 5"):
                call(5)
            with pytest.raises(UnicodeEncodeError):
                call("\ud800")
        assert client.rooms == ("lobby",)


def test_times_and_numbers_out_of_range(server):
    seen = Inbox()
    server.on_open(seen.put)
    with server, connected(server):
        client = seen.next().client
        for seconds in [-5, float("nan"), float("inf"), 1e300]:
            with pytest.raises(ValueError):
                server.ban(client, "lobby", seconds)
        with pytest.raises(ValueError):
            server.send_with_ack(client, "x", timeout=0)
        with pytest.raises(ValueError):
            server.history("lobby", after_seq=-1)
        with pytest.raises(ValueError):
            server.history("lobby", before_seq=-1)
        with pytest.raises(ValueError):
            server.history("lobby", around_seq=1, before_seq=3)
        for limits in [{"max_events": 0}, {"max_bytes": -1}, {"overflow": "refuse"}]:
            with pytest.raises(ValueError):
                server.events(**limits)
    with make_server(threads=0) as driven:
        driven.stop()
        assert not driven.poll(1e7)


def test_a_surrogate_that_a_client_sent_can_be_sent_back(server):
    with server:
        server.publish("lobby", ["\ud800", "\uac00", b"x"])
        assert server.history("lobby")[0].args == [["\ud800", "\uac00", b"x"]]


def test_callbacks_as_methods_of_a_subclass_are_told():
    with pytest.raises(TypeError, match="on_message would hide"):

        class Wrong(pychat.Server):
            def on_message(self, message):
                pass


def test_starting_twice_leaves_the_first_alone(run):
    async def main():
        server = make_server()

        @server.on_message
        async def on_message(message):
            return "changed"

        async with server:
            with pytest.raises(pychat.WrongStateError):
                server.start()
            assert server in pychat._process._running
            async with await connected_async(server) as client:
                await client.send("x")
                assert await client.recv() == "changed"

    run(main())


def test_serving_ends_with_stop_and_gives_signals_back(run):
    async def main():
        before = signal.getsignal(signal.SIGINT)
        server = make_server()
        serving = asyncio.create_task(server.aserve_forever())
        await wait_until_async(lambda: server.running)
        server.stop()
        await asyncio.wait_for(serving, LIMIT_S)
        assert signal.getsignal(signal.SIGINT) is before
        with pytest.raises(pychat.WrongStateError, match="aserve_forever"):
            make_server().serve_forever()

    run(main())


def test_the_end_does_not_wait_for_ever_for_a_callback(run, caplog):
    async def main():
        server = make_server(drain_timeout_ms=50)
        opened = asyncio.Event()

        @server.on_open
        async def on_open(event):
            opened.set()
            await asyncio.Event().wait()

        async with server, await connected_async(server):
            await opened.wait()

    run(main())
    assert "did not finish in time" in caplog.text


def test_aclose_in_an_async_callback(run):
    async def main():
        server = make_server(drain_timeout_ms=100)
        ended = asyncio.Event()

        @server.on_message
        async def on_message(message):
            await server.aclose()
            await asyncio.sleep(0)
            ended.set()
            return CONSUME

        async with server, await connected_async(server) as client:
            await client.send("x")
            await ended.wait()

    run(main())


def test_a_closed_server_has_no_more_events(run):
    async def main():
        server = make_server()
        async with server:
            events = server.events()
            first = asyncio.create_task(events.take())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="a reader already"):
                await events.take()
        assert await first == [] and await events.take() == []
        assert [event async for event in server.events()] == []

    run(main())


def test_an_answer_that_nobody_waits_for_any_more(run):
    async def main():
        server = make_server()
        strangers = []

        @server.on_ack
        async def on_ack(ack):
            strangers.append(ack)

        async with server:
            events = server.events(Opened)
            client = socketio.AsyncClient(reconnection=False)
            asked, may_answer = asyncio.Event(), asyncio.Event()

            @client.on("slow")
            async def slow():
                asked.set()
                await may_answer.wait()

            await client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"])
            opened = await events.__anext__()
            impatient = asyncio.create_task(server.call(opened.client, "slow"))
            await asked.wait()
            impatient.cancel()
            await asyncio.wait([impatient])
            may_answer.set()
            await wait_until_async(lambda: not server._attachment._answers)
            asked.clear(), may_answer.clear()
            waiting = asyncio.create_task(server.call(opened.client, "slow"))
            await asked.wait()
            server.close()
            with pytest.raises(pychat.StoppedError):
                await waiting
            may_answer.set()
            await client.disconnect()
        assert not strangers

    run(main())


@pytest.mark.parametrize("wrong", [Refuse("no", data=object()), Refuse(5), GeneratorExit()], ids=repr)
def test_what_an_async_callback_may_raise(run, caplog, wrong):
    async def main():
        server = make_server(verdict_timeout_ms=60_000)

        @server.on_connect
        async def on_connect(request):
            await asyncio.sleep(0)
            raise wrong

        async with server:
            with pytest.raises(Exception) as refused:
                async with await connected_async(server) as client:
                    await asyncio.wait_for(client.recv(), LIMIT_S)
            if isinstance(refused.value, ConnectionClosed):
                assert refused.value.rcvd.reason == "the application failed"

    run(main())
    assert "on_connect failed" in caplog.text


def test_what_leaves_a_driven_server_going(run):
    async def main():
        server = make_server(threads=0)

        @server.on_message
        def on_message(message):
            if message.text == "cancel":
                raise asyncio.CancelledError

        async with server, await connected_async(server) as client:
            await client.send("cancel")
            await wait_until_async(lambda: server.stats().messages_refused == 1)
            await client.send("on")
            assert await client.recv() == "on"

    run(main())


def test_closing_from_another_loop(run):
    async def main():
        server = make_server()

        @server.on_message
        async def on_message(message):
            return None

        async with server:
            closing = threading.Thread(target=lambda: asyncio.run(server.aclose(), debug=True))
            closing.start()
            await asyncio.to_thread(closing.join)
            assert not server.running

    run(main())


@pytest.mark.parametrize("call", ["server.publish('lobby', 'x')", "pychat.Server(address='127.0.0.1').start().close()"])
def test_daemon_threads_may_be_calling_when_the_interpreter_ends(call):
    run_python(
        f"""
        import pychat, threading
        server = pychat.Server(address="127.0.0.1", drain_timeout_ms=300).start()
        begun = threading.Barrier(4)

        def go():
            begun.wait()
            while True:
                try:
                    {call}
                except pychat.ChatError:
                    pass

        for _ in range(3):
            threading.Thread(target=go, daemon=True).start()
        begun.wait()
        for _ in range(200):
            server.stats()
        """
    )
