"""`async def` callbacks share tasks as far as they do not suspend. No callback notices it."""

import asyncio
import contextvars
import logging
import sys

import pychat
import pytest
from pychat import Disconnected, Joined, Message, Opened, Refuse
from pychat_support import LIMIT_S, connected_async, make_server, wait_until_async

variable = contextvars.ContextVar("variable", default="unset")


async def clients_of(server, count):
    return [await connected_async(server, f"/chat?room=r{number}") for number in range(count)]


async def close_all(clients):
    for client in clients:
        await client.close()


def test_each_callback_has_its_own_context(run):
    async def main():
        server, seen = make_server(), []

        @server.on_message
        async def on_message(message):
            before = variable.get()
            variable.set(message.text)
            if message.text == "suspend":
                await asyncio.sleep(0)
            assert await asyncio.create_task(read()) == message.text if message.text == "suspend" else True
            seen.append((before, variable.get()))

        async def read():
            return variable.get()

        variable.set("outer")
        async with server:
            async with await connected_async(server) as client:
                for text in ["one", "suspend", "two"]:
                    await client.send(text)
                    assert await client.recv() == text
        assert seen == [("outer", text) for text in ("one", "suspend", "two")]
        assert variable.get() == "outer"

    run(main())


def test_a_callback_has_one_task_from_begin_to_end(run):
    async def main():
        server, tasks = make_server(), {}
        go_on = asyncio.Event()

        @server.on_message
        async def on_message(message):
            task = asyncio.current_task()
            tasks[message.text] = task
            assert task.get_name() == "pychat on_message"
            await asyncio.wait_for(asyncio.sleep(0), LIMIT_S)
            assert asyncio.current_task() is task
            if message.text == "wait":
                await go_on.wait()
            assert asyncio.current_task() is task

        async with server:
            clients = await clients_of(server, 3)
            await clients[0].send("wait")
            await wait_until_async(lambda: "wait" in tasks)
            for client in clients[1:]:  # they do not wait for the first one
                await client.send("another")
                assert await client.recv() == "another"
                assert tasks["another"] is not tasks["wait"]
            go_on.set()
            assert await clients[0].recv() == "wait"
            await close_all(clients)

    run(main())


def test_a_task_that_is_kept_or_cancelled_belongs_to_no_other_callback(run):
    async def main():
        server, tasks, cancelled = make_server(), [], []

        @server.on_message
        async def on_message(message):
            if tasks and message.text == "keep":
                tasks[-1].cancel()  # its callback has ended, so this does nothing
            if message.text == "keep":
                tasks.append(asyncio.current_task())
            if message.text == "cancel":
                asyncio.current_task().cancel()
            if message.text == "rename":
                asyncio.current_task().set_name("renamed")
            if message.text == "suspend":
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    cancelled.append(message)
                    raise

        async with server:
            clients = await clients_of(server, 8)
            for _ in range(20):
                for text in ["keep", "suspend", "cancel", "suspend", "keep", "rename", "suspend", "keep"]:
                    for client in clients:
                        await client.send(text)
                    for client in clients:
                        assert await client.recv() == text
            await close_all(clients)
        assert len(set(tasks)) == len(tasks) == 20 * 3 * 8 and not cancelled

    run(main())


def test_a_cancelled_callback_refuses_and_leaves_the_others(run):
    async def main():
        server, tasks = make_server(), asyncio.Queue()

        @server.on_message
        async def on_message(message):
            if message.text == "hang":
                tasks.put_nowait(asyncio.current_task())
                await asyncio.get_running_loop().create_future()

        async with server:
            clients = await clients_of(server, 4)
            for client in clients[:2]:
                await client.send("hang")
            first, second = await tasks.get(), await tasks.get()
            assert first is not second
            first.cancel()
            await wait_until_async(lambda: server.stats().messages_refused == 1)
            for client in clients[2:]:
                await client.send("x")
                assert await client.recv() == "x"
            assert not second.done()
            second.cancel()
            await wait_until_async(lambda: server.stats().messages_refused == 2)
            await close_all(clients)

    run(main())


def test_a_runner_that_is_cancelled_before_its_first_step_is_replaced(run):
    async def main():
        server, seen = make_server(), []

        @server.on_message
        async def on_message(message):
            seen.append(message.text)

        async with server:
            attachment = server._attachment
            async with await connected_async(server) as client:
                begin = attachment._begin

                def begin_cancelled(name, work):
                    attachment._begin = begin
                    task = begin(name, work)
                    task.cancel()
                    return task

                attachment._begin = begin_cancelled
                await client.send("x")
                assert await client.recv() == "x"
            assert seen == ["x"] and attachment._begin is begin

    run(main())


