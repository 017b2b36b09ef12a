"""Streams of Server-Sent Events, byte by byte: events, positions, several rooms, heartbeats, ends, slow readers."""

import json

import pytest
from http_support import EventStream, Http, command, event_of, start_testd
from support import TEXT, Closed, frame, wait_until


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def chatd(request, start_chatd):
    return start_chatd("--threads", request.param)


@pytest.fixture
def listen(raw):
    """Opens streams."""

    def open_stream(server, target="/rooms/dev/events", *headers, version="1.1", **options):
        return EventStream(raw(server, **options), target, *headers, version=version)

    return open_stream


def test_the_beginning_of_a_stream(chatd, raw, listen):
    Http(chatd, raw).say("before")
    retries = set()
    for _ in range(5):
        stream = listen(chatd)
        headers = stream.response.headers
        assert stream.response.status == 200
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert "content-length" not in headers
        welcome = stream.next()
        assert (welcome.name, welcome.json["room"], welcome.json["seq"]) == ("welcome", "dev", 1)
        assert welcome.id == f"{welcome.json['epoch']}:1"
        assert 2000 <= stream.retry < 5000
        retries.add(stream.retry)
        stream.connection.close()
    assert len(retries) > 1, "clients do not come back at the same time"


def test_data_is_the_message_of_chat_v1_on_one_line(chatd, raw, websocket, listen):
    ann = websocket(chatd, "/chat.v1?room=dev")
    ann.read_json("welcome")
    stream = listen(chatd)
    epoch = stream.next("welcome").json["epoch"]
    for number, said in enumerate(
        [
            {"text": "hello"},
            {"text": 'a\nb\r\nc\rd\u2028 " \\ \u0000 한국어 💬'},
            {"event": "move", "args": [1, {"x": [True, None]}, 9007199254740993]},
            {"event": "picture", "args": [{"_placeholder": True, "num": 0}], "attachments": ["AAECAw=="]},
            {"text": "data: x\n\nevent: y\nid: 0\n"},
        ],
        1,
    ):
        ann.send_json({"type": "send", **said})
        ours = ann.read_json("message")
        event = stream.next()
        assert (event.name, event.id) == ("message", f"{epoch}:{number}")
        assert "\n" not in event.data and "\r" not in event.data
        assert event.json == ours
    # Line ends between the parts of arguments are white space.
    answer = Http(chatd, raw).post(b'{"event":"move",\r\n"args":[1,\n\t{"x":\r2}\n]}', room="dev", type="application/json")
    assert answer.status == 201
    assert stream.next().json["args"] == [1, {"x": 2}]
    # An ephemeral message has no position of its own.
    ann.send_json({"type": "send", "text": "typing", "ephemeral": True})
    event = stream.next()
    assert (event.json["text"], event.id) == ("typing", f"{epoch}:6")


