"""A client that does not read, under each policy: nobody else waits for it, memory stays bounded, and what it missed is told."""

import threading

import pytest
from support import LIMIT_S, BINARY, PING, PONG, TEXT, Closed, frame, wait_until

MESSAGES = 1500
# To fill twice the default outbox and the system's buffers.
ENOUGH = 250
SIZE = 30_000
OPTIONS = ("--inbound-rate", "off", "--history-messages", 10, "--ping-interval-ms", "off")


def flood(publisher, reader, count=MESSAGES, size=SIZE):
    """Publishes and shows that another reader gets everything, in order, while the slow one does not read."""
    for number in range(count):
        publisher.send_frame(TEXT, b"%08d" % number + b"x" * (size - 8))
        # In step, so that only the slow one is slow.
        for client in (publisher, reader):
            opcode, payload = client.read_frame()
            assert opcode == TEXT and payload[:8] == b"%08d" % number


def seq_ranges(client, last):
    """Reads chat.v1 frames up to message `last`: the numbers that came, and those that a gap named."""
    came, missing = [], []
    while not came or came[-1] < last:
        value = client.read_json()
        if value["type"] == "message":
            came.append(value["seq"])
        elif value["type"] == "gap":
            missing += range(value["from"], value["to"] + 1)
            assert value["dropped"] == value["to"] - value["from"] + 1
            assert value["room"] == "lobby"
    return came, missing


@pytest.mark.parametrize("threads", [1, 2])
def test_disconnect_1013(start_chatd, websocket, threads):
    chatd = start_chatd(*OPTIONS, "--threads", threads)
    slow = websocket(chatd, receive_buffer=8192)
    publisher, reader = websocket(chatd), websocket(chatd)
    before = chatd.peak_bytes()
    # More would take longer than it has time to read the end.
    flood(publisher, reader, count=ENOUGH)
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 24 * 1024 * 1024
    # What was on its way arrives whole, then the reason for the end.
    count = 0
    try:
        while True:
            opcode, payload = slow.read_frame()
            assert (opcode, payload[:8], len(payload)) == (TEXT, b"%08d" % count, SIZE)
            count += 1
    except Closed as closed:
        assert closed.code == 1013
    assert 0 < count < ENOUGH


def read_until_closed(slow):
    seen = 0
    try:
        while True:
            seen = slow.read_json("message")["seq"]
    except Closed as closed:
        assert closed.code == 1013
    return seen


def test_disconnect_leaves_the_way_back_open(start_chatd, websocket):
    history = ("--history-messages", 1000, "--history-bytes", 100_000_000)
    chatd = start_chatd("--inbound-rate", "off", "--outbox-messages", 50, "--outbox-bytes", 8_000_000, *history)
    slow = websocket(chatd, "/chat.v1", receive_buffer=8192)
    welcome = slow.read_json("welcome")
    publisher, reader = websocket(chatd), websocket(chatd)
    flood(publisher, reader, count=400)
    seen = read_until_closed(slow)
    assert seen < 400 - 50
    # More was missed than its outbox takes at once, but now it reads.
    back = websocket(chatd, f"/chat.v1?epoch={welcome['epoch']}&seq={seen}")
    resumed = back.read_json("welcome")
    assert (resumed["resumed"], resumed["complete"]) == (True, True)
    for expected in range(seen + 1, 401):
        assert back.read_json("message")["seq"] == expected


def test_a_history_far_larger_than_the_outbox_does_not_lock_anyone_out(start_chatd, websocket):
    """Whoever comes back and reads gets all of it, or is told that it is not all; it is never sent away for what it asked."""
    chatd = start_chatd(
        "--inbound-rate", "off", "--outbox-bytes", 300_000, "--history-messages", 1000, "--history-bytes", 100_000_000
    )
    publisher = websocket(chatd)
    early = websocket(chatd, "/chat.v1")
    epoch = early.read_json("welcome")["epoch"]
    early.close()
    for number in range(300):
        publisher.send_frame(TEXT, b"%08d" % number + b"x" * SIZE)
        assert publisher.read_frame()[1][:8] == b"%08d" % number
    back = websocket(chatd, f"/chat.v1?epoch={epoch}&seq=0")
    resumed = back.read_json("welcome")
    assert resumed["resumed"] is True
    expected = 1 if resumed["complete"] else back.read_json("message")["seq"] + 1
    for seq in range(expected, 301):
        assert back.read_json("message")["seq"] == seq
    publisher.send_text("and on")
    assert back.read_json("message")["seq"] == 301


