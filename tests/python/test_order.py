"""One order for everyone: with several threads and clients that come, go, drop and come back, every member of a room hears
every message of its membership exactly once, in the one order of the room.
"""

import asyncio
import json
import random

import pytest
import websockets
from support import LIMIT_S

OPTIONS = ("--inbound-rate", "off", "--history-messages", "off", "--history-bytes", 50_000_000)


def connect(url):
    return websockets.connect(url, compression=None, open_timeout=LIMIT_S, ping_interval=None, max_queue=None)


async def connect_plain(url):
    """An open plain client is not yet known to be in its room; one whose ping was answered is."""
    socket = await connect(url)
    await (await socket.ping())
    return socket


class Member:
    """A chat.v1 client that keeps (epoch, seq) of each room and checks each number as it comes."""

    def __init__(self, name, server, random_source):
        self.name = name
        self.server = server
        self.random = random_source
        self.socket = None
        self.reader = None
        self.member_of = set()
        self.rooms = {}  # room: [epoch, last seq]
        self.heard = {}  # room: {seq: text}
        self.answers = {}
        self.next_ref = 0
        self.changed = asyncio.Event()

    async def open(self, room):
        self.socket = await connect(self.server.url(f"/chat.v1?room={room}" + self.since(room)))
        welcome = json.loads(await self.socket.recv())
        assert welcome["type"] == "welcome"
        assert welcome["complete"], "the history was meant to hold everything"
        self.member_of = {room}
        self.start_room(welcome)
        self.reader = asyncio.create_task(self.read())

    def since(self, room):
        return f"&epoch={self.rooms[room][0]}&seq={self.rooms[room][1]}" if room in self.rooms else ""

    def start_room(self, joined):
        """Without having asked for what was missed the count begins at what the server names."""
        room = joined["room"]
        if room not in self.rooms:
            self.rooms[room] = [joined["epoch"], joined["seq"]]
            self.heard[room] = {}
        assert self.rooms[room][0] == joined["epoch"]
        if not joined["resumed"]:
            # A member that joins once more has heard everything up to there.
            assert self.rooms[room][1] == joined["seq"], f"{self.name} in {room}"

    async def read(self):
        try:
            async for text in self.socket:
                self.take(json.loads(text))
        except websockets.ConnectionClosed:
            pass

    def take(self, frame):
        if frame["type"] == "message":
            room = frame["room"]
            assert frame["seq"] == self.rooms[room][1] + 1, f"{self.name} in {room}: {frame['seq']} after {self.rooms[room][1]}"
            self.rooms[room][1] = frame["seq"]
            self.heard[room][frame["seq"]] = frame["text"]
        elif frame["type"] == "joined":
            self.start_room(frame)
        elif frame["type"] == "error":
            raise AssertionError(frame)
        if "ref" in frame:
            self.answers[frame["ref"]] = frame
        self.changed.set()

    async def until(self, condition):
        while not condition():
            if self.reader.done():
                self.reader.result()
                raise AssertionError(f"{self.name} has lost its connection")
            self.changed.clear()
            waiter = asyncio.create_task(self.changed.wait())
            await asyncio.wait([waiter, self.reader], return_when=asyncio.FIRST_COMPLETED, timeout=LIMIT_S)
            waiter.cancel()

    async def ask(self, **request):
        self.next_ref += 1
        ref = request["ref"] = f"{self.name}-{self.next_ref}"
        await self.socket.send(json.dumps(request))
        await self.until(lambda: ref in self.answers)
        return self.answers.pop(ref)

    async def join(self, room):
        request = {"type": "join", "room": room}
        # As a member it would be asking for what is on its way already.
        if room in self.rooms and room not in self.member_of:
            request["epoch"], request["seq"] = self.rooms[room]
        joined = await self.ask(**request)
        assert joined["complete"]
        self.member_of.add(room)

    async def leave(self, room):
        await self.ask(type="leave", room=room)
        self.member_of.discard(room)

    async def drop(self):
        """Without a goodbye, and with whatever is on its way lost."""
        self.socket.transport.abort()
        await asyncio.gather(self.reader)
        await self.socket.wait_closed()

    async def close(self):
        await self.socket.close()
        await asyncio.gather(self.reader)