def test_messages_that_come_together_have_their_own_ids(chatd, websocket, listen):
    ann = websocket(chatd, "/chat.v1?room=dev")
    epoch = ann.read_json("welcome")["epoch"]
    streams = [listen(chatd), listen(chatd), listen(chatd, "/rooms/dev/events?room=other")]
    for stream in streams:
        stream.next("welcome")
    other = streams[2].next("joined").json["epoch"]
    said = [{"type": "send", "text": str(number), "ephemeral": number % 5 == 4} for number in range(50)]
    ann.send(b"".join(frame(TEXT, json.dumps(one).encode()) for one in said))
    positions = [number - number // 5 + (number % 5 != 4) for number in range(50)]  # ephemeral ones have none of their own
    for stream, rest in zip(streams, ("", "", f",{other}:0")):
        heard = [stream.next() for _ in said]
        assert [event.json["text"] for event in heard] == [one["text"] for one in said]
        assert [event.id for event in heard] == [f"{epoch}:{position}{rest}" for position in positions]


def test_a_stream_resumes(chatd, raw, listen):
    http = Http(chatd, raw)
    http.say("1")
    stream = listen(chatd)
    stream.next("welcome")
    http.say("2")
    stream.next("message")
    stream.connection.reset()
    for text in ("3", "4"):
        http.say(text)
    again = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", stream.last_id))
    welcome = again.next()
    assert (welcome.name, welcome.json["resumed"], welcome.json["complete"]) == ("welcome", True, True)
    assert again.texts(2) == ["3", "4"]
    assert again.last_id == stream.last_id.replace(":2", ":4")
    http.say("5")
    assert again.texts(1) == ["5"]
    # The welcome has no later position, so a connection that breaks right after it loses nothing.
    again = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", stream.last_id))
    assert again.next("welcome").id in ("", stream.last_id)
    assert again.next("message").json["text"] == "3"


@pytest.mark.parametrize("header", [True, False])
def test_each_way_to_name_the_position(chatd, raw, listen, header):
    http = Http(chatd, raw)
    epoch = json.loads(http.post("1").body)["epoch"]
    for text in ("2", "3"):
        http.say(text)
    position = f"{epoch}:1"
    stream = (
        listen(chatd, "/rooms/dev/events?last_event_id=other:3", ("Last-Event-ID", position))
        if header
        else listen(chatd, f"/rooms/dev/events?last_event_id={position}")
    )
    assert stream.next("welcome").json["resumed"] is True
    assert stream.texts(2) == ["2", "3"]


@pytest.mark.parametrize("last_id", ["x", "x:", ":1", "a:b", "a:1,b:2", "a:18446744073709551616", "-", ","])
def test_an_id_that_is_none_of_ours(chatd, raw, listen, last_id):
    Http(chatd, raw).say("1")
    stream = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", last_id))
    welcome = stream.next("welcome").json
    assert (welcome["resumed"], welcome["seq"]) == (False, 1)


def test_an_id_of_another_numbering(chatd, raw, listen):
    http = Http(chatd, raw)
    for text in ("1", "2"):
        http.say(text)
    stream = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", "another:1"))
    welcome = stream.next("welcome").json
    assert welcome["complete"] is False
    assert stream.texts(2) == ["1", "2"]


def test_several_rooms(chatd, raw, listen):
    http = Http(chatd, raw)
    rooms = ("a", "b", "한국어")
    paths = ("a", "b", "%ED%95%9C%EA%B5%AD%EC%96%B4")
    target = f"/rooms/{paths[0]}/events?room={paths[1]}&room={paths[2]}&room=a"
    stream = listen(chatd, target)
    assert stream.next().json["room"] == "a"
    for room in rooms[1:]:
        event = stream.next()
        assert (event.name, event.json["room"]) == ("joined", room)
    heard = []
    for number in range(6):
        http.say(str(number), room=paths[number % 3])
        event = stream.next("message")
        heard.append((event.json["room"], event.json["text"], event.json["seq"]))
    assert heard == [(rooms[n % 3], str(n), n // 3 + 1) for n in range(6)]
    positions = stream.last_id.split(",")
    assert [position.split(":")[1] for position in positions] == ["2", "2", "2"]
    # What comes between two streams, in every room.
    stream.connection.close()
    for number in range(6, 12):
        http.say(str(number), room=paths[number % 3])
    again = listen(chatd, target, ("Last-Event-ID", stream.last_id))
    events = [again.next("message").json for _ in range(6)]
    for index, room in enumerate(rooms):
        assert [event["text"] for event in events if event["room"] == room] == [str(index + 6), str(index + 9)]
    http.say("live", room="b")
    assert again.next("message").json["text"] == "live"


def test_wrong_streams(start_chatd, listen):
    chatd = start_chatd("--max-rooms-per-client", 3)
    assert listen(chatd, "/rooms/a/events?room=b&room=c&room=d").error == (400, "too_many")
    assert listen(chatd, "/rooms/a/events?room=").error == (400, "invalid_room")
    assert listen(chatd, "/rooms/a/events?room=b%2Fc").error == (400, "invalid_room")
    assert listen(chatd, "/rooms/a/events?padding=65537").error == (400, "invalid_argument")
    assert listen(chatd, "/rooms/a/events?last_event_id=" + "x" * 4097).error == (400, "invalid_argument")
    assert listen(chatd, "/rooms/a/events?last_event_id=x:1&last_event_id=x:2").error == (400, "invalid_argument")
    assert listen(chatd, "/rooms/a/events", ("Origin", "https://example.com")).error == (403, "forbidden")


def test_heartbeats(start_chatd, raw, listen):
    chatd = start_chatd("--ping-interval-ms", 50, "--ping-timeout-ms", 50)
    stream = listen(chatd)
    stream.next("welcome")
    for _ in range(3):
        assert stream.comment() == ":"
    Http(chatd, raw).say("hello")
    assert stream.texts(1) == ["hello"]


def test_padding_against_proxies_that_buffer(chatd, listen):
    stream = listen(chatd, "/rooms/dev/events?padding=8192")
    stream.next("welcome")
    assert stream.comments[0] == " " * 8192
    stream = listen(chatd, "/rooms/dev/events?padding=0")
    stream.next("welcome")
    assert stream.comments == []


def test_http_1_0(chatd, raw, listen):
    stream = listen(chatd, version="1.0")
    assert stream.response.status == 200 and not stream.chunked
    assert stream.response.headers["connection"] == "close"
    stream.next("welcome")
    Http(chatd, raw).say("hello")
    assert stream.texts(1) == ["hello"]
    chatd.end_gently()
    assert [event.name for event in stream.read_to_end()] == ["close"]


def test_many_streams_hear_one_order(chatd, raw, listen):
    http = Http(chatd, raw)
    streams = [listen(chatd) for _ in range(12)]
    for stream in streams:
        stream.next("welcome")
    connection = http.open()
    for number in range(100):
        assert http.post(str(number), connection=connection).status == 201
    for stream in streams:
        assert stream.texts(100) == [str(number) for number in range(100)]


# Ends ----------------------------------------------------------------------------------------------------------------


def test_a_stream_is_a_member_until_its_connection_ends(start_program, raw, listen):
    testd = start_testd(start_program)
    stream = listen(testd, "/rooms/dev/events?room=other&user_id=7&name=Ann")
    rooms = {event_of(testd, "join")["room"] for _ in range(2)}
    assert rooms == {"dev", "other"}
    client = event_of(testd, "open")
    assert (client["name"], client["user_id"]) == ("Ann", "7")
    assert command(testd, "send", 0, client["client"], "to you alone") == "OK"
    assert stream.next("message").json["text"] == "to you alone"
    assert command(testd, "identity", 0, client["client"], "7", "Anna") == "OK"
    assert stream.next("named").json["name"] == "Anna"
    stream.connection.reset()
    assert event_of(testd, "disconnect")["client"] == client["client"]
    assert {event_of(testd, "leave")["room"] for _ in range(2)} == {"dev", "other"}


def test_a_stream_that_the_application_ends(start_program, raw, listen):
    testd = start_testd(start_program)
    stream = listen(testd)
    client = event_of(testd, "open")["client"]
    stream.next("welcome")
    assert command(testd, "leave", 0, client, "dev") == "OK"
    assert stream.next("left").json["room"] == "dev"
    assert command(testd, "join", 0, client, "later") == "OK"
    assert stream.next("joined").json["room"] == "later"
    assert command(testd, "kick", 0, client, "behave") == "OK"
    event = stream.next("close")
    assert event.json["reason"] == "behave"
    assert stream.read_to_end() == [] and stream.ended


def test_rooms_that_are_refused(start_program, raw, listen):
    testd = start_testd(start_program)
    assert listen(testd, "/rooms/closed/events").error == (403, "forbidden")
    stream = listen(testd, "/rooms/dev/events?room=closed&room=open")
    assert stream.next().name == "welcome"
    refused, joined = stream.next(), stream.next()
    assert refused.name == "problem"
    assert (refused.json["type"], refused.json["code"], refused.json["ref"]) == ("error", "forbidden", "closed")
    assert (joined.name, joined.json["room"]) == ("joined", "open")


def test_a_room_that_is_joined_later(start_program, raw, listen):
    testd = start_testd(start_program)
    connection = raw(testd)
    connection.send(f"GET /rooms/deferred/events HTTP/1.1\r\nHost: {connection.host}\r\n\r\n")
    asked = event_of(testd, "authorize")
    assert command(testd, "decide", 0, asked["client"], asked["decision_id"], "refuse", "not yet") == "OK"
    assert connection.response().status == 403


def test_the_server_stops(chatd, listen):
    streams = [listen(chatd, f"/rooms/{room}/events") for room in ("a", "b", "c")]
    for stream in streams:
        stream.next("welcome")
    chatd.end_gently()
    for stream in streams:
        events = stream.read_to_end()
        assert [(event.name, event.json["code"]) for event in events] == [("close", 1001)]
        assert stream.ended


# Slow readers --------------------------------------------------------------------------------------------------------

SLOW = ("--inbound-rate", "off", "--history-messages", 5, "--ping-interval-ms", "off", "--send-buffer-bytes", 8192)


def flood(http, count, size=30_000, reader=None):
    """Publishes. The reader reads in step, so that it is never slow."""
    connection = http.open()
    for number in range(count):
        assert http.post(b"%08d" % number + b"x" * (size - 8), connection=connection).status == 201
        if reader is not None:
            assert reader.texts(1)[0][:8] == f"{number:08d}"


def test_a_reader_that_is_too_slow_is_disconnected(start_chatd, raw, listen):
    chatd = start_chatd(*SLOW, "--outbox-bytes", 200_000)
    http = Http(chatd, raw)
    slow = listen(chatd, receive_buffer=4096)
    reader = listen(chatd)
    reader.next("welcome")
    flood(http, 100, reader=reader)
    seqs = [event.json["seq"] for event in slow.read_to_end() if event.name == "message"]
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) < 100
    # It comes back, and is told what it cannot have any more.
    again = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", slow.last_id))
    assert again.next("welcome").json["complete"] is False


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
def test_a_reader_that_is_too_slow_misses_messages(start_chatd, raw, listen, policy):
    chatd = start_chatd(*SLOW, "--outbox-bytes", 200_000, "--outbox-policy", policy)
    http = Http(chatd, raw)
    slow = listen(chatd, receive_buffer=4096)
    reader = listen(chatd)
    reader.next("welcome")
    flood(http, 100, reader=reader)
    came, missing = [], []
    while len(came) + len(missing) < 100:
        event = slow.next()
        if event.name == "message":
            came.append(event.json["seq"])
        elif event.name == "gap":
            missing += range(event.json["from"], event.json["to"] + 1)
    assert sorted(came + missing) == list(range(1, 101))
    assert came == sorted(came) and missing
    # A message that comes later is read again.
    http.say("after")
    assert slow.next("message").json["text"] == "after"


def test_what_a_client_missed_is_sent_in_parts(start_chatd, raw, listen):
    """More than fits into the socket at once, and the client reads it."""
    chatd = start_chatd("--inbound-rate", "off", "--history-messages", 100, "--history-bytes", 10_000_000)
    http = Http(chatd, raw)
    epoch = json.loads(http.post("first").body)["epoch"]
    flood(http, 50)
    stream = listen(chatd, "/rooms/dev/events", ("Last-Event-ID", f"{epoch}:1"), receive_buffer=4096)
    assert [text[:8] for text in stream.texts(50)] == [f"{number:08d}" for number in range(50)]


def test_streams_are_counted(start_chatd, listen):
    chatd = start_chatd("--max-clients-per-address", 1)
    stream = listen(chatd)
    stream.next("welcome")
    assert listen(chatd).error == (503, "too_many")
    assert listen(chatd, source="127.0.0.2").response.status == 200
    stream.connection.close()
    wait_until(lambda: listen(chatd).response.status == 200, "the place of the stream")


def test_cors(start_chatd, listen):
    origin = "https://example.org"
    chatd = start_chatd("--origin", origin)
    headers = listen(chatd, "/rooms/dev/events", ("Origin", origin)).response.headers
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-allow-credentials"] == "true"
    assert "origin" in headers["vary"].lower()


def test_a_request_behind_a_stream_is_not_served(chatd, raw, listen):
    stream = listen(chatd)
    stream.next("welcome")
    stream.connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    Http(chatd, raw).say("hello")
    assert stream.texts(1) == ["hello"]
    stream.connection.end_sending()
    with pytest.raises(Closed):
        while True:
            stream.next()