def test_a_full_history_can_be_read_by_default(start_chatd, websocket):
    """What the history may hold by default reaches a client with the default outbox, replayed or asked for."""
    chatd = start_chatd()
    publisher = websocket(chatd)
    for number in range(20):
        publisher.send_frame(BINARY, bytes([number]) * 60_000)
        publisher.read_frame()
    asking = websocket(chatd, "/chat.v1")
    epoch = asking.read_json("welcome")["epoch"]
    asking.send_json({"type": "history", "ref": 1})
    history = asking.read_json("history")
    assert history["seq"] == 20 and len(history["messages"]) >= 15
    first = history["messages"][0]["seq"]
    coming = websocket(chatd, f"/chat.v1?epoch={epoch}&seq={first - 1}")
    assert coming.read_json("welcome")["complete"] is True
    for seq in range(first, 21):
        assert coming.read_json("message")["seq"] == seq


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
@pytest.mark.parametrize("threads", [1, 2])
def test_drop_tells_of_the_gap(start_chatd, websocket, policy, threads):
    chatd = start_chatd(*OPTIONS, "--outbox-policy", policy, "--outbox-bytes", 300_000, "--threads", threads)
    slow = websocket(chatd, "/chat.v1", receive_buffer=8192)
    slow.read_json("welcome")
    plain = websocket(chatd, receive_buffer=8192)
    publisher, reader = websocket(chatd), websocket(chatd)
    before = chatd.peak_bytes()
    flood(publisher, reader)
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 24 * 1024 * 1024

    # Once it reads again, new messages come again, and every number is either there or named as missing.
    came, missing = [], []

    def read():
        nonlocal came, missing
        came, missing = seq_ranges(slow, MESSAGES + 1)

    thread = threading.Thread(target=read)
    thread.start()
    number = MESSAGES
    while thread.is_alive():
        publisher.send_frame(TEXT, b"%08d" % number + b"y")
        assert publisher.read_frame()[1][:8] == b"%08d" % number
        assert reader.read_frame()[1][:8] == b"%08d" % number
        number += 1
        thread.join(0.02)  # On purpose: between two looks.
    assert came == sorted(set(came))
    assert missing == sorted(set(missing))
    assert sorted(came + missing) == list(range(1, came[-1] + 1))
    assert missing, "nothing was dropped: the test shows nothing"
    newest_kept = [seq for seq in came if seq <= MESSAGES]
    if policy == "drop-oldest":
        assert newest_kept[-1] == MESSAGES
    # Of a plain one whole messages are missing, never a part of one.
    payload = plain.read_frame()[1]
    last = -1
    while True:
        assert len(payload) in (SIZE, 9) and int(payload[:8]) > last
        last = int(payload[:8])
        if last >= MESSAGES:
            break
        payload = plain.read_frame()[1]


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
def test_gaps_are_counted_by_room(start_chatd, websocket, policy):
    chatd = start_chatd(*OPTIONS, "--outbox-policy", policy, "--outbox-bytes", 200_000)
    slow = websocket(chatd, "/chat.v1?room=a", receive_buffer=8192)
    slow.read_json("welcome")
    slow.send_json({"type": "join", "room": "b", "ref": 1})
    slow.read_json("joined")
    rooms = {"a": websocket(chatd, "/chat?room=a"), "b": websocket(chatd, "/chat?room=b")}
    for number in range(600):
        for publisher in rooms.values():
            publisher.send_frame(BINARY, b"%08d" % number + b"x" * SIZE)
            assert publisher.read_frame()[1][:8] == b"%08d" % number
    seen = {"a": [], "b": []}
    done = threading.Event()

    def read():
        while not all(numbers and max(numbers) > 600 for numbers in seen.values()):
            value = slow.read_json()
            if value["type"] == "message":
                seen[value["room"]].append(value["seq"])
            elif value["type"] == "gap":
                seen[value["room"]] += range(value["from"], value["to"] + 1)
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    while thread.is_alive():
        for publisher in rooms.values():
            publisher.send_frame(TEXT, b"again")
            publisher.read_frame()
        thread.join(0.02)  # On purpose: between two looks.
    assert done.is_set()
    for numbers in seen.values():
        assert sorted(numbers) == list(range(1, max(numbers) + 1))