def test_the_tasks_are_those_of_the_loops_factory(run):
    async def main():
        server, names, loop = make_server(), [], asyncio.get_running_loop()

        def factory(loop, coroutine, **options):
            task = asyncio.Task(coroutine, loop=loop, **options)
            tasks.append(task)
            return task

        tasks = []

        @server.on_message
        async def on_message(message):
            names.append((asyncio.current_task().get_name(), asyncio.current_task() in tasks))

        async with server:
            loop.set_task_factory(factory)
            async with await connected_async(server) as client:
                for _ in range(3):
                    await client.send("x")
                    assert await client.recv() == "x"
            loop.set_task_factory(None)
        assert names == [("pychat on_message", True)] * 3
        assert len({id(task) for task in tasks if task.get_name() == "pychat on_message"}) == 3

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12")
def test_an_eager_factory_runs_callbacks(run):
    async def main():
        server = make_server()

        @server.on_message
        async def on_message(message):
            if message.text == "suspend":
                await asyncio.sleep(0)

        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with server:
            async with await connected_async(server) as client:
                for text in ["one", "suspend", "two"] * 3:
                    await client.send(text)
                    assert await client.recv() == text

    run(main())


def test_verdicts_of_many_clients_keep_the_order_of_each(run):
    async def main():
        count, messages = 16, 200
        server = make_server(inbound_rate=pychat.UNLIMITED)

        @server.on_message
        async def on_message(message):
            number = int(message.text)
            if number % 7 == 3:
                await asyncio.sleep(0)
            if number % 11 == 5:
                raise Refuse("no")
            return f"{number}!" if number % 5 == 0 else None

        expected = [f"{number}!" if number % 5 == 0 else str(number) for number in range(messages) if number % 11 != 5]
        async with server:
            events = server.events(Message)
            clients = await clients_of(server, count)

            async def talk(client):
                for number in range(messages):
                    await client.send(str(number))
                return [await client.recv() for _ in expected]

            for heard in await asyncio.gather(*map(talk, clients)):
                assert heard == expected
            got = {}
            while sum(map(len, got.values())) < count * len(expected):
                for event in await events.take():
                    got.setdefault(event.room, []).append(event.text)
            assert list(got.values()) == [expected] * count
            assert not server._attachment._undecided and not server._attachment._passed
            await close_all(clients)
            # A message whose client disconnected behind its verdict leaves no entry of the client.
            await wait_until_async(lambda: server._core.clients_known == 0)

    run(main())


def test_stop_iteration_of_a_callback_is_a_failure(run, caplog):
    async def main():
        server = make_server()

        @server.on_message
        async def on_message(message):
            if message.text == "later":
                await asyncio.sleep(0)
            if message.text != "pass":
                raise StopIteration("wrong")

        async with server:
            async with await connected_async(server) as client:
                for text in ["now", "later", "pass"]:
                    await client.send(text)
                assert await client.recv() == "pass"
            assert server.stats().messages_refused == 2

    with caplog.at_level(logging.ERROR, logger="pychat"):
        run(main())
    assert caplog.text.count("on_message failed") == 2


def test_closing_the_server_in_a_callback_refuses_what_waits(run):
    async def main():
        server, begun = make_server(threads=0), []

        @server.on_message
        async def on_message(message):
            begun.append(message.text)
            server.close()

        async with server:
            clients = await clients_of(server, 4)
            for client in clients:
                await client.send("x")
            await wait_until_async(lambda: not server.running)
        assert begun == ["x"]

    run(main())


def test_the_next_event_can_be_a_task(run):
    async def main():
        async with make_server() as server:
            events = server.events(Opened, Joined, Disconnected)
            async with await connected_async(server):
                await wait_until_async(lambda: events.waiting == 2)
                first = asyncio.create_task(events.__anext__())  # suspends nothing, but takes the batch
                assert isinstance(await first, Opened)
                assert events.waiting == 1
                assert isinstance(await asyncio.create_task(events.__anext__()), Joined)
                assert events.waiting == 0
            assert isinstance(await asyncio.wait_for(events.__anext__(), LIMIT_S), Disconnected)

    run(main())


def test_a_next_event_is_awaited_once(run):
    async def main():
        async with make_server() as server:
            events = server.events(Opened, Joined, Disconnected)
            async with await connected_async(server):
                await wait_until_async(lambda: events.waiting == 2)
                assert isinstance(await events.__anext__(), Opened)
                ready = events.__anext__()
                assert isinstance(await ready, Joined)
                with pytest.raises(RuntimeError, match="already awaited"):
                    await ready
            await wait_until_async(lambda: events.waiting == 1)
            assert isinstance(next(iter(events)), Disconnected)
        for closed in (events.__anext__(), events.__anext__()):
            with pytest.raises(StopAsyncIteration):
                await closed
        assert list(events) == [] and events.ended

    run(main())
