"""Ajax requests at the HTTP endpoint, byte by byte: messages, history, long polling, lists, errors, CORS, credentials, limits."""

import base64
import gzip
import json
import threading
import time

import pytest
from http_support import EventStream, Http, command, event_of, problem, start_testd
from support import LIMIT_S, Closed, wait_until


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def chatd(request, start_chatd):
    return start_chatd("--threads", request.param, "--max-message-bytes", 1000)


@pytest.fixture
def http(chatd, raw):
    return Http(chatd, raw)


@pytest.fixture
def testd(start_program):
    return start_testd(start_program)


# Messages ------------------------------------------------------------------------------------------------------------


def test_a_message_in_each_format(chatd, http, websocket):
    hearer = websocket(chatd, "/chat.v1?room=dev")
    hearer.read_json("welcome")
    line = 'quotes " and \\, a\nnewline, \u0000, \u2028, 한국어 💬'
    cases = [
        ("text/plain", line.encode()),
        ("text/plain; charset=UTF-8", line.encode()),
        ("application/json", json.dumps({"text": line}).encode()),
        ("application/json;charset=utf-8", json.dumps({"text": line}, ensure_ascii=False).encode()),
        ("application/json", json.dumps({"room": "dev", "text": line, "type": "send", "ref": 7}).encode()),
        (
            "application/x-www-form-urlencoded",
            b"other=1&text=quotes+%22+and+%5C%2C+a%0Anewline%2C+%00%2C+%E2%80%A8%2C+%ED%95%9C%EA%B5%AD%EC%96%B4+%f0%9f%92%ac",
        ),
    ]
    for number, (type, body) in enumerate(cases, 1):
        answer = http.post(body, type=type)
        assert answer.status == 201, (type, answer.body)
        assert answer.headers["content-type"] == "application/json"
        said = json.loads(answer.body)
        heard = hearer.read_json("message")
        assert said == {"seq": number, "epoch": heard["epoch"]}
        assert (heard["text"], heard["seq"], heard["event"]) == (line, number, "chat message")
    assert http.texts() == [line] * len(cases)


def test_what_a_json_message_carries(chatd, http, websocket):
    hearer = websocket(chatd, "/chat.v1?room=dev")
    hearer.read_json("welcome")
    attached = base64.b64encode(bytes(range(256))).decode()
    said = {"event": "picture", "args": [{"_placeholder": True, "num": 0}, 9007199254740993], "attachments": [attached]}
    assert http.send_json({**said, "attributes": {"lang": "ko"}}).status == 201
    heard = hearer.read_json("message")
    assert {name: heard[name] for name in said} == said
    assert heard["attributes"] == {"lang": "ko"}
    assert http.post("event=cursor&text=3%2C4", type="application/x-www-form-urlencoded").status == 201
    assert hearer.read_json("message")["event"] == "cursor"
    # An ephemeral message has no number: it is delivered, and not kept.
    answer = http.send_json({"text": "typing", "ephemeral": True})
    assert (answer.status, answer.body) == (200, b"{}")
    assert hearer.read_json("message")["ephemeral"] is True
    assert [message["seq"] for message in http.history()["messages"]] == [1, 2]


def test_a_room_name_is_percent_encoded(http):
    for name, path in (("a room", "a%20room"), ("한국어", "%ED%95%9C%EA%B5%AD%EC%96%B4"), ("a+b", "a+b"), ("a:b@c!", "a:b@c!")):
        assert http.say(name, room=path) == 1
        assert http.history(room=path)["room"] == name
    for path, code in (
        ("a%2Fb", (404, "not_found")),
        ("%20x", (400, "invalid_room")),
        ("a%2Cb", (400, "invalid_room")),
        ("a%0Ab", (400, "invalid_room")),
        ("%FF", (400, "invalid_room")),
        ("x" * 129, (400, "invalid_room")),
    ):
        assert problem(http.post("hello", room=path)) == code, path
    assert http.get("/rooms/%00/messages").status == 400


JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"


@pytest.mark.parametrize(
    ("type", "body", "expected"),
    [
        (JSON, b"", (400, "invalid_json")),
        (JSON, b"{", (400, "invalid_json")),
        (JSON, b'{"text":"a"} x', (400, "invalid_json")),
        (JSON, b"[]", (400, "encoding")),
        (JSON, b"{}", (400, "invalid_argument")),
        (JSON, b'{"text":1}', (400, "invalid_argument")),
        (JSON, b'{"text":"a","room":"other"}', (400, "invalid_argument")),
        (JSON, b'{"text":"a","event":"connect"}', (400, "invalid_event")),
        (JSON, b'{"text":"\xff"}', (400, "invalid_json")),
        (JSON, b'{"text":"a","attachments":["%"]}', (400, "invalid_argument")),
        (JSON, b"[" * 900, (400, "invalid_json")),
        (JSON, json.dumps({"text": "a", "attributes": {str(n): "" for n in range(33)}}).encode(), (400, "too_many")),
        (TEXT, b"\xed\xa0\x80", (400, "invalid_utf8")),
        (FORM, b"", (400, "invalid_argument")),
        (FORM, b"event=a", (400, "invalid_argument")),
        (FORM, b"text=a&text=b", (400, "invalid_argument")),
        (FORM, b"text=%FF", (400, "invalid_utf8")),
        (FORM, b"text=a&event=disconnect", (400, "invalid_event")),
        (None, b"hello", (415, "unsupported_media_type")),
        ("", b"hello", (415, "unsupported_media_type")),
        ("text/html", b"hello", (415, "unsupported_media_type")),
        ("text/plain; charset=latin1", b"hello", (415, "unsupported_media_type")),
        ("multipart/form-data; boundary=x", b"--x--", (415, "unsupported_media_type")),
        (TEXT, b"x" * 1001, (413, "too_large")),
    ],
)
def test_a_body_that_is_refused(start_chatd, raw, type, body, expected):
    http = Http(start_chatd("--max-message-bytes", 1000), raw)
    assert problem(http.post(body, type=type)) == expected
    assert http.history()["messages"] == []


def test_framing_of_bodies(chatd, http, raw):
    def send(*lines, body=b"", method="POST"):
        connection = raw(chatd)
        head = [f"{method} /rooms/dev/messages HTTP/1.1", f"Host: {connection.host}", "Content-Type: text/plain", *lines, "", ""]
        connection.send("\r\n".join(head))
        connection.send(body)
        return connection

    for part in (1, 7, 100):
        data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (b"in", b" chunks")) + b"0\r\n\r\n"
        connection = send("Transfer-Encoding: chunked")
        for start in range(0, len(data), part):
            connection.send(data[start : start + part])
        assert connection.response().status == 201
    connection = send("Transfer-Encoding: chunked", body=b"3e9\r\n")
    assert problem(connection.response()) == (413, "too_large")
    connection = send("Content-Length: 5", "Expect: 100-continue")
    assert connection.response().status == 100
    connection.send(b"hello")
    assert connection.response().status == 201
    assert send("Content-Length: 1001", "Expect: 100-continue").response().status == 413
    assert problem(send("Content-Length: 1", "Content-Encoding: gzip", body=b"x").response())[0] == 415
    assert send("Content-Length: 1", "Content-Length: 2", body=b"x").response().status == 400
    assert send("Content-Length: x", body=b"x").response().status == 400
    assert send("Transfer-Encoding: gzip, chunked").response().status == 501
    # Without a length there is no body, and an empty text is a message.
    assert send().response().status in (201, 411)


def test_connections_are_kept(http):
    connection = http.open()
    for number in range(1, 4):
        assert json.loads(http.post(f"message {number}", connection=connection).body)["seq"] == number
        assert http.get("/rooms/dev/messages?limit=1", connection=connection).status == 200
    # Pipelined requests are answered in order.
    request = f"POST /rooms/dev/messages HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
    connection.send(request * 5)
    assert [json.loads(connection.response().body)["seq"] for _ in range(5)] == [4, 5, 6, 7, 8]