def test_the_limit_in_messages_counts_small_ones(start_chatd, websocket):
    chatd = start_chatd(*OPTIONS, "--outbox-messages", 100, "--lists")
    slow = websocket(chatd, receive_buffer=4096)
    publisher, reader = websocket(chatd), websocket(chatd)
    watcher = websocket(chatd, "/chat.v1?room=elsewhere")

    def members():
        watcher.send_json({"type": "members", "room": "lobby", "ref": 1})
        return len(watcher.read_json("members")["members"])

    # The system's own buffers take some megabytes before the outbox fills.
    number = 0
    while number < 40_000 and members() == 3:
        batch = 90  # what one round of the loop queues must fit
        payloads = [b"%08d" % (number + i) + b"x" * 992 for i in range(batch)]
        publisher.send(b"".join(frame(TEXT, payload) for payload in payloads))
        for client in (publisher, reader):
            for payload in payloads:
                assert client.read_frame() == (TEXT, payload)
        number += batch
    assert members() == 2, "the slow one was never closed"
    assert slow.read_close() == 1013


def test_a_client_that_takes_no_replies_is_not_read(start_chatd, websocket, still_chats):
    """It asks for the history over and over and reads nothing: its requests wait, and memory stays bounded."""
    chatd = start_chatd("--inbound-rate", "off")
    publisher = websocket(chatd)
    for _ in range(20):
        publisher.send_frame(TEXT, b"x" * 40_000)
        publisher.read_frame()
    greedy = websocket(chatd, "/chat.v1", receive_buffer=4096)
    greedy.socket.settimeout(0.3)  # On purpose: for sending only.
    before = chatd.peak_bytes()
    sent = 0
    try:
        for _ in range(20_000):
            greedy.send_text('{"type":"history","ref":1}')
            sent += 1
    except (TimeoutError, ConnectionError):
        pass
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 32 * 1024 * 1024
    still_chats(chatd)
    publisher.send_text("unaffected")
    assert publisher.read_frame() == (TEXT, b"unaffected")


def test_pongs_do_not_pile_up(start_chatd, websocket, still_chats):
    chatd = start_chatd("--ping-interval-ms", "off")
    client = websocket(chatd, receive_buffer=4096)
    client.socket.settimeout(0.3)  # On purpose: for sending only.
    before = chatd.peak_bytes()
    pings = frame(PING, b"x" * 125) * 500
    try:
        for _ in range(400):
            client.send(pings)
    except (TimeoutError, ConnectionError):
        pass
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() - before < 16 * 1024 * 1024
    still_chats(chatd)
    client.socket.settimeout(LIMIT_S)
    # It may have been let go; if not, what comes are whole pongs.
    try:
        assert client.read_frame() == (PONG, b"x" * 125)
    except Closed:
        pass


def test_slow_clients_that_leave_give_everything_back(start_chatd, websocket):
    chatd = start_chatd(*OPTIONS, "--outbox-policy", "drop-oldest")
    publisher, reader = websocket(chatd), websocket(chatd)
    before = chatd.descriptor_count()
    for _ in range(3):
        slow = [websocket(chatd, receive_buffer=4096) for _ in range(10)]
        flood(publisher, reader, count=150)
        for client in slow:
            client.reset()
        wait_until(lambda: chatd.descriptor_count() <= before, "the descriptors to be closed")
    if not chatd.is_sanitized():
        assert chatd.peak_bytes() < 150 * 1024 * 1024