async def live(member, rooms, steps, said):
    """Random words, joins, leaves and drops."""
    home = rooms[0]
    await member.open(home)
    for step in range(steps):
        action = member.random.random()
        if action < 0.7:
            room = member.random.choice(sorted(member.member_of))
            text = f"{member.name}:{step}"
            ack = await member.ask(type="send", room=room, text=text)
            said.setdefault(room, {})[ack["seq"]] = text
        elif action < 0.8:
            await member.join(member.random.choice(rooms))
        elif action < 0.88 and len(member.member_of) > 1:
            await member.leave(member.random.choice(sorted(member.member_of - {home})))
        elif action < 0.95:
            rooms_before = member.member_of
            await member.drop()
            await member.open(home)
            for room in sorted(rooms_before - {home}):
                await member.join(room)
        else:
            await asyncio.sleep(0)
    # In the end everyone is in every room and has caught up with it.
    for room in rooms:
        await member.join(room)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_exactly_once_in_one_order(start_chatd, threads):
    chatd = start_chatd(*OPTIONS, "--threads", threads)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rooms = ["red", "green", "blue"]
    said = {}

    async def chat():
        # A room that is empty and has no history goes, and its numbering with it: somebody is always there.
        keeper = Member("keeper", chatd, random.Random(seed))
        await keeper.open(rooms[0])
        for room in rooms[1:]:
            await keeper.join(room)
        members = [Member(f"m{i}", chatd, random.Random(seed + i)) for i in range(24)]
        await asyncio.gather(*(live(member, rooms, 60, said) for member in members))
        last = {room: max(numbers) for room, numbers in said.items()}
        members.append(keeper)
        for member in members:
            await member.until(lambda: all(member.rooms[room][1] >= last[room] for room in last))
        for room, numbers in said.items():
            # Every message that was acknowledged has its number to itself, without a gap.
            assert sorted(numbers) == list(range(1, len(numbers) + 1))
            for member in members:
                for seq, text in member.heard[room].items():
                    assert numbers[seq] == text
                # From the first time in the room on, nothing is missing, whatever happened in between.
                first = min(member.heard[room], default=last[room] + 1)
                assert sorted(member.heard[room]) == list(range(first, last[room] + 1))
        await asyncio.gather(*(member.close() for member in members))

    asyncio.run(chat())


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_all_hear_one_order_while_all_speak(start_chatd, threads):
    chatd = start_chatd("--inbound-rate", "off", "--threads", threads)
    receivers, speakers, each = 30, 10, 40

    async def chat():
        plain = await asyncio.gather(*(connect_plain(chatd.url("/chat?room=r")) for _ in range(receivers)))
        spoken = await asyncio.gather(*(connect(chatd.url("/chat.v1?room=r")) for _ in range(5)))
        for socket in spoken:
            await socket.recv()

        async def speak(number):
            for i in range(each):
                await plain[number].send(f"{number}:{i}")

        async def hear(socket):
            return [await socket.recv() for _ in range(speakers * each)]

        async def hear_json(socket):
            frames = [json.loads(await socket.recv()) for _ in range(speakers * each)]
            assert [frame["seq"] for frame in frames] == list(range(1, speakers * each + 1))
            return [frame["text"] for frame in frames]

        results = await asyncio.gather(
            *(hear(socket) for socket in plain),
            *(hear_json(socket) for socket in spoken),
            *(speak(number) for number in range(speakers)),
        )
        orders = results[: receivers + 5]
        assert all(order == orders[0] for order in orders)
        for number in range(speakers):
            own = [text for text in orders[0] if text.startswith(f"{number}:")]
            assert own == [f"{number}:{i}" for i in range(each)]
        for socket in (*plain, *spoken):
            await socket.close()

    asyncio.run(chat())


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_joining_in_the_middle_has_no_gap_and_no_twin(start_chatd, threads):
    chatd = start_chatd(*OPTIONS, "--threads", threads)

    async def chat():
        speaker = await connect_plain(chatd.url("/chat?room=r"))
        ended = asyncio.Event()
        sent = 0

        async def speak():
            nonlocal sent
            while not ended.is_set():
                await speaker.send(f"{sent + 1}")
                sent += 1
                assert await speaker.recv() == f"{sent}"

        async def come_and_go(resume):
            epoch, last = "", 0
            for _ in range(15):
                since = f"&epoch={epoch}&seq={last}" if resume and epoch else ""
                async with connect(chatd.url(f"/chat.v1?room=r{since}")) as socket:
                    welcome = json.loads(await socket.recv())
                    if since:
                        assert (welcome["resumed"], welcome["complete"]) == (True, True)
                    else:
                        last = welcome["seq"]
                    epoch = welcome["epoch"]
                    for _ in range(20):
                        frame = json.loads(await socket.recv())
                        assert frame["seq"] == last + 1
                        assert frame["text"] == f"{last + 1}"
                        last = frame["seq"]

        speaking = asyncio.create_task(speak())
        await asyncio.gather(*(come_and_go(i % 2 == 0) for i in range(8)))
        ended.set()
        await speaking
        await speaker.close()

    asyncio.run(chat())


def test_order_when_the_host_drives(start_program):
    """threads = 0: one loop, the application's own."""
    testd = start_program("testd", "threads=0", "inbound_rate=-1")
    testd.end_gently = testd.process.stdin.close
    port = json.loads(testd.take_line(lambda line: '"listening"' in line))["port"]

    async def chat():
        sockets = await asyncio.gather(*(connect_plain(f"ws://127.0.0.1:{port}/chat?room=r") for _ in range(12)))

        async def speak(number):
            for i in range(30):
                await sockets[number].send(f"{number}:{i}")

        async def hear(socket):
            return [await socket.recv() for _ in range(6 * 30)]

        results = await asyncio.gather(*(hear(socket) for socket in sockets), *(speak(number) for number in range(6)))
        assert all(order == results[0] for order in results[:12])
        for socket in sockets:
            await socket.close()

    asyncio.run(chat())