def test_http_1_0(chatd, http, raw):
    assert http.say("hello") == 1
    connection = raw(chatd)
    connection.send("POST /rooms/dev/messages HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
    assert json.loads(connection.response().body)["seq"] == 2
    with pytest.raises(Closed):
        connection.read(1)
    connection = raw(chatd)
    connection.send("GET /rooms/dev/messages?after=1 HTTP/1.0\r\n\r\n")
    head, _, body = connection.read_to_end().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert [message["text"] for message in json.loads(body)["messages"]] == ["hello"]


# Idempotency-Key -----------------------------------------------------------------------------------------------------


def test_a_message_that_is_sent_again_is_published_once(http, chatd, raw):
    key = ("Idempotency-Key", '"8e03978e-40d5-43dd-bc93-6894a57f9324"')
    first = http.post("hello", key)
    assert first.status == 201
    for _ in range(5):
        again = http.post("hello", key)
        assert (again.status, again.body) == (201, first.body)
    assert problem(http.post("another", key)) == (409, "wrong_state")
    assert problem(http.send_json({"text": "hello"}, key)) == (409, "wrong_state")
    # Another room, another key.
    assert http.say("hello", room="other") == 1
    assert http.post("hello", key, room="other").status == 201
    assert json.loads(http.post("hello", ("Idempotency-Key", "2")).body)["seq"] == 2
    # Guests share their keys, because the address of a client can change before it sends again.
    elsewhere = Http(chatd, raw, source="127.0.0.2")
    assert json.loads(elsewhere.post("hello", key).body)["seq"] == 1
    assert problem(elsewhere.post("another", key)) == (409, "wrong_state")
    assert http.texts() == ["hello"] * 2


def test_a_refused_message_may_be_sent_again_with_its_key(http):
    key = ("Idempotency-Key", "k")
    assert problem(http.send_json({"text": "a", "event": "connect"}, key))[0] == 400
    assert http.send_json({"text": "a"}, key).status == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_malformed_key(http, key):
    assert problem(http.post("a", ("Idempotency-Key", key))) == (400, "invalid_argument")


def test_many_at_once_with_one_key(http):
    answers = []

    def send():
        answers.append(http.post("hello", ("Idempotency-Key", "same")))

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    for answer in answers:
        if answer.status == 409:  # the first one is being carried out
            assert problem(answer) == (409, "wrong_state")
            assert answer.headers["retry-after"] == "1"
        else:
            assert (answer.status, json.loads(answer.body)["seq"]) == (201, 1)
    assert http.texts() == ["hello"]


def test_a_key_is_forgotten(start_chatd, raw):
    http = Http(start_chatd("--idempotency-ms", 1), raw)
    key = ("Idempotency-Key", "k")
    wait_until(lambda: json.loads(http.post("hello", key).body)["seq"] > 1, "the key to be forgotten")


# History and long polling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flush_interval_ms", [0, 10])
def test_the_answers_of_an_idle_server_wait_for_no_timer(start_chatd, raw, flush_interval_ms):
    """An idle server's next timer is up to 5 s away. Answers that waited for it would take more than twice the limit together."""
    http = Http(start_chatd("--flush-interval-ms", flush_interval_ms, "--inbound-rate", "off"), raw)
    end = time.monotonic() + LIMIT_S
    for _ in range(LIMIT_S // 2):
        assert http.history()["messages"] == []
        assert time.monotonic() < end  # On purpose: the shared limit holds for all of them together.


def test_history(http):
    epoch = json.loads(http.post("1").body)["epoch"]
    for number in range(2, 11):
        http.say(str(number))
    history = http.history()
    assert (history["type"], history["room"], history["epoch"], history["seq"]) == ("history", "dev", epoch, 10)
    assert history["complete"] is True and "ref" not in history
    assert http.texts() == [str(number) for number in range(1, 11)]
    for query, expected in {
        "?after=7": [8, 9, 10],
        "?after=10": [],
        f"?after=7&epoch={epoch}": [8, 9, 10],
        "?before=4": [1, 2, 3],
        "?before=4&limit=2": [2, 3],
        "?before=1": [],
        "?after=2&before=5": [3, 4],
        "?limit=2": [9, 10],
        "?limit=1000&_=1732&x": list(range(1, 11)),
    }.items():
        assert http.texts(query) == [str(number) for number in expected], query
    # Another numbering: all that is kept, and something is missing.
    other = http.history("?after=7&epoch=another")
    assert other["complete"] is False
    assert [message["seq"] for message in other["messages"]] == list(range(1, 11))


def test_history_that_is_not_kept_any_more(start_chatd, raw):
    http = Http(start_chatd("--history-messages", 2), raw)
    for number in range(5):
        http.say(str(number))
    assert http.history("?after=1")["complete"] is False
    assert http.history("?after=3")["complete"] is True
    assert http.texts("?after=1") == ["3", "4"]


@pytest.mark.parametrize(
    "query",
    ["after=x", "after=-1", "after=", "after", "after=1&after=2", "after=9007199254740992", "before=0", "limit=0", "limit=1001",
     "wait=61", "wait=-1", "wait=1.5", "epoch=%20", "epoch=" + "x" * 200],
)  # fmt: skip
def test_wrong_arguments(http, query):
    assert problem(http.get(f"/rooms/dev/messages?{query}")) == (400, "invalid_argument")


def hold(http, target, *headers):
    """Sends a request that will be held."""
    connection = http.open()
    lines = [f"GET {target} HTTP/1.1", f"Host: {connection.host}", *(f"{name}: {value}" for name, value in headers), "", ""]
    connection.send("\r\n".join(lines))
    return connection


def test_long_polling(start_program, raw, websocket):
    testd = start_testd(start_program, "threads=2")
    http = Http(testd, raw)
    first = http.say("first")
    waiting = [hold(http, f"/rooms/dev/messages?after={first}&wait=60") for _ in range(5)]
    for _ in waiting:
        event_of(testd, "authorize", action=3)
    other = hold(http, "/rooms/other/messages?wait=60")
    websocket(testd, "/chat?room=dev").send_text("second")
    for connection in waiting:
        history = json.loads(connection.response().body)
        assert [message["text"] for message in history["messages"]] == ["second"]
        assert (history["seq"], history["complete"]) == (2, True)
    http.say("in a room that was empty", room="other")
    assert len(json.loads(other.response().body)["messages"]) == 1
    # Something is there already: no waiting. Also when messages are missing.
    assert http.texts("?after=0&wait=60") == ["first", "second"]
    assert http.texts("?after=9&wait=60&epoch=another") == ["first", "second"]


def test_a_long_poll_ends_without_a_message(http):
    http.say("first")
    history = http.history("?after=1&wait=1")
    assert (history["messages"], history["complete"], history["seq"]) == ([], True, 1)
    answer = http.get("/rooms/dev/messages?after=1&wait=60", method="HEAD")
    assert answer.status == 200


def test_a_long_poll_that_is_given_up(start_program, raw):
    testd = start_testd(start_program)
    http = Http(testd, raw)
    connection = hold(http, "/rooms/dev/messages?wait=60")
    client = event_of(testd, "open")["client"]
    connection.reset()
    event_of(testd, "disconnect", client=client)
    assert http.say("hello") == 1


def test_who_waits_is_answered_when_the_server_stops(start_program, raw):
    testd = start_testd(start_program, "threads=2")
    http = Http(testd, raw)
    http.say("first")
    waiting = [hold(http, "/rooms/dev/messages?after=1&wait=60") for _ in range(4)]
    for _ in waiting:
        event_of(testd, "authorize", action=3)
    assert command(testd, "stop", 0) == "OK"
    for connection in waiting:
        answer = connection.response()
        assert answer.status == 200 and json.loads(answer.body)["messages"] == []
        assert answer.headers["connection"] == "close"


# Lists ---------------------------------------------------------------------------------------------------------------


def test_lists_are_refused_by_default(http):
    http.say("hello")
    for target in ("/rooms", "/rooms/", "/rooms/dev/members"):
        assert problem(http.get(target)) == (403, "forbidden")


def test_lists_that_an_option_allows(start_chatd, raw, websocket):
    chatd = start_chatd("--lists")
    http = Http(chatd, raw)
    http.say("hello")
    ann = websocket(chatd, "/chat.v1?room=dev")
    ann.read_json("welcome")
    rooms = json.loads(http.get("/rooms").body)["rooms"]
    assert [(room["name"], room["seq"], room["members"], room["history"]) for room in rooms] == [("dev", 1, 1, 1)]
    members = json.loads(http.get("/rooms/dev/members").body)
    assert members["room"] == "dev" and len(members["members"]) == 1
    assert problem(http.get("/rooms/nobody/members")) == (404, "no_such_room")
    stream = EventStream(raw(chatd), "/rooms/dev/events")
    assert stream.response.status == 200
    stream.next("welcome")
    assert len(json.loads(http.get("/rooms/dev/members").body)["members"]) == 2
    stream.connection.close()
    wait_until(lambda: len(json.loads(http.get("/rooms/dev/members").body)["members"]) == 1, "the stream to leave")


def test_lists_that_the_application_allows(testd, raw):
    http = Http(testd, raw)
    http.say("hello", room="secret")
    assert len(json.loads(http.get("/rooms").body)["rooms"]) == 1
    assert problem(http.get("/rooms/secret/members")) == (403, "forbidden")
    assert problem(http.get("/rooms/secret/messages")) == (403, "forbidden")


def test_a_single_request_is_no_member(testd, raw):
    http = Http(testd, raw)
    http.say("hello")
    http.history("?after=0&wait=1")
    for _ in range(2):
        event_of(testd, "disconnect")
    assert not any('"type":"join"' in line for line in testd.lines)
    stream = EventStream(raw(testd), "/rooms/dev/events")
    assert event_of(testd, "join")["room"] == "dev"
    stream.connection.close()
    assert event_of(testd, "leave")["room"] == "dev"


# Errors --------------------------------------------------------------------------------------------------------------


def test_methods_and_paths(http):
    for target, allowed in (
        ("/rooms", "GET, HEAD, OPTIONS"),
        ("/rooms/dev/messages", "GET, HEAD, POST, OPTIONS"),
        ("/rooms/dev/members", "GET, HEAD, OPTIONS"),
        ("/rooms/dev/events", "GET, OPTIONS"),
    ):
        for method in ("PUT", "DELETE", "PATCH", "BREW"):
            answer = http.get(target, ("Content-Length", 0), method=method)
            assert problem(answer) == (405, "method_not_allowed")
            assert answer.headers["allow"] == allowed
        answer = http.get(target, method="OPTIONS")
        assert (answer.status, answer.headers["allow"]) == (204, allowed)
    assert http.get("/rooms/dev/events", method="HEAD").status == 405
    assert problem(http.get("/rooms/dev/events", ("Content-Length", 0), method="POST"))[0] == 405
    for target in ("/rooms/dev", "/rooms//messages", "/rooms/dev/other", "/rooms/dev/messages/1", "/rooms/a/b/messages"):
        assert problem(http.get(target)) == (404, "not_found"), target
    answer = http.get("/rooms/dev/messages", method="HEAD")
    assert answer.status == 200 and int(answer.headers["content-length"]) > 0
    # A WebSocket does not open here.
    assert http.open().upgrade("/rooms/dev/events").status == 400


def test_what_the_application_refuses(testd, raw):
    http = Http(testd, raw)
    answer = http.post("hello", room="quiet")
    assert problem(answer) == (403, "forbidden")
    assert json.loads(answer.body)["detail"] == "quiet, please"
    answer = http.post("!refuse not this")
    assert (problem(answer), json.loads(answer.body)["detail"]) == ((403, "forbidden"), "not this")


def test_what_the_application_does_with_a_message(testd, raw):
    http = Http(testd, raw)
    assert http.say("!replace another") == 1
    assert http.texts() == ["another"]
    # An answer, as to an acknowledgement of Socket.IO.
    answer = http.send_json({"event": "question", "args": [1, {"two": "둘"}]})
    assert (answer.status, json.loads(answer.body)["args"]) == (200, [1, {"two": "둘"}])
    # A verdict that comes later.
    connection = http.open()
    body = b"later"
    connection.send(
        f"POST /rooms/judged/messages HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    asked = event_of(testd, "authorize", room="judged")
    assert command(testd, "decide", 0, asked["client"], asked["decision_id"], "pass") == "OK"
    assert connection.response().status == 201


def test_a_consumed_message(start_program, raw):
    testd = start_testd(start_program, "verdict_timeout_ms=50")
    http = Http(testd, raw)
    answer = http.post("!consume")
    assert (answer.status, answer.body) == (202, b"{}")


def test_a_server_that_is_full(start_chatd, raw, websocket):
    chatd = start_chatd("--max-rooms", 1)
    http = Http(chatd, raw)
    websocket(chatd, "/chat?room=dev")
    http.say("hello")
    answer = http.post("hello", room="another")
    assert problem(answer) == (503, "too_many")
    assert answer.headers["retry-after"] == "1"


# Limits --------------------------------------------------------------------------------------------------------------


def test_too_many_requests(start_chatd, raw):
    chatd = start_chatd("--inbound-rate", 1, "--inbound-burst", 5)
    http = Http(chatd, raw)
    answers = [http.post("hello") for _ in range(20)]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(refused) >= 5
    for answer in refused:
        assert problem(answer) == (429, "rate_limited")
        assert int(answer.headers["retry-after"]) >= 1
    assert Http(chatd, raw, source="127.0.0.2").say("from elsewhere") > 1
    chatd.wait_error("127.0.0.1")


def test_replies_count_by_their_bytes(start_chatd, raw):
    http = Http(start_chatd("--inbound-rate", 1, "--inbound-burst", 10), raw)
    http.say("x" * 60_000)
    answers = [http.get("/rooms/dev/messages") for _ in range(4)]
    assert answers[0].status == 200
    assert problem(answers[-1]) == (429, "rate_limited")
    http.say("short")


def test_clients_of_one_address(start_chatd, raw):
    chatd = start_chatd("--max-clients-per-address", 2)
    http = Http(chatd, raw)
    streams = [EventStream(raw(chatd), "/rooms/dev/events") for _ in range(2)]
    for stream in streams:
        stream.next("welcome")
    answer = http.post("hello")
    assert problem(answer) == (503, "too_many")
    assert answer.headers["retry-after"] == "1"
    assert EventStream(raw(chatd), "/rooms/dev/events").error == (503, "too_many")
    assert Http(chatd, raw, source="127.0.0.2").say("hello") == 1
    assert streams[0].texts(1) == ["hello"]


# Other origins -------------------------------------------------------------------------------------------------------


def test_cors(start_chatd, raw):
    origin = "https://example.org"
    http = Http(start_chatd("--origin", origin), raw)
    ours = ("Origin", origin)
    for answer in (
        http.get("/rooms/dev/messages", ours),
        http.post("hello", ours),
        http.get("/rooms", ours),
        http.get("/rooms/dev/other", ours),
        http.get("/rooms/dev/messages?after=x", ours),
        http.post("x" * 100_000, ours),
    ):
        assert answer.headers["access-control-allow-origin"] == origin, answer.status
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        assert "origin" in answer.headers["vary"].lower()
    preflight = http.get(
        "/rooms/dev/messages",
        ours,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,idempotency-key,authorization"),
        method="OPTIONS",
    )
    assert preflight.status == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "content-type,idempotency-key,authorization"
    assert preflight.headers["access-control-allow-origin"] == origin
    for other in ("https://example.com", "null", "http://example.org"):
        answer = http.post("hello", ("Origin", other))
        assert problem(answer) == (403, "forbidden")
        assert "access-control-allow-origin" not in answer.headers
        assert http.get("/rooms/dev/events", ("Origin", other)).status == 403
        assert "access-control-allow-origin" not in http.get("/rooms/dev/messages", ("Origin", other), method="OPTIONS").headers
    assert http.texts() == ["hello"]


# Credentials and identities ------------------------------------------------------------------------------------------


def test_credentials_reach_the_application(testd, raw):
    http = Http(testd, raw)
    http.post("a", ("Authorization", "Bearer a.b-c"), ("Cookie", "session=1; other=2"), ("X-Own", "value"))
    seen = event_of(testd, "connect")
    assert (seen["token"], seen["cookies"]) == ("a.b-c", {"session": "1", "other": "2"})
    assert (seen["path"], seen["headers"]["x-own"], seen["protocol"], seen["transport"]) == ("/rooms/dev/messages", "value", 5, 2)
    http.get("/rooms/dev/messages?token=from-the-query&after=1")
    seen = event_of(testd, "connect")
    assert (seen["token"], seen["query"]) == ("from-the-query", {"token": "from-the-query", "after": "1"})
    http.get("/rooms", ("Authorization", "Basic " + base64.b64encode(b"ann:secret").decode()))
    seen = event_of(testd, "connect")
    assert (seen["user_name"], seen["password"]) == ("ann", "secret")
    EventStream(raw(testd), "/rooms/dev/events?token=t", ("Origin", f"http://127.0.0.1:{testd.port}"))
    seen = event_of(testd, "connect")
    assert (seen["token"], seen["room"], seen["transport"]) == ("t", "dev", 4)


def test_the_identity_is_the_senders(testd, raw):
    http = Http(testd, raw)
    assert http.post("hello", target="/rooms/dev/messages?user_id=7&name=Ann").status == 201
    assert http.history()["messages"][0]["from"]["name"] == "Ann"


def test_who_is_refused(testd, raw):
    http = Http(testd, raw)
    refuse = "/rooms/dev/messages?mode=refuse&reason=nobody+may"
    answer = http.get(refuse)
    assert problem(answer) == (401, "forbidden")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert json.loads(answer.body)["detail"] == "nobody may"
    answer = http.get(refuse, ("Authorization", "Bearer x"))
    assert problem(answer) == (403, "forbidden")
    assert "www-authenticate" not in answer.headers
    assert problem(http.get(refuse + "&token=x"))[0] == 403
    assert problem(http.get(refuse, ("Cookie", "a=b")))[0] == 403
    assert EventStream(raw(testd), "/rooms/dev/events?mode=refuse").error == (401, "forbidden")


def test_a_verdict_that_comes_later(testd, raw):
    http = Http(testd, raw)
    waiting = hold(http, "/rooms/dev/messages?mode=defer")
    assert command(testd, "accept", 0, event_of(testd, "connect")["client"], "7", "Ann") == "OK"
    assert waiting.response().status == 200
    waiting = hold(http, "/rooms/dev/messages?mode=defer&token=x")
    assert command(testd, "refuse", 0, event_of(testd, "connect")["client"], "not you") == "OK"
    assert problem(waiting.response()) == (403, "forbidden")


def test_a_verdict_that_does_not_come(start_program, raw):
    testd = start_testd(start_program, "verdict_timeout_ms=50")
    answer = Http(testd, raw).get("/rooms/dev/messages?mode=defer")
    assert problem(answer) == (503, "timed_out")
    assert answer.headers["retry-after"] == "1"
    assert EventStream(raw(testd), "/rooms/dev/events?mode=defer").error == (503, "timed_out")


def connects(testd):
    """How many times on_connect has run up to now. A request that is answered has been counted."""
    return sum('"type":"connect"' in line for line in testd.lines)


def test_equal_requests_share_a_client(start_program, raw):
    testd = start_testd(start_program, "http_identity_ms=60000")
    http = Http(testd, raw)
    ann, bob = ("Authorization", "Bearer ann"), ("Authorization", "Bearer bob")
    for number in range(5):
        assert http.post(f"message {number}", ann).status == 201
    assert http.post("message", bob).status == 201
    for _ in range(3):
        assert http.get("/rooms/dev/messages?after=1&limit=2", bob).status == 200
    # Last, because the lines come in order: another path.
    http.get("/rooms/other/messages", bob)
    event_of(testd, "connect", path="/rooms/other/messages")
    assert connects(testd) == 2
    senders = [message["from"]["id"] for message in http.history()["messages"]]
    assert len(set(senders[:5])) == 1 and senders[5] != senders[0]


def test_a_shared_client_ends(start_program, raw):
    testd = start_testd(start_program, "http_identity_ms=1")
    http = Http(testd, raw)
    http.say("hello")
    client = event_of(testd, "open")["client"]
    assert event_of(testd, "disconnect")["client"] == client
    http.say("hello")


def test_more_identities_than_the_pool_has(start_program, raw):
    testd = start_testd(start_program, "http_identity_ms=60000", "max_http_identities=2")
    http = Http(testd, raw)
    for number in range(4):
        assert http.post("hello", ("Authorization", f"Bearer {number}")).status == 201
    # The third and the fourth are clients of one request.
    for _ in range(2):
        assert event_of(testd, "disconnect")["reason"] == "the request was answered"
    assert not any('"type":"disconnect"' in line for line in testd.lines)


def test_pooled_clients_make_way(start_program, raw):
    """Idle clients of the pool do not keep others out."""
    testd = start_testd(start_program, "http_identity_ms=60000", "max_clients=4", "max_clients_per_address=4")
    http = Http(testd, raw)
    for number in range(12):
        wait_until(lambda: http.post("hello", ("Authorization", f"Bearer {number}")).status == 201, "an idle client to make way")
    wait_until(lambda: raw(testd).upgrade("/chat").status == 101, "an idle client to make way")


# Compression ---------------------------------------------------------------------------------------------------------


def test_gzip(start_chatd, raw):
    http = Http(start_chatd(), raw)
    accepts = ("Accept-Encoding", "br, gzip;q=0.5")
    http.say("x" * 500)
    small = http.get("/rooms/dev/messages", accepts)
    assert "content-encoding" not in small.headers
    assert small.headers["vary"] == "Accept-Encoding"
    http.say("y" * 3000)
    plain = http.get("/rooms/dev/messages")
    packed = http.get("/rooms/dev/messages", accepts)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < 500
    for refused in ("identity", "gzip;q=0", "deflate", ""):
        assert "content-encoding" not in http.get("/rooms/dev/messages", ("Accept-Encoding", refused)).headers, refused
    assert "content-encoding" in http.get("/rooms/dev/messages", ("Accept-Encoding", "*")).headers
    head = http.get("/rooms/dev/messages", accepts, method="HEAD")
    assert head.headers["content-encoding"] == "gzip"


def test_gzip_of_socket_io_polling(start_chatd, raw):
    http = Http(start_chatd(), raw)
    polling = "/socket.io/?EIO=4&transport=polling"
    sid = json.loads(http.get(polling).body[1:])["sid"]
    session = f"{polling}&sid={sid}"
    assert http.post("40", target=session).status == 200
    http.get(session)
    text = "z" * 2000
    assert http.post(f'42["chat message","{text}"]', target=session).status == 200
    answer = http.get(session, ("Accept-Encoding", "gzip, deflate"))
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == f'42["chat message","{text}"]'.encode()
